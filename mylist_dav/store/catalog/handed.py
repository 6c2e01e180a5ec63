"""Handed: what the changes of one transaction leave to each other."""

from __future__ import annotations

from mylist_dav.model.entries import Flist
from mylist_dav.store.catalog.rows import Statements
from mylist_dav.store.catalog.treedrafts import TreeDraft
from mylist_dav.store.catalog.trees import Way


class Handed:
    """What a draft leaves to the next one in its transaction: a flist, and the folder in which something was changed.

    newest: no block of the intake lies beyond; None: nobody has looked.

    Clients that write many small files write them into one flist, mostly into one folder. What is said of them holds as
    long as nothing has been written since, not even what was undone again: SQLite counts all of it.
    """

    __slots__ = ("_changes", "flist", "newest", "next_id", "unlocked", "way")

    def __init__(self) -> None:
        self._changes = -1
        self.flist: Flist
        self.next_id = 0
        self.unlocked = False
        self.newest: int | None = None
        self.way: Way

    def leave(self, connection: Statements, tree: TreeDraft, unlocked: bool) -> None:
        """Keep what is known of a tree after its commit; unlocked: the flist has no lock, expired or not."""
        self.flist, self.next_id, self.way = tree.left()
        self.unlocked = unlocked
        self._changes = connection.total_changes()

    def holds(self, connection: Statements) -> bool:
        """Whether it is still so."""
        return self._changes == connection.total_changes()
