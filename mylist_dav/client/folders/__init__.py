"""Pushes and pulls: a folder of this machine and a revision of a flist, each made as the other is.

pushing.py      a push: walking.py, hashing.py, ignoring.py find out what is here, sending.py and bundles.py send it
pulling.py      a pull: fetching.py brings contents, placing.py writes them, as far as names_here.py lets it
planning.py     from one tree (nodes.py) to another; operations.py: as a commit; racing.py: while others commit too
inside.py       a folder that is never left     caches.py, columns.py  what is remembered between runs
crew.py         threads that work for one       progress.py  how far it is
"""
