"""What keeps a data directory sound.

collecting.py   blocks that no flist needs are condemned, and deleted after a grace
releasing.py    which flist holds a content no more
leases.py       work that the collector waits for
collecting_turns.py  collecting now and then, whichever process is first
checks.py       counts, checks of the catalog, re-reading every block
health.py       whether the server can do its work, and figures of it
"""
