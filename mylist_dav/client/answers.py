"""What a server answers, read with suspicion: bounded, of the shape it should have, and errors as errors of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from mylist_dav.client.http import Reply
from mylist_dav.errors import (
    Busy,
    Conflict,
    Exists,
    Forbidden,
    Invalid,
    LimitExceeded,
    Locked,
    MylistError,
    NotAllowed,
    NotFound,
    OutOfQuota,
    OutOfSpace,
    PreconditionFailed,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unsupported,
)

TYPE_PREFIX = "urn:mylist:problem:"
_SAID_CHARS_MAX = 500

T = TypeVar("T")
_KINDS: dict[int, type[MylistError]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: NotAllowed,
    408: Busy,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    422: LimitExceeded,
    423: Locked,
    501: Unsupported,
    502: Busy,
    503: Busy,
    504: Busy,
    507: OutOfSpace,
}

_TYPES: dict[str, type[MylistError]] = {
    "exists": Exists,
    "not-allowed": NotAllowed,
    "out-of-quota": OutOfQuota,
}
"""What problem documents call the errors that share a status with others."""


def bounded(reply: Reply, bytes_max: int) -> bytes:
    """The whole body. Raises MylistError for one that is longer."""
    data = bytearray()
    for piece in reply.pieces:
        data += piece
        if len(data) > bytes_max:
            raise MylistError("the server gave an answer that is far too long")
    return bytes(data)


def json_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object of a body, {} for an empty one, None for anything else."""
    if not data:
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def refusal(
    status: int, headers: Mapping[str, str], problem: dict[str, Any] | None, speaker: str = ""
) -> MylistError:
    """The error of ours that an answer stands for, in the words of the server, bounded and printable.

    speaker: stands before the words, where it would not be clear whose they are.
    """
    said = str((problem or {}).get("detail", "")) or f"the server answered {status}"
    said = speaker + printable(said)
    if status == 429:
        return TooMany(said, retry_after_seconds(headers) or 60)
    kind = str((problem or {}).get("type", "")).removeprefix(TYPE_PREFIX)
    return (_TYPES.get(kind) or _KINDS.get(status, MylistError))(said)


def printable(said: str) -> str:
    """Words of a server, as they may stand on a terminal."""
    return "".join(character for character in said[:_SAID_CHARS_MAX] if character.isprintable())


def retry_after_seconds(headers: Mapping[str, str]) -> int | None:
    """When the server wants to be asked again; None if it does not say."""
    wait = headers.get("retry-after", "")
    return int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else None


class Fields:
    """A JSON object of an answer, whose members are of the kinds they should be.

    where: whose answer it is, for people. All its methods raise MylistError for what is of another kind.
    """

    def __init__(self, found: object, where: str) -> None:
        self.where = where
        if not isinstance(found, dict):
            raise self.foreign()
        self.found: dict[str, Any] = found

    def get(self, name: str) -> Any:
        """Whatever stands there; None for nothing."""
        return self.found.get(name)

    def text(self, name: str) -> str:
        """A text."""
        return self._of(str, name)

    def list(self, name: str) -> list[Any]:
        """A list of anything."""
        return self._of(list, name)

    def objects(self, name: str) -> Iterator[Fields]:
        """A list of objects, checked as they are taken."""
        return (Fields(each, self.where) for each in self.list(name))

    def number(self, name: str, *, minus: bool = False) -> int:
        """A whole number of at most 63 bits. minus: it may be less than nothing."""
        value = self._of(int, name)
        if not (-(2**63) if minus else 0) <= value < 2**63:
            raise self.foreign()
        return value

    def _of(self, kind: type[T], name: str) -> T:
        value = self.found.get(name)
        if type(value) is not kind:
            raise self.foreign()
        return value

    def foreign(self) -> MylistError:
        """The error for an answer of another shape than it should have."""
        return not_of_mylist(self.where)


def not_of_mylist(where: str) -> MylistError:
    """The same, of an answer that is no JSON object at all."""
    return MylistError(f"{where} gave an answer that is not of mylist")
