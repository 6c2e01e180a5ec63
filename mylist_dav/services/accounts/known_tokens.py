"""Who holds which token: from memory, and never older than the last change of a right by anybody."""

from __future__ import annotations

from collections.abc import Callable

from mylist_dav.model.accounts import TokenHolder
from mylist_dav.store.catalog import Cached, Catalog

KNOWN_MAX = 1000


class KnownTokens:
    """What one process knows of tokens, by their hashes. Safe to use from many threads.

    Whatever takes a right away raises the generation of rights, so while that is the same, a token that held holds
    until it expires. One that does not hold is looked up each time: it may be made at any moment.
    """

    def __init__(self, catalog: Catalog, clock: Callable[[], int]) -> None:
        self._catalog = catalog
        self._clock = clock
        self._generation = catalog.generations.watch(Cached.RIGHTS)
        self._known: dict[bytes, tuple[int, TokenHolder]] = {}

    def holder(self, token_hash: bytes) -> TokenHolder | None:
        """Who a token stands for now; None when it does not hold."""
        now_ns = self._clock()
        settled = self._generation()
        seen, holder = self._known.get(token_hash, (None, None))
        if settled is not None and seen == settled and holder is not None and now_ns < holder.expires_ns:
            return holder
        newest = self._catalog.sees_newest()
        with self._catalog.glance() as view:
            holder = view.token_holder(token_hash, now_ns)
        if newest and settled is not None and holder is not None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[token_hash] = settled, holder
        return holder

    def forget(self, token_hash: bytes) -> None:
        """Look it up the next time."""
        self._known.pop(token_hash, None)
