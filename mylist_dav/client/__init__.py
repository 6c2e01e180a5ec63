"""The client: what speaks to a server over HTTP, and what it keeps for its user.

link.py      a question to a server and its answer, again where that is safe      answers.py  read with suspicion
dialling.py  connections: where they lead, how long they may take      proving.py  a challenge, signed
calls.py     the calls of pushes and pulls      peer.py, copying.py  those of one server to another
rpc.py       JSON-RPC; rpc_methods.py is made by `make reference`

logins/      who the user is: keys, what can sign, and what is remembered of servers
folders/     pushes and pulls: a folder here and a revision there, each made as the other is
"""

import sys

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
"""httpx has a command line, which it imports wherever it finds what that needs: 0.04 s, and nobody calls it here. With
None in its place it counts as missing, which httpx is prepared for."""
