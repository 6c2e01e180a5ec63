"""The verbs of the product. Rights, conditions and limits are checked here and nowhere else.

rights.py       who may do what
trees.py        reading and changing one tree: stat, list, make, move, copy, delete, attributes
going_on.py     a whole tree page by page
changes.py      one commit of many operations     applying.py  one operation after the other
naming.py       contents that are named by digest: who may, are they here, what do they come to
turns.py        heavy work, only so much at once, and fairly
differences.py  how two revisions differ     side_by_side.py  the same, if that is much
labels.py       names for revisions
uploads.py      receiving the bytes of one file
guards.py       conditions and locks, checked inside the transaction
locks.py        WebDAV locks          properties.py   WebDAV dead properties
flists.py       flists, their log, rollback
exposures.py    host names and prefixes     sites.py  what an exposure answers for a path
freshness.py    what is exposed now, from memory     following.py  hidden names and symlinks of a site
identity.py     accounts and tokens
ledger.py       counts of traffic, downloads and failed logins, written together     audit.py  reading what was done
tokens.py       what a token looks like and what is kept of it
logins.py       a signature gives a token     rates.py   how often one may ask
server_key.py   the server's own key
manifests.py    what a revision holds, signed     manifest_checks.py  the same of what was downloaded
revisions.py    one revision, read from beginning to end
quotas.py        what a quota leaves for an import
imports.py      a directory or an archive becomes a tree: ingest.py, comparing.py, publishing.py, staging.py
exports.py      a revision becomes an archive
files.py        single files by their digest
health.py       whether the server can do its work, and figures of it
opening.py      Library: all of them over one data directory
"""
