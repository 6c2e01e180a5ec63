"""The guard of protected sites: reads what a request says of its sender, asks the gate, and says no.

A no is the same for every path, there or not. Browsers that come for a page on a host name of its own get a form, which
works without scripts; everybody else is asked for Basic. On a prefix there is no form and no cookie: whatever a browser
keeps for one prefix it also sends when another one asks.
"""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from urllib.parse import parse_qsl

from markupsafe import Markup

from mylist_dav.errors import Forbidden, Invalid, MylistError, TooMany, Unauthenticated, UnsupportedMedia
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.model.keys import parse_public_key
from mylist_dav.outcomes import outcome
from mylist_dav.services.exposing.gates import Admission, Gates
from mylist_dav.web.pages import HTML, NOSNIFF, error_response, page, source_hash, template_text
from mylist_dav.web.policy import NO_STORE
from mylist_dav.wire.auth import Basic, Bearer, parse_authorization
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.messages import Headers, Request, Response, WholeBody
from mylist_dav.wire.targets import DecodedPath, relative_redirect
from mylist_dav.wire.visits import is_from_own_page, keep_visit, visits_of

FORM_BYTES_MAX = 8 * 1024
FIELDS_MAX = 10
REFUSALS = (Unauthenticated, Forbidden, TooMany)
_FORM_TYPE = "application/x-www-form-urlencoded"
_SEALS: Headers = [
    ("Cache-Control", "private, no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Robots-Tag", "noindex"),
]
_REPLACED = frozenset(
    ("cache-control", "cross-origin-resource-policy", "access-control-allow-origin", "referrer-policy")
)


class Guard:
    """Stands before every exposure that is not public."""

    def __init__(self, gates: Gates, in_clear: InClear | None = None) -> None:
        """in_clear: what is done about phrases and tokens that come over plain HTTP from another machine."""
        self._gates = gates
        self._in_clear = in_clear
        page("gate")  # now, and not on the event loop

    def admit(self, request: Request, exposure: Exposure) -> Admission:
        """Who has sent the request, if they may look. Raises Unauthenticated, Forbidden, TooMany."""
        admission = self._admit(request, exposure)
        actor = admission.actor._replace(address=request.client, request_id=request.request_id)
        return admission._replace(actor=actor)

    def _admit(self, request: Request, exposure: Exposure) -> Admission:
        found = parse_authorization(request.header("authorization"))
        if found is not None or exposure.mode is not Mode.PUBLIC:
            self._check_clear(request)
        if isinstance(found, Bearer):
            return self._gates.admit_token(exposure, found.token, address=request.client)
        if isinstance(found, Basic):
            return self._gates.admit_password(exposure, found.account, found.password, request.client)
        for value in visits_of(request) if exposure.host else ():
            try:
                return self._gates.admit_visit(exposure, value)
            except (Unauthenticated, Forbidden):
                continue  # it is over, or was for something else: the form comes again
        return self._gates.admit_guest(exposure)

    def refused(self, request: Request, exposure: Exposure, error: MylistError) -> Response:
        """The answer to who is not let in: what depends on the path is not in it."""
        status = outcome(error).http
        try:
            self._check_clear(request)
        except Forbidden:  # no form: it would ask for what must not be sent
            return error_response(HTTPStatus.FORBIDDEN, head=request.method == "HEAD")
        more: Headers = []
        if isinstance(error, TooMany):
            more.append(("Retry-After", str(error.retry_after_seconds)))
        if exposure.host and _wants_page(request):
            if status == 401:
                more.append(("WWW-Authenticate", 'Form realm="mylist"'))  # no dialogue in front of the form
            return self._form(request, exposure, status, more, "")
        if status == 401:
            realm = f'Basic realm="mylist site {exposure.exposure_id}", charset="UTF-8"'
            more.append(("WWW-Authenticate", realm))
        return error_response(status, head=request.method == "HEAD", more=more)

    def sink(self, request: Request, exposure: Exposure, path: DecodedPath) -> WholeBody | Response:
        """What takes the form. On success the browser is sent to where it wanted to go, with a cookie."""
        self._check_clear(request)
        if not is_from_own_page(request):
            return error_response(403)
        if not request.has_body:
            return self._answered(request, exposure, path, b"")
        return WholeBody(FORM_BYTES_MAX, lambda body: self._answered(request, exposure, path, body))

    def _check_clear(self, request: Request) -> None:
        """Raises Forbidden."""
        if self._in_clear is not None:
            self._in_clear.check(request)

    def _answered(self, request: Request, exposure: Exposure, path: DecodedPath, body: bytes) -> Response:
        fields = _fields(request, body)
        try:
            admission = self._admitted(request, exposure, fields)
        except REFUSALS as error:
            more: Headers = []
            if isinstance(error, TooMany):
                more.append(("Retry-After", str(error.retry_after_seconds)))
            status = 403 if isinstance(error, Unauthenticated) else outcome(error).http
            return self._form(request, exposure, status, more, _said(error, exposure))
        visit = self._gates.visit(exposure, admission)
        return Response(
            303,
            [
                ("Location", relative_redirect(path.names, path.directory, request.query)),
                keep_visit(request, visit.value, visit.seconds),
                NO_STORE,
            ],
            account=admission.actor.account,
        )

    def _admitted(self, request: Request, exposure: Exposure, fields: dict[str, str]) -> Admission:
        """By a signature, if one was sent, else by what was typed. Raises REFUSALS, Invalid."""
        if exposure.mode is not Mode.KEYS or "signature" not in fields:
            return self._gates.admit_password(exposure, None, fields.get("phrase", ""), request.client)
        key = parse_public_key(fields.get("key", ""))
        try:
            signature = bytes.fromhex(fields["signature"])
        except ValueError as error:
            raise Invalid("the signature is not in hex digits") from error
        text = fields.get("text", "").replace("\r\n", "\n")  # as forms send line ends
        return self._gates.admit_signature(exposure, key, text, signature, request.client)

    def _form(
        self, request: Request, exposure: Exposure, status: int, more: Headers, complaint: str
    ) -> Response:
        looks, secret = page("gate"), exposure.mode is Mode.SECRET
        script = "" if secret else _script()
        policy = looks.policy.replace("form-action 'none'", "form-action 'self'")
        body = looks.render(
            host=exposure.host,
            secret=secret,
            text="" if secret else self._gates.text_to_sign(exposure),
            script=Markup(script),
            complaint=complaint or ("You are not on the list of this site." if status == 403 else ""),
        )
        headers = [
            HTML,
            NO_STORE,
            NOSNIFF,
            ("Content-Security-Policy", f"{policy}; script-src {source_hash(script)}" if script else policy),
            ("Referrer-Policy", "same-origin"),
            ("X-Frame-Options", "DENY"),
            *more,
        ]
        return Response(status, headers, b"" if request.method == "HEAD" else body, len(body))


@cache
def _script() -> str:
    return "".join(map(template_text, ("keyfiles.js", "choosing.js", "gate.js")))


def sealed(response: Response, admission: Admission) -> Response:
    """An answer of a protected site: nobody keeps it, nobody else's page shows it, no search engine lists it."""
    kept = [field for field in response.headers if field[0].lower() not in _REPLACED]
    return Response(
        response.status,
        [*kept, *_SEALS],
        response.body,
        response.content_length,
        account=admission.actor.account,
    )


def _wants_page(request: Request) -> bool:
    """Whether a person is at the other end, with a browser: it says so, or asks for HTML."""
    return request.header("sec-fetch-mode") is not None or "text/html" in (request.header("accept") or "")


def _said(error: MylistError, exposure: Exposure) -> str:
    if isinstance(error, TooMany):
        return "That was too often. Wait a little before you try again."
    if isinstance(error, Forbidden):
        return "You are not on the list of this site."
    return (
        "That is not the pass phrase."
        if exposure.mode is Mode.SECRET
        else "That token does not open this site."
    )


def _fields(request: Request, body: bytes) -> dict[str, str]:
    """Raises Invalid, UnsupportedMedia."""
    if body and (request.header("content-type") or "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise UnsupportedMedia("a form is expected here")
    try:
        return dict(
            parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise Invalid("the form cannot be read") from error
