"""What processes on one data directory tell each other, and share.

living.py        which of them live     owners.py  by names      scratch.py  their temporary files
boards.py        figures they leave for each other
tries.py         numbers that count tries      places.py  a few places for dear work
shared_pages.py  memory that all of them see         stopping.py  the stop sign after a failed sync
local_socket.py  sockets in the file system
"""
