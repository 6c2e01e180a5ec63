"""The JSON API.

frontend.py      from a request to the function that answers it
sessions.py      logging in and out, whoami, the server's key
flists.py        flists as a whole: list, make, settings, labels
commits.py       commits, differences, rollback
entries.py       trees, entries, recipes, content
archives.py      flists as archives, down and up
bodies.py        JSON in and out        problems.py   errors as problem documents
waiting.py       long bodies, and what is queued, without a thread
files.py         single files by their digest
credentials.py   who sends a request    health.py     /healthz
"""
