"""mylist pull"""

from __future__ import annotations

from pathlib import Path

import click

from mylist_dav.cli.remote import server_option
from mylist_dav.cli.shared import FLIST, size
from mylist_dav.cli.transfers import (
    calls_for,
    changes,
    left_out_rows,
    merge_or_delete,
    name_left_out,
    own_cache,
    print_changes,
    print_json,
    shown,
    transfer_options,
)
from mylist_dav.client.folders.pulling import Pull, Pulled
from mylist_dav.client.folders.pushing import Wishes
from mylist_dav.model.names import FlistName


@click.command()
@click.argument("flist", type=FLIST)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@server_option
@merge_or_delete
@click.option("--at", "at_jid", type=int, metavar="JID", help="This revision instead of the newest.")
@transfer_options
def pull(
    flist: FlistName,
    folder: Path,
    server: str | None,
    delete: bool,
    at_jid: int | None,
    exclude: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make a folder here as a flist on a server is; only what is missing here is fetched.

    The folder is made when it is not there. Each file is checked, and appears whole; nothing is written outside of the
    folder. What matches a pattern of a file .mylistignore in it is left alone.
    """
    wishes = Wishes(delete=delete, excluded=exclude, dry_run=dry_run, at_jid=at_jid)
    with calls_for(server, flist) as calls, shown("pull", quiet) as show:
        done = Pull(folder, calls, own_cache(), wishes, show).run()
    if as_json:
        print_json(_document(flist, done, dry_run))
    elif dry_run:
        print_changes(done.plan)
    elif not quiet:
        _tell(flist, folder, done)
    name_left_out(done.left_out)


def _tell(flist: FlistName, folder: Path, done: Pulled) -> None:
    if not done.plan:
        click.echo(f"{folder} is as {flist} is at revision {done.jid}: nothing changed")
        return
    added, changed, removed = done.plan.counts
    click.echo(
        f"{folder} has revision {done.jid} of {flist}: {added} added, {changed} changed, {removed} removed; "
        f"{size(done.received_bytes)} of {size(done.size_bytes)} fetched"
    )


def _document(flist: FlistName, done: Pulled, dry_run: bool) -> dict[str, object]:
    added, changed, removed = done.plan.counts
    return {
        "flist": str(flist),
        "revision": done.jid,
        "dry_run": dry_run,
        "added": added,
        "changed": changed,
        "removed": removed,
        "entries": done.entries,
        "size_bytes": done.size_bytes,
        "received_blocks": done.received_blocks,
        "received_bytes": done.received_bytes,
        "round_trips": done.round_trips,
        "left_out": left_out_rows(done.left_out),
        **({"changes": changes(done.plan)} if dry_run else {}),
    }
