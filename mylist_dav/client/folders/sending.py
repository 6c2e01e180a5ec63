"""Files to a server: hashed, asked for, and their blocks sent where they are missing; all at the same time.

Small files are kept in memory from their hashing to their sending, as far as there is room. A file that is read again
to be sent, and has changed, is hashed and sent once more; one that never rests is left out.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from threading import Lock
from typing import NamedTuple

from mylist_dav.client.calls import Calls
from mylist_dav.client.dialling import CONNECTIONS
from mylist_dav.client.folders.bundles import BUNDLE_BYTES, Bundle, Source
from mylist_dav.client.folders.caches import Hashes
from mylist_dav.client.folders.crew import Alone, Crew
from mylist_dav.client.folders.hashing import TRIES, Hashed, Read, Unsteady, read_steadily
from mylist_dav.client.folders.inside import Inside, Near
from mylist_dav.client.folders.nodes import Node, Tree
from mylist_dav.client.folders.walking import Stamp
from mylist_dav.errors import MylistError

_GROUP_FILES = 64
_GROUP_BYTES = 16 * 1024 * 1024
_ALONE_BYTES = 4 * 1024 * 1024
"""A group of more is hashed by another thread: that takes the processor, and not the interpreter."""

_ALONE_TIMES = 4.0
"""Beside threads that send, much of what looks like waiting for a disk is waiting for the interpreter."""

_IDLE_BLOCKS = 400
_IDLE_BYTES = 1024 * 1024
"""What is worth a bundle of its own for a connection that has nothing to do, as long as more is coming."""

_ASK_FIRST = 256
_ASK_MOST = 2_048
"""Ids in the first question, and in the longest. Each may be twice as long as the one before, so that sending begins
after one round trip: over a fresh connection a long question takes several."""

_ASK_AT_ONCE = 2
"""Questions that are under way: the other connections are for blocks."""

UNASKED_BYTES = 32 * 1024
"""What is no more than that is sent without asking: it takes no longer than the question."""

_TRUST = 4
_TRUSTED_BYTES_MAX = 16 * 1024
"""Where a server has none of the blocks it was asked for, it is not asked for so many times as many small ones that
come next: a question for a small block costs a good part of what sending it does."""

KEPT_BYTES_MAX = 64 * 1024 * 1024


class Outcome(NamedTuple):
    """One file that was read, or why it was not. read_ns: the clock before."""

    path: str
    read: Read | str | None
    read_ns: int


class Room:
    """So many bytes of memory may be taken at a time. Thread-safe."""

    def __init__(self, size_bytes: int) -> None:
        self._left_bytes = size_bytes
        self._lock = Lock()

    def take(self, size_bytes: int) -> bool:
        """Whether there was room for so many more."""
        with self._lock:
            fits = size_bytes <= self._left_bytes
            self._left_bytes -= size_bytes if fits else 0
        return fits

    def give_back(self, size_bytes: int) -> None:
        with self._lock:
            self._left_bytes += size_bytes


class Sending:
    """Hashes files, and sees to it that a server has their blocks: read() once, then run(). For one thread."""

    def __init__(
        self,
        inside: Inside,
        hashes: Hashes,
        crew: Crew,
        clock: Callable[[], int] = time.time_ns,
        kept_bytes_max: int = KEPT_BYTES_MAX,
    ) -> None:
        """kept_bytes_max: of small files, for which memory is taken; 0 where nothing is to be sent."""
        self._inside = inside
        self._hashes = hashes
        self._crew = crew
        self._calls: Calls | None = None
        self._ready: Callable[[], object] = lambda: None
        self._clock = clock
        self._room = Room(kept_bytes_max)
        self.nodes: Tree = {}
        self.contents: dict[str, Hashed] = {}
        self.left_out: dict[str, str] = {}
        self._known: frozenset[str] = frozenset()
        self._seen: set[str] = set()
        self._waiting = deque[Source]()
        self._waiting_bytes = 0
        self._unread = deque[tuple[list[str], dict[str, Stamp], int]]()  # groups, stamps, bytes
        self._alone = Alone(_ALONE_TIMES)
        self._early: list[Outcome] | None = []  # until it is known what the server has
        self._hashing = 0
        self._asking = 0
        self._ask_ids = _ASK_FIRST
        self._trusted = 0  # blocks that are sent without asking
        self._uploading = 0
        self._bundle = Bundle(inside, crew.progress.moved)
        self._changed: set[str] = set()
        self._refused: dict[str, str] = {}
        self.sent_blocks = self.sent_bytes = 0

    def read(self, tree: Tree, stamps: dict[str, Stamp]) -> int:
        """Begin with the files of a tree that was walked: hashes that are remembered are used, other files are read.

        Returns how many bytes are to be read.
        """
        unread = []
        for path, stamp in stamps.items():
            hashed = self._hashes.get(path, stamp)
            if hashed is None:
                unread.append(path)
            else:
                self.nodes[path] = _with_digest(tree[path], hashed.digest)
                self.contents[path] = hashed
        self._crew.progress.to_read_bytes = sum(stamps[path].size_bytes for path in unread)
        self._hash(unread, stamps)
        return self._crew.progress.to_read_bytes

    def run(
        self, calls: Calls | None, known: Iterable[str], ready: Callable[[], object] = lambda: None
    ) -> None:
        """Until all is hashed, and sent. calls: None hashes only. known: digests of contents that the server has.

        ready: waits until blocks may be sent; asking does not wait for it.
        Afterwards `nodes` has the files with their digests, `contents` their blocks, and `left_out` those without.
        """
        self._calls, self._ready = calls, ready
        self._known = frozenset(known)
        for path, hashed in self.contents.items():
            self._want(path, hashed)
        early, self._early = self._early or [], None
        self._take_in(early)
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
        sources, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        self._add([source for source in sources if source.block.id in ids])
        self._finish()
        self._once_more()

    # -- hashing -----------------------------------------------------------------------------------------------

    def go_on(self) -> bool:
        """Read some more files, in this thread where that is the quickest; False when none is left to begin with."""
        if not self._unread:
            return False
        paths, stamps, size_bytes = self._unread.popleft()
        if stamps and self._alone.is_enough and size_bytes <= _ALONE_BYTES:
            with self._alone.at_work():
                outcomes = self._read_group(paths, stamps)
            if self._early is None:
                self._take_in(outcomes)
            else:
                self._early += outcomes
        else:
            self._hashing += 1
            self._crew.start(self._crew.local, partial(self._read_group, paths, stamps), self._were_read)
        return True

    def _hash(self, paths: list[str], stamps: dict[str, Stamp]) -> None:
        group, group_bytes = list[str](), 0
        for path in paths:
            group.append(path)
            group_bytes += stamps[path].size_bytes if path in stamps else 0
            if len(group) >= _GROUP_FILES or group_bytes >= _GROUP_BYTES:
                self._unread.append((group, stamps, group_bytes))
                group, group_bytes = [], 0
        if group:
            self._unread.append((group, stamps, group_bytes))

    def _read_group(self, paths: list[str], stamps: dict[str, Stamp]) -> list[Outcome]:
        read_ns = self._clock()
        with Near(self._inside) as near:
            return [self._read(near, path, stamps.get(path), read_ns) for path in paths]

    def _read(self, near: Near, path: str, seen: Stamp | None, read_ns: int) -> Outcome:
        try:
            read = read_steadily(near, path, seen)
        except FileNotFoundError:
            return Outcome(path, None, read_ns)
        except OSError as error:
            return Outcome(path, f"it cannot be read: {os.strerror(error.errno or 0)}", read_ns)
        except Unsteady as error:
            return Outcome(path, str(error), read_ns)
        self._crew.progress.read_bytes += read.node.size_bytes
        if read.data is not None and not self._room.take(len(read.data)):
            read = read._replace(data=None)
        return Outcome(path, read, read_ns)

    def _were_read(self, outcomes: list[Outcome]) -> None:
        self._hashing -= 1
        self._take_in(outcomes)

    def _take_in(self, outcomes: list[Outcome]) -> None:
        for path, read, read_ns in outcomes:
            if isinstance(read, Read):
                self._hashes.keep(path, read.stamp, read.hashed, read_ns)
                self._have(path, read)
            elif read is None:
                self._forget(path)
            else:
                self._forget(path)
                self.left_out[path] = read

    def _have(self, path: str, read: Read) -> None:
        self.nodes[path] = read.node
        self.contents[path] = read.hashed
        if not self._want(path, read.hashed, read.data) and read.data is not None:
            self._room.give_back(len(read.data))

    def _forget(self, path: str) -> None:
        self.nodes.pop(path, None)
        self.contents.pop(path, None)

    def _want(self, path: str, hashed: Hashed, data: bytes | None = None) -> bool:
        """Have blocks sent that nobody has looked after yet; whether there are any. data: of a content of one block."""
        if self._calls is None or hashed.digest in self._known:
            return False
        offset, before = 0, len(self._waiting)
        for block in hashed.blocks:
            if block.id not in self._seen:
                self._seen.add(block.id)
                self._waiting.append(Source(path, offset, block, data))
                self._waiting_bytes += block.size_bytes
            offset += block.size_bytes
        return len(self._waiting) > before

    # -- asking and sending ------------------------------------------------------------------------------------

    @property
    def _more_comes(self) -> bool:
        return bool(self._unread or self._hashing)

    def _ask(self) -> None:
        """Ask for what waits, once it is as much as a question may be, or nothing more comes."""
        calls = self._calls
        self._add_trusted()
        while calls is not None and self._waiting and self._asking < _ASK_AT_ONCE:
            if not self._more_comes and not self._asking and self._waiting_bytes <= UNASKED_BYTES:
                self._add(self._next_sources(len(self._waiting)))
                return
            short = len(self._waiting) < self._ask_ids and self._waiting_bytes < BUNDLE_BYTES
            if self._more_comes and short:
                return
            sources = self._next_sources(self._ask_ids)
            self._ask_ids = min(2 * self._ask_ids, _ASK_MOST)
            self._asking += 1
            ids = [source.block.id for source in sources]
            self._crew.start(
                self._crew.network, partial(calls.missing, ids), partial(self._was_told, sources)
            )

    def _next_sources(self, count: int) -> list[Source]:
        """Those of so many blocks, which wait no longer."""
        sources = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        self._waiting_bytes -= sum(source.block.size_bytes for source in sources)
        return sources

    def _was_told(self, sources: list[Source], missing: set[str]) -> None:
        self._asking -= 1
        self._trusted = _TRUST * len(sources) if len(missing) == len(sources) else 0
        self._add([source for source in sources if source.block.id in missing])
        if len(missing) < len(sources):
            for source in sources:
                if source.block.id not in missing:
                    self._let_go(source)

    def _add_trusted(self) -> None:
        """The small ones that come first, while the server is not to be asked for them."""
        count = 0
        for source in islice(self._waiting, self._trusted):
            if source.block.size_bytes > _TRUSTED_BYTES_MAX:
                break
            count += 1
        self._trusted -= count
        self._add(self._next_sources(count))

    def _add(self, sources: Iterable[Source]) -> None:
        """Have these sent."""
        for source in sources:
            self._crew.progress.to_move_bytes += source.block.size_bytes
            self._bundle.add(source)
            if self._bundle.is_full:
                self._upload()

    def _upload(self) -> None:
        calls, bundle = self._calls, self._bundle
        if calls is None or not bundle:
            return
        self._bundle = Bundle(self._inside, self._crew.progress.moved)
        self._uploading += 1
        self._crew.start(
            self._crew.network,
            partial(self._send, calls, bundle),
            partial(self._was_sent, bundle),
        )

    def _send(self, calls: Calls, bundle: Bundle) -> dict[str, str]:
        self._ready()
        return calls.upload(len(bundle), bundle.tar_bytes, bundle.pieces)

    def _was_sent(self, bundle: Bundle, refused: dict[str, str]) -> None:
        self._uploading -= 1
        self._changed |= bundle.changed
        self._refused |= refused
        if not refused:
            self.sent_blocks += len(bundle)
            self.sent_bytes += bundle.size_bytes
            self._room.give_back(
                sum(len(source.data) for source in bundle.sources if source.data is not None)
            )
            return
        for source in bundle.sources:
            self._let_go(source)
            why = refused.get(source.block.id)
            if why is not None and source.path not in bundle.changed:
                raise MylistError(f"the server does not take block {source.block.id}: {why}")
            if why is None:
                self.sent_blocks += 1
                self.sent_bytes += source.block.size_bytes

    def _let_go(self, source: Source) -> None:
        if source.data is not None:
            self._room.give_back(len(source.data))

    def _finish(self) -> None:
        """Until all that was begun is done."""
        self._crew.progress.phase = "sending" if self._calls is not None else "reading"
        while True:
            self._ask()
            if self._asking + self._uploading < CONNECTIONS and (
                not self._more_comes or self._bundle.is_worth(_IDLE_BLOCKS, _IDLE_BYTES)
            ):
                self._upload()
            if self.go_on():
                self._crew.settle()
            elif self._crew.busy:
                self._crew.step()
            else:
                return

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
                self._want(path, hashed)


def _with_digest(node: Node, digest: str) -> Node:
    return Node(node.kind, node.size_bytes, node.mode, node.mtime_ns, digest)
