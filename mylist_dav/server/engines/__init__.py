"""What speaks HTTP on the sockets. Each engine makes requests of bytes, and hands them to exchanges/.

uvloop_engine.py    the default: http1.py and http1_stream.py, our own connections on an event loop
cheroot_engine.py   threads, over thread_exchange.py and thread_stream.py
parsing.py          requests out of bytes, for both
connections.py      all connections of a worker, and which have run out of time
sockets.py          listening sockets, and how a connection is broken off
"""
