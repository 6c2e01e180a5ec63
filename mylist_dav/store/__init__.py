"""What must survive a restart: blocks in folders, the catalog in SQL.

blocks.py     the interface of a block store    contents.py  from the bytes of a file to blocks and back
disk.py       the seam to the disk: every system call that changes blocks
assembly.py   the tree of an import while it arrives    walking.py  a directory as its source    spool.py  an archive
bodies.py     bodies of requests that are worked on later
marking.py, sorting.py  scratch tables    pacing.py  slices of long work
secrets.py    small secrets in files    room.py  room on the disk

catalog/      accounts, flists, trees, locks, exposures: SQL, and SQL is only there
blockstore/   blocks as durable files
processes/    what processes on one data directory share
"""
