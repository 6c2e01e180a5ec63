"""Several worker processes: forked, watched, started again when they die, stopped together."""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Callable

from mylist_dav.server.exchanges.limits import EngineLimits

log = logging.getLogger("mylist_dav.server")

_BACK_OFF_SECONDS_MAX = 30.0
_STEADY_SECONDS = 60.0
_EXTRA_SECONDS = 5.0
"""Beyond stop_seconds, before a worker that does not end is killed."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

Work = Callable[[int, Callable[[], None]], None]
"""Called in a worker with its number and what to call when it is ready; returns when the worker has been stopped."""


class _Worker:
    """One place among the workers, and the process that fills it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self.started = 0.0
        self.start_at = 0.0
        self.back_off_seconds = 0.0


class Workers:
    """The parent of worker processes. It must have no other threads, and be the main thread."""

    def __init__(
        self, limits: EngineLimits, work: Work, ended: Callable[[int], None] = lambda number: None
    ) -> None:
        """ended: called here with the number of a worker that has ended."""
        self._limits = limits
        self._work = work
        self._ended = ended
        self._workers: list[_Worker] = []
        self._signals = 0
        self._ready_out, self._ready_in = os.pipe()

    def run(self, count: int, ready: Callable[[], None]) -> int:
        """Keep `count` workers running until SIGTERM or SIGINT; SIGHUP is passed on. 0 if all ended in order."""
        self._workers = [_Worker(number) for number in range(count)]
        wake_out, wake_in = os.pipe()
        os.set_blocking(wake_in, False)
        signal.set_wakeup_fd(wake_in)
        for number in _SIGNALS:
            signal.signal(number, self._signalled)
        self._fill()
        told = 0
        while not self._signals:
            readable, _, _ = select.select([wake_out, self._ready_out], [], [], self._wait_seconds())
            if wake_out in readable:
                os.read(wake_out, 4096)
            if self._ready_out in readable:
                before, told = told, told + len(os.read(self._ready_out, 64))
                if before < count <= told:
                    ready()
            self._reap()
            self._fill()
        return self._stop(wake_out)

    def _signalled(self, number: int, _frame: object) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._signals += 1
        elif number == signal.SIGHUP:
            self._send(signal.SIGHUP)

    def _send(self, number: int) -> None:
        for worker in self._workers:
            if worker.pid:
                os.kill(worker.pid, number)  # not reaped yet, so the id is still its own

    def _fill(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if not worker.pid and now >= worker.start_at:
                worker.started = now
                worker.pid = self._fork(worker.number)

    def _fork(self, number: int) -> int:
        signal.pthread_sigmask(
            signal.SIG_BLOCK, _SIGNALS
        )  # what comes meanwhile must find the worker's own handlers
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            return pid
        code = 1
        try:
            _take_signals()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._work(number, self._tell_ready)
            code = 0
        except BaseException:  # the border of the process: it must not go on as a second parent
            log.exception("worker %d failed", number)
        finally:
            logging.shutdown()
            os._exit(code)

    def _tell_ready(self) -> None:
        os.write(self._ready_in, b".")

    def _wait_seconds(self) -> float | None:
        waiting = [worker.start_at for worker in self._workers if not worker.pid]
        return max(min(waiting) - time.monotonic(), 0.0) if waiting else None

    def _reap(self) -> list[int]:
        """Exit codes of workers that have ended. Each starts again, later the more often it fails."""
        codes = []
        for worker in self._workers:
            if not worker.pid:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._ended(worker.number)
                codes.append(os.waitstatus_to_exitcode(status))
                self._plan_restart(worker, codes[-1])
        return codes

    def _plan_restart(self, worker: _Worker, code: int) -> None:
        worker.pid = 0
        now = time.monotonic()
        steady = now - worker.started > _STEADY_SECONDS
        worker.back_off_seconds = (
            0.1 if steady else min(max(worker.back_off_seconds * 2, 0.1), _BACK_OFF_SECONDS_MAX)
        )
        worker.start_at = now + worker.back_off_seconds
        if not self._signals:
            log.error("worker %d ended with %d; starting it again", worker.number, code)

    def _stop(self, wake_out: int) -> int:
        """Stop all workers; pass a second signal on; kill who does not end."""
        self._send(signal.SIGTERM)
        sent = 1
        codes: list[int] = []
        end = time.monotonic() + self._limits.stop_seconds + _EXTRA_SECONDS
        while any(worker.pid for worker in self._workers):
            left = end - time.monotonic()
            if left <= 0:
                self._send(signal.SIGKILL)
            readable, _, _ = select.select([wake_out], [], [], max(left, 0.1))
            if readable:
                os.read(wake_out, 4096)
            if self._signals > sent:
                sent = self._signals
                self._send(signal.SIGTERM)
            codes += self._reap()
        return 0 if not any(codes) else 1


def _take_signals() -> None:
    """In a new worker: until its engine takes signals over, a stop ends it at once, for it serves nothing yet.

    Not as signals.py does it: what stands above it on the stack is the parent's. SIGHUP is for those who write a log.
    """
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
