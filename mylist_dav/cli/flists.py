"""mylist flists"""

from __future__ import annotations

import click

from mylist_dav.cli.shared import json_option, local_command, open_library, show, size, when
from mylist_dav.model.actors import OPERATOR


@click.command()
@click.argument("account", required=False)
@json_option
@local_command
def flists(account: str | None, as_json: bool) -> None:
    """List the flists, or those of one ACCOUNT."""
    with open_library() as library:
        rows = [
            {
                "flist": str(flist.flist_name),
                "revision": flist.head_jid,
                "entries": flist.entries,
                "size_bytes": flist.size_bytes,
                "changed": when(flist.changed_ns),
                "private": flist.private,
            }
            for flist in library.flists.list(OPERATOR, account)
        ]
    show(
        rows,
        as_json,
        lambda row: (
            f"{row['flist']}  revision {row['revision']}, {row['entries']} entries, "
            f"{size(row['size_bytes'])}, changed {row['changed']}{', private' if row['private'] else ''}"
        ),
    )
