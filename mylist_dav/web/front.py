"""The front end of published sites.

A request goes one of two ways. answer_now works from memory alone, on the event loop: exposures, resolved paths, small
bodies. Whatever it does not find there, respond looks up, in a thread, and leaves in memory for the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from mylist_dav.errors import Busy, Invalid
from mylist_dav.model.actors import GUEST, Actor
from mylist_dav.model.contents import BlockSlice
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.outcomes import outcome
from mylist_dav.services.exposing.freshness import ExposureMap, Freshness, Located
from mylist_dav.services.exposing.gates import Admission, Gates
from mylist_dav.services.exposing.sites import Found, Listing, Missing, Resolved, Sites, ToFolder
from mylist_dav.web.guard import REFUSALS, Guard, sealed
from mylist_dav.web.listing import PAGE_ENTRIES, Place, listing_etag, render_listing, span_of
from mylist_dav.web.pages import HTML, NOSNIFF, error_response, page
from mylist_dav.web.policy import (
    NO_STORE,
    REVALIDATE,
    SANDBOX,
    asks_for_service_worker,
    content_type,
    origin_headers,
    site_headers,
)
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.messages import BodySink, Headers, Meter, Request, Response
from mylist_dav.wire.preconditions import Verdict, evaluate, preconditions_of
from mylist_dav.wire.responder import Representation, file_response
from mylist_dav.wire.targets import DecodedPath, decode_path, relative_redirect

ALLOW = ("Allow", "GET, HEAD, OPTIONS")
SMALL_BYTES_MAX = 64 * 1024
READY_MAX = 4_096
ANSWER_BYTES_MAX = 8 * 1024
"""Answers up to this are kept as they are: 32 MiB at most, with READY_MAX. Others are made of a cached block."""
READY_TARGET_CHARS_MAX = 512
_SECOND_NS = 1_000_000_000
_READS = frozenset(("GET", "HEAD"))
_DECIDING = frozenset(
    "if-match if-none-match if-modified-since if-unmodified-since if-range range service-worker".split()  # noqa: SIM905
)


class Peeking(Protocol):
    """The part of a block store that knows which blocks are in memory."""

    def peek(self, digest: Digest) -> bytes | None: ...


@dataclass(slots=True)
class _Ready:
    """A file as it goes out for one target at one revision: all that does not depend on the request.

    answers: whole responses that were given before, by the If-None-Match that they were given for ('' for none).
    """

    exposure: Exposure
    jid: int
    entry: Entry
    etag: str | None
    last_modified_s: int
    content_type: str
    headers: Headers
    pieces: Callable[[int, int], Iterator[BlockSlice]]
    meter: Meter | None
    answers: dict[str, Response] = field(default_factory=dict)

    def keep(self, validator: str | None, response: Response) -> None:
        """Remember an answer that can be given again, if it is small: the plain one, and the 304 to one's own tag."""
        if validator is None or not isinstance(response.body, bytes) or len(response.body) > ANSWER_BYTES_MAX:
            return
        if validator in ("", self.etag):
            self.answers[validator] = response


class _Hand:
    """What one thread has at hand: its own view of the exposures, and the files it has answered with."""

    def __init__(self, fresh: Freshness) -> None:
        self.fresh = fresh
        self.exposures = ExposureMap()
        self.looked = False
        self.ready: dict[tuple[str, str], _Ready] = {}

    def look_ahead(self) -> ExposureMap:
        """Look, and let the next look() do without: a router asks for the host right before it hands on a request."""
        exposures = self.look()
        self.looked = True
        return exposures

    def look(self) -> ExposureMap:
        """The exposures now. What was at hand goes when they are others."""
        if self.looked:
            self.looked = False
            return self.exposures
        exposures = self.fresh.look()
        if exposures is not self.exposures:
            self.ready.clear()
            self.exposures = exposures
        return exposures

    def keep(self, key: tuple[str, str], ready: _Ready) -> None:
        if len(key[1]) > READY_TARGET_CHARS_MAX:
            return
        self.ready.pop(key, None)
        if len(self.ready) >= READY_MAX:
            del self.ready[next(iter(self.ready))]
        self.ready[key] = ready


class SiteFrontEnd:
    """Exposures by host name and by prefix.

    max_age_seconds: how long a browser may show files other than pages without asking. listing_entries: most
    entries of one page of a listing. meter: gives what counts an answer of an exposure, for whom, with the
    path of the file that it is for those who are known.
    """

    def __init__(
        self,
        sites: Sites,
        blocks: Peeking,
        gates: Gates,
        *,
        in_clear: InClear | None = None,
        max_age_seconds: int = 0,
        listing_entries: int = PAGE_ENTRIES,
        meter: Callable[[Exposure, Actor, str], Meter] | None = None,
    ) -> None:
        self._sites = sites
        self._guard = Guard(gates, in_clear)
        self._blocks = blocks
        self._meter: Callable[[Exposure, Actor, str], Meter | None] = meter or (lambda *_: None)
        self._max_age_seconds = max_age_seconds
        self._listing_entries = min(listing_entries, PAGE_ENTRIES)
        self._local = threading.local()
        for name in ("listing", "error"):
            page(name)  # now, and not on the event loop

    def is_exposed_host(self, host: str) -> bool:
        """Whether there is an exposure on this host name. From memory. Raises Busy.

        What it saw holds for the request that this thread answers next: ask for each request, just before.
        """
        hand = self._hand()
        hand.looked = False
        return hand.look_ahead().at_host(host) is not None

    def any_exposed_host(self) -> bool:
        """Whether there is an exposure on any host name. Asked after is_exposed_host it costs nothing."""
        hand = self._hand()
        exposures = hand.exposures if hand.looked else hand.look_ahead()
        return exposures.any_host

    def dav_at(self, request: Request) -> Exposure | None:
        """The exposure that a request is for, if it answers WebDAV at its own address. From memory.

        Asked right after is_exposed_host, for the same request. None also for an address that cannot be read.
        """
        hand = self._hand()
        exposures = hand.exposures if hand.looked else hand.look_ahead()
        try:
            located = exposures.locate(request.host, decode_path(request.target).names)
        except Invalid:
            return None
        return located.exposure if located is not None and located.exposure.dav != "off" else None

    def answer_now(self, request: Request) -> Response | None:
        if request.has_body:
            return None
        hand = self._hand()
        try:
            exposures = hand.look()
            if request.method in _READS:
                site = request.host if exposures.at_host(request.host) is not None else ""
                ready = hand.ready.get((site, request.target))
                if ready is not None and ready.jid == hand.fresh.jid(ready.exposure):
                    validator = _sole_validator(request)
                    known = ready.answers.get(validator) if validator is not None else None
                    return known or self._again(request, ready)
            response = self._answer(request, hand, may_read=False)
            return _at_hand(response) if isinstance(response, Response) else None
        except Busy:
            return None

    def _again(self, request: Request, ready: _Ready) -> Response | None:
        """The answer for a file that was found before, from memory; kept for the next one, if it will be the same."""
        response = self._file(request, ready)
        ready.keep(_sole_validator(request), response)
        return _at_hand(response)

    def respond(self, request: Request) -> Response | BodySink:
        hand = self._hand()
        hand.look()
        response = self._answer(request, hand, may_read=True)
        assert response is not None, "what is not in memory has been looked up"
        return response

    def render_error(self, request: Request, error: Exception) -> Response:
        status = outcome(error).http
        more = [ALLOW] if status == HTTPStatus.METHOD_NOT_ALLOWED else None
        return error_response(status, head=request.method == "HEAD", more=more)

    def _hand(self) -> _Hand:
        hand: _Hand | None = getattr(self._local, "hand", None)
        if hand is None:
            hand = self._local.hand = _Hand(self._sites.freshness())
        return hand

    def _answer(self, request: Request, hand: _Hand, *, may_read: bool) -> Response | BodySink | None:
        """The answer; None when the catalog has to be read for it, and may not."""
        path = decode_path(request.target)
        located = hand.exposures.locate(request.host, path.names)
        if located is None:
            return error_response(HTTPStatus.NOT_FOUND, head=request.method == "HEAD")
        if located.exposure.mode is not Mode.PUBLIC:
            return self._protected(request, hand, path, located) if may_read else None
        if request.method not in _READS:
            return _other_method(request)
        if located.exposure.prefix and asks_for_service_worker(request):
            return error_response(HTTPStatus.FORBIDDEN)
        jid = hand.fresh.jid(located.exposure)
        if jid is None:
            return error_response(HTTPStatus.NOT_FOUND, head=request.method == "HEAD")
        find = self._sites.resolve if may_read else self._sites.known
        resolved = find(located.exposure, jid, located.names, path.directory)
        if resolved is None or (isinstance(resolved, Listing) and not may_read):
            return None
        if isinstance(resolved, Missing) and _may_know_more(request, located.exposure):
            return self._for_known(request, path, located, jid, resolved) if may_read else None
        response = self._render(request, hand, path, located, jid, resolved)
        response.meter = response.meter or self._meter(located.exposure, GUEST, "")
        return response

    def _for_known(
        self, request: Request, path: DecodedPath, located: Located, jid: int, missing: Missing
    ) -> Response:
        """What visitors miss may be a file with a hidden name: for who may read the flist WebDAV lists it."""
        try:
            admission = self._guard.admit(request, located.exposure)
        except REFUSALS:
            return self._missing(request, located.exposure, missing)
        hidden = self._hidden(request, path, located, jid, admission)
        if hidden is None:
            return self._missing(request, located.exposure, missing)
        return self._sealed(hidden, located, admission)

    def _hidden(
        self, request: Request, path: DecodedPath, located: Located, jid: int, admission: Admission
    ) -> Response | None:
        """A file with a hidden name, never kept at hand; None when there is none, or it may not be seen."""
        exposure = located.exposure
        if exposure.dav == "off" or path.directory or not located.names:
            return None
        found = self._sites.resolve_hidden(exposure, jid, located.names, admission)
        if found is None:
            return None
        return self._file(request, self._ready(exposure, jid, found))

    def _protected(
        self, request: Request, hand: _Hand, path: DecodedPath, located: Located
    ) -> Response | BodySink:
        """The answer of an exposure that asks who it is: first that, then all else. Nothing of it is kept at hand."""
        exposure = located.exposure
        if request.method == "OPTIONS":
            return _other_method(request)
        if request.method == "POST" and exposure.host:
            return self._guard.sink(request, exposure, path)
        try:
            admission = self._guard.admit(request, exposure)
        except REFUSALS as error:
            return self._guard.refused(request, exposure, error)
        if request.method not in _READS:
            return _other_method(request)
        return self._sealed(self._admitted(request, hand, path, located, admission), located, admission)

    def _sealed(self, response: Response, located: Located, admission: Admission) -> Response:
        """For one visitor alone; what an account takes is counted as taken by it."""
        path = "/".join(located.names) if response.meter is not None else ""  # files have one already
        answer = sealed(response, admission)
        answer.meter = self._meter(located.exposure, admission.actor, path)
        return answer

    def _admitted(
        self, request: Request, hand: _Hand, path: DecodedPath, located: Located, admission: Admission
    ) -> Response:
        exposure = located.exposure
        if exposure.prefix and asks_for_service_worker(request):
            return error_response(HTTPStatus.FORBIDDEN)
        jid = hand.fresh.jid(exposure)
        if jid is None:
            return error_response(HTTPStatus.NOT_FOUND, head=request.method == "HEAD")
        resolved = self._sites.resolve(exposure, jid, located.names, path.directory, admission)
        if isinstance(resolved, Missing):
            hidden = self._hidden(request, path, located, jid, admission)
            if hidden is not None:
                return hidden
        return self._render(request, hand, path, located, jid, resolved, admission)

    def _render(
        self,
        request: Request,
        hand: _Hand,
        path: DecodedPath,
        located: Located,
        jid: int,
        resolved: Resolved,
        admission: Admission | None = None,
    ) -> Response:
        match resolved:
            case Missing():
                return self._missing(request, located.exposure, resolved)
            case ToFolder():
                return _redirect(path.names, True, request.query)
            case _ if path.empty_segments:
                return _redirect(path.names, path.directory, request.query)
            case Found():
                ready = self._ready(located.exposure, jid, resolved)
                if located.exposure.mode is Mode.PUBLIC:
                    hand.keep((located.exposure.host, request.target), ready)
                return self._file(request, ready)
            case Listing():
                return self._listing(request, path, located, jid, admission)

    def _ready(self, exposure: Exposure, jid: int, found: Found) -> _Ready:
        entry = found.entry
        file_type = content_type(entry, found.name)
        headers = site_headers(exposure, file_type, self._max_age_seconds)
        return _Ready(
            exposure,
            jid,
            entry,
            entry.etag,
            # An exposure that was switched shows other things since then, whatever their own age is.
            max(found.last_modified_s, exposure.changed_ns // _SECOND_NS),
            file_type,
            headers,
            self._sites.pieces(entry),
            self._meter(exposure, GUEST, ""),
        )

    def _file(self, request: Request, ready: _Ready) -> Response:
        if ready.exposure.prefix and asks_for_service_worker(request):
            return error_response(HTTPStatus.FORBIDDEN)
        entry = ready.entry
        whole = Representation(
            ready.etag,
            ready.last_modified_s,
            entry.size_bytes,
            ready.content_type,
            ready.pieces,
            self._small(entry),
        )
        response = file_response(request, whole, ready.headers)
        response.meter = ready.meter
        return response

    def _small(self, entry: Entry) -> bytes | None:
        """The content, if it is small and in memory."""
        if entry.size_bytes > SMALL_BYTES_MAX or entry.digest is None:
            return None
        return self._blocks.peek(entry.digest) if entry.size_bytes else b""

    def _missing(self, request: Request, exposure: Exposure, missing: Missing) -> Response:
        """404: the page of the site if it has one, else ours, which is the same whatever is missing."""
        head = request.method == "HEAD"
        if missing.page is None:
            return error_response(HTTPStatus.NOT_FOUND, head=head)
        entry = missing.page.entry
        file_type = content_type(entry, missing.page.name)
        headers = [("Content-Type", file_type), NO_STORE, NOSNIFF, *origin_headers(exposure)]
        small = self._small(entry)
        body = small if small is not None else self._sites.pieces(entry)(0, entry.size_bytes)
        return Response(HTTPStatus.NOT_FOUND, headers, b"" if head else body, entry.size_bytes)

    def _listing(
        self, request: Request, path: DecodedPath, located: Located, jid: int, admission: Admission | None
    ) -> Response:
        """A listing is made anew for each request that does not have it already: that is not what sites live from."""
        exposure = located.exposure
        span = span_of(request.query)
        place = Place(path.names, len(path.names) - len(located.names), request.host)
        etag = listing_etag(place, exposure.flist_id, jid, span)
        headers = [REVALIDATE, ("Content-Security-Policy", _listing_policy(exposure))]

        def representation(body: bytes) -> Representation:
            return Representation(etag, None, len(body), HTML[1], _no_pieces, body)

        asked = preconditions_of(request.headers)
        if asked is None or evaluate(request.method, asked, etag, None) is Verdict.PROCEED:
            part = self._sites.members(
                exposure, jid, located.names, self._listing_entries, span.after, span.before, admission
            )
            return file_response(request, representation(render_listing(place, part)), headers)
        return file_response(request, representation(b""), headers)


class NowhereFrontEnd:
    """What hosts and paths show that show nothing: always the same 404, whatever the method."""

    def answer_now(self, request: Request) -> Response | None:
        return None if request.has_body else self.respond(request)

    def respond(self, request: Request) -> Response:
        return error_response(HTTPStatus.NOT_FOUND, head=request.method == "HEAD")

    def render_error(self, request: Request, error: Exception) -> Response:
        return error_response(outcome(error).http, head=request.method == "HEAD")


def _may_know_more(request: Request, exposure: Exposure) -> bool:
    """Whether somebody may have been told of hidden names, over WebDAV."""
    return exposure.dav != "off" and request.header("authorization") is not None


def _sole_validator(request: Request) -> str | None:
    """What alone decides the answer to a GET of a file: its one If-None-Match, or nothing (''); None if more does."""
    validator = ""
    for name, value in request.headers:
        if name in _DECIDING:
            if validator or name != "if-none-match":
                return None
            validator = value
    return validator if request.method == "GET" else None


def _at_hand(response: Response | None) -> Response | None:
    """The response, if all of its body is in memory."""
    return response if response is not None and isinstance(response.body, bytes) else None


def _other_method(request: Request) -> Response:
    if request.method == "OPTIONS":
        return Response(HTTPStatus.NO_CONTENT, [ALLOW])
    return error_response(HTTPStatus.METHOD_NOT_ALLOWED, more=[ALLOW])


def _redirect(names: tuple[str, ...], directory: bool, query: str) -> Response:
    """308 keeps the method (RFC 9110, 15.4.9). It is asked for again each time: a folder may become a file."""
    return Response(
        HTTPStatus.PERMANENT_REDIRECT, [("Location", relative_redirect(names, directory, query)), REVALIDATE]
    )


def _listing_policy(exposure: Exposure) -> str:
    policy = page("listing").policy
    return f"{policy}; {SANDBOX}" if exposure.prefix else policy


def _no_pieces(offset: int, length: int) -> Iterator[BlockSlice]:
    raise AssertionError("a listing is all there")
