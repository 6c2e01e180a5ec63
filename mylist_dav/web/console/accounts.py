"""Accounts, for admins."""

from __future__ import annotations

from typing import NamedTuple

from mylist_dav.errors import Invalid
from mylist_dav.model.actors import Role
from mylist_dav.model.keys import parse_public_key
from mylist_dav.web.console.visits import Visit, console_href
from mylist_dav.web.listing import readable_size
from mylist_dav.wire.forms import Form
from mylist_dav.wire.messages import Response

_QUOTA_UNIT_BYTES = 1_000_000_000
_QUOTA_BYTES_MAX = 2**63 - 1


class AccountLine(NamedTuple):
    """What the page says of an account. quota: '' without one."""

    name: str
    role: str
    disabled: bool
    quota: str
    keys: int
    is_own: bool


def show(visit: Visit, problem: str = "", status: int = 200) -> Response:
    """The page."""
    lines = [
        AccountLine(
            facts.name,
            facts.role.value,
            facts.disabled,
            readable_size(facts.quota_bytes) if facts.quota_bytes is not None else "",
            facts.keys,
            facts.name == visit.actor.account,
        )
        for facts in visit.library.identity.accounts(visit.actor)
    ]
    return visit.page("accounts", here="accounts", problem=problem, status=status, lines=lines)


def act(visit: Visit, form: Form) -> str:
    """Add an account, perhaps with its first key; disable or enable one."""
    identity, name = visit.library.identity, form.get("name", "").strip()
    if form.get("do") in ("disable", "enable"):
        identity.set_disabled(visit.actor, name, form["do"] == "disable")
        return console_href("accounts")
    text = form.get("key", "").strip()
    key = parse_public_key(text) if text else None
    role = Role.ADMIN if form.get("role") == Role.ADMIN else Role.USER
    identity.add_account(visit.actor, name, role, quota_bytes=_quota_bytes(form.get("quota", "").strip()))
    if key is not None:
        identity.add_key(visit.actor, name, key)
    return console_href("accounts")


def _quota_bytes(text: str) -> int | None:
    """Given in GB; nothing is no limit. Raises Invalid."""
    if not text:
        return None
    try:
        quota_bytes = int(float(text) * _QUOTA_UNIT_BYTES)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{text[:20]!r} is no quota in GB") from error
    if not 0 <= quota_bytes <= _QUOTA_BYTES_MAX:
        raise Invalid(f"{text[:20]!r} is no quota in GB")
    return quota_bytes
