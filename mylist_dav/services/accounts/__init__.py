"""Who somebody is.

identity.py     accounts, their keys and tokens
logins.py       a signature gives a token
key_proofs.py   whoever adds a key has its private half
tokens.py       what a token looks like, and what is kept of it
token_uses.py   when tokens were last used
grants.py       who may read and write a flist beside its account and the admins
server_key.py   the key of the server itself
"""
