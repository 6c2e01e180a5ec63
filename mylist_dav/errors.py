"""Every error that services and stores raise. Nothing else may cross a layer boundary.

MylistError
├── Invalid                 the request or argument is malformed
│   ├── BadName             an account, flist or entry name, or a path, that is not allowed
│   ├── BadArchive          an archive, or one member of it, that is refused
│   ├── Incomplete          fewer (or more) bytes arrived than were declared
│   ├── Misdirected         a Host header that is missing, repeated or malformed
│   └── BadSettings         a setting that is unknown, ill-typed or out of its bounds
├── Unauthenticated         no credentials, or credentials that do not hold
├── Forbidden               known who it is, and that one may not
├── NotFound                there is no such thing, or it may not be seen
│   └── BlocksMissing       blocks that are not there for the caller
├── NotAllowed              the method does not apply to this kind of thing
├── Exists                  there is already something of that name
├── Conflict                the state of the tree forbids it (a parent is missing, a cycle)
│   └── Refused             operations of a commit that cannot be done on the tree as it is, each with its reason
├── PreconditionFailed      If-Match, If, Overwrite: F or the base jid does not hold
│   └── Outdated            a commit to a flist, or to entries, that others have changed since the caller looked
├── Locked                  a lock is in the way, and its token was not submitted
├── TooLarge                the body is larger than the limit
├── UriTooLong              the request target is longer than the limit
├── HeadersTooLarge         the header section is larger than the limit
├── RangeNotSatisfiable     no byte of the asked ranges exists
├── UnsupportedMedia        a body of a type that is not understood here
├── TooSlow                 the client sent its body too slowly
├── LimitExceeded           a limit on depth, entries or size of the tree
├── OutOfSpace              the disk or a quota is full
│   └── OutOfQuota          the flists of an account would hold more than they may together
├── Busy                    too much at once; the same call may succeed later
│   ├── Queued              it is the turn of others: the same call may be made again at once
│   └── BlocksGone          blocks that were there a moment ago have been deleted: bring them again
├── TooMany                 somebody asks too often; the same call may succeed after a while
├── WritesStopped           a sync to disk failed: no more writes until an operator looks
├── Unsupported             a part of a protocol that is deliberately not offered
└── Corrupt                 stored bytes do not match their digest, or an invariant is broken
"""

from __future__ import annotations

import re
from collections.abc import Sequence


class MylistError(Exception):
    """The root. str(error) says what, which, and what to do next; it never holds a disk path or a secret."""


class Invalid(MylistError):
    """The request or argument is malformed."""


class BadName(Invalid):
    """An account, flist or entry name, or a path, that is not allowed."""


class BadArchive(Invalid):
    """An archive, or one member of it, that is refused; the message names the member."""


class Incomplete(Invalid):
    """Fewer (or more) bytes arrived than were declared; nothing was kept."""


class Misdirected(Invalid):
    """A Host header that is missing, repeated or malformed (RFC 9112, 3.2)."""


class BadSettings(Invalid):
    """A setting that is unknown, ill-typed or out of its bounds; the message names it."""


class Unauthenticated(MylistError):
    """No credentials, or credentials that do not hold."""


class Forbidden(MylistError):
    """Known who it is, and that one may not."""


class NotFound(MylistError):
    """There is no such thing, or the caller may not see it: both answer alike."""


class BlocksMissing(NotFound):
    """Blocks that are not there, or not for the caller: both answer alike."""

    def __init__(self, digests: Sequence[bytes]) -> None:
        """digests: of at least one block."""
        super().__init__(f"{len(digests)} of these blocks are not here, block {digests[0].hex()} among them")
        self.digests = tuple(digests)


class NotAllowed(MylistError):
    """The method does not apply to this kind of thing."""


class Exists(MylistError):
    """There is already something of that name."""


class Conflict(MylistError):
    """The state of the tree forbids the change: a parent is missing, or a folder would hold itself."""


class Refused(Conflict):
    """Operations of a commit that cannot be done on the tree as it is; nothing was done.

    conflicts: values of model/operations.py, in order of their operations; a later one may follow from an earlier.
    missing: digests of blocks that are not here, or may not be named. head_jid: of the tree that this is about.
    """

    def __init__(
        self, message: str, head_jid: int, conflicts: Sequence[object] = (), missing: Sequence[object] = ()
    ) -> None:
        super().__init__(message)
        self.head_jid = head_jid
        self.conflicts = tuple(conflicts)
        self.missing = tuple(missing)


class PreconditionFailed(MylistError):
    """A condition of the request does not hold (If-Match, If, Overwrite: F, base jid)."""


class Outdated(PreconditionFailed):
    """A commit to a flist, or to entries, that others have changed since the caller looked; nothing was done.

    conflicts: as of Refused. changes: the first differences between the caller's base and the head, values of
    model/operations.py. head_jid: the head by now.
    """

    def __init__(
        self, message: str, head_jid: int, conflicts: Sequence[object] = (), changes: Sequence[object] = ()
    ) -> None:
        super().__init__(message)
        self.head_jid = head_jid
        self.conflicts = tuple(conflicts)
        self.changes = tuple(changes)


class Locked(MylistError):
    """A lock is in the way and its token was not submitted.

    path: the path of the locked resource, as text relative to its flist, or None when not known.
    """

    def __init__(self, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class TooLarge(MylistError):
    """The body is larger than the limit for it."""


class UriTooLong(MylistError):
    """The request target is longer than the limit."""


class HeadersTooLarge(MylistError):
    """The header section is larger than the limit."""


class RangeNotSatisfiable(MylistError):
    """No byte of the asked ranges exists; size_bytes is the size of the representation."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"the range lies outside of the {size_bytes} bytes there are")
        self.size_bytes = size_bytes


class UnsupportedMedia(MylistError):
    """A body of a type that is not understood here."""


class TooSlow(MylistError):
    """The client sent its body too slowly, or stopped sending."""


class LimitExceeded(MylistError):
    """A limit on depth, entries or size of the tree."""


class OutOfSpace(MylistError):
    """The disk or a quota is full; nothing of the change was kept."""


class OutOfQuota(OutOfSpace):
    """The flists of an account would hold more than they may together; nothing of the change was kept."""


class Busy(MylistError):
    """Too much at once; the same call may succeed a little later."""


class Queued(Busy):
    """It is the turn of others. Nothing was done: whoever makes the same call again keeps a place for some seconds."""


class BlocksGone(Busy):
    """Blocks that nothing referred to were deleted between being found and being used: bring them again."""

    def __init__(self, digests: Sequence[bytes]) -> None:
        """digests: of at least one block."""
        super().__init__(
            f"{len(digests)} blocks were deleted while they were being used, block {digests[0].hex()} among them:"
            " send them again"
        )
        self.digests = tuple(digests)


class TooMany(MylistError):
    """Somebody asks too often: the same call may succeed after retry_after_seconds."""

    def __init__(self, message: str, retry_after_seconds: int = 60) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class WritesStopped(MylistError):
    """A sync to disk has failed: no write is acknowledged any more until an operator has looked."""


class Unsupported(MylistError):
    """A part of a protocol that is deliberately not offered."""


class Corrupt(MylistError):
    """Stored bytes do not match their digest, or an invariant of the store is broken."""


def problem_name(cls: type[MylistError]) -> str:
    """What an error is called outside, for ever: its class as words with hyphens; TooMany gives too-many."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
