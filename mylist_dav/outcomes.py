"""What an error means outside: HTTP status, JSON-RPC code, exit code. The one table; front ends only read it."""

from typing import NamedTuple

from mylist_dav import errors

PROBLEM_PREFIX = "urn:mylist:problem:"
"""What the type of every problem document begins with."""


class Outcome(NamedTuple):
    """http: status code; rpc: JSON-RPC 2.0 error code; exit: exit code of a command."""

    http: int
    rpc: int
    exit: int


OUTCOMES: dict[type[errors.MylistError], Outcome] = {
    errors.MylistError: Outcome(500, -32000, 1),
    errors.Invalid: Outcome(400, -32602, 2),
    errors.BadName: Outcome(400, -32602, 2),
    errors.BadArchive: Outcome(422, -32001, 2),
    errors.Incomplete: Outcome(400, -32002, 1),
    errors.Misdirected: Outcome(400, -32602, 2),
    errors.BadSettings: Outcome(500, -32602, 2),
    errors.Unauthenticated: Outcome(401, -32003, 3),
    errors.Forbidden: Outcome(403, -32004, 3),
    errors.NotFound: Outcome(404, -32005, 4),
    errors.BlocksMissing: Outcome(404, -32005, 4),
    errors.NotAllowed: Outcome(405, -32006, 2),
    errors.Exists: Outcome(409, -32007, 5),
    errors.Conflict: Outcome(409, -32008, 5),
    errors.Refused: Outcome(409, -32020, 5),
    errors.PreconditionFailed: Outcome(412, -32009, 5),
    errors.Outdated: Outcome(412, -32021, 5),
    errors.Locked: Outcome(423, -32010, 5),
    errors.TooLarge: Outcome(413, -32011, 2),
    errors.UriTooLong: Outcome(414, -32011, 2),
    errors.HeadersTooLarge: Outcome(431, -32011, 2),
    errors.RangeNotSatisfiable: Outcome(416, -32011, 2),
    errors.UnsupportedMedia: Outcome(415, -32011, 2),
    errors.TooSlow: Outcome(408, -32012, 1),
    errors.LimitExceeded: Outcome(422, -32013, 2),
    errors.OutOfSpace: Outcome(507, -32014, 6),
    errors.OutOfQuota: Outcome(507, -32014, 6),
    errors.Busy: Outcome(503, -32015, 7),
    errors.Queued: Outcome(503, -32015, 7),
    errors.BlocksGone: Outcome(503, -32015, 7),
    errors.TooMany: Outcome(429, -32019, 7),
    errors.WritesStopped: Outcome(503, -32016, 7),
    errors.Unsupported: Outcome(501, -32017, 2),
    errors.Corrupt: Outcome(500, -32018, 8),
}


def outcome(error: BaseException) -> Outcome:
    """The row of the nearest ancestor of the error's class; anything foreign counts as MylistError."""
    for ancestor in type(error).__mro__:
        row = OUTCOMES.get(ancestor)
        if row is not None:
            return row
    return OUTCOMES[errors.MylistError]


def problem_of(error: BaseException) -> str:
    """The name that an error has outside; anything foreign counts as MylistError."""
    known = (cls for cls in type(error).__mro__ if cls in OUTCOMES)
    return errors.problem_name(next(known, errors.MylistError))


def problem_document(error: BaseException) -> dict[str, str | int]:
    """An error as a problem document (RFC 9457). The type never changes its meaning; foreign errors show nothing."""
    name = problem_of(error)
    return {
        "type": PROBLEM_PREFIX + name,
        "title": name.replace("-", " ").capitalize(),
        "status": outcome(error).http,
        "detail": str(error) if isinstance(error, errors.MylistError) else "an unexpected error",
    }
