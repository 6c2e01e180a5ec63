"""server.*, verify.run, check.run: the server itself, and whether its data are whole."""

from __future__ import annotations

from itertools import islice

from mylist_dav import __version__
from mylist_dav.model.actors import Actor
from mylist_dav.model.digest import Digest
from mylist_dav.rpc.methods import AnyMethod, Method
from mylist_dav.services.opening import Library
from mylist_dav.wire.documents.calls import Nothing, VerifyRun
from mylist_dav.wire.documents.upkeep import (
    BadBlock,
    Checked,
    Done,
    Health,
    HealthDetails,
    Server,
    ServerKey,
    Verified,
)


def info(library: Library, actor: Actor, asked: Nothing) -> Server:
    """Version, key and address of the server."""
    key, addresses = library.server_key.public, library.logins.addresses
    return Server(
        version=__version__,
        key=str(key),
        fingerprint=key.fingerprint,
        url=addresses[0] if addresses else None,
        now_ns=library.clock(),
    )


def health(library: Library, actor: Actor, asked: Nothing) -> Health:
    """Whether the server can do its work."""
    found = library.watch.health()
    return Health(status=found.status, ready=found.is_ready, writes=found.takes_writes)  # type: ignore[arg-type]


def details(library: Library, actor: Actor, asked: Nothing) -> HealthDetails:
    """All that is known of the health of the server. For admins."""
    found = library.watch.details(actor)
    return HealthDetails.model_validate(
        {
            "status": found.status,
            "ready": found.is_ready,
            "writes": found.takes_writes,
            "problem": found.problem or None,
            "stopped": found.stopped or None,
            "disk": None if found.room is None else {**found.room._asdict(), "short": found.short},
            "doors_lost": found.doors_lost,
            "schema_version": found.schema_version,
            "upkeep": {kind: {"at_ns": one.at_ns, **one.found} for kind, one in found.upkept.items()},
        }
    )


def resume_writes(library: Library, actor: Actor, asked: Nothing) -> Done:
    """Let the server write again after a failed sync, in all processes. For admins who have looked at the disk."""
    library.upkeep.resume_writes(actor)
    return Done()


def rotate_key(library: Library, actor: Actor, asked: Nothing) -> ServerKey:
    """Give the server a new key, which the old one signs for. For admins."""
    key = library.server_key.rotate(actor)
    return ServerKey(key=str(key), fingerprint=key.fingerprint)


def verify(library: Library, actor: Actor, asked: VerifyRun) -> Verified:
    """Read the next blocks and hash them; damaged ones are set aside. For admins.

    Call it again with `after`, as long as there is a `next`, to read all.
    """
    start = None if asked.after is None else Digest.parse(asked.after)
    blocks = list(islice(library.upkeep.verify(actor, start), asked.limit))
    return Verified(
        blocks=len(blocks),
        size_bytes=sum(one.size_bytes for one in blocks),
        bad=[BadBlock(id=str(one.digest), problem=one.problem) for one in blocks if one.problem],
        next=str(blocks[-1].digest) if len(blocks) == asked.limit else None,
    )


def check(library: Library, actor: Actor, asked: Nothing) -> Checked:
    """Check the catalog and look for reasons to worry. For admins. It reads all of the catalog."""
    return Checked(problems=library.upkeep.check(actor))


METHODS: list[AnyMethod] = [
    Method("server.info", Nothing, Server, info),
    Method("server.health", Nothing, Health, health),
    Method("server.details", Nothing, HealthDetails, details),
    Method("server.resume_writes", Nothing, Done, resume_writes),
    Method("server.rotate_key", Nothing, ServerKey, rotate_key),
    Method("verify.run", VerifyRun, Verified, verify),
    Method("check.run", Nothing, Checked, check),
]
