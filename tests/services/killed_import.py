"""Run as a program by a test: an import that stops in the middle and waits to be killed.

Arguments: the data directory, the archive, and before which of the changes that write the tree it stops. It prints a
line when it has stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mylist_dav.model.actors import OPERATOR
from mylist_dav.services.archives.imports import Progress
from mylist_dav.store.catalog import Draft
from tests.services.trees_in_memory import NAME, Lab

T = TypeVar("T")


def main(data: str, archive: str, stop_before: int) -> None:
    lab = Lab(Path(data), rows_at_once_max=3, on_disk=True)
    change, left = lab.catalog.change, stop_before

    def stopping(make: Callable[[Draft], T]) -> T:
        nonlocal left
        if not left:
            sys.stdout.write("stopped\n")
            sys.stdout.flush()
            sys.stdin.read()
        left -= 1
        return change(make)

    def writing(progress: Progress) -> None:
        if progress.phase == "writing":
            lab.catalog.change = stopping  # type: ignore[method-assign]

    with Path(archive).open("rb") as file:
        lab.imports.run(OPERATOR, NAME, lab.imports.archive(file), progress=writing)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
