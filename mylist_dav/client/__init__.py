"""The client: what speaks to a server over HTTP, and what it keeps for its user.

link.py      a question to a server and its answer, again where that is safe      answers.py  read with suspicion
http.py      what carries it: direct.py over own connections, or proxied.py      packing.py  bodies, packed
dialling.py  connections: where they lead; stream.py: how long they may take      proving.py  a challenge, signed
calls.py     the calls of pushes and pulls      peer.py, copying.py  those of one server to another
rpc.py       JSON-RPC; rpc_methods.py is made by `make reference`

logins/      who the user is: keys, what can sign, and what is remembered of servers
folders/     pushes and pulls: a folder here and a revision there, each made as the other is
"""
