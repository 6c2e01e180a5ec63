"""Contents from a server into files: what other files here hold already is copied, and the rest comes in bundles.

Every block and every content is hashed before a file gets its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial

from blake3 import blake3

from mylist_dav.client.calls import Calls, unique
from mylist_dav.client.folders.bundles import BUNDLE_BLOCKS, BUNDLE_BYTES, Source, read_bundle
from mylist_dav.client.folders.crew import Crew
from mylist_dav.client.folders.hashing import Hashed
from mylist_dav.client.folders.inside import Inside
from mylist_dav.client.folders.nodes import Block
from mylist_dav.client.folders.placing import Placing
from mylist_dav.client.folders.planning import Step
from mylist_dav.errors import Corrupt, MylistError
from mylist_dav.model.contents import WHOLE_BYTES_MAX
from mylist_dav.model.digest import EMPTY, Digest

_AT_ONCE = 16
"""Files of one content that are written at the same time: each holds two descriptors."""


class Fetching:
    """Fetches the contents of files. here: what the files of this folder held when they were hashed."""

    def __init__(
        self, inside: Inside, placing: Placing, crew: Crew, calls: Calls, here: Mapping[str, Hashed]
    ) -> None:
        self._inside = inside
        self._placing = placing
        self._crew = crew
        self._calls = calls
        self._here = _sources(here)
        self.received_blocks = self.received_bytes = 0

    def run(self, steps: list[Step]) -> None:
        """All these files. Raises MylistError, Corrupt; what is finished by then stays."""
        by_digest: dict[str, list[Step]] = {}
        for step in steps:
            assert step.now is not None
            by_digest.setdefault(step.now.digest, []).append(step)
        long = [digest for digest, group in by_digest.items() if _size(group) > WHOLE_BYTES_MAX]
        recipes = self._calls.recipes(long) if long else {}
        self._expect(by_digest, recipes)
        for digest in long:
            if digest not in recipes or sum(b.size_bytes for b in recipes[digest]) != _size(
                by_digest[digest]
            ):
                raise MylistError(f"the server does not say what {by_digest[digest][0].path!r} is made of")
            self._start(partial(self._long, digest, by_digest[digest], recipes[digest]))
        group, group_bytes = list[Step](), 0
        for digest, some in by_digest.items():
            if digest in recipes:
                continue
            group += some
            group_bytes += _size(some)
            if group_bytes >= BUNDLE_BYTES or len(group) >= BUNDLE_BLOCKS:
                self._start(partial(self._short, group))
                group, group_bytes = [], 0
        if group:
            self._start(partial(self._short, group))
        self._crew.run()

    def _start(self, work: partial[tuple[int, int]]) -> None:
        self._crew.start(self._crew.network, work, self._received)

    def _received(self, count: tuple[int, int]) -> None:
        self.received_blocks += count[0]
        self.received_bytes += count[1]

    def _expect(self, by_digest: dict[str, list[Step]], recipes: dict[str, tuple[Block, ...]]) -> None:
        """How much is to come."""
        for digest, group in by_digest.items():
            blocks = recipes.get(digest) or (Block(digest, _size(group)),)
            self._crew.progress.to_move_bytes += sum(b.size_bytes for b in blocks if b.id not in self._here)

    # -- in the threads of the network -------------------------------------------------------------------------

    def _short(self, steps: list[Step]) -> tuple[int, int]:
        """Files of one block, or none. Holds all of them."""
        wanted = [
            Block(step.now.digest, step.now.size_bytes) for step in steps if step.now and step.now.size_bytes
        ]
        blocks, count = self._blocks(wanted)
        for step in steps:
            assert step.now is not None
            data = blocks[step.now.digest] if step.now.size_bytes else b""
            if not data and step.now.digest != str(EMPTY):
                raise Corrupt(f"{step.path!r} is said to be empty, and its digest says otherwise")
            self._write(step, data)
        return count

    def _write(self, step: Step, data: bytes) -> None:
        with self._placing.noting(step.path), self._placing.draft(step.path) as draft:
            draft.write(data)
            self._placing.place(draft, step)

    def _long(self, digest: str, steps: list[Step], recipe: tuple[Block, ...]) -> tuple[int, int]:
        """A content of several blocks, into each file that is to hold it: some first, which are copied then."""
        received = (0, 0)
        for start in range(0, len(steps), _AT_ONCE):
            count = self._some(digest, steps[start : start + _AT_ONCE], recipe)
            received = (received[0] + count[0], received[1] + count[1])
            if start == 0:
                for each, source in _sources_in(steps[0].path, recipe):
                    self._here.setdefault(each, source)
        return received

    def _some(self, digest: str, steps: list[Step], recipe: tuple[Block, ...]) -> tuple[int, int]:
        """Holds a bundle of blocks, and these files open."""
        whole, received = blake3(), [0, 0]
        with ExitStack() as stack:
            drafts = []
            for step in steps:
                with self._placing.noting(step.path):
                    drafts.append((step, stack.enter_context(self._placing.draft(step.path))))
            for part in _parts(recipe):
                blocks, count = self._blocks(part)
                received = [received[0] + count[0], received[1] + count[1]]
                for block in part:
                    whole.update(blocks[block.id])
                    for _, draft in drafts:
                        self._append(draft.write, blocks[block.id])
            if whole.hexdigest() != digest:
                raise Corrupt(f"the blocks of {steps[0].path!r} do not make up the content that they should")
            for step, draft in drafts:
                with self._placing.noting(step.path):
                    self._placing.place(draft, step)
        return received[0], received[1]

    def _append(self, write: object, data: bytes) -> None:
        assert callable(write)
        try:
            write(data)
        except OSError as error:
            raise MylistError(f"a file cannot be written: {os.strerror(error.errno or 0)}") from error

    def _blocks(self, wanted: list[Block]) -> tuple[dict[str, bytes], tuple[int, int]]:
        """These blocks, from files here or from the server; and how many of them, and bytes, came from there."""
        found: dict[str, bytes] = {}
        for block in wanted:
            source = self._here.get(block.id)
            data = self._from_here(source) if source is not None and block.id not in found else None
            if data is not None:
                found[block.id] = data
        ids = unique(block.id for block in wanted if block.id not in found)
        if not ids:
            return found, (0, 0)
        fetched = self._calls.download(ids, lambda pieces: read_bundle(pieces, set(ids)))
        fetched_bytes = sum(map(len, fetched.values()))
        self._crew.progress.moved(fetched_bytes)
        for block in wanted:
            if len(found.get(block.id) or fetched.get(block.id, b"")) != block.size_bytes:
                raise Corrupt(f"block {block.id} is not as long as the server said")
        return found | fetched, (len(fetched), fetched_bytes)

    def _from_here(self, source: Source) -> bytes | None:
        """A block out of a file of this folder, if it is still there."""
        try:
            with self._inside.file(source.path) as descriptor:
                data = os.pread(descriptor, source.block.size_bytes, source.offset)
        except OSError:
            return None
        return data if str(Digest.of(data)) == source.block.id else None


def _sources(here: Mapping[str, Hashed]) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for path, hashed in here.items():
        for each, source in _sources_in(path, hashed.blocks):
            found.setdefault(each, source)
    return found


def _sources_in(path: str, blocks: tuple[Block, ...]) -> Iterator[tuple[str, Source]]:
    """Where the blocks of a file stand in it."""
    offset = 0
    for block in blocks:
        yield block.id, Source(path, offset, block)
        offset += block.size_bytes


def _size(group: list[Step]) -> int:
    now = group[0].now
    assert now is not None
    return now.size_bytes


def _parts(recipe: tuple[Block, ...]) -> Iterator[list[Block]]:
    """The blocks in order, in lists that fit into memory."""
    part, part_bytes = list[Block](), 0
    for block in recipe:
        part.append(block)
        part_bytes += block.size_bytes
        if part_bytes >= BUNDLE_BYTES:
            yield part
            part, part_bytes = [], 0
    if part:
        yield part
