"""What a server answers, read with suspicion: bounded, of the shape it should have, and errors as errors of ours."""

from __future__ import annotations

import json
from typing import Any

import httpx

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

ANSWER_BYTES_MAX = 1024 * 1024
TYPE_PREFIX = "urn:mylist:problem:"
_SAID_CHARS_MAX = 500
_KINDS: dict[int, type[MylistError]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: NotAllowed,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    422: LimitExceeded,
    423: Locked,
    501: Unsupported,
    503: Busy,
    507: OutOfSpace,
}

_TYPES: dict[str, type[MylistError]] = {
    "exists": Exists,
    "not-allowed": NotAllowed,
    "out-of-quota": OutOfQuota,
}
"""What problem documents call the errors that share a status with others."""


def bounded(response: httpx.Response, bytes_max: int = ANSWER_BYTES_MAX) -> bytes:
    """The whole body. Raises MylistError for one that is longer."""
    data = bytearray()
    for piece in response.iter_bytes():
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


def refusal(response: httpx.Response, problem: dict[str, Any] | None) -> MylistError:
    """The error of ours that an answer stands for, in the words of the server, bounded and printable."""
    said = str((problem or {}).get("detail", "")) or f"the server answered {response.status_code}"
    said = printable(said)
    if response.status_code == 429:
        return TooMany(said, retry_after_seconds(response) or 60)
    kind = str((problem or {}).get("type", "")).removeprefix(TYPE_PREFIX)
    return (_TYPES.get(kind) or _KINDS.get(response.status_code, MylistError))(said)


def printable(said: str) -> str:
    """Words of a server, as they may stand on a terminal."""
    return "".join(character for character in said[:_SAID_CHARS_MAX] if character.isprintable())


def retry_after_seconds(response: httpx.Response) -> int | None:
    """When the server wants to be asked again; None if it does not say."""
    wait = response.headers.get("retry-after", "")
    return int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else None


def not_of_mylist() -> MylistError:
    """The error for an answer of another shape than it should have."""
    return MylistError("the server gave an answer that is not of mylist")
