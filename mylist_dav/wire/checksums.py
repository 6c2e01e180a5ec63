"""Checksums that a client sends with a body: Repr-Digest and Content-Digest (RFC 9530), Content-MD5, OC-Checksum.

What they say must hold, or nothing is kept. Algorithms that are not known here are passed over (RFC 9530, 5).
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from base64 import b64decode
from binascii import Error as Base64Error
from typing import NamedTuple, Protocol

from mylist_dav.errors import Invalid
from mylist_dav.wire.messages import Request, Response

_OF_DIGEST_FIELDS = {"sha-256": ("sha256", 32), "sha-512": ("sha512", 64)}
"""Of RFC 9530: as hashlib calls them, and their bytes. The others of its registry are too weak to be worth a look."""

_OF_OC_CHECKSUM = {"sha1": 40, "md5": 32, "sha256": 64}
"""With their number of hex digits."""

_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=(.*)", re.DOTALL)
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_MEMBERS_MAX = 20


class Checksum(NamedTuple):
    """A digest that a body must have. algorithm: as hashlib calls it."""

    algorithm: str
    digest: bytes


class Checksums:
    """What was declared of one body, and what its bytes have come to so far."""

    def __init__(self, declared: list[Checksum]) -> None:
        self._running = [(one, hashlib.new(one.algorithm, usedforsecurity=False)) for one in declared]

    def update(self, piece: bytes) -> None:
        """The next bytes of the body."""
        for _, running in self._running:
            running.update(piece)

    def check(self) -> None:
        """All of the body is here. Raises Invalid when it has another digest than was declared."""
        for wanted, running in self._running:
            if running.digest() != wanted.digest:
                raise Invalid(
                    f"the body has another {wanted.algorithm.upper()} than was declared; nothing was kept"
                )


def checksums_of(request: Request) -> Checksums:
    """Those of a request with a body. Raises Invalid for one that is malformed."""
    found = []
    for name in ("repr-digest", "content-digest"):
        value = request.header(name)
        if value is not None:
            found += _digest_field(name, value)
    md5 = request.header("content-md5")
    if md5 is not None:
        found.append(Checksum("md5", _decoded("Content-MD5", md5.strip(), 16)))
    return Checksums(list(dict.fromkeys([*found, *_oc_checksums(request.header("oc-checksum") or "")])))


class Storing(Protocol):
    """What takes the bytes of one body, and can drop them."""

    def write(self, piece: bytes, /) -> None: ...

    def abort(self) -> None: ...


class CheckedSink(ABC):
    """A BodySink that stores nothing of a body that is not what its checksums say. `store` commits it and answers."""

    def __init__(self, storing: Storing, checksums: Checksums, limit_bytes: int, piece_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.piece_bytes = piece_bytes
        self._storing = storing
        self._checksums = checksums

    def write(self, piece: bytes) -> None:
        self._checksums.update(piece)
        self._storing.write(piece)

    def finish(self) -> Response:
        try:
            self._checksums.check()
        except Invalid:
            self._storing.abort()
            raise
        return self.store()

    def abort(self) -> None:
        self._storing.abort()

    @abstractmethod
    def store(self) -> Response:
        """All of the body is here, and is what was declared."""


def _digest_field(name: str, value: str) -> list[Checksum]:
    """A dictionary of byte sequences (RFC 9530, 2; RFC 9651, 3.2). The last of one algorithm counts."""
    found = {}
    members = [part.strip(" \t") for part in value.split(",")]
    if len(members) > _MEMBERS_MAX:
        raise Invalid(f"the {name} header lists more than {_MEMBERS_MAX} digests")
    for member in members:
        parts = _MEMBER.fullmatch(member)
        sequence = _BYTES.fullmatch(parts[2]) if parts is not None else None
        if parts is None or sequence is None:
            raise Invalid(f"the {name} header is not of the form sha-256=:BASE64:")
        known = _OF_DIGEST_FIELDS.get(parts[1])
        if known is not None:
            found[known[0]] = Checksum(known[0], _decoded(name, sequence[1], known[1]))
    return list(found.values())


def _oc_checksums(value: str) -> list[Checksum]:
    """OC-Checksum, which lists ALGORITHM:HEX."""
    found = []
    for word in value.replace(",", " ").split()[:_MEMBERS_MAX]:
        algorithm, _, digits = word.lower().partition(":")
        if algorithm not in _OF_OC_CHECKSUM:
            continue
        if not re.fullmatch(rf"[0-9a-f]{{{_OF_OC_CHECKSUM[algorithm]}}}", digits):
            raise Invalid("the OC-Checksum header holds a checksum of a wrong length, or no hex digits")
        found.append(Checksum(algorithm, bytes.fromhex(digits)))
    return found[: len(_OF_OC_CHECKSUM)]


def _decoded(name: str, text: str, size_bytes: int) -> bytes:
    try:
        digest = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise Invalid(f"the {name} header is not Base64") from error
    if len(digest) != size_bytes:
        raise Invalid(f"the {name} header does not hold {size_bytes} bytes")
    return digest
