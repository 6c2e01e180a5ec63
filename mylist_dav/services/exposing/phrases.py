"""Pass phrases of exposures: hashed with argon2id, which takes 64 MiB and some 50 ms each time, and checked sparingly.

A phrase that was right is remembered for some minutes, so that a client that sends it with each request costs little.
What is remembered is a MAC under a key that only this process has; it is of one exposure as it is attached now, so that
it is worth nothing once the phrase is another, and of one address, so that nobody elsewhere guesses fast.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

from mylist_dav.errors import Invalid, TooMany
from mylist_dav.services.limits.attempts import Attempts
from mylist_dav.store.processes.places import MemoryPlaces, Places
from mylist_dav.store.processes.tries import Tries

PHRASE_CHARS_MIN, PHRASE_CHARS_MAX = 8, 1024
REMEMBERED_SECONDS = 300
REMEMBERED_MAX = 1024
RUNS_MAX = 2
"""Hashes at once, in all processes: each takes a core and 64 MiB."""

_SECOND_NS = 1_000_000_000


class Secret(NamedTuple):
    """What a phrase is checked against: of an exposure as it was attached at changed_ns."""

    exposure_id: int
    changed_ns: int
    phrase_hash: str

    def __repr__(self) -> str:
        return f"Secret({self.exposure_id}, …)"


def hash_phrase(phrase: str, reserved: str = "") -> str:
    """What is kept of a new phrase. reserved: how none may begin. Raises Invalid."""
    plain = _normal(phrase)
    if not PHRASE_CHARS_MIN <= len(plain) <= PHRASE_CHARS_MAX:
        raise Invalid(f"a pass phrase has {PHRASE_CHARS_MIN} to {PHRASE_CHARS_MAX} characters")
    if not plain.isprintable() or (reserved and plain.startswith(reserved)):
        raise Invalid(
            f"a pass phrase is one line of printable characters, and does not begin with {reserved}"
        )
    return argon2id.str(
        plain.encode(),
        opslimit=argon2id.OPSLIMIT_INTERACTIVE,
        memlimit=argon2id.MEMLIMIT_INTERACTIVE,
    ).decode()


class Phrases:
    """Judges phrases. Thread-safe; the phrases that it remembers are lost with the process."""

    def __init__(
        self,
        clock: Callable[[], int],
        verify: Callable[[bytes, bytes], bool] = argon2id.verify,
        *,
        counted: Tries | None = None,
        places: Places | None = None,
    ) -> None:
        """clock: nanoseconds. verify(hash, phrase): raises InvalidkeyError when they do not belong together.

        counted: where wrong guesses are. places: RUNS_MAX of them, for hashing. Both are of this process by default.
        """
        self._clock = clock
        self._verify = verify
        self._attempts = Attempts(clock, counted)
        self.places = places or MemoryPlaces(RUNS_MAX)
        self._key = secrets.token_bytes(32)
        self._remembered: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def is_right(self, secret: Secret, phrase: str, address: str) -> bool:
        """Whether the phrase is the one. Raises TooMany: of an address that guessed wrong too often (even if it is
        right now), and when other phrases are being judged."""
        plain = _normal(phrase)
        if len(plain) > PHRASE_CHARS_MAX:
            return False
        self._attempts.check(address)
        mark = self._mark(secret, plain, address)
        if self._is_remembered(mark):
            return True
        self._attempts.charge(address)
        with self.places.tried() as mine:
            right = mine and self._matches(secret, plain)
        if not mine:
            self._attempts.refund(address)
            raise TooMany("others are asking just now; try again in a moment", 1)
        if right:
            self._attempts.refund(address)
            self._remember(mark)
        return right

    def _matches(self, secret: Secret, plain: str) -> bool:
        try:
            return self._verify(secret.phrase_hash.encode(), plain.encode(errors="replace"))
        except InvalidkeyError:
            return False

    def _mark(self, secret: Secret, plain: str, address: str) -> bytes:
        text = f"{secret.exposure_id}\0{secret.changed_ns}\0{address}\0{plain}"
        return hmac.digest(self._key, text.encode(errors="replace"), hashlib.sha256)

    def _is_remembered(self, mark: bytes) -> bool:
        with self._lock:
            return self._remembered.get(mark, 0) > self._clock()

    def _remember(self, mark: bytes) -> None:
        now_ns = self._clock()
        with self._lock:
            self._remembered.pop(mark, None)
            self._remembered[mark] = now_ns + REMEMBERED_SECONDS * _SECOND_NS
            for each in [mark for mark, until_ns in self._remembered.items() if until_ns <= now_ns]:
                del self._remembered[each]
            while len(self._remembered) > REMEMBERED_MAX:
                del self._remembered[next(iter(self._remembered))]


def _normal(phrase: str) -> str:
    """The same letters in the same bytes, whichever keyboard they come from; without the line end of a file."""
    return (
        unicodedata.normalize("NFC", phrase.rstrip("\r\n")) if len(phrase) <= 4 * PHRASE_CHARS_MAX else phrase
    )
