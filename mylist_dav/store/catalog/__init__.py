"""The catalog: accounts, flists, their trees at every revision, locks, exposures. In SQL, and SQL is only here.

connections.py   opening SQLite, migrations, what its errors mean
transactions.py  Catalog: read views and changes
readers.py       a connection for reading in each thread
commits.py       group commit: changes of many threads share a sync
turns.py         fairness between processes
generations.py   whether what a cache has read still holds
checkpoints.py   copying the write-ahead log into the database
views.py         View: everything that is read
accounts.py      what both say of accounts, keys, tokens and grants
trees.py         TreeView: the temporal tree of one flist
treedrafts.py    TreeDraft: a commit of it
handed.py        what the changes of one transaction leave to each other
intake.py        small blocks that wait to be filed
holdings.py      which blocks somebody may know of, and what was brought and not committed
collecting.py    what no flist needs any more; leases
spans.py         what changed between two revisions
states.py        entries by their ids, at any revision
claims.py        which blocks and contents somebody may name
drafts.py        Draft: everything that is written
records.py       the audit and the sums of traffic
holders.py       which flists hold a content, and show it
figures.py       counts for those who watch a server
jobs.py          work that outlives a request
rows.py          rows to values and back
"""

from mylist_dav.store.catalog.claims import Claims
from mylist_dav.store.catalog.drafts import Draft
from mylist_dav.store.catalog.figures import Upkept
from mylist_dav.store.catalog.generations import Cached, Generations
from mylist_dav.store.catalog.holders import Shown
from mylist_dav.store.catalog.intake import INTAKE_ROW_BYTES, IntakeRow
from mylist_dav.store.catalog.records import Detail
from mylist_dav.store.catalog.spans import Span
from mylist_dav.store.catalog.states import States
from mylist_dav.store.catalog.transactions import Catalog, Pulse, Writes
from mylist_dav.store.catalog.treedrafts import NewEntry, TreeDraft
from mylist_dav.store.catalog.trees import WALK_PAGE, Ahead, TreeView
from mylist_dav.store.catalog.views import View

__all__ = [
    "INTAKE_ROW_BYTES",
    "WALK_PAGE",
    "Ahead",
    "Cached",
    "Catalog",
    "Claims",
    "Detail",
    "Draft",
    "Generations",
    "IntakeRow",
    "NewEntry",
    "Pulse",
    "Shown",
    "Span",
    "States",
    "TreeDraft",
    "TreeView",
    "Upkept",
    "View",
    "Writes",
]
