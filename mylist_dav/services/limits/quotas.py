"""What a quota leaves for an import: refused while its members arrive, before their bytes are stored.

A body that is kept before it is looked into is held to it too, or it could fill the disk with what is refused after.
"""

from __future__ import annotations

from collections.abc import Callable

from mylist_dav.errors import OutOfQuota
from mylist_dav.model.entries import Entry, Flist
from mylist_dav.store.catalog import View

MEMBER_BYTES = 2048
"""What an archive may have for each member beside its content: tar has 512 to 2,000 bytes of headers and padding."""

Require = Callable[[int], None]
"""To be called with the size of a body, as it was declared and as it grows. Raises OutOfQuota."""


def any_size(size_bytes: int) -> None:
    """For bodies without a quota."""


class Allowance:
    """So much may an archive or a directory bring in all.

    Of members of one name the last counts, so what has arrived is only looked up exactly where it may be too much.
    """

    def __init__(self, account: str, quota_bytes: int, free_bytes: int) -> None:
        """free_bytes: the largest tree that there is room for."""
        self._account = account
        self._quota_bytes = quota_bytes
        self._free_bytes = self._look_at_bytes = max(free_bytes, 0)

    def require(self, arrived_bytes: int, counted_bytes: Callable[[], int]) -> None:
        """Raises OutOfQuota. arrived_bytes: of all members, the one to come included; counted_bytes: of the tree."""
        if arrived_bytes <= self._look_at_bytes:
            return
        counted = counted_bytes()
        if counted > self._free_bytes:
            raise OutOfQuota(
                f"the flists of {self._account} may hold {self._quota_bytes} bytes together, and there is no room for"
                f" a tree of {counted}"
            )
        self._look_at_bytes = arrived_bytes + self._free_bytes - counted

    def require_body(self, size_bytes: int, beside_bytes: int = 0) -> None:
        """Raises OutOfQuota for a body of this size, of which no more than beside_bytes is no content."""
        if size_bytes > self._free_bytes + beside_bytes:
            raise OutOfQuota(
                f"the flists of {self._account} may hold {self._quota_bytes} bytes together, and there is no room for"
                f" a body of {size_bytes}"
            )


def allowance(view: View, account: str, flist: Flist | Entry | None) -> Allowance | None:
    """For what takes the place of a flist or a file, or comes into a flist; None: there is no quota.

    What is no larger than what is there now is allowed, however full the account is.
    """
    found = view.room_of(account)
    if found is None:
        return None
    quota_bytes, used_bytes = found
    freed_bytes = flist.size_bytes if flist is not None else 0
    return Allowance(account, quota_bytes, max(quota_bytes - used_bytes, 0) + freed_bytes)
