"""Flists as a whole, as programs are told of them."""

from __future__ import annotations

from mylist_dav.wire.documents import Told


class Flist(Told):
    """A flist. head_jid: its newest revision; oldest_jid: the oldest that can be read. entries, size_bytes: of the
    newest."""

    name: str
    head_jid: int
    oldest_jid: int
    entries: int
    size_bytes: int
    private: bool
    created_ns: int
    changed_ns: int


class FlistDetails(Flist):
    """may_write: whether who asks may change what is in it."""

    may_write: bool


class Flists(Told):
    """In order of name. next: `after` of the next page, null after the last one."""

    flists: list[Flist]
    next: str | None


class Commit(Told):
    """One change of a flist: what it was at jid is what this commit made of it."""

    jid: int
    at_ns: int
    actor: str
    note: str


class Commits(Told):
    """Newest first."""

    commits: list[Commit]
    next: str | None


class Head(Told):
    """The newest revision by now."""

    head_jid: int
