"""The client: what speaks to a server over HTTP, and what it keeps for its user.

session.py     logging in and out, over HTTP
signers.py     what can sign: a key file, an ssh-agent (agent.py)
key_files.py   private keys as text: our own form, OpenSSH, PEM
folder.py      the user's configuration folder, and private files in it
known.py       servers' keys and tokens, remembered there
"""
