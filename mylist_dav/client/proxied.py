"""HTTP by way of the proxy that the environment names, with httpx, which knows how to speak to proxies.

Each wait is bounded here, but not their sum: the proxy is the user's own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from mylist_dav.client.dialling import Patience
from mylist_dav.client.http import Reply, Unanswered, Undialled
from mylist_dav.errors import Invalid

_WITH_SETTING = ("darwin", "win32")


def has_proxy(url: str) -> bool:
    """Whether the environment names a proxy for a server, or the system does where it has such a setting."""
    if not any(name.lower().endswith("_proxy") for name in os.environ) and sys.platform not in _WITH_SETTING:
        return False
    import urllib.request  # here, because it takes long, and few users have a proxy

    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    named = parts.scheme in proxies or "all" in proxies
    return named and not urllib.request.proxy_bypass(parts.hostname or "")


class ProxiedHttp:
    """An Http to the server of a URL, by way of a proxy."""

    def __init__(self, url: str, patience: Patience, *, connections: int) -> None:
        import httpx  # here, for the same reason

        self.timeout_seconds = patience.timeout_seconds
        self._connect_seconds = patience.connect_seconds
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        try:
            self._client = httpx.Client(base_url=url, limits=limits, follow_redirects=False)
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise Invalid(f"the proxy that the environment names cannot be used: {error}") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def dial_ahead(self, connections: int) -> None:
        """Nothing: what is dialled is the proxy."""

    @contextmanager
    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterator[bytes] | None,
        timeout_seconds: float | None = None,
    ) -> Iterator[Reply]:
        """As Http has it."""
        import httpx

        timeout = httpx.Timeout(timeout_seconds or self.timeout_seconds, connect=self._connect_seconds)
        try:
            with self._client.stream(
                method, target, content=body, headers=dict(headers), timeout=timeout
            ) as response:
                yield Reply(response.status_code, response.headers, response.iter_bytes())
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Undialled(str(error)) from error
        except httpx.HTTPError as error:
            raise Unanswered(str(error)) from error
        except httpx.InvalidURL as error:
            raise Invalid(f"{target[:80]!r} cannot be asked for") from error
