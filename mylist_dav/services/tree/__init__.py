"""The tree of a flist: read, changed, locked, compared.

flists.py       flists as a whole, their log, rollback
trees.py        one tree: stat, list, make, move, copy, delete, attributes
following.py    paths that go through symlinks
going_on.py     a whole tree, page by page
revisions.py    one revision, read from beginning to end
differences.py  how two revisions differ; side_by_side.py: both walked, however much that is
labels.py       names for revisions
changes.py      one commit of many operations
applying.py     one operation after the other
naming.py       contents that are named by digest: who may, are they here, what do they come to
guards.py       conditions and locks, checked inside of the transaction
locks.py        WebDAV locks
properties.py   WebDAV dead properties
"""
