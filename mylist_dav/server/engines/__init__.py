"""What speaks HTTP on the sockets. Each engine makes requests of bytes, and hands them to exchanges/.

uvloop_engine.py    the default: http1.py and http1_stream.py, our own connections on an event loop
granian_engine.py   hyper in Rust, over asgi.py and asgi_stream.py
cheroot_engine.py   threads, over thread_exchange.py and thread_stream.py
parsing.py          requests out of bytes, for both of our own kinds of connection
connections.py      all connections of a worker, and which have run out of time
sockets.py          listening sockets     peer_sockets.py  sockets by the address of their peer
"""
