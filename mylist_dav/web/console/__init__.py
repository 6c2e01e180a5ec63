"""The console: what the server's own hosts show at / to who has logged in. Rendered here, usable without scripts.

front.py      which page, who asks, and whether a change comes from our own pages
visits.py     one request of somebody who is logged in
pages.py      templates with their style and script, and the policy that goes with them
logins.py     /login, /logout and the session cookie
overview.py   /: the flists one may see
folders.py    a folder of a flist; uploads.py: files that arrive there
tokens.py, keys.py, accounts.py, rights.py, exposures.py, audit.py: the other pages
"""
