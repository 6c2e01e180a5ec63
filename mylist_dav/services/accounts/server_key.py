"""The server's own Ed25519 key: made at the first start, kept in a file of the data directory, changed on demand.

The file `server.key` has lines of text: `seed` (64 hex digits), and for every change of the key a line `change` with
the old and the new public key, the time in seconds and the old key's signature. The seed of an old key is not kept.
What it made macs with is, in a line `mac` with the time of the change, while its last challenges are good.
"""

from __future__ import annotations

import hmac
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

MAC_OVERLAP_SECONDS = 120
"""How long after a change the macs that the old key has made are known: as long as a challenge lives."""

_HEAD = "# The key of this server. Whoever has this file can pass for the server: keep it to yourself.\n"
_MAC_CONTEXT = "mylist-dav 2026-11 challenges of logins, version 1"


class _OldMac(NamedTuple):
    """What macs were made with until the key was changed, at so many seconds since the epoch."""

    key: bytes
    seconds: int

    def __repr__(self) -> str:
        return f"_OldMac(…, {self.seconds})"


class _Ring(NamedTuple):
    """The key in use, and how it came to be."""

    pair: SigningKey
    public: PublicKey
    changes: tuple[KeyChange, ...]
    mac_key: bytes
    old_macs: tuple[_OldMac, ...]

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

    def has_made(self, message: bytes, mac: bytes) -> bool:
        """Whether a mac is of this server: made now, or with the key before, so shortly ago that it is waited for."""
        ring, since = self._ring(), self._clock() // 1_000_000_000 - MAC_OVERLAP_SECONDS
        keys = [ring.mac_key, *(each.key for each in ring.old_macs if each.seconds >= since)]
        return any(hmac.compare_digest(blake3(message, key=key).digest(), mac) for key in keys)

    def rotate(self, actor: Actor) -> PublicKey:
        """Make a new key, which the old one signs for; returns its public half. Raises Forbidden, ...

        Of changes that are asked for at once, in several processes even, one follows the other.
        """
        require_admin(actor)
        with self._lock, self._file.alone():
            ring = self._read() or self._make()
            pair = SigningKey(self._new_seed())
            seconds = self._clock() // 1_000_000_000
            new = PublicKey(bytes(pair.verify_key))
            signature = ring.pair.sign(change_text(ring.public, new, seconds).encode()).signature
            changes = (*ring.changes, KeyChange(ring.public, new, seconds, signature))[-CHANGES_MAX:]
            waited_for = (each for each in ring.old_macs if each.seconds >= seconds - MAC_OVERLAP_SECONDS)
            old_macs = (*waited_for, _OldMac(ring.mac_key, seconds))[-CHANGES_MAX:]
            self._record(actor, ring.public, new)
            self._file.replace(_written(bytes(pair), changes, old_macs))
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
            _written(self._new_seed())
        )  # False: another process was quicker, and its key counts
        ring = self._read()
        if ring is None:
            raise Corrupt("the key of the server has vanished while it was made")
        return ring


def _written(seed: bytes, changes: tuple[KeyChange, ...] = (), old_macs: tuple[_OldMac, ...] = ()) -> bytes:
    lines = [f"seed {seed.hex()}"]
    lines += [f"change {each.old} {each.new} {each.seconds} {each.signature.hex()}" for each in changes]
    lines += [f"mac {each.key.hex()} {each.seconds}" for each in old_macs]
    return (_HEAD + "".join(f"{line}\n" for line in lines)).encode()


def _parsed(data: bytes) -> _Ring:
    try:
        lines = [line.split() for line in data.decode("ascii").splitlines() if line and line[0] != "#"]
        pair = SigningKey(bytes.fromhex(dict(line for line in lines if line[0] == "seed")["seed"]))
        changes = tuple(_change(line) for line in lines if line[0] == "change")
        old_macs = tuple(_old_mac(line) for line in lines if line[0] == "mac")
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Corrupt(
            f"{SERVER_KEY_FILE} in the data directory is damaged: restore it from a backup"
        ) from error
    mac_key = blake3(bytes(pair), derive_key_context=_MAC_CONTEXT).digest()
    return _Ring(pair, PublicKey(bytes(pair.verify_key)), changes, mac_key, old_macs)


def _change(line: list[str]) -> KeyChange:
    _, old, new, seconds, signature = line
    return KeyChange(
        PublicKey(bytes.fromhex(old)), PublicKey(bytes.fromhex(new)), int(seconds), bytes.fromhex(signature)
    )


def _old_mac(line: list[str]) -> _OldMac:
    _, key, seconds = line
    if len(key) != 2 * blake3.key_size:
        raise ValueError("a key of macs has 32 bytes")
    return _OldMac(bytes.fromhex(key), int(seconds))
