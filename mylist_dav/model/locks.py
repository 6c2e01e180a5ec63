"""WebDAV write locks (RFC 4918, 6)."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    EXCLUSIVE = "exclusive"
    SHARED = "shared"


class Lock(NamedTuple):
    """A write lock on an entry.

    token: an opaquelocktoken: or urn:uuid: URI. infinite: Depth: infinity. owner_xml: the client's <owner> element,
    serialised, or ''. principal: the account that took it. expires_ns: since the epoch.
    """

    token: str
    entry_id: int
    scope: Scope
    infinite: bool
    owner_xml: str
    principal: str
    timeout_seconds: int
    expires_ns: int
