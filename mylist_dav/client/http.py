"""What a question over HTTP and its answer are for the client, whoever carries them: direct.py, or proxied.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol


class Unanswered(Exception):
    """No answer came, or not all of one. What was asked may have been done. str() says why, for people."""


class Undialled(Unanswered):
    """There was no connection: nothing was asked."""


class Reply:
    """An answer whose body is still to come. headers: by names in lower case; of several alike the last."""

    def __init__(self, status: int, headers: Mapping[str, str], pieces: Iterator[bytes]) -> None:
        """pieces: the body as it comes; may raise Unanswered. Each byte of it can be taken once."""
        self.status = status
        self.headers = headers
        self.pieces = pieces

    @property
    def is_good(self) -> bool:
        """2xx"""
        return 200 <= self.status < 300

    @property
    def leads_elsewhere(self) -> bool:
        """A redirect."""
        return 300 <= self.status < 400 and "location" in self.headers


class Http(Protocol):
    """Speaks with one server. For many threads; close() it."""

    timeout_seconds: float

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterator[bytes] | None,
        timeout_seconds: float | None = None,
    ) -> AbstractContextManager[Reply]:
        """Ask, and have the reply for as long as the block runs. No redirect is followed.

        target: path and query, percent-encoded. timeout_seconds: until something comes; None is the usual.
        Raises Unanswered, Invalid (what cannot be written as HTTP).
        """
        ...

    def dial_ahead(self, connections: int) -> None:
        """Many questions will come soon: so many connections may be opened for them."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
