"""One request and its answer, whatever engine has read it.

exchange.py    from a checked header section to the last byte of the answer, on an event loop
heads.py       header sections, in and out
streams.py     what a connection offers to an exchange     stall.py  whether a client takes anything
body_in.py     bodies in, gathered into pieces          body_out.py  bodies out, as slices
budget.py      byte budgets     limits.py  every bound     threads.py  the pool that an event loop hands calls to
runtime.py     what all exchanges of a worker share
"""
