"""What an engine serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mylist_dav.store.blocks import BlockStore
from mylist_dav.wire.messages import FrontEnd


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class App:
    """A front end, the store that the BlockSlices of its bodies are read from, and how to close both.

    close is called once in each worker, after its last request, in the main thread.
    doors: the front ends that answer at doors (doors.py), by name.
    """

    front_end: FrontEnd
    blocks: BlockStore
    close: Callable[[], None] = _nothing
    doors: Mapping[str, FrontEnd] = field(default_factory=dict)
