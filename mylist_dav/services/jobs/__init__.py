"""Work that outlives its request.

jobs.py      begun, looked at, waited for, ended
running.py   the threads that do it
kinds.py     what needs nothing but this server
asking.py    what a copy to a peer is asked, and who may ask it
"""
