"""What a trusted proxy says of a request: who the client is, and which scheme and host it asked for.

Anybody can send these fields, so they count only on connections from `[server] trusted_proxies`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from mylist_dav.wire.hosts import parse_host
from mylist_dav.wire.messages import BodySink, FrontEnd, Request, Response

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
HOPS_MAX = 20


class Forwarded:
    """A front end in front of another one, for servers behind a proxy.

    Understood are X-Forwarded-For, -Proto and -Host, the de facto fields that nginx, Caddy, Traefik and HAProxy send.
    Each proxy appends to them, so they are read from the end, as far as the addresses are trusted.
    """

    def __init__(self, inner: FrontEnd, trusted: Iterable[str]) -> None:
        """trusted: networks, as in 10.0.0.0/8."""
        self._inner = inner
        self._trusted: list[Network] = [ipaddress.ip_network(text) for text in trusted]

    def answer_now(self, request: Request) -> Response | None:
        self._apply(request)
        return self._inner.answer_now(request)

    def respond(self, request: Request) -> Response | BodySink:
        self._apply(request)
        return self._inner.respond(request)

    def render_error(self, request: Request, error: Exception) -> Response:
        return self._inner.render_error(request, error)

    def _apply(self, request: Request) -> None:
        """Put into the request what its proxy says. To do it twice changes nothing more.

        Raises Misdirected for a forwarded host that is none.
        """
        if not self._is_trusted(request.client):
            return
        for address in reversed(_listed(request, "x-forwarded-for")):
            parsed = _parsed(address)
            if parsed is None:
                break  # whatever it says, it goes into no log as the address of a client
            request.client = str(parsed)
            if not self._is_trusted(address):
                break
        for scheme in _listed(request, "x-forwarded-proto")[-1:]:
            if scheme.lower() in ("http", "https"):
                request.scheme = scheme.lower()
        for host in _listed(request, "x-forwarded-host")[-1:]:
            request.host, request.authority = parse_host([host])

    def _is_trusted(self, address: str) -> bool:
        parsed = _parsed(address)
        if parsed is None:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._trusted)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, or None for what is none. An IPv6 address may stand in brackets, with a port; a zone is none."""
    try:
        return ipaddress.ip_address(address.removeprefix("[").partition("]")[0].partition("%")[0])
    except ValueError:
        return None


def _listed(request: Request, name: str) -> list[str]:
    """The elements of a list field, the last ones if there are too many. Empty ones are left out."""
    value = request.header(name)
    return [part.strip() for part in value.split(",") if part.strip()][-HOPS_MAX:] if value else []
