"""An exposure attaches a flist to a host name or a URL prefix."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from mylist_dav.errors import BadName
from mylist_dav.model.names import FlistName, check_entry_name

RESERVED = frozenset(
    "dav api flist blocks sync rpc healthz metrics files login logout console share assets internal .well-known".split()  # noqa: SIM905
)
"""First path segments of the server's own routes, compared without case after decoding."""

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_OWN_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


_KEY_VISITOR = re.compile(r"[0-9a-f]{64}")


class Mode(StrEnum):
    """Who may look: everybody; those who know a pass phrase; those on a list of keys and accounts."""

    PUBLIC = "public"
    SECRET = "secret"
    KEYS = "keys"


class Exposure(NamedTuple):
    """host or prefix is set, the other ''. prefix begins with '/' and has no trailing one. at_jid: None is head.

    dav: 'off', 'ro' or 'rw'. changed_ns: when it was last attached or switched; its phrase and its list are of then.
    """

    exposure_id: int
    host: str
    prefix: str
    flist_name: FlistName
    flist_id: int
    at_jid: int | None
    mode: Mode
    listing: bool
    dav: str
    changed_ns: int = 0

    @property
    def where(self) -> str:
        return self.host or self.prefix + "/"

    @property
    def dav_writes(self) -> bool:
        """Whether it can be changed at its own address: a pinned revision never."""
        return self.dav == "rw" and self.at_jid is None


def is_key_visitor(who: str) -> bool:
    """Whether a line of a list means a public key, and not an account."""
    return _KEY_VISITOR.fullmatch(who) is not None


def check_host(host: str) -> str:
    """A host name in lower case, without port. Raises BadName."""
    name = host.lower().removesuffix(".")
    if name.startswith("[") or len(name) > 253 or not all(_LABEL.fullmatch(part) for part in name.split(".")):
        raise BadName(
            f"{host[:80]!r} is not a host name: letters, digits, '-' and '.' are expected, and no port"
        )
    return name


def host_of_account(account: str, base_domain: str) -> str:
    """The host name that is an account's own under a domain; so are all names below it. '' if there is none.

    Names of accounts with a dot or an underscore, or longer than a label, have none: alice.example.org must not be what
    an account a.alice owns. base_domain: in lower case; '' is none.
    """
    own = base_domain and _OWN_LABEL.fullmatch(account)
    return f"{account}.{base_domain}" if own else ""


def is_host_of(own_host: str, host: str) -> bool:
    """Whether a host name is own_host or below it; none is below ''."""
    return bool(own_host) and (host == own_host or host.endswith(f".{own_host}"))


def check_prefix(prefix: str) -> str:
    """A URL path prefix such as /docs, decoded, without trailing slash. Raises BadName, also for reserved ones."""
    if not prefix.startswith("/") or not prefix.strip("/"):
        raise BadName(
            f"{prefix[:80]!r} is not a prefix: it begins with '/' and has at least one name, as in /docs"
        )
    names = prefix.strip("/").split("/")
    for name in names:
        check_entry_name(name)
    if names[0].lower() in RESERVED:
        raise BadName(f"/{names[0]} is reserved for the server itself; take another prefix")
    if any(name.startswith(".") for name in names):
        raise BadName(f"{prefix[:80]!r} is not a prefix: no part may begin with a dot")
    return "/" + "/".join(names)
