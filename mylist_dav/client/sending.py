"""Files to a server: hashed, asked for, and their blocks sent where they are missing; all at the same time.

A file that changes between its hashing and its sending is hashed and sent again; one that never rests is left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from mylist_dav.client.bundles import Bundle, Source
from mylist_dav.client.caches import Hashes
from mylist_dav.client.calls import IDS_MAX, Calls
from mylist_dav.client.crew import Crew
from mylist_dav.client.hashing import TRIES, Hashed, Read, Unsteady, read_steadily
from mylist_dav.client.inside import Inside
from mylist_dav.client.nodes import Block, Node, Tree
from mylist_dav.client.walking import Stamp
from mylist_dav.errors import MylistError

_GROUP_FILES = 64
_GROUP_BYTES = 16 * 1024 * 1024
_ASK_EARLY = 2_000
"""While files are still being hashed one does not wait for a question to be as long as it may."""


class Outcome(NamedTuple):
    """One file that was read, or why it was not. read_ns: the clock before."""

    path: str
    read: Read | str | None
    read_ns: int


class Sending:
    """Hashes files, and sees to it that a server has their blocks. For one thread."""

    def __init__(
        self,
        inside: Inside,
        hashes: Hashes,
        crew: Crew,
        calls: Calls | None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """calls: None hashes only."""
        self._inside = inside
        self._hashes = hashes
        self._crew = crew
        self._calls = calls
        self._clock = clock
        self.nodes: Tree = {}
        self.contents: dict[str, Hashed] = {}
        self.left_out: dict[str, str] = {}
        self._known: frozenset[str] = frozenset()
        self._seen: set[str] = set()
        self._waiting: dict[str, Source] = {}
        self._hashing = 0
        self._asking = 0
        self._bundle = Bundle(inside, crew.progress.moved)
        self._changed: set[str] = set()
        self._refused: dict[str, str] = {}
        self.sent_blocks = self.sent_bytes = 0

    def run(self, tree: Tree, stamps: dict[str, Stamp], known: Iterable[str]) -> None:
        """All files of a tree that was walked. known: digests of contents that the server has, and we may read.

        Afterwards `nodes` has the files with their digests, `contents` their blocks, and `left_out` those without.
        """
        self._known = frozenset(known)
        unread = []
        for path, stamp in stamps.items():
            hashed = self._hashes.get(path, stamp)
            if hashed is None:
                unread.append(path)
            else:
                self._have(path, _with_digest(tree[path], hashed.digest), hashed)
        self._crew.progress.to_read_bytes = sum(stamps[path].size_bytes for path in unread)
        self._hash(unread, stamps)
        self._finish()
        self._once_more()

    def send(self, ids: frozenset[str]) -> None:
        """Send blocks that the server named in a commit as missing, whatever it has said of them before.

        Raises MylistError for what is not of this folder.
        """
        self._seen -= ids
        self._known = frozenset()
        self._have_again(ids)
        if lacking := ids - self._seen:
            raise MylistError(
                f"the server asks for blocks that are not of this folder: {min(lacking)[:64]!r}"
            )
        sources, self._waiting = self._waiting, {}
        self._add(sources, set(ids))
        self._finish()
        self._once_more()

    # -- hashing -----------------------------------------------------------------------------------------------

    def _hash(self, paths: list[str], stamps: dict[str, Stamp]) -> None:
        group, group_bytes = list[str](), 0
        for path in paths:
            group.append(path)
            group_bytes += stamps[path].size_bytes if path in stamps else 0
            if len(group) >= _GROUP_FILES or group_bytes >= _GROUP_BYTES:
                self._start_hashing(group)
                group, group_bytes = [], 0
        self._start_hashing(group)

    def _start_hashing(self, group: list[str]) -> None:
        if group:
            self._hashing += 1
            self._crew.start(self._crew.local, partial(self._read_group, group), self._were_read)

    def _read_group(self, paths: list[str]) -> list[Outcome]:
        return [self._read(path) for path in paths]

    def _read(self, path: str) -> Outcome:
        read_ns = self._clock()
        try:
            read = read_steadily(self._inside, path)
        except FileNotFoundError:
            return Outcome(path, None, read_ns)
        except OSError as error:
            return Outcome(path, f"it cannot be read: {os.strerror(error.errno or 0)}", read_ns)
        except Unsteady as error:
            return Outcome(path, str(error), read_ns)
        self._crew.progress.read_bytes += read.node.size_bytes
        return Outcome(path, read, read_ns)

    def _were_read(self, outcomes: list[Outcome]) -> None:
        self._hashing -= 1
        for path, read, read_ns in outcomes:
            if isinstance(read, Read):
                self._hashes.keep(path, read.stamp, read.hashed, read_ns)
                self._have(path, read.node, read.hashed)
            elif read is None:
                self._forget(path)
            else:
                self._forget(path)
                self.left_out[path] = read
        self._ask(_ASK_EARLY)

    def _have(self, path: str, node: Node, hashed: Hashed) -> None:
        self.nodes[path] = node
        self.contents[path] = hashed
        if self._calls is not None and hashed.digest not in self._known:
            self._want(path, hashed.blocks)

    def _forget(self, path: str) -> None:
        self.nodes.pop(path, None)
        self.contents.pop(path, None)

    def _want(self, path: str, blocks: tuple[Block, ...]) -> None:
        offset = 0
        for block in blocks:
            if block.id not in self._seen:
                self._seen.add(block.id)
                self._waiting[block.id] = Source(path, offset, block)
            offset += block.size_bytes

    # -- asking and sending ------------------------------------------------------------------------------------

    def _ask(self, at_least: int) -> None:
        calls = self._calls
        while calls is not None and len(self._waiting) >= max(1, at_least):
            ids = list(self._waiting)[:IDS_MAX]
            sources = {each: self._waiting.pop(each) for each in ids}
            self._asking += 1
            self._crew.start(
                self._crew.network, partial(calls.missing, ids), partial(self._was_told, sources)
            )

    def _was_told(self, sources: dict[str, Source], missing: set[str]) -> None:
        self._asking -= 1
        self._add(sources, missing)

    def _add(self, sources: dict[str, Source], missing: set[str]) -> None:
        for each, source in sources.items():
            if each in missing:
                self._crew.progress.to_move_bytes += source.block.size_bytes
                self._bundle.add(source)
                if self._bundle.is_full:
                    self._upload()

    def _upload(self) -> None:
        calls, bundle = self._calls, self._bundle
        if calls is None or not bundle:
            return
        self._bundle = Bundle(self._inside, self._crew.progress.moved)
        self._crew.start(
            self._crew.network,
            partial(calls.upload, bundle.tar_bytes, bundle.pieces),
            partial(self._was_sent, bundle),
        )

    def _was_sent(self, bundle: Bundle, refused: dict[str, str]) -> None:
        self._changed |= bundle.changed
        self._refused |= refused
        for source in bundle.sources:
            why = refused.get(source.block.id)
            if why is not None and source.path not in bundle.changed:
                raise MylistError(f"the server does not take block {source.block.id}: {why}")
            if why is None:
                self.sent_blocks += 1
                self.sent_bytes += source.block.size_bytes

    def _finish(self) -> None:
        """Until all that was begun is done."""
        self._crew.progress.phase = "sending" if self._calls is not None else "reading"
        while True:
            if not self._hashing:
                self._ask(1)
            if not self._hashing and not self._asking:
                self._upload()
            if not self._crew.busy:
                return
            self._crew.step()

    def _once_more(self) -> None:
        """What has changed since it was hashed is hashed and sent again."""
        for _ in range(TRIES):
            if not self._changed and not self._refused:
                return
            changed, refused = self._changed, frozenset(self._refused)
            self._changed, self._refused = set(), {}
            for path in changed:
                self._forget(path)
            self._seen -= refused
            self._have_again(refused)
            self._hash(sorted(changed), {})
            self._finish()
        for path in self._changed:
            self._forget(path)
            self.left_out[path] = "it kept changing while it was sent"

    def _have_again(self, ids: frozenset[str]) -> None:
        """Other files may hold the same blocks."""
        for path, hashed in self.contents.items():
            if any(block.id in ids for block in hashed.blocks):
                self._want(path, hashed.blocks)


def _with_digest(node: Node, digest: str) -> Node:
    return Node(node.kind, node.size_bytes, node.mode, node.mtime_ns, digest)
