"""What a server signs with its own key about itself, and how a client follows it from one key to the next.

Every text begins with a line that says what it is for, so that no signature counts for anything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.model.login_text import utc_time

CHANGES_MAX = 16
"""How many changes of its key a server remembers, and a client follows."""


class KeyChange(NamedTuple):
    """A server's word, signed with its old key, that it has a new one. seconds: since the epoch."""

    old: PublicKey
    new: PublicKey
    seconds: int
    signature: bytes

    @property
    def holds(self) -> bool:
        """Whether it was the old key that signed."""
        return verify(self.old, change_text(self.old, self.new, self.seconds).encode(), self.signature)


def change_text(old: PublicKey, new: PublicKey, seconds: int) -> str:
    """What the old key of a server signs."""
    return (
        "mylist change of a server key, version 1\nFrom now on the server with the old key has the new one.\n"
        f"old key: {old.hex()}\nnew key: {new.hex()}\ntime: {utc_time(seconds)}"
    )


def offer_text(challenge: str) -> str:
    """What a server signs to show that a challenge comes from who has its key."""
    return f"mylist challenge of a server, version 1\n{challenge}"


def leads_to(known: PublicKey, shown: PublicKey, changes: Iterable[KeyChange]) -> bool:
    """Whether a server whose key was `known` may have the key `shown` now: the same, or by changes that all hold."""
    following = {change.old: change for change in changes if change.holds}
    for _ in range(CHANGES_MAX + 1):
        if known == shown:
            return True
        if known not in following:
            return False
        known = following[known].new
    return False
