"""One authenticated request, as the methods see it."""

from __future__ import annotations

from dataclasses import dataclass

from mylist_dav.dav.locations import Level, Location
from mylist_dav.model.actors import Actor
from mylist_dav.model.names import FlistName
from mylist_dav.services.ledger import RequestMeter
from mylist_dav.services.opening import Library
from mylist_dav.wire.messages import Request


@dataclass(frozen=True, slots=True)
class Call:
    """A request with who sent it and what it names. body: the whole XML body; b'' where there is none, and for PUT."""

    library: Library
    request: Request
    actor: Actor
    location: Location
    body: bytes = b""

    def meter(self, *, path: str = "", up_bytes: int = 0) -> RequestMeter:
        """What counts the answer to this request; path: of the file that it downloads."""
        names = self.location.names
        name = FlistName(names[1], names[2]) if self.location.level >= Level.FLIST else None
        return self.library.ledger.request(self.actor, name, path=path, up_bytes=up_bytes)

    def header(self, name: str) -> str | None:
        """The value of a header field by its lower-case name."""
        return self.request.header(name)
