"""WebDAV at the address of an exposure: one flist, under the names that visitors know.

GET and HEAD never come here: they are the site's. What visitors may do over WebDAV is what they may do with a browser,
listing folders; whoever sends a token with more rights on the flist has them here too. Cookies say nothing here, so no
page can have a browser change anything with what it keeps for the site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mylist_dav.dav.calls import Call
from mylist_dav.dav.credentials import credentials_of
from mylist_dav.dav.locations import Mount
from mylist_dav.dav.refusals import CLASSES, METHODS, refusal
from mylist_dav.dav.sources import FlistSource, Source, VisitorSource
from mylist_dav.errors import NotAllowed
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.services.exposing.gates import Admission
from mylist_dav.wire.auth import Basic, Bearer
from mylist_dav.wire.messages import BodySink, Request, Response

if TYPE_CHECKING:
    from mylist_dav.dav.frontend import DavFrontEnd

READING_METHODS = "OPTIONS, GET, HEAD, PROPFIND"


class ExposedDav:
    """The front end of one request for an exposure, as it was when the request came."""

    def __init__(self, dav: DavFrontEnd, exposure: Exposure) -> None:
        self._dav = dav
        self._exposure = exposure
        above = tuple(exposure.prefix.strip("/").split("/")) if exposure.prefix else ()
        self._mount = Mount(above, exposure.flist_name)
        self._methods = METHODS if exposure.dav_writes else READING_METHODS

    def answer_now(self, request: Request) -> Response | None:
        """OPTIONS is the same for everybody and every path: clients ask it before they have anything to say."""
        if request.method == "OPTIONS" and not request.has_body:
            return self._options()
        return None

    def respond(self, request: Request) -> Response | BodySink:
        """Raises MylistError; Unauthenticated first, whatever the path and the method are."""
        if request.method == "OPTIONS":
            return self._options()
        return self._dav.carry_out(request, self._call)

    def render_error(self, request: Request, error: Exception) -> Response:
        return refusal(request, error, self._mount, self._methods)

    def _options(self) -> Response:
        classes = CLASSES if self._exposure.dav_writes else [("DAV", "1"), *CLASSES[1:]]
        return Response(200, [*classes, ("Allow", self._methods)])

    def _call(self, request: Request) -> Call:
        admission = self._admission(request)
        if admission.actor.account:
            self._dav.in_clear.note(request, admission.actor.account)
        actor = admission.actor._replace(address=request.client, request_id=request.request_id)
        admission = admission._replace(actor=actor)
        if request.method not in self._methods.split(", "):
            raise NotAllowed("this can only be read here")
        location = self._mount.locate(request.target)
        source = self._source(admission)
        return Call(self._dav.library, request, actor, location, source, exposure=self._exposure)

    def _admission(self, request: Request) -> Admission:
        gates = self._dav.library.gates
        found = credentials_of(request)
        if found is not None or self._exposure.mode is not Mode.PUBLIC:
            self._dav.in_clear.check(request)
        if isinstance(found, Bearer):
            return gates.admit_token(self._exposure, found.token, address=request.client)
        if isinstance(found, Basic):
            return gates.admit_password(self._exposure, found.account, found.password, request.client)
        return gates.admit_guest(self._exposure)

    def _source(self, admission: Admission) -> Source:
        library, exposure = self._dav.library, self._exposure
        if admission.sees_all:
            return FlistSource(library, admission.actor, exposure.at_jid)
        return VisitorSource(library, exposure, admission)
