"""The access log: one line for each request, combined or JSON. Never a query, a cookie, a credential or an id of a job.

Lines are gathered in memory and written by a thread of their own, each second or when 64 KiB are there, so that a
slow disk or terminal holds up nobody. When it cannot keep up, lines are dropped and their number is told.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import gmtime, strftime
from typing import Literal, NamedTuple

LogFormat = Literal["off", "combined", "json"]
_GATHERED_BYTES = 64 * 1024
_WAITING_BYTES_MAX = 4 * 1024 * 1024
_TEXT_CHARS_MAX = 512
_JOB = re.compile(r"(/api/v1/jobs/)[0-9a-f]{32}")

log = logging.getLogger("mylist_dav.server")


class Visit(NamedTuple):
    """One exchange. size_bytes: of the body that was sent. duration_ms: from the end of the header section."""

    client: str
    account: str
    method: str
    target: str
    host: str
    http_version: str
    status: int
    size_bytes: int
    duration_ms: float
    request_id: str
    referer: str
    agent: str


class AccessLog:
    """Writes visits to a file (opened to append) or, for None, to standard error. clock: seconds since the epoch."""

    def __init__(self, form: LogFormat, path: Path | None, clock: Callable[[], float]) -> None:
        self._line = _combined if form == "combined" else _json
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._dropped = 0
        self._wake = threading.Event()
        self._stopping = False
        self._moved = False
        self._file = self._open()
        self._thread = threading.Thread(target=self._write_on, name="access-log", daemon=True)
        self._thread.start()

    def add(self, visit: Visit) -> None:
        """Note a visit. Never waits."""
        if "/jobs/" in visit.target or "/jobs/" in visit.referer:
            visit = visit._replace(
                target=without_secrets(visit.target), referer=without_secrets(visit.referer)
            )
        line = self._line(visit, self._clock())
        with self._lock:
            if self._waiting_bytes > _WAITING_BYTES_MAX:
                self._dropped += 1
                return
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            full = self._waiting_bytes >= _GATHERED_BYTES
        if full:
            self._wake.set()

    def reopen_soon(self) -> None:
        """Open the file anew before the next lines are written: it has been moved away. Safe in a signal handler."""
        self._moved = True
        self._wake.set()

    def close(self) -> None:
        """Write what is left and stop."""
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._write_gathered()
        if self._path is not None:
            os.close(self._file)

    def _open(self) -> int:
        if self._path is None:
            return sys.stderr.fileno()
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _write_on(self) -> None:
        while not self._stopping:
            self._wake.wait(1.0)
            self._wake.clear()
            self._write_gathered()
            if self._moved and self._path is not None:
                self._moved = False
                self._open_anew()

    def _open_anew(self) -> None:
        try:
            new = self._open()
        except OSError as error:  # better in the old file than nowhere
            log.error("the access log cannot be opened anew, and goes on in its old file: %s", error.strerror)
            return
        old, self._file = self._file, new
        os.close(old)

    def _write_gathered(self) -> None:
        with self._lock:
            lines, self._waiting, self._waiting_bytes = self._waiting, [], 0
            dropped, self._dropped = self._dropped, 0
            if dropped:
                lines.append(
                    f"# {dropped} lines were dropped: the log could not be written fast enough\n".encode()
                )
        if lines:
            _write_all(self._file, b"".join(lines))


def without_secrets(address: str) -> str:
    """An address as it may be logged: whoever knows the id of a job may read what came of it."""
    return _JOB.sub(r"\1...", address)


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError:
        return  # a full disk must not end the service; the next lines try again


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_CHARS_MAX else text[:_TEXT_CHARS_MAX] + "..."


def _quoted(text: str) -> str:
    """As the combined format has it: nothing in a field can end it or begin a line."""
    plain = _short(text).replace("\\", "\\\\").replace('"', '\\"')
    return "".join([char if " " <= char <= "~" else f"\\x{ord(char):02x}" for char in plain]) or "-"


def _combined(visit: Visit, now: float) -> bytes:
    when = strftime("%d/%b/%Y:%H:%M:%S +0000", gmtime(now))
    line = f"{visit.method} {visit.target} HTTP/{visit.http_version}"
    return (
        f'{visit.client or "-"} - {_quoted(visit.account)} [{when}] "{_quoted(line)}" {visit.status} {visit.size_bytes}'
        f' "{_quoted(visit.referer)}" "{_quoted(visit.agent)}" {visit.request_id or "-"} {visit.duration_ms:.1f}\n'
    ).encode()


def _json(visit: Visit, now: float) -> bytes:
    fields: dict[str, object] = {"time": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now))}
    for name, value in visit._asdict().items():
        fields[name] = _short(value) if isinstance(value, str) else value
    fields["duration_ms"] = round(visit.duration_ms, 1)
    return (json.dumps(fields, ensure_ascii=True) + "\n").encode()
