"""The client: what speaks to a server over HTTP, and what it keeps for its user.

session.py     logging in and out, over HTTP
signers.py     what can sign: a key file, an ssh-agent (agent.py)
key_files.py   private keys as text: our own form, OpenSSH, PEM
folder.py      the user's configuration folder, and private files in it
known.py       servers' keys and tokens, remembered there
calls.py       the calls of pushes and pulls; answers.py: what comes back, read with suspicion
pushing.py     a push: walking.py, hashing.py, caches.py, ignoring.py find out what is here, sending.py sends it
pulling.py     a pull: fetching.py brings contents, placing.py writes them
planning.py    from one tree to another; operations.py: as a commit
inside.py      a folder that is never left
"""
