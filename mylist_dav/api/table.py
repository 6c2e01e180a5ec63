"""All operations of the API, and the front end over them."""

from __future__ import annotations

from mylist_dav.api import archives, blocks, commits, entries, files, flists, jobs, records, tokens, trees
from mylist_dav.api.frontend import ApiFrontEnd
from mylist_dav.api.operations import Operation, Table
from mylist_dav.api.reference import Reference
from mylist_dav.api.sessions import Sessions
from mylist_dav.services.opening import Library
from mylist_dav.wire.clear import InClear

SEGMENTS = ("api", "flist", "files", "blocks", "sync")
"""The first segments of paths that are in the table."""


def api(library: Library) -> ApiFrontEnd:
    """The front end of all addresses that begin with one of SEGMENTS."""
    in_clear = InClear(library.settings.tokens.over_plain_http, library.clock)
    operations: list[Operation] = [
        *Sessions(library, in_clear).operations(),
        *tokens.operations(),
        *flists.operations(),
        *commits.operations(),
        *entries.operations(),
        *trees.operations(),
        *archives.operations(),
        *records.operations(),
        *jobs.operations(),
        *files.operations(),
        *blocks.operations(),
    ]
    reference = Reference(operations, library.settings.server.public_url)
    table = Table([*operations, *reference.operations()])
    return ApiFrontEnd(library, table, in_clear)
