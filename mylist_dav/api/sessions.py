"""/api/v1/: logging in with a key, logging out, who one is, and the server's own key. docs/login.md is the contract."""

from __future__ import annotations

from mylist_dav.api.bodies import check_fields, hex_bytes, json_response, read_object
from mylist_dav.api.credentials import authenticate, token_of
from mylist_dav.errors import Invalid
from mylist_dav.model.keys import SIGNATURE_BYTES, parse_public_key
from mylist_dav.model.login_text import NONCE_BYTES, canonical_server, utc_time
from mylist_dav.services.logins import Issued
from mylist_dav.services.opening import Library
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.messages import Request, Response

_SECOND_NS = 1_000_000_000
_BY_CHALLENGE = {"key": str, "challenge": str, "signature": str}
_BY_TIME = {"key": str, "server": str, "time": int, "nonce": str, "signature": str}


class Sessions:
    """The functions behind the routes; each takes a request and its body, and raises MylistError."""

    def __init__(self, library: Library, in_clear: InClear) -> None:
        self._library = library
        self._in_clear = in_clear

    def challenge(self, request: Request, body: bytes) -> Response:
        """{"key", "server"?} -> {"challenge", "expires", "signature"}: a text to be signed."""
        fields = read_object(request, body)
        check_fields(fields, {"key": str}, {"server": str})
        server = canonical_server(fields["server"]) if "server" in fields else ""
        offer = self._library.logins.challenge(
            parse_public_key(fields["key"]), server, address=request.client
        )
        return json_response(
            {"challenge": offer.text, "expires": _time(offer.expires_ns), "signature": offer.signature.hex()}
        )

    def login(self, request: Request, body: bytes) -> Response:
        """{"key", "challenge", "signature"}, or {"key", "server", "time", "nonce", "signature"} -> a token."""
        fields = read_object(request, body)
        issued = self._by_challenge if "challenge" in fields else self._by_time
        done = issued(fields, request)
        self._in_clear.note(request, done.account)
        shown = {
            "token": done.token,
            "expires": _time(done.expires_ns),
            "account": done.account,
            "role": done.role.value,
        }
        return json_response(shown)

    def _by_challenge(self, fields: dict[str, str], request: Request) -> Issued:
        check_fields(fields, _BY_CHALLENGE)
        key, signature = parse_public_key(fields["key"]), hex_bytes(fields, "signature", SIGNATURE_BYTES)
        return self._library.logins.login(
            key, fields["challenge"], signature, address=request.client, request_id=request.request_id
        )

    def _by_time(self, fields: dict[str, str], request: Request) -> Issued:
        check_fields(fields, _BY_TIME)
        seconds = fields["time"]
        if not isinstance(seconds, int):
            raise Invalid("the field 'time' is a whole number")
        return self._library.logins.login_at(
            parse_public_key(fields["key"]),
            fields["server"],
            seconds,
            hex_bytes(fields, "nonce", NONCE_BYTES),
            hex_bytes(fields, "signature", SIGNATURE_BYTES),
            address=request.client,
            request_id=request.request_id,
        )

    def logout(self, request: Request, body: bytes) -> Response:
        """Revokes the token that the request came with, at once, in all processes. No body; 204."""
        if body.strip() not in (b"", b"{}"):
            raise Invalid("logging out takes no body")
        authenticate(self._library.identity, request)
        self._library.identity.revoke_this(
            token_of(request)[0], address=request.client, request_id=request.request_id
        )
        return Response(204, [("cache-control", "no-store")])

    def whoami(self, request: Request, body: bytes) -> Response:
        """Account, role and what the token may: {"account", "role", "flist", "read_only"}."""
        actor = authenticate(self._library.identity, request)
        flist = actor.scope.flist_name
        return json_response(
            {
                "account": actor.account,
                "role": actor.role.value,
                "flist": None if flist is None else str(flist),
                "read_only": actor.scope.read_only,
            }
        )

    def server_key(self, request: Request, body: bytes) -> Response:
        """The server's own key, what it calls itself, and how its key came to be this one. For everybody."""
        key, logins = self._library.server_key, self._library.logins
        changes = [
            {
                "old": str(each.old),
                "new": str(each.new),
                "time": each.seconds,
                "signature": each.signature.hex(),
            }
            for each in key.changes
        ]
        shown = {
            "key": str(key.public),
            "openssh": key.public.openssh_line(),
            "server": logins.addresses[0] if logins.addresses else None,
            "changes": changes,
        }
        return json_response(shown)


def _time(ns: int) -> str:
    return utc_time(ns // _SECOND_NS)
