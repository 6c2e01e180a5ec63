"""mylist jobs"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from mylist_dav.cli.shared import json_option, local_command, open_library, show, size, when
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.jobs import Job, State

if TYPE_CHECKING:
    from mylist_dav.services.opening import Library

PAGE = 500


@click.group(invoke_without_command=True)
@click.option("--state", type=click.Choice([state.value for state in State]), help="Of one state only.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Newest N only."
)
@json_option
@local_command
@click.pass_context
def jobs(context: click.Context, state: str | None, limit: int, as_json: bool) -> None:
    """Show work that outlives a request, newest first: what waits, runs, and has ended lately."""
    if context.invoked_subcommand is not None:
        return
    with open_library() as library:
        found = [_row(job) for job in _pages(library, State(state) if state else None, limit)]
    show(found, as_json, _line)


@jobs.command()
@click.argument("job_id", metavar="ID")
@local_command
def cancel(job_id: str) -> None:
    """End a job: one that waits at once, one that runs within a second or so, if the server still runs."""
    with open_library() as library:
        job = library.jobs.cancel(OPERATOR, job_id)
    click.echo(f"{job.job_id}  {'is to end' if not job.state.has_ended else job.state.value}")


def _pages(library: Library, state: State | None, limit: int) -> Iterator[Job]:
    after, left = None, limit
    while left > 0 and (page := library.jobs.list(OPERATOR, state=state, after=after, limit=min(left, PAGE))):
        yield from page
        after, left = page[-1].job_id, left - len(page)


def _row(job: Job) -> dict[str, Any]:
    found = {name: value for name, value in job._asdict().items() if name not in ("scope", "asked", "owner")}
    return {
        **found,
        "result": json.loads(job.result) if job.result else None,
        "problem": json.loads(job.problem) if job.problem else None,
    }


def _line(row: dict[str, Any]) -> str:
    about = [row["flist"], row["phase"] if row["state"] == State.ACTIVE else ""]
    if row["done_entries"] or row["done_bytes"]:
        about.append(f"{row['done_entries']} entries, {size(row['done_bytes'])}")
    if row["problem"]:
        about.append(str(row["problem"]["detail"]))
    what = "  ".join(part for part in about if part)
    text = (
        f"{row['job_id']}  {when(row['created_ns'])}  {row['state']:9}  {row['kind']:8}  {row['account'] or 'owner'}"
        f"  {what}"
    )
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
