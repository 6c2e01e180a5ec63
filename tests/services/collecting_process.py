"""Run as a program by a test: collects all the time and without a grace, until its input ends or it is killed.

Arguments: the data directory. It prints how many blocks it has deleted so far: 0 when it begins, and after each round
that deleted any.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from mylist_dav.errors import Busy
from mylist_dav.model.actors import OPERATOR
from mylist_dav.services.opening import Library
from mylist_dav.services.upkeep.collecting import Collector
from mylist_dav.settings import load
from mylist_dav.store.pacing import Pace


def main(data: str) -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    library = Library(load("", {}, {"store.data": data, "store.durability": "os"}), time.time_ns)
    collector = Collector(library.catalog, library.files, time.time_ns, Path(data), grace_ns=0)
    pace = Pace(wait=lambda seconds: None)
    deleted = 0
    sys.stdout.write("0\n")
    sys.stdout.flush()
    while not ended.is_set():
        try:
            done = collector.run(OPERATOR, pace=pace, stop=ended.is_set)
        except Busy:
            continue
        if done.deleted + done.orphans:
            deleted += done.deleted + done.orphans
            sys.stdout.write(f"{deleted}\n")
            sys.stdout.flush()
    collector.close()
    library.close()


if __name__ == "__main__":
    main(sys.argv[1])
