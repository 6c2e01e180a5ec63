"""One authenticated request, as the methods see it."""

from __future__ import annotations

from dataclasses import dataclass

from mylist_dav.dav.locations import Level, Location, Mount
from mylist_dav.dav.sources import Source
from mylist_dav.model.actors import Actor
from mylist_dav.model.exposures import Exposure
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.wire.messages import Meter, Request


@dataclass(frozen=True, slots=True)
class Call:
    """A request with who sent it, what it names and what can be read.

    body: the whole XML body; b'' where there is none, and for PUT. exposure: the one that it was sent to, if to any.
    """

    library: Library
    request: Request
    actor: Actor
    location: Location
    source: Source
    body: bytes = b""
    exposure: Exposure | None = None

    @property
    def mount(self) -> Mount:
        """What gives places their URLs."""
        return self.location.mount

    def meter(self, *, path: str = "", up_bytes: int = 0) -> Meter:
        """What counts the answer to this request; path: of the file that it downloads."""
        ledger = self.library.ledger
        if self.exposure is not None:
            return ledger.visit(self.exposure, self.actor, path=path, up_bytes=up_bytes)
        names = self.location.names
        name = FlistName(names[1], names[2]) if self.location.level >= Level.FLIST else None
        return ledger.request(self.actor, name, path=path, up_bytes=up_bytes)

    def header(self, name: str) -> str | None:
        """The value of a header field by its lower-case name."""
        return self.request.header(name)
