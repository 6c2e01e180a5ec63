"""Filing: blocks that landed in the intake of the catalog get their files, in groups, a little later.

Each slice is idempotent: blocks are made durable as files first, their rows are removed after that. Whoever dies in
between leaves both, and the next one finds the files and removes the rows. The same blocks may be filed by two at once.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from mylist_dav.errors import Corrupt, MylistError
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.blockstore.intake import Intake
from mylist_dav.store.catalog import Catalog, Draft, IntakeRow
from mylist_dav.store.catalog.turns import Turn
from mylist_dav.store.pacing import REST_SHARE

SLICE_ROWS = 500
SLICE_BYTES = 8 * 1024 * 1024
LOOK_SECONDS = 0.5
"""How often the thread looks. An intake that looks the same twice is quiet."""

CROWDED_BYTES = 32 * 1024 * 1024
"""From here on it is filed although blocks still come in."""

CROWDED_LOOKS = 60
"""Or when there was something in it at so many looks in a row: a trickle of uploads is never quiet."""

FAILED_SECONDS = 5.0
JOIN_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Round:
    """Going through the intake once, from the oldest block on, slice by slice. For one thread."""

    def __init__(self, catalog: Catalog, files: BlockStore) -> None:
        """files: where the blocks are to go."""
        self._catalog = catalog
        self._files = files
        self._after = 0

    def file_slice(self, rows_max: int = SLICE_ROWS) -> int:
        """File the next blocks; returns how many were seen, 0 at the end. Raises OutOfSpace, WritesStopped, Busy."""
        with self._catalog.glance() as view:
            rows = view.intake_page(self._after, rows_max, SLICE_BYTES)
        if rows:
            self.remove_rows(*self.write_files(rows))
            self._after = rows[-1].position
        return len(rows)

    def write_files(self, rows: list[IntakeRow]) -> tuple[list[IntakeRow], list[IntakeRow]]:
        """Make these blocks durable files; returns those that are now, and those that are damaged."""
        filed = []
        damaged = []
        with self._files.batch() as batch:
            for row in rows:
                try:
                    batch.put(row.data, row.digest)
                    filed.append(row)
                except Corrupt:
                    _log.error("block %s is damaged in the intake of the catalog: set aside", row.digest)
                    damaged.append(row)
            batch.commit()
        return filed, damaged

    def remove_rows(self, filed: list[IntakeRow], damaged: list[IntakeRow]) -> None:
        """Take blocks that have their files out of the intake, and set the damaged ones aside."""

        def remove(draft: Draft) -> None:
            draft.drop_intake(filed)
            draft.shelve_intake(damaged)

        self._catalog.change(remove)


class Filer:
    """The thread that files what comes into the intake of a data directory; one process at a time does it.

    Between start() and close() the intake is open. start() must come after any fork.
    """

    def __init__(self, catalog: Catalog, files: BlockStore, intake: Intake, turn_path: Path) -> None:
        """turn_path: a file that whoever files holds a lock on; made when needed."""
        self._catalog = catalog
        self._files = files
        self._intake = intake
        self._turn_path = turn_path
        self._turn: Turn | None = None
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._complaint = ""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the intake. Raises MylistError when the lock file cannot be made."""
        if self._thread is None:
            self._turn = Turn(self._turn_path, 0)
            self._thread = threading.Thread(
                target=self._work, args=(self._turn,), name="file-intake", daemon=True
            )
            self._thread.start()
            self._intake.open(self._more)

    def close(self) -> None:
        """Close the intake and stop, after the slice that is under way. What is left is filed by another process."""
        self._intake.close()
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)
            if self._turn is not None and not self._thread.is_alive():
                turn, self._turn = self._turn, None
                turn.close()

    def _more(self, size_bytes: int) -> None:
        if size_bytes >= CROWDED_BYTES:
            self._wake.set()

    def _work(self, turn: Turn) -> None:
        last = looks = 0
        while not self._closing.is_set():
            try:
                size_bytes, newest = self._look()
                looks = looks + 1 if size_bytes else 0
                if size_bytes and (newest == last or size_bytes >= CROWDED_BYTES or looks >= CROWDED_LOOKS):
                    self._file(turn)
                    looks = 0
                last = newest
                self._complaint = ""
                self._wait()
            except MylistError as error:
                self._complain(str(error))
            except Exception as error:  # noqa: BLE001 - the thread must live on: without it the intake stays full
                self._complain(repr(error))

    def _look(self) -> tuple[int, int]:
        """What the intake takes up, and its newest position."""
        with self._catalog.glance() as view:
            found = view.intake_span()
        self._intake.note(*found)
        return found

    def _file(self, turn: Turn) -> None:
        """File all there is, with rests for others while there is room; nothing when another process does it."""
        with turn.tried() as mine:
            if not mine:
                self._closing.wait(LOOK_SECONDS)
                return
            filing = Round(self._catalog, self._files)
            began = time.monotonic()
            while not self._closing.is_set() and filing.file_slice():
                if self._look()[0] < CROWDED_BYTES:
                    self._closing.wait((time.monotonic() - began) * REST_SHARE)
                began = time.monotonic()

    def _wait(self) -> None:
        self._wake.wait(LOOK_SECONDS)
        self._wake.clear()

    def _complain(self, text: str) -> None:
        """Log a failure, once as long as it is the same; the blocks stay where they are. Then wait."""
        if text != self._complaint:
            _log.error("small blocks stay in the catalog, for they could not be filed: %s", text)
        self._complaint = text
        self._closing.wait(FAILED_SECONDS)
