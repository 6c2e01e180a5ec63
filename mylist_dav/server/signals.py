"""What signals do to a process that is to serve, before its engine takes them over."""

from __future__ import annotations

import signal
import sys


def stop_in_order() -> None:
    """From now on SIGTERM and SIGINT end this process as a return would, with 0: it serves nothing yet, and what it has
    opened is closed. SIGHUP is for those who write a log, and harms nobody else. For the main thread.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
