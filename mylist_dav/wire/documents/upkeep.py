"""The server itself, its health, and what checks of its data find."""

from __future__ import annotations

from typing import Any, Literal

from mylist_dav.wire.documents import Told


class Done(Told):
    """It is done, and there is nothing to say of it."""


class Server(Told):
    """The server. key: its public key as 64 hex digits; url: what it calls itself, null if nothing."""

    version: str
    key: str
    fingerprint: str
    url: str | None
    now_ns: int


class ServerKey(Told):
    """A public key of the server."""

    key: str
    fingerprint: str


class Health(Told):
    """status: one word. ready: what is stored can be read; writes: changes are taken."""

    status: Literal["ok", "damaged", "doors-lost", "short-of-room", "read-only", "unavailable"]
    ready: bool
    writes: bool


class Room(Told):
    """Of the disk. short: there is less than the settings ask for."""

    total_bytes: int
    free_bytes: int
    total_inodes: int
    free_inodes: int
    short: bool


class HealthDetails(Health):
    """problem: why the catalog cannot be read. stopped: why no change is taken. disk: null when it cannot be told.

    doors_lost: sockets for JSON-RPC that are not answered. upkeep: the last run of each kind of upkeep to its end, with
    at_ns and its counts.
    """

    problem: str | None
    stopped: str | None
    disk: Room | None
    doors_lost: int
    schema_version: int
    upkeep: dict[str, dict[str, Any]]


class Checked(Told):
    """What is wrong with the catalog or the data directory, a sentence each; none when all is well."""

    problems: list[str]


class BadBlock(Told):
    """A block that is missing or damaged."""

    id: str
    problem: str


class Verified(Told):
    """Blocks that were read and hashed. next: `after` of the next call, null when all blocks have been read."""

    blocks: int
    size_bytes: int
    bad: list[BadBlock]
    next: str | None


class OpenRpc(Told):
    """An OpenRPC document (spec.open-rpc.org, 1.3): every method, what it takes and gives."""

    openrpc: str
    info: dict[str, Any]
    methods: list[dict[str, Any]]
    components: dict[str, Any]
