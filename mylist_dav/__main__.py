"""python -m mylist_dav: the same as the command mylist."""

from mylist_dav.cli import main

main()
