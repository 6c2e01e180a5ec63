"""A tree in a dict, with locks: what the services should do, in the plainest way. Raises Refused where they refuse."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from mylist_dav.model.entries import DIRECTORY_MODE, FILE_MODE
from mylist_dav.model.names import other_normal_form

Path = tuple[str, ...]


class Refused(Exception):
    """The services should refuse this."""


class Node(NamedTuple):
    """ident: survives renames. content: None for a folder."""

    ident: int
    content: bytes | None
    mode: int
    mtime_ns: int

    @property
    def is_folder(self) -> bool:
        return self.content is None


class Held(NamedTuple):
    """A lock."""

    ident: int
    exclusive: bool
    infinite: bool


class TreeModel:
    """nodes: by path, without the root, which is always there. locks: by token."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.nodes: dict[Path, Node] = {}
        self.locks: dict[str, Held] = {}
        self._now_ns = now_ns
        self._idents = itertools.count(1)

    # -- looking -----------------------------------------------------------------------------------------------

    def resolve(self, path: Path) -> Path | None:
        """The path as it is stored, or None."""
        found: Path = ()
        for name in path:
            for form in (name, other_normal_form(name)):
                if form is not None and (*found, form) in self.nodes:
                    found = (*found, form)
                    break
            else:
                return None
        return found

    def folder(self, path: Path) -> Path:
        """The stored path of a folder. Raises Refused when there is none."""
        found = self.resolve(path)
        if found is None or (found and not self.nodes[found].is_folder):
            raise Refused
        return found

    def there(self, path: Path) -> Path:
        """The stored path of what is there. Raises Refused."""
        found = self.resolve(path)
        if found is None:
            raise Refused
        return found

    def below(self, path: Path) -> list[Path]:
        return [one for one in self.nodes if len(one) > len(path) and one[: len(path)] == path]

    # -- locks -------------------------------------------------------------------------------------------------

    def _on(self, path: Path) -> Iterator[Held]:
        ident = self.nodes[path].ident if path in self.nodes else 0
        return (lock for lock in self.locks.values() if lock.ident == ident)

    def covering(self, path: Path) -> Iterator[Held]:
        """The locks on a path, and those of infinite depth above it."""
        yield from self._on(path) if path else ()
        for length in range(len(path)):
            yield from (lock for lock in self._on(path[:length]) if lock.infinite)

    def guard(self, path: Path, submitted: bool, *, names: bool = False, below: bool = False) -> None:
        """Raises Refused when a lock is in the way. names: the name in its folder changes too."""
        if submitted:
            return
        in_the_way = [*self.covering(path)]
        if names:
            in_the_way += self._on(path[:-1])
        if below:
            in_the_way += [lock for one in self.below(path) for lock in self._on(one)]
        if in_the_way:
            raise Refused

    def drop_lost_locks(self) -> None:
        """Locks go with what they are on."""
        there = {node.ident for node in self.nodes.values()} | {0}
        self.locks = {token: lock for token, lock in self.locks.items() if lock.ident in there}

    # -- changes -----------------------------------------------------------------------------------------------

    def put(self, path: Path, content: bytes, submitted: bool) -> None:
        found = self.resolve(path)
        if found is None:
            self._add(path, Node(next(self._idents), content, FILE_MODE, self._now_ns()), submitted)
            return
        if not found or self.nodes[found].is_folder:
            raise Refused
        self.guard(found, submitted)
        self.nodes[found] = self.nodes[found]._replace(content=content, mtime_ns=self._now_ns())

    def mkdir(self, path: Path, submitted: bool) -> None:
        if self.resolve(path) is not None:
            raise Refused
        self._add(path, Node(next(self._idents), None, DIRECTORY_MODE, self._now_ns()), submitted)

    def _add(self, path: Path, node: Node, submitted: bool) -> Path:
        place = (*self.folder(path[:-1]), path[-1])
        self.guard(place, submitted, names=True)
        self.nodes[place] = node
        return place

    def delete(self, path: Path, submitted: bool) -> None:
        self._take_away(self.there(path), submitted)

    def _take_away(self, found: Path, submitted: bool) -> None:
        self.guard(found, submitted, names=True, below=True)
        for one in [found, *self.below(found)]:
            del self.nodes[one]
        self.drop_lost_locks()

    def set_mode(self, path: Path, mode: int, submitted: bool) -> None:
        found = self.there(path)
        self.guard(found, submitted)
        self.nodes[found] = self.nodes[found]._replace(mode=mode)

    def move(self, source: Path, target: Path, overwrite: bool, submitted: bool) -> None:
        if source == target:
            raise Refused
        found = self.there(source)
        self._refuse_cycle(found, target)
        self.guard(found, submitted, names=True, below=True)
        existing = self.resolve(target)
        parent = self.folder(target[:-1])
        if existing == found:
            if (*parent, target[-1]) == found:
                raise Refused
        else:
            self._make_room(found, existing, parent, target, overwrite, submitted)
        moved = {one: self.nodes.pop(one) for one in [found, *self.below(found)]}
        for one, node in moved.items():
            self.nodes[(*parent, target[-1], *one[len(found) :])] = node
        gone = {node.ident for node in moved.values()}
        self.locks = {token: lock for token, lock in self.locks.items() if lock.ident not in gone}

    def copy(self, source: Path, target: Path, overwrite: bool, members: bool, submitted: bool) -> None:
        if source == target:
            raise Refused
        found = self.there(source)
        if members:
            self._refuse_cycle(found, target)
        existing = self.resolve(target)
        if existing == found:
            raise Refused
        parent = self.folder(target[:-1])
        self._make_room(found, existing, parent, target, overwrite, submitted)
        copied = [found, *(self.below(found) if members else ())]
        for one, node in [(one, self.nodes[one]) for one in copied]:
            place = (*parent, target[-1], *one[len(found) :])
            self.nodes[place] = node._replace(ident=next(self._idents))

    def _refuse_cycle(self, found: Path, target: Path) -> None:
        """A folder into itself, also where the way to the target does not exist to its end."""
        above = (self.resolve(target[:length]) for length in range(1, len(target)))
        if self.nodes[found].is_folder and found in above:
            raise Refused

    def _make_room(
        self, found: Path, existing: Path | None, parent: Path, target: Path, overwrite: bool, submitted: bool
    ) -> None:
        if existing is None:
            self.guard((*parent, target[-1]), submitted, names=True)
            return
        nested = found[: len(existing)] == existing or existing[: len(found)] == found
        if not overwrite or not existing or nested:
            raise Refused
        self._take_away(existing, submitted)

    def lock(self, path: Path, token: str, exclusive: bool, infinite: bool, submitted: bool) -> None:
        found = self.resolve(path)
        place = found if found is not None else (*self.folder(path[:-1]), path[-1])
        held = [*self.covering(place)]
        deep = infinite and found is not None and self.nodes[found].is_folder
        if deep:
            held += [lock for one in self.below(place) for lock in self._on(one)]
        if any(exclusive or lock.exclusive for lock in held):
            raise Refused
        if found is None:
            self._add(path, Node(next(self._idents), b"", FILE_MODE, self._now_ns()), submitted)
        self.locks[token] = Held(self.nodes[place].ident, exclusive, deep)
