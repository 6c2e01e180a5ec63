"""What every part of the measurements is given: how long, where, and whereto."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import peers
from bench.peers import Server
from bench.report import Measure, Report


class Unexpected(Exception):
    """A server answered otherwise than the measurement needs."""


@dataclass
class Scene:
    """round_count: how often each figure is taken; seconds: how long a load lasts; scratch: a folder of this part.

    one_core: servers run on the first core and clients on the last; else all run on any, each server as it comes.
    """

    report: Report
    scratch: Path
    round_count: int
    seconds: float
    quick: bool
    one_core: bool = True

    @property
    def large_bytes(self) -> int:
        """The size of a large file."""
        return 1 << 27 if self.quick else 1 << 30

    def rounds(self) -> Iterator[int]:
        """Count the rounds."""
        return iter(range(self.round_count))

    def measure(self, name: str, unit: str) -> Measure:
        """A measure of the report."""
        return self.report.measure(name, unit)

    def cpu(self, name: str, server: Server, answers: float, since_seconds: float) -> None:
        """Add the CPU time of a server since then to a measure. It changes less than rates on a shared machine."""
        microseconds = 1e6 * (server.cpu_seconds() - since_seconds) / max(1.0, answers)
        self.measure(f"{name}: CPU time", "µs an answer").add(server.name, microseconds)

    def note(self, text: str) -> None:
        """A line for the reader."""
        self.report.note(text)

    def folder(self, name: str) -> Path:
        """An empty folder, or the one made by an earlier call."""
        path = self.scratch / name.replace(" ", "-")
        path.mkdir(parents=True, exist_ok=True)
        return path

    def peers(self, stack: ExitStack, names: list[str], folder: Path) -> list[Server]:
        """Start those that are installed; all over the same folder, to be read only."""
        return [server for name in names if (server := self.peer(stack, name, folder))]

    def peer(self, stack: ExitStack, name: str, folder: Path) -> Server | None:
        """Start a peer over a folder; None, with a note, where it cannot run."""
        if why := peers.missing(name):
            self.note(f"{name} is left out: {why}")
            return None
        return stack.enter_context(peers.peer(name, self.folder(f"{name}-own"), folder, self.one_core))

    def ours(self, stack: ExitStack, engine: str = "uvloop") -> Server | None:
        """Start our server with an empty data directory; None, with a note, where it does not start."""
        name = "mylist" if engine == "uvloop" else f"mylist {engine}"
        try:
            return stack.enter_context(peers.mylist(self.folder(name), engine, name, self.one_core))
        except peers.NotStarted as error:
            self.note(f"{name} does not start: {str(error).strip().splitlines()[-1:]}")
            return None

    def clean(self) -> None:
        """Remove what this part left on the disk."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def expect(what: str, status: int, *wanted: int) -> None:
    """Stop where a request was not answered as it should."""
    if status not in wanted:
        raise Unexpected(f"{what}: answered with {status}, not {' or '.join(map(str, wanted))}")
