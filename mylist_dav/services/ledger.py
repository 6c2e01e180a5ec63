"""Counts that are gathered in memory and written together: traffic, downloads, failed logins.

A request adds to a sum; the sums go to the catalog every few seconds, and when the process ends. A crash loses what was
counted since. Nothing of it grows with traffic: sums are kept by name, and downloads and failures past a bound are
counted together. Whoever writes sums also removes rows of the audit that are too old, a few hundred at a time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from threading import get_ident
from typing import NamedTuple

from mylist_dav.errors import MylistError, NotFound
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import FAILED_PAIRS_MAX, OTHERS, Action, Failure, Tally, TallyKind
from mylist_dav.model.exposures import Exposure
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog import Catalog, Draft

FLUSH_SECONDS = 5.0
DOWNLOADS_MAX = 2_000
"""Most downloads that are told apart between two writings; then they are counted by flist, then by account."""

SUMS_MAX = 10_000
"""Most accounts and flists with sums between two writings; what comes beyond is not counted until these are written."""

ROWS_AT_ONCE = 500
FORGET_ROWS = 500
FORGET_SECONDS = 3600
_DAY_NS = 86_400 * 1_000_000_000
_SECOND_NS = 1_000_000_000

_log = logging.getLogger(__name__)


class SiteMeter:
    """Counts what one exposure answers; of guests nothing else is kept.

    Each thread counts in a cell of its own, which nobody else writes and which only grows: so there is no lock, which
    would cost twice of what is left (0.2 µs).
    """

    __slots__ = ("_cells", "_taken")

    def __init__(self) -> None:
        self._cells: dict[int, list[int]] = {}
        self._taken = (0, 0)

    def sent(self, status: int, size_bytes: int) -> None:
        """An answer was sent; size_bytes: of its body, as far as it was sent."""
        cell = self._cells.get(get_ident())
        if cell is None:
            cell = self._cells.setdefault(get_ident(), [0, 0])
        cell[0] += 1
        cell[1] += size_bytes

    def take(self) -> tuple[int, int]:
        """Requests and bytes since the last call. For one thread at a time."""
        cells = list(self._cells.values())
        found = sum(cell[0] for cell in cells), sum(cell[1] for cell in cells)
        counted = found[0] - self._taken[0], found[1] - self._taken[1]
        self._taken = found
        return counted


class RequestMeter(NamedTuple):
    """Counts one request of somebody who is known. path: of what is downloaded, '' when nothing is.

    site: of the exposure that it was sent to, if to any.
    """

    ledger: Ledger
    actor: Actor
    flist: str
    path: str
    up_bytes: int
    action: Action = Action.DOWNLOAD
    site: SiteMeter | None = None

    def sent(self, status: int, size_bytes: int) -> None:
        """The answer was sent; size_bytes: of its body, as far as it was sent."""
        if self.site is not None:
            self.site.sent(status, size_bytes)
        self.ledger.add(self, status, size_bytes)


class _Download(NamedTuple):
    account: str
    flist: str
    path: str
    address: str
    action: Action


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    up_bytes: int = 0
    down_bytes: int = 0
    request_id: str = ""

    def add(self, requests: int, up_bytes: int, down_bytes: int) -> None:
        self.requests += requests
        self.up_bytes += up_bytes
        self.down_bytes += down_bytes


@dataclass(slots=True)
class _Batch:
    """What was counted and is not written yet."""

    sums: dict[tuple[TallyKind, str], _Sum] = field(default_factory=dict)
    downloads: dict[_Download, _Sum] = field(default_factory=dict)
    failures: dict[Failure, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.sums or self.downloads or self.failures)

    def add_sum(self, kind: TallyKind, name: str, requests: int, up_bytes: int, down_bytes: int) -> None:
        found = self.sums.get((kind, name))
        if found is None:
            if len(self.sums) >= SUMS_MAX:
                return
            found = self.sums[kind, name] = _Sum()
        found.add(requests, up_bytes, down_bytes)

    def add_download(self, download: _Download, request_id: str, size_bytes: int) -> bool:
        """Whether it could be told apart from others."""
        exact = download in self.downloads or len(self.downloads) < DOWNLOADS_MAX
        if not exact:
            download = download._replace(path="", address="")
            if download not in self.downloads and len(self.downloads) >= 2 * DOWNLOADS_MAX:
                download = download._replace(flist="")
        found = self.downloads.get(download)
        if found is None:
            found = self.downloads[download] = _Sum(request_id=request_id if exact else "")
        found.add(1, 0, size_bytes)
        return exact

    def add_failure(self, failure: Failure) -> None:
        if failure not in self.failures and len(self.failures) >= FAILED_PAIRS_MAX:
            failure = OTHERS
        self.failures[failure] = self.failures.get(failure, 0) + 1


class Ledger:
    """The counts of one process. start() after any fork; close() writes what is left.

    days: how long rows of the audit are kept.
    """

    def __init__(self, catalog: Catalog, clock: Callable[[], int], days: int) -> None:
        self._catalog = catalog
        self._clock = clock
        self._days = days
        self._lock = threading.Lock()
        self._gathering = _Batch()
        self._sites: dict[str, SiteMeter] = {}
        self._writing = threading.Lock()
        self._unwritten = _Batch()
        self._forgot_ns = 0
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    # -- counting ----------------------------------------------------------------------------------------------

    def site(self, name: str) -> SiteMeter:
        """The meter of an exposure, named by its host name or prefix; the same one whenever it is asked for."""
        with self._lock:
            return self._sites.setdefault(name, SiteMeter())

    def request(
        self,
        by: Actor,
        name: FlistName | None = None,
        *,
        path: str = "",
        up_bytes: int = 0,
        action: Action = Action.DOWNLOAD,
    ) -> RequestMeter:
        """A meter for one request. action: what the audit calls it when something is taken, at path."""
        return RequestMeter(self, by, str(name) if name is not None else "", path, up_bytes, action)

    def visit(
        self, exposure: Exposure, by: Actor, *, path: str = "", up_bytes: int = 0
    ) -> SiteMeter | RequestMeter:
        """A meter for one request to an exposure: of a guest it keeps nothing but the sums of the exposure."""
        site = self.site(exposure.host or exposure.prefix)
        if not by.account:
            return site
        return self.request(by, exposure.flist_name, path=path, up_bytes=up_bytes)._replace(site=site)

    def add(self, meter: RequestMeter, status: int, size_bytes: int) -> None:
        """The answer to a request was sent, as far as it was."""
        account = meter.actor.account
        crowded = False
        with self._lock:
            batch = self._gathering
            if account:
                batch.add_sum(TallyKind.ACCOUNT, account, 1, meter.up_bytes, size_bytes)
            if meter.flist and status < 400:
                batch.add_sum(TallyKind.FLIST, meter.flist, 1, meter.up_bytes, size_bytes)
            if meter.path and status in (200, 206):
                download = _Download(account, meter.flist, meter.path, meter.actor.address, meter.action)
                crowded = not batch.add_download(download, meter.actor.request_id, size_bytes)
        if crowded:
            self._wake.set()

    def login_failed(self, address: str, *, account: str = "", key: str = "") -> None:
        """Somebody gave what does not hold. account, key: who they said they were; nothing that is secret."""
        with self._lock:
            self._gathering.add_failure(Failure(address, account, key))

    # -- writing -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Have a thread write what was counted, every few seconds."""
        self._thread = threading.Thread(target=self._write_on, name="ledger", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is left, and stop."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._try_flush()

    def flush(self) -> None:
        """Write what was counted. What cannot be written is kept for the next time. Raises Busy, OutOfSpace, ..."""
        with self._writing:
            if self._unwritten.is_empty:
                self._unwritten = self._take()
            batch = self._unwritten
            while batch.downloads:
                part = dict(islice(batch.downloads.items(), ROWS_AT_ONCE))
                self._catalog.change(partial(_write_downloads, part))
                for download in part:
                    del batch.downloads[download]
            if not batch.is_empty:
                self._catalog.change(lambda draft: _write_sums(draft, batch))
                self._unwritten = _Batch()
                self._forget()
            elif self._clock() - self._forgot_ns > FORGET_SECONDS * _SECOND_NS:
                self._forget()

    def _write_on(self) -> None:
        while not self._closing:
            self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            if not self._closing:
                self._try_flush()

    def _try_flush(self) -> None:
        try:
            self.flush()
        except MylistError as error:
            _log.warning("traffic and downloads could not be recorded, and are kept for later: %s", error)

    def _take(self) -> _Batch:
        with self._lock:
            batch, self._gathering = self._gathering, _Batch()
            sites = list(self._sites.items())
        for name, meter in sites:
            requests, down_bytes = meter.take()
            if requests or down_bytes:
                batch.add_sum(TallyKind.EXPOSURE, name, requests, 0, down_bytes)
        return batch

    def _forget(self) -> None:
        """Remove some rows that are too old, if there are any; nothing is written if not."""
        now_ns = self._forgot_ns = self._clock()
        before_ns = now_ns - self._days * _DAY_NS
        with self._catalog.glance() as view:
            oldest_ns = view.records.oldest_ns()
        if oldest_ns is not None and oldest_ns < before_ns:
            self._catalog.change(lambda draft: draft.records.forget_before(before_ns, FORGET_ROWS))


def _write_downloads(downloads: dict[_Download, _Sum], draft: Draft) -> None:
    for download, one in downloads.items():
        draft.records.add_download(
            download.account, download.address, one.request_id, download.action, download.flist, download.path,
            one.requests, one.down_bytes,
        )  # fmt: skip


def _write_sums(draft: Draft, batch: _Batch) -> None:
    """What is not there any more has no sums: flists come and go, and clients may name any."""
    found = [
        Tally(kind, name, one.requests, one.up_bytes, one.down_bytes)
        for (kind, name), one in batch.sums.items()
    ]
    draft.records.add_tallies(tally for tally in found if _is_there(draft, tally))
    failures: dict[Failure, int] = {}
    for failure, repeats in batch.failures.items():
        # a name that is no account may be anything, a secret even
        known = failure if draft.has_account(failure.account) else failure._replace(account="")
        failures[known] = failures.get(known, 0) + repeats
    draft.records.add_failures(failures, FAILED_PAIRS_MAX)


def _is_there(draft: Draft, tally: Tally) -> bool:
    if tally.kind is not TallyKind.FLIST:
        return True
    try:
        draft.flist(FlistName.parse(tally.name))
    except NotFound:
        return False
    return True
