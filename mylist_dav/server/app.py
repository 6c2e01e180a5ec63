"""What an engine serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mylist_dav.server.watching.measures import Measures
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.processes.boards import Board
from mylist_dav.wire.messages import FrontEnd


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class App:
    """A front end, the store that the BlockSlices of its bodies are read from, and how to close both.

    close is called once in each worker, after its last request, in the main thread. measures: what counts its requests.
    board: where the workers of a run (hex digits) leave their figures for each other, if they do.
    doors: the front ends that answer at doors (doors.py), by name.
    """

    front_end: FrontEnd
    blocks: BlockStore
    close: Callable[[], None] = _nothing
    measures: Measures = field(default_factory=Measures)
    board: Callable[[str], Board] | None = None
    doors: Mapping[str, FrontEnd] = field(default_factory=dict)
