"""Which front end answers: by host name first, then by the first segment of the path."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol
from urllib.parse import unquote

from mylist_dav.model.exposures import RESERVED, Exposure
from mylist_dav.wire.messages import BodySink, FrontEnd, Request, Response

_OF_PAGES = frozenset(("GET", "HEAD", "POST"))
"""What an exposure answers as a site, whatever else it answers."""

_CLIENTS_WAY_DOWN = ("OPTIONS", "PROPFIND")
"""WebDAV clients ask these of the root on their way to what they mount."""


class Sites(FrontEnd, Protocol):
    """The front end of all exposures, and what it knows of host names."""

    def is_exposed_host(self, host: str) -> bool:
        """Whether there is an exposure on this host name. From memory."""
        ...

    def any_exposed_host(self) -> bool:
        """Whether there is an exposure on any host name. From memory."""
        ...

    def dav_at(self, request: Request) -> Exposure | None:
        """The exposure of a request that answers WebDAV at its own address. Asked after is_exposed_host."""
        ...


class Dav(FrontEnd, Protocol):
    """The front end of WebDAV."""

    def at(self, exposure: Exposure) -> FrontEnd:
        """What answers a request for this exposure."""
        ...


class Router:
    """A front end of front ends.

    A host name with an exposure shows that site and nothing else. The server's own hosts (own_hosts; empty: any other)
    show routes by their first segment ('' is the root itself), and exposures by prefix. Any further host shows nothing,
    once it can be told from the own ones. Nor does any below site_domain that has no exposure: it is for a site of some
    user, whose script could outlive the site in a browser, and must not meet the console there; but for the names that
    the server itself is called by.
    """

    def __init__(
        self,
        sites: Sites,
        routes: Mapping[str, FrontEnd],
        dav: Dav,
        nowhere: FrontEnd,
        own_hosts: Collection[str],
        *,
        site_domain: str = "",
        called: Collection[str] = (),
    ) -> None:
        """site_domain: '' is none. called: the names of the server."""
        self._sites = sites
        self._routes = dict(routes)
        self._dav = dav
        self._nowhere = nowhere
        self._own_hosts = frozenset(own_hosts)
        self._site_domain = f".{site_domain}" if site_domain else ""
        self._called = frozenset(called)

    def answer_now(self, request: Request) -> Response | None:
        return self._chosen(request).answer_now(request)

    def respond(self, request: Request) -> Response | BodySink:
        return self._chosen(request).respond(request)

    def render_error(self, request: Request, error: Exception) -> Response:
        return self._chosen(request).render_error(request, error)

    def _chosen(self, request: Request) -> FrontEnd:
        """The front end of a request, chosen once: what answers it is what was there when it came."""
        if request.chosen is None:
            request.chosen = self._choose(request)
        return request.chosen

    def _choose(self, request: Request) -> FrontEnd:
        if self._sites.is_exposed_host(request.host):
            return self._sites if request.method in _OF_PAGES else self._of_exposure(request)
        if self._own_hosts and request.host not in self._own_hosts and self._sites.any_exposed_host():
            return self._nowhere
        if self._site_domain and self._is_for_sites(request.host):
            return self._nowhere
        if request.target in ("/", "*") and request.method in _CLIENTS_WAY_DOWN:
            return self._dav
        segment = request.target.split("/", 2)[1] if request.target.startswith("/") else "*"
        route = self._routes.get(segment) if segment or request.target == "/" else None
        if route is not None:
            return route
        if _is_reserved(segment):
            return self._nowhere
        return self._sites if request.method in _OF_PAGES else self._of_exposure(request)

    def _is_for_sites(self, host: str) -> bool:
        return host.endswith(self._site_domain) and host not in self._called

    def _of_exposure(self, request: Request) -> FrontEnd:
        """What answers a request that is not for a page."""
        exposure = self._sites.dav_at(request)
        return self._sites if exposure is None else self._dav.at(exposure)


def _is_reserved(segment: str) -> bool:
    """Whether a first segment, as sent, is one of the server's own in any spelling."""
    return (unquote(segment) if "%" in segment else segment).lower() in RESERVED
