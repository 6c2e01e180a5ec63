"""An HTTP client for one server alone: its name is resolved once, looked at, and connected to as it was found.

No redirect is followed, no proxy of the environment is used, and no request for another server goes out. TLS is
verified against the name, not the address, with the certificate authorities of the system.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from mylist_dav.errors import Forbidden, MylistError

CONNECTIONS = 4
CONNECT_SECONDS = 15.0
_DEFAULT_PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int], list[str]]
"""Gives the addresses of a host name; may raise OSError."""


def resolve_by_system(host: str, port: int) -> list[str]:
    """All addresses of a host name, as the system has them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def pinned_client(
    url: str,
    allow: Callable[[str, list[str]], None],
    *,
    timeout_seconds: float,
    resolve: Resolve = resolve_by_system,
    context: ssl.SSLContext | None = None,
    turn: int = 0,
) -> httpx.Client:
    """A client for the server at url. allow: gets its host name and addresses, and raises for what may not be.

    turn: which of its addresses is taken, from 0 and round.

    Raises MylistError (no such host), and what allow raises.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
    try:
        addresses = resolve(host, port)
    except OSError as error:
        raise MylistError(f"{host} cannot be found: {error.strerror}") from error
    if not addresses:
        raise MylistError(f"{host} has no address")
    allow(host, addresses)
    return httpx.Client(
        base_url=url,
        transport=_Pinned(
            parts.scheme,
            host,
            port,
            addresses[turn % len(addresses)],
            context or ssl.create_default_context(),
        ),
        timeout=httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
    )


class _Pinned(httpx.BaseTransport):
    """Sends requests for one server to one address, and no others."""

    def __init__(self, scheme: str, host: str, port: int, address: str, context: ssl.SSLContext) -> None:
        self._origin = (scheme, host, port)
        self._host = host
        self._address = address
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._inner = httpx.HTTPTransport(verify=context, limits=limits, trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        host = url.raw_host.decode()  # as it is sent: url.host would be out of Punycode
        if (url.scheme, host, url.port or _DEFAULT_PORTS.get(url.scheme)) != self._origin:
            raise Forbidden("nothing is sent to any other server")
        request.url = url.copy_with(host=self._address)
        request.extensions = {**request.extensions, "sni_hostname": self._host}
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()
