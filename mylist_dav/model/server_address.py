"""The address of a server, as logins and their signatures name it."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from mylist_dav.errors import Invalid

SERVER_CHARS_MAX = 300
DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")


def canonical_server(url: str) -> str:
    """The address of a server as logins name it: scheme://host, and :port unless it is the usual one.

    In lower case; a path of '/' alone is dropped. Raises Invalid for other paths, queries, user names, for schemes but
    http and https, and for host names that are not ASCII (write them in Punycode: no look-alikes).
    """
    if len(url) > SERVER_CHARS_MAX or not url.isascii() or re.search(r"[\s\x00-\x1f\x7f\\]", url):
        raise Invalid(f"{url[:80]!a} is not the address of a server, such as https://files.example.org")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Invalid(f"{url[:80]!r} is not the address of a server") from error
    scheme, host = parts.scheme.lower(), parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    host = host.removesuffix(":").lower()
    extra = parts.path not in ("", "/") or "?" in url or "#" in url or "@" in url
    if scheme not in DEFAULT_PORTS or not _HOST.fullmatch(host) or extra:
        raise Invalid(
            f"{url[:80]!r} is not the address of a server: http:// or https://, a host, a port if need be, no path"
        )
    return f"{scheme}://{host}" if port in (None, DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


def is_loopback(server: str) -> bool:
    """Whether a server is on this machine, as far as its address tells."""
    host = urlsplit(server).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
