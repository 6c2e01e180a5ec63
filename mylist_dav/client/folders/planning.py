"""What has to be done so that one tree becomes as another is. Pure: both directions use it, neither tree is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from mylist_dav.client.folders.nodes import DIRECTORY, FILE, SYMLINK, Node, Tree, above, in_order, parent_of
from mylist_dav.errors import Conflict

IsOut = Callable[[str, bool], bool]
"""Whether a path, and whether it is a folder, is to be left alone: ignored, or not readable."""

_SHOWN_MAX = 10


class Step(NamedTuple):
    """One path that changes. was: what is there, None for nothing; now: what is to be there, None for nothing."""

    path: str
    was: Node | None
    now: Node | None

    @property
    def replaces(self) -> bool:
        """Whether what is there has to go first: it is of another kind, or a symlink, which is never rewritten."""
        if self.was is None or self.now is None:
            return False
        return self.was.kind != self.now.kind or (
            self.now.kind == SYMLINK and self.was.target != self.now.target
        )

    @property
    def brings_content(self) -> bool:
        """Whether a content has to be carried over."""
        now, was = self.now, self.was
        if now is None or now.kind != FILE:
            return False
        return was is None or was.kind != FILE or was.digest != now.digest


class Plan(NamedTuple):
    """removed: topmost paths that go, with all below. steps: the rest, each folder before what is in it."""

    removed: list[Step]
    steps: list[Step]

    def __bool__(self) -> bool:
        return bool(self.removed or self.steps)

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many are added, changed and removed; what is below a removed folder is not counted."""
        added = sum(step.was is None for step in self.steps)
        return added, len(self.steps) - added, len(self.removed)

    def paths(self) -> set[str]:
        return {step.path for step in (*self.removed, *self.steps)}


def plan(wanted: Tree, there: Tree, *, delete: bool, is_out: IsOut) -> Plan:
    """From what is there to what is wanted. delete: what is not wanted goes; what is_out says stays in any case.

    Raises Conflict when a folder is in the way of something else, and may not be removed.
    """
    if wanted == there:
        return Plan([], [])
    kept = _kept(wanted, there, is_out)
    gone: set[str] = set()
    removed: list[Step] = []
    if delete:
        for path in in_order(there.keys() - wanted.keys()):
            if parent_of(path) in gone:
                gone.add(path)
            elif path not in kept:
                gone.add(path)
                removed.append(Step(path, there[path], None))
    differing = [path for path, node in wanted.items() if there.get(path) != node]
    steps = [
        Step(path, there.get(path), wanted[path])
        for path in in_order(differing)
        if not _alike(there.get(path), wanted[path])
    ]
    _refuse_folders_in_the_way(steps, there, kept, delete)
    return Plan(removed, steps)


def refuse_what_lies_in_links(wanted: Tree) -> None:
    """Raises Conflict for a tree in which something lies below what is no folder: no server has such."""
    for path in wanted:
        parent = parent_of(path)
        if parent and (parent not in wanted or wanted[parent].kind != DIRECTORY):
            raise Conflict(f"{path!r} lies in no folder")


def changed_between(before: Tree, after: Tree) -> set[str]:
    """The paths at which two trees differ."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def touching(one: set[str], other: set[str]) -> list[str]:
    """The paths of other that are in one too, or lie below or above a path of it."""
    around = {folder for path in one for folder in above(path)}
    return sorted(
        path for path in other if path in one or path in around or any(up in one for up in above(path))
    )


def listed(paths: Iterable[str]) -> str:
    """Some paths as lines of a message."""
    names = list(paths)
    lines = [f"  {name if name.isprintable() else repr(name)}" for name in names[:_SHOWN_MAX]]
    if len(names) > _SHOWN_MAX:
        lines.append(f"  and {len(names) - _SHOWN_MAX} more")
    return "\n".join(lines)


def _kept(wanted: Tree, there: Tree, is_out: IsOut) -> set[str]:
    """What is there, not wanted, and stays in any case; and the folders above it."""
    kept: set[str] = set()
    for path in there.keys() - wanted.keys():
        if is_out(path, there[path].kind == DIRECTORY):
            kept.add(path)
            kept.update(above(path))
    return kept


def _alike(was: Node | None, now: Node) -> bool:
    """Whether nothing has to be done. Only files have a digest, and symlinks have no mode that counts."""
    if was is None or was.kind != now.kind or was.mtime_ns != now.mtime_ns:
        return False
    if now.kind == FILE:
        return was.digest == now.digest and was.mode == now.mode
    return was.mode == now.mode if now.kind == DIRECTORY else was.target == now.target


def _refuse_folders_in_the_way(steps: list[Step], there: Tree, kept: set[str], delete: bool) -> None:
    in_the_way = {
        step.path for step in steps if step.replaces and step.was is not None and step.was.kind == DIRECTORY
    }
    if not in_the_way:
        return
    full = sorted({parent_of(path) for path in there if parent_of(path) in in_the_way})
    if not delete and full:
        raise Conflict(f"folders are in the way of what is no folder; with --delete they go:\n{listed(full)}")
    if stuck := sorted(in_the_way & kept):
        raise Conflict(f"folders are in the way, and hold what is left alone:\n{listed(stuck)}")
