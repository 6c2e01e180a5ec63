"""Who the user is: keys, what can sign, and what is remembered of servers.

session.py     logging in and out, over HTTP
signers.py     what can sign: a key file, an ssh-agent (agent.py)
key_files.py   private keys as text: our own form, OpenSSH, PEM
known.py       servers' keys and tokens, remembered
folder.py      the user's folders, and small private files in them
"""
