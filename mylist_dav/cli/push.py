"""mylist push"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

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
from mylist_dav.client.calls import Calls
from mylist_dav.client.folders.pushing import Push, Pushed, Wishes
from mylist_dav.model.names import FlistName


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("flist", type=FLIST)
@server_option
@merge_or_delete
@click.option("--private", is_flag=True, help="If the flist is new: for its account alone.")
@click.option("--expose", default="", metavar="HOST|/PREFIX", help="Show it there too, to everybody.")
@transfer_options
def push(
    folder: Path,
    flist: FlistName,
    server: str | None,
    delete: bool,
    private: bool,
    expose: str,
    exclude: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make a flist on a server as a folder here is, in one commit; only what is missing there is sent.

    The flist is made when it is not there. What matches a pattern of a file .mylistignore is left out, and stays on the
    server. A push that was interrupted goes on where it was.
    """
    wishes = Wishes(delete=delete, excluded=exclude, dry_run=dry_run, private=private, expose=expose)
    with calls_for(server, flist) as calls:
        with shown("push", quiet) as show:
            done = Push(folder, calls, own_cache(), wishes, show).run()
        if as_json:
            print_json(_document(calls, done, dry_run))
        elif dry_run:
            print_changes(done.plan)
        elif not quiet:
            _tell(calls, done)
        name_left_out(done.left_out)


def _urls(calls: Calls, done: Pushed) -> list[str]:
    flist = calls.flist
    return [f"{calls.server}/dav/{quote(flist.account)}/{quote(flist.name)}/", *done.exposures]


def _tell(calls: Calls, done: Pushed) -> None:
    if done.made:
        click.echo(f"{calls.flist} is new")
    if not done.plan:
        click.echo(f"{calls.flist} is as it was, at revision {done.jid}: {done.entries} entries")
    else:
        added, changed, removed = done.plan.counts
        click.echo(
            f"{calls.flist} is at revision {done.jid}: {added} added, {changed} changed, {removed} removed; "
            f"{size(done.sent_bytes)} of {size(done.size_bytes)} sent"
        )
    for url in _urls(calls, done):
        click.echo(f"  {url}")


def _document(calls: Calls, done: Pushed, dry_run: bool) -> dict[str, object]:
    added, changed, removed = done.plan.counts
    return {
        "flist": str(calls.flist),
        "revision": done.jid,
        "made": done.made,
        "dry_run": dry_run,
        "added": added,
        "changed": changed,
        "removed": removed,
        "entries": done.entries,
        "size_bytes": done.size_bytes,
        "sent_blocks": done.sent_blocks,
        "sent_bytes": done.sent_bytes,
        "round_trips": done.round_trips,
        "urls": _urls(calls, done),
        "left_out": left_out_rows(done.left_out),
        **({"changes": changes(done.plan)} if dry_run else {}),
    }
