"""JSON-RPC 2.0: the verbs of the services as methods, the same on a local socket and at /rpc.

frontend.py   HTTP around it        messages.py   requests and answers as bytes
dispatch.py   from request to answer   faults.py     errors as error objects
table.py      all methods           methods.py    what a method is
calls/        the methods by subject   discover.py   the OpenRPC document
"""
