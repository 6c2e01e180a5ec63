"""What a quota leaves for an import: refused while its members arrive, before their bytes are stored."""

from __future__ import annotations

from collections.abc import Callable

from mylist_dav.errors import OutOfQuota
from mylist_dav.model.entries import Flist
from mylist_dav.store.catalog import View


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


def allowance(view: View, account: str, flist: Flist | None) -> Allowance | None:
    """For a tree that takes the place of a flist, or comes into it; None: there is no quota.

    A tree that is no larger than the flist is now is allowed, however full the account is.
    """
    found = view.room_of(account)
    if found is None:
        return None
    quota_bytes, used_bytes = found
    freed_bytes = flist.size_bytes if flist is not None else 0
    return Allowance(account, quota_bytes, max(quota_bytes - used_bytes, 0) + freed_bytes)
