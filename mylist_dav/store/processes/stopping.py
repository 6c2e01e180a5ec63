"""The stop sign of a data directory: after a failed sync no process on it acknowledges a write any more.

A sync that failed once cannot be trusted when it succeeds the second time: the kernel has dropped the pages it could
not write and reports the error to one descriptor only. So the sign is shared: a page that every process looks at (a
load, no system call) before it acknowledges. It stays set through restarts until an operator clears it. A file system
that refuses to take the sign refuses the writes of all other processes with it.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from mylist_dav.errors import WritesStopped
from mylist_dav.store.disk import turned
from mylist_dav.store.processes.shared_pages import SharedPage

_REASON_BYTES_MAX = 1000
_log = logging.getLogger(__name__)


class StopSign:
    """The shared sign at path. Thread-safe; one for each process and data directory, inherited by forks."""

    def __init__(self, path: Path) -> None:
        """Open the sign, or make it. Raises OutOfSpace, WritesStopped or MylistError when that fails."""
        self._page = SharedPage(path)
        self._memory = self._page.memory
        self._stopped_here = False

    def check(self) -> None:
        """Raise WritesStopped if the sign is set. Costs some 100 ns."""
        if self._memory[0] or self._stopped_here:
            raise WritesStopped(
                "writes are stopped, because data could not be brought to disk"
                f" ({self.reason or 'no reason is recorded'}). Look at the disk and the kernel log, restart,"
                " run 'mylist verify', then clear the stop sign"
            )

    @property
    def is_set(self) -> bool:
        return bool(self._memory[0]) or self._stopped_here

    @property
    def reason(self) -> str:
        """Why writes were stopped; '' if they are not."""
        text = self._memory[1 : 1 + _REASON_BYTES_MAX].split(b"\0", 1)[0]
        return text.decode(errors="replace")

    def stop(self, reason: str) -> None:
        """Set the sign for all processes. Never raises; the first reason is kept."""
        if self._memory[0]:
            return
        self._stopped_here = True
        _log.critical("writes are stopped: %s", reason)
        text = reason.encode(errors="replace")[: _REASON_BYTES_MAX - 1] + b"\0"
        # A file system that refuses this refuses the writes of all others too; see the module's docstring.
        with contextlib.suppress(OSError):
            self._page.write(text, 1)
            self._page.write(b"\1", 0)
            self._stopped_here = False  # the shared sign is set, and whoever clears that clears it for us too
            self._page.sync()

    def clear(self) -> None:
        """Take the sign away, for all processes: an operator has looked. Raises WritesStopped if the disk refuses."""
        try:
            self._page.write(bytes(1 + _REASON_BYTES_MAX), 0)
            self._page.sync()
        except OSError as error:
            raise turned(error, "clear the stop sign") from error
        self._stopped_here = False

    def close(self) -> None:
        """Let go of the file. The sign itself stays as it is."""
        self._page.close()
