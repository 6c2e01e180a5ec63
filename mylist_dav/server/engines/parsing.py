"""Requests out of bytes: llhttp, with the limits and refusals that both engines share."""

from __future__ import annotations

from functools import lru_cache

import httptools

from mylist_dav.errors import HeadersTooLarge, Invalid, MylistError, Unsupported, UriTooLong
from mylist_dav.server.exchanges.heads import plain_refusal, request_of
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.server.exchanges.runtime import log
from mylist_dav.wire.messages import Headers, Request, Response

FEED_BYTES = 16 * 1024
"""What the parser is given at once: bounds how many pipelined requests one read turns into objects."""
_COMMON_NAMES = (
    "Host User-Agent Accept Accept-Encoding Accept-Language Connection Cookie Authorization Content-Length Content-Type"
    " Transfer-Encoding If-None-Match If-Modified-Since If-Match If Range If-Range Referer Origin Cache-Control Pragma"
    " Depth Destination Overwrite Lock-Token Timeout Expect Upgrade-Insecure-Requests"
)
_NAMES = {sent.encode(): name.lower() for name in _COMMON_NAMES.split(" ") for sent in (name, name.lower())}


_END = b"\r\n\r\n"
_REMEMBERED, _REMEMBERED_BYTES = 1024, 1024
"""How many requests are known again by their bytes, and how long these may be: some 3 MiB in all."""
_SECRETS = frozenset(("authorization", "cookie", "proxy-authorization"))
"""A request with one of these is not kept in memory."""


class _Refused(Exception):
    """Stops the parser; what to answer is set."""


class RequestParser:
    """The requests of one connection. A deaf parser parses nothing more: after a refusal, or the last request.

    Subclasses say what becomes of requests and bodies. The hooks are called inside the parser: they must not feed it.
    """

    def __init__(self, limits: EngineLimits, scheme: str) -> None:
        self._limits = limits
        self._scheme = scheme
        self._parser = httptools.HttpRequestParser(self)
        self._client = ""
        self._request: Request | None = None
        self._headers: Headers = []
        self._target = b""
        self._head_bytes = 0
        self._barren_bytes = 0
        self._fruitful = False
        self._in_head = False
        self._in_body = False
        self._deaf = False
        self._refusal: Response | None = None
        self._known = _known_requests(limits, scheme)
        self._between = True  # two messages, with not one byte of the next
        self._learning = False
        self._completed = 0
        self._learnt: Request | None = None

    # For subclasses to fill in.

    def request_complete(self, request: Request, keep_alive: bool) -> None:
        """A request without a body is here."""
        raise NotImplementedError

    def body_begins(self, request: Request, keep_alive: bool) -> None:
        """The header section of a request with a body is here."""
        raise NotImplementedError

    def body_arrived(self, data: bytes) -> None:
        """Bytes of that body."""
        raise NotImplementedError

    def body_complete(self) -> None:
        """The end of that body."""
        raise NotImplementedError

    def body_broke(self, error: MylistError) -> None:
        """Its framing is malformed: nothing more will come."""
        raise NotImplementedError

    def head_begins(self) -> None:
        """The first bytes of a request line are here."""
        self._in_head = True

    # For subclasses to call.

    def parse(self, data: bytes | memoryview) -> bytes | memoryview:
        """Parse data, of which mostly FEED_BYTES at once should come. Gives back what is to be parsed again.

        The same bytes make the same request: what is one request without a body, and was seen before, is not parsed.
        """
        whole = data if isinstance(data, bytes) and data.endswith(_END) else None
        self._learning = whole is not None and self._between and len(whole) <= _REMEMBERED_BYTES
        if whole is not None and self._learning and not self._deaf:
            known = self._known.get(whole)
            if known is not None:
                self._complete_again(known)
                return b""
        self._between = False
        self._completed = 0
        rest: bytes | memoryview = b""
        try:
            self._parser.feed_data(data)
            self._between = whole is not None and self._completed > 0 and not (self._in_head or self._in_body)
            if self._learning and self._between and self._completed == 1:
                self._remember(bytes(data))
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_unupgraded()
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self._failed(error)
        if self._in_head or self._in_body:
            self._bound_unfinished(len(data))
        return rest

    def refuse(self, error: MylistError, status: int | None = None) -> None:
        """Answer this after all that came before, and close."""
        if not self._deaf:
            self._deaf = True
            self._refusal = plain_refusal(error, status)

    def stand_in(self) -> Request:
        """What a refusal is the answer to: no request, so only its client is known."""
        return Request("GET", "/", "", [], "", "", client=self._client)

    # How it is done.

    def _complete_again(self, known: Request) -> None:
        try:
            self.request_complete(_copy(known, self._client), True)
        except Exception as error:  # noqa: BLE001 the border to a hook, which llhttp is at other times
            log.error("a callback of the parser failed", exc_info=error)
            self.refuse(MylistError("an unexpected error"))

    def _remember(self, data: bytes) -> None:
        learnt, self._learnt = self._learnt, None
        if learnt is None or self._deaf or any(name in _SECRETS for name, _ in learnt.headers):
            return
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[data] = learnt

    def _failed(self, error: httptools.HttpParserError) -> None:
        if self._deaf:
            return  # refused already, or there was more after the last request
        if isinstance(error, httptools.HttpParserCallbackError):
            log.error("a callback of the parser failed", exc_info=error)
            self.refuse(MylistError("an unexpected error"))
        elif self._in_body:
            self._break_body(Invalid(f"the body is malformed: {error}"))
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            self.refuse(Unsupported("this method is not known here"))
        else:
            self.refuse(Invalid(f"this is not HTTP/1.1: {error}"))

    def _break_body(self, error: MylistError) -> None:
        self._in_body = False
        self._deaf = True
        self.body_broke(error)

    def _bound_unfinished(self, size_bytes: int) -> None:
        """A single endless field or chunk extension reaches no callback: count what feeds brought without any."""
        self._barren_bytes = 0 if self._fruitful else self._barren_bytes + size_bytes
        self._fruitful = False
        if self._barren_bytes > self._limits.header_bytes + FEED_BYTES:
            self._too_long()

    def _too_long(self) -> None:
        error = HeadersTooLarge(f"a header section may have {self._limits.header_bytes} bytes")
        if self._in_body:
            self._break_body(error)
        else:
            self.refuse(error)

    def _go_on_unupgraded(self) -> None:
        """No upgrade is offered, so it is ignored (RFC 9110, 7.8). The parser thinks that the request has no body.

        With a body (Java sends such ones to plain HTTP) a fresh parser is told of it, and the connection ends there.
        """
        if self._in_body and self._request is not None:
            length = self._request.content_length
            size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
            self._parser = httptools.HttpRequestParser(_BodyEvents(self))
            self._parser.feed_data(f"POST / HTTP/1.1\r\nConnection: close\r\n{size}\r\n\r\n".encode())

    # What llhttp tells.

    def on_url(self, url: bytes) -> None:
        if not self._in_head:
            self._fruitful = True
            self.head_begins()
        self._target += url
        if len(self._target) > self._limits.target_bytes:
            self.refuse(UriTooLong(f"a request target may have {self._limits.target_bytes} bytes"))
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._limits.header_bytes:
            self._too_long()
            raise _Refused
        if not self._in_body:  # else a trailer: dropped
            self._headers.append(
                (_NAMES.get(name) or name.lower().decode("latin-1"), value.decode("latin-1"))
            )

    def on_headers_complete(self) -> None:
        parser = self._parser
        headers, self._headers = self._headers, []
        target, self._target = self._target, b""
        self._head_bytes = 0
        self._in_head = False
        version = parser.get_http_version()
        if version != "1.1" and version != "1.0":
            self.refuse(Unsupported("HTTP/1.1 and HTTP/1.0 are spoken here"), 505)
            raise _Refused
        method = parser.get_method().decode()
        try:
            request = request_of(
                method, target.decode(), version, headers, self._client, self._scheme, self._limits
            )
        except MylistError as error:
            self.refuse(error)
            raise _Refused from error
        self._request = request
        if request.has_body:
            self._begin_body(request)

    def _begin_body(self, request: Request) -> None:
        if (request.header("expect") or "100-continue").strip().lower() != "100-continue":
            self.refuse(Invalid("the only expectation known is 100-continue"), 417)
            raise _Refused
        self._fruitful = True
        self._in_body = True
        self.body_begins(request, self._parser.should_keep_alive() and not self._parser.should_upgrade())

    def on_body(self, body: bytes) -> None:
        self._fruitful = True
        if self._in_body:
            self.body_arrived(body)

    def on_message_complete(self) -> None:
        request = self._request
        if request is None or self._deaf:
            return
        if not self._in_body:
            self._request = None
            keep_alive = self._parser.should_keep_alive()
            if not keep_alive:
                self._deaf = True
            self._completed += 1
            if self._learning:
                self._learnt = _copy(request, "")  # now: whoever answers may write into it
            self.request_complete(request, keep_alive)
        elif not self._parser.should_upgrade():
            self._request = None
            self._in_body = False
            self._head_bytes = 0
            if not self._parser.should_keep_alive():
                self._deaf = True
            self.body_complete()


@lru_cache(maxsize=16)
def _known_requests(limits: EngineLimits, scheme: str) -> dict[bytes, Request]:
    """The requests that were parsed under the same limits, by their bytes; without what is of one connection."""
    return {}


def _copy(request: Request, client: str) -> Request:
    """The same request anew, from a client."""
    return Request(
        request.method, request.target, request.query, request.headers[:], request.host, request.authority,
        request.scheme, request.http_version, client, "", request.content_length,
    )  # fmt: skip


class _BodyEvents:
    """The callbacks of a parser that is only to see a body."""

    def __init__(self, parser: RequestParser) -> None:
        self.on_body = parser.on_body
        self.on_message_complete = parser.on_message_complete
