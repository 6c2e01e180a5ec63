"""One authenticated request, as the methods see it."""

from __future__ import annotations

from dataclasses import dataclass

from mylist_dav.dav.locations import Location, Mount
from mylist_dav.dav.sources import Source
from mylist_dav.model.actors import Actor
from mylist_dav.services.opening import Library
from mylist_dav.wire.messages import Request


@dataclass(frozen=True, slots=True)
class Call:
    """A request with who sent it, what it names and what can be read.

    body: the whole XML body; b'' where there is none, and for PUT.
    """

    library: Library
    request: Request
    actor: Actor
    location: Location
    source: Source
    body: bytes = b""

    @property
    def mount(self) -> Mount:
        """What gives places their URLs."""
        return self.location.mount

    def header(self, name: str) -> str | None:
        """The value of a header field by its lower-case name."""
        return self.request.header(name)
