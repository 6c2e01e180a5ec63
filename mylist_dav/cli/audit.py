"""mylist audit"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from mylist_dav.cli.shared import FLIST, local_command, open_library, when
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.audit import LIMIT_MAX, Action, Audited, Wanted
from mylist_dav.model.names import FlistName

if TYPE_CHECKING:
    from mylist_dav.services.opening import Library

PAGE = 1_000
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SECOND_NS = 1_000_000_000
_NS_MAX = 2**63 - 1


class TimeType(click.ParamType[int]):
    """2026-01-31, 2026-01-31T12:00 (UTC unless it says otherwise), or so long ago: 90s, 15m, 24h, 30d. In ns."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value)
        if ago := _AGO.fullmatch(text):
            return time.time_ns() - int(ago[1]) * _SECONDS[ago[2]] * _SECOND_NS
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self.fail(
                f"{text!r} is no time: give 2026-01-31, 2026-01-31T12:00, or 24h for so long ago", param, ctx
            )
        seconds = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
        return max(-_NS_MAX, min(seconds * _SECOND_NS, _NS_MAX))


@click.command()
@click.option("--account", help="What this account did.")
@click.option("--flist", type=FLIST, help="What was done to this flist.")
@click.option("--action", type=click.Choice([action.value for action in Action]), help="Of one kind only.")
@click.option(
    "--since", type=TimeType(), help="From then on: 2026-01-31, 2026-01-31T12:00, or 24h for so long ago."
)
@click.option("--until", type=TimeType(), help="Before then.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000_000), default=100, show_default=True, help="Newest N only."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: one object a row.")
@local_command
def audit(
    account: str | None,
    flist: FlistName | None,
    action: str | None,
    since: int | None,
    until: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show what was done, by whom and from where, newest first."""
    wanted = Wanted(
        account, str(flist) if flist else None, Action(action) if action else None, since, until, None, limit
    )
    with open_library() as library:
        for row in _pages(library, wanted):
            click.echo(json.dumps(shown(row), ensure_ascii=False) if as_json else _line(row))


def _pages(library: Library, wanted: Wanted) -> Iterator[Audited]:
    """All rows, read a page at a time: an export of years holds no state open."""
    left = wanted.limit
    while left > 0:
        page = library.audit.rows(OPERATOR, wanted._replace(limit=min(left, PAGE, LIMIT_MAX)))
        if not page:
            return
        yield from page
        left -= len(page)
        wanted = wanted._replace(before_id=page[-1].audit_id)


def shown(row: Audited) -> dict[str, object]:
    """A row as JSON has it: detail as an object, at in seconds to read and at_ns exactly."""
    return {"at": when(row.at_ns), **row._asdict(), "detail": json.loads(row.detail)}


def _line(row: Audited) -> str:
    detail: dict[str, object] = json.loads(row.detail)
    who = row.account or ("owner" if not row.address else "-")
    what = [row.flist, *(f"{name}={value}" for name, value in detail.items())]
    if row.size_bytes:
        what.append(f"{row.size_bytes} bytes")
    if row.repeats > 1:
        what.append(f"{row.repeats} times")
    about = "  ".join(part for part in what if part)
    text = f"{when(row.at_ns)}  {row.action:14}  {who}  {row.address or '-'}  {about}"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
