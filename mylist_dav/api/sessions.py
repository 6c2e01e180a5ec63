"""Logging in with a key, logging out, who one is, and the server's own key. docs/login.md is the contract."""

from __future__ import annotations

from mylist_dav.api.credentials import token_of
from mylist_dav.api.operations import Call, Operation
from mylist_dav.model.keys import parse_public_key
from mylist_dav.model.login_text import utc_time
from mylist_dav.model.server_address import canonical_server
from mylist_dav.services.accounts.logins import Issued
from mylist_dav.services.opening import Library
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.documents.logins import (
    Challenge,
    ChallengeAsked,
    KeyChange,
    LoggedIn,
    LoginAsked,
    LoginByChallenge,
    LoginByTime,
    ServerKeyTold,
    Who,
)
from mylist_dav.wire.messages import Response

_SECOND_NS = 1_000_000_000
_TAG = "Logging in"


class Sessions:
    """The functions behind the operations."""

    def __init__(self, library: Library, in_clear: InClear) -> None:
        self._library = library
        self._in_clear = in_clear

    def operations(self) -> list[Operation]:
        """They take no token, but the last two."""
        return [
            Operation(
                "POST", "/api/v1/login/challenge", "askForChallenge", _TAG, "Get a text to sign",
                self.challenge, body=ChallengeAsked, told=Challenge, open=True,
            ),
            Operation(
                "POST", "/api/v1/login", "logIn", _TAG, "Get a token for a signature",
                self.login, body=LoginAsked, told=LoggedIn, open=True,
            ),
            Operation(
                "GET", "/api/v1/server-key", "getServerKey", _TAG, "The server's own key, and how it came to be",
                self.server_key, told=ServerKeyTold, open=True,
            ),
            Operation(
                "GET", "/api/v1/whoami", "whoAmI", _TAG, "The account, and what the token may", self.whoami, told=Who
            ),
            Operation(
                "POST", "/api/v1/logout", "logOut", _TAG, "Revoke the token that this is sent with",
                self.logout, status=204,
            ),
        ]  # fmt: skip

    def challenge(self, call: Call) -> Challenge:
        asked: ChallengeAsked = call.body
        server = "" if asked.server is None else canonical_server(asked.server)
        offer = self._library.logins.challenge(
            parse_public_key(asked.key), server, address=call.request.client
        )
        return Challenge(
            challenge=offer.text, expires=_time(offer.expires_ns), signature=offer.signature.hex()
        )

    def login(self, call: Call) -> LoggedIn:
        asked: LoginAsked = call.body
        which = asked.root
        done = (
            self._by_challenge(which, call)
            if isinstance(which, LoginByChallenge)
            else self._by_time(which, call)
        )
        self._in_clear.note(call.request, done.account)
        return LoggedIn(
            token=done.token, expires=_time(done.expires_ns), account=done.account, role=done.role
        )

    def _by_challenge(self, asked: LoginByChallenge, call: Call) -> Issued:
        return self._library.logins.login(
            parse_public_key(asked.key),
            asked.challenge,
            bytes.fromhex(asked.signature),
            address=call.request.client,
            request_id=call.request.request_id,
        )

    def _by_time(self, asked: LoginByTime, call: Call) -> Issued:
        return self._library.logins.login_at(
            parse_public_key(asked.key),
            asked.server,
            asked.time,
            bytes.fromhex(asked.nonce),
            bytes.fromhex(asked.signature),
            address=call.request.client,
            request_id=call.request.request_id,
        )

    def logout(self, call: Call) -> Response:
        """At once, in all processes."""
        self._library.identity.revoke_this(
            token_of(call.request)[0], address=call.request.client, request_id=call.request.request_id
        )
        return Response(204, [("cache-control", "no-store")])

    def whoami(self, call: Call) -> Who:
        actor = call.actor
        flist = actor.scope.flist_name
        return Who(
            account=actor.account,
            role=actor.role,
            flist=None if flist is None else str(flist),
            read_only=actor.scope.read_only,
        )

    def server_key(self, call: Call) -> ServerKeyTold:
        """For everybody."""
        key, logins = self._library.server_key, self._library.logins
        return ServerKeyTold(
            key=str(key.public),
            openssh=key.public.openssh_line(),
            server=logins.addresses[0] if logins.addresses else None,
            changes=[
                KeyChange(
                    old=str(each.old), new=str(each.new), time=each.seconds, signature=each.signature.hex()
                )
                for each in key.changes
            ],
        )


def _time(ns: int) -> str:
    return utc_time(ns // _SECOND_NS)
