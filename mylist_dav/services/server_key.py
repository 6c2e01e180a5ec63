"""The server's own Ed25519 key: made at the first start, kept in a file of the data directory, changed on demand.

The file `server.key` has lines of text: `seed` (64 hex digits), and for every change of the key a line `change` with
the old and the new public key, the time in seconds and the old key's signature. The seed of an old key is not kept.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import NamedTuple

from blake3 import blake3
from nacl.signing import SigningKey

from mylist_dav.errors import Corrupt
from mylist_dav.model.actors import Actor
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.server_keys import CHANGES_MAX, KeyChange, change_text
from mylist_dav.services.rights import require_admin
from mylist_dav.store.secrets import SecretFile, Stamp

SERVER_KEY_FILE = "server.key"
OVERLAP_SECONDS = 7 * 86_400
"""How long after a change one may still log in with a signature that names the old key."""

_HEAD = "# The key of this server. Whoever has this file can pass for the server: keep it to yourself.\n"
_MAC_CONTEXT = "mylist-dav 2026-11 challenges of logins, version 1"


class _Ring(NamedTuple):
    """The key in use, and how it came to be."""

    pair: SigningKey
    public: PublicKey
    changes: tuple[KeyChange, ...]
    mac_key: bytes

    def __repr__(self) -> str:
        return f"_Ring({self.public!r})"


class ServerKey:
    """The key of one data directory, shared by all its processes: each sees a change at once. Thread-safe.

    new_seed: gives 32 random bytes. clock: nanoseconds since the epoch. record: called before a change of the key,
    with who makes it, the old and the new one.
    """

    def __init__(
        self,
        file: SecretFile,
        clock: Callable[[], int],
        new_seed: Callable[[], bytes] = lambda: secrets.token_bytes(32),
        record: Callable[[Actor, PublicKey, PublicKey], None] = lambda actor, old, new: None,
    ) -> None:
        self._file = file
        self._clock = clock
        self._new_seed = new_seed
        self._record = record
        self._lock = threading.Lock()
        self._seen: tuple[Stamp, _Ring] | None = None

    @property
    def public(self) -> PublicKey:
        """The public half. Makes the key if there is none. Raises Corrupt when the file is damaged."""
        return self._ring().public

    @property
    def changes(self) -> tuple[KeyChange, ...]:
        """How the key has changed, oldest first; at most CHANGES_MAX."""
        return self._ring().changes

    @property
    def accepted(self) -> list[PublicKey]:
        """The keys that a login may name: the one in use, and those it has replaced not long ago."""
        ring = self._ring()
        since = self._clock() // 1_000_000_000 - OVERLAP_SECONDS
        return [ring.public, *(each.old for each in reversed(ring.changes) if each.seconds >= since)]

    def sign(self, message: bytes) -> bytes:
        """A signature of 64 bytes. The first line of a message says what it is for."""
        return self._ring().pair.sign(message).signature

    def mac(self, message: bytes) -> bytes:
        """32 bytes that nobody else can make, under a key that is derived from the private one for this alone."""
        return blake3(message, key=self._ring().mac_key).digest()

    def rotate(self, actor: Actor) -> PublicKey:
        """Make a new key, which the old one signs for; returns its public half. Raises Forbidden, ..."""
        require_admin(actor)
        with self._lock:
            ring = self._read() or self._make()
            pair = SigningKey(self._new_seed())
            seconds = self._clock() // 1_000_000_000
            new = PublicKey(bytes(pair.verify_key))
            signature = ring.pair.sign(change_text(ring.public, new, seconds).encode()).signature
            changes = (*ring.changes, KeyChange(ring.public, new, seconds, signature))[-CHANGES_MAX:]
            self._record(actor, ring.public, new)
            self._file.replace(_written(bytes(pair), changes))
            self._seen = None
        return new

    def _ring(self) -> _Ring:
        stamp, seen = self._file.stamp(), self._seen
        if seen is not None and seen[0] == stamp:
            return seen[1]
        with self._lock:
            return self._read() or self._make()

    def _read(self) -> _Ring | None:
        stamp, data = self._file.stamp(), self._file.read()
        if stamp is None or data is None:
            return None
        ring = _parsed(data)
        self._seen = stamp, ring
        return ring

    def _make(self) -> _Ring:
        self._file.create(
            _written(self._new_seed(), ())
        )  # False: another process was quicker, and its key counts
        ring = self._read()
        if ring is None:
            raise Corrupt("the key of the server has vanished while it was made")
        return ring


def _written(seed: bytes, changes: tuple[KeyChange, ...]) -> bytes:
    lines = [f"seed {seed.hex()}"]
    lines += [f"change {each.old} {each.new} {each.seconds} {each.signature.hex()}" for each in changes]
    return (_HEAD + "".join(f"{line}\n" for line in lines)).encode()


def _parsed(data: bytes) -> _Ring:
    try:
        lines = [line.split() for line in data.decode("ascii").splitlines() if line and line[0] != "#"]
        pair = SigningKey(bytes.fromhex(dict(line for line in lines if line[0] == "seed")["seed"]))
        changes = tuple(_change(line) for line in lines if line[0] == "change")
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Corrupt(
            f"{SERVER_KEY_FILE} in the data directory is damaged: restore it from a backup"
        ) from error
    mac_key = blake3(bytes(pair), derive_key_context=_MAC_CONTEXT).digest()
    return _Ring(pair, PublicKey(bytes(pair.verify_key)), changes, mac_key)


def _change(line: list[str]) -> KeyChange:
    _, old, new, seconds, signature = line
    return KeyChange(
        PublicKey(bytes.fromhex(old)), PublicKey(bytes.fromhex(new)), int(seconds), bytes.fromhex(signature)
    )
