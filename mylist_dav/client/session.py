"""A session with one server: logging in by a signature, and what follows. Nothing here asks or prints.

What is signed is checked before: a text that names another server than the one the user gave is refused, whoever hands
it on; and so is a server whose key is not the one it had.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import httpx

from mylist_dav.client.answers import bounded, json_object, not_of_mylist, refusal
from mylist_dav.client.known import KnownServers, Login, Tokens
from mylist_dav.errors import Conflict, Forbidden, Invalid, MylistError, Unauthenticated
from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.model.login_text import Challenge, canonical_server
from mylist_dav.model.server_keys import CHANGES_MAX, KeyChange, leads_to, offer_text

TIMEOUT_SECONDS = 30
_API = "/api/v1"


class Signer(Protocol):
    """Whatever can sign with an Ed25519 key: a PrivateKey, an AgentKey."""

    @property
    def public(self) -> PublicKey: ...

    def sign(self, message: bytes) -> bytes: ...


class Met(NamedTuple):
    """A server's key. before: what it was when one last met it; None the first time."""

    key: PublicKey
    before: PublicKey | None


class Session:
    """Talks to the server at a URL that the user gave. folder: the user's configuration folder.

    http: for tests; by default one of its own, closed by close(). Raises Invalid for a URL that is no server's.
    """

    def __init__(self, url: str, folder: Path, http: httpx.Client | None = None) -> None:
        self.server = canonical_server(url)
        self.tokens = Tokens(folder)
        self._known = KnownServers(folder)
        self._http = http or httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def trust(self, key: PublicKey) -> None:
        """Take this for the server's key, in place of what is remembered."""
        self._known.remember(self.server, key)

    def login(self, signer: Signer) -> tuple[Login, Met]:
        """Log in, and keep the token. Raises Unauthenticated (the server refuses the key), Forbidden, MylistError.

        Forbidden: nothing was signed, because the server is not the one that the user named, or not the same as before.
        """
        asked = {"key": signer.public.hex(), "server": self.server}
        offer = self._call("POST", "/login/challenge", asked)
        text = _string(offer, "challenge")
        met = self._check(text, _string(offer, "signature"), signer.public)
        signed = signer.sign(text.encode())
        proof = {"key": signer.public.hex(), "challenge": text, "signature": signed.hex()}
        answer = self._call("POST", "/login", proof)
        login = Login(*(_string(answer, name) for name in Login._fields))
        self.tokens.keep(self.server, login)
        return login, met

    def whoami(self) -> dict[str, Any]:
        """What the server knows of the token. Raises NotFound (none is kept), Unauthenticated."""
        return self._call("GET", "/whoami", token=self.tokens.get(self.server).token)

    def logout(self) -> None:
        """Have the token revoked, and forget it, also if it holds no longer. Raises NotFound, MylistError."""
        token = self.tokens.get(self.server).token
        with contextlib.suppress(Unauthenticated):  # expired, or revoked already: that is what was wanted
            self._call("POST", "/logout", token=token)
        self.tokens.forget(self.server)

    def new_token(self, **asked: object) -> dict[str, Any]:
        """A token of one's own account: {"token", "token_id", "account", "expires_ns"}. asked: see the API.

        Raises NotFound (not logged in; no such flist), Unauthenticated, Forbidden, Invalid.
        """
        given = {name: value for name, value in asked.items() if value is not None}
        return self._call("POST", "/tokens", given, token=self.tokens.get(self.server).token)

    def _check(self, text: str, signature: str, key: PublicKey) -> Met:
        """Raises Forbidden for a text that must not be signed."""
        try:
            challenge = Challenge.parse(text)
            offered = verify(challenge.server_key, offer_text(text).encode(), bytes.fromhex(signature))
        except (Invalid, ValueError) as error:
            raise Forbidden(f"{self.server} asks to sign what is no login; nothing was signed") from error
        if challenge.server != self.server:
            raise Forbidden(
                f"{self.server} asks to sign a login for {challenge.server}; nothing was signed. If that is the"
                " address you were told, use it. If not, somebody stands between"
            )
        if challenge.key != key or not offered:
            raise Forbidden(f"{self.server} does not show that it has the key it names; nothing was signed")
        return self._meet(challenge.server_key)

    def _meet(self, shown: PublicKey) -> Met:
        known = self._known.key_of(self.server)
        if known is not None and known != shown and not leads_to(known, shown, self._changes()):
            raise Forbidden(
                f"the key of {self.server} is not the one it had; nothing was signed.\n"
                f"  it was {known.fingerprint}\n  it is  {shown.fingerprint} ({shown})\n"
                "Somebody may stand between. If its operator says that this is right: mylist login --server-key KEY"
            )
        if known != shown:
            self._known.remember(self.server, shown)
        return Met(shown, known)

    def _changes(self) -> list[KeyChange]:
        """How the server says its key has changed; what is malformed does not count."""
        listed = self._call("GET", "/server-key").get("changes")
        try:
            return [_to_change(each) for each in listed[-CHANGES_MAX:]] if isinstance(listed, list) else []
        except (Invalid, ValueError, KeyError, TypeError):
            return []

    def _call(
        self, method: str, path: str, body: object = None, *, token: str | None = None
    ) -> dict[str, Any]:
        """The JSON object of an answer; {} for one without content. Raises what the status says."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        try:
            with self._http.stream(
                method, f"{self.server}{_API}{path}", json=body, headers=headers
            ) as response:
                data = bounded(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise MylistError(f"{self.server} cannot be reached: {error}") from error
        if response.is_redirect:
            raise Conflict(f"{self.server} sends elsewhere: use the address that it has")
        found = json_object(data)
        if not response.is_success:
            raise refusal(response, found)
        if found is None:
            raise not_of_mylist()
        return found


def _string(document: dict[str, Any], name: str) -> str:
    found = document.get(name)
    if not isinstance(found, str):
        raise not_of_mylist()
    return found


def _to_change(listed: dict[str, Any]) -> KeyChange:
    return KeyChange(
        PublicKey.checked(bytes.fromhex(listed["old"])),
        PublicKey.checked(bytes.fromhex(listed["new"])),
        int(listed["time"]),
        bytes.fromhex(listed["signature"]),
    )
