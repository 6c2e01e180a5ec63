"""mylist diff"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mylist_dav.cli.shared import FLIST, json_option, local_command, open_library, show
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.entries import Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import Change, Difference, Mark

if TYPE_CHECKING:
    from mylist_dav.services.opening import Library

_SIGNS = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "*", Change.MOVED: ">"}


@click.command()
@click.argument("flist", type=FLIST)
@click.argument("from_jid", metavar="FROM", type=int)
@click.argument("to_jid", metavar="TO", type=int, required=False)
@json_option
@local_command
def diff(flist: FlistName, from_jid: int, to_jid: int | None, as_json: bool) -> None:
    """Show what changed between two revisions of a flist; without TO, up to the newest.

    A folder that was renamed or removed is one line, whatever is in it.
    """
    with open_library() as library:
        rows = [_row(one) for one in _all(library, flist, from_jid, to_jid)]
    show(rows, as_json, lambda row: _line(row["change"], row))


def _all(library: Library, flist: FlistName, from_jid: int, to_jid: int | None) -> Iterator[Difference]:
    after: Mark | None = None
    while True:
        page = library.differences.page(OPERATOR, flist, from_jid, to_jid, after)
        yield from page.differences
        to_jid, after = page.later_jid, page.next
        if after is None:
            return


def _row(one: Difference) -> dict[str, str | None]:
    return {
        "change": one.change.value,
        "path": str(one.path),
        "old_path": None if one.old_path is None else str(one.old_path),
        "kind": one.entry.kind.name.lower(),
    }


def _line(change: str, row: dict[str, str]) -> str:
    slash = "/" if row["kind"] == Kind.DIRECTORY.name.lower() else ""
    if row["old_path"] is not None:
        return f"{_SIGNS[Change(change)]} {row['old_path']}{slash} -> {row['path']}{slash}"
    return f"{_SIGNS[Change(change)]} {row['path']}{slash}"
