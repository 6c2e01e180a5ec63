"""A session with one server: logging in by a signature, and what follows. Nothing here asks or prints.

What is signed is checked before: a text that names another server than the one the user gave is refused, whoever hands
it on; and so is a server whose key is not the one it had.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

from mylist_dav.client.link import Link
from mylist_dav.client.logins.known import KnownServers, Login, Tokens
from mylist_dav.client.proving import Signer, log_in
from mylist_dav.errors import Forbidden, Invalid, Unauthenticated
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.server_address import canonical_server
from mylist_dav.model.server_keys import CHANGES_MAX, KeyChange, leads_to


class Met(NamedTuple):
    """A server's key. before: what it was when one last met it; None the first time."""

    key: PublicKey
    before: PublicKey | None


class Session:
    """Talks to the server at a URL that the user gave. folder: the user's configuration folder.

    close() it. Raises Invalid for a URL that is no server's.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.server = canonical_server(url)
        self.tokens = Tokens(folder)
        self._known = KnownServers(folder)
        self._link = Link.plain(self.server, tries=1)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._link.close()

    def trust(self, key: PublicKey) -> None:
        """Take this for the server's key, in place of what is remembered."""
        self._known.remember(self.server, key)

    def login(self, signer: Signer) -> tuple[Login, Met]:
        """Log in, and keep the token. Raises Unauthenticated (the server refuses the key), Forbidden, MylistError.

        Forbidden: nothing was signed, because the server is not the one that the user named, or not the same as before.
        """
        met: list[Met] = []
        answer = log_in(self._link, signer, lambda key: met.append(self._meet(key)))
        login = Login(*(answer.text(name) for name in Login._fields))
        self.tokens.keep(self.server, login)
        return login, met[0]

    def whoami(self) -> dict[str, Any]:
        """What the server knows of the token. Raises NotFound (none is kept), Unauthenticated."""
        return self._as_known().json("GET", "/api/v1/whoami").found

    def logout(self) -> None:
        """Have the token revoked, and forget it, also if it holds no longer. Raises NotFound, MylistError."""
        link = self._as_known()
        with contextlib.suppress(Unauthenticated):  # expired, or revoked already: that is what was wanted
            link.json("POST", "/api/v1/logout")
        self.tokens.forget(self.server)

    def new_token(self, **asked: object) -> dict[str, Any]:
        """A token of one's own account: {"token", "token_id", "account", "expires_ns"}. asked: see the API.

        Raises NotFound (not logged in; no such flist), Unauthenticated, Forbidden, Invalid.
        """
        given = {name: value for name, value in asked.items() if value is not None}
        return self._as_known().json("POST", "/api/v1/tokens", given, again=False).found

    def _as_known(self) -> Link:
        """With the token that is kept. Raises NotFound."""
        self._link.token = self.tokens.get(self.server).token
        return self._link

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
        listed = self._link.json("GET", "/api/v1/server-key").get("changes")
        try:
            return [_to_change(each) for each in listed[-CHANGES_MAX:]] if isinstance(listed, list) else []
        except (Invalid, ValueError, KeyError, TypeError):
            return []


def _to_change(listed: dict[str, Any]) -> KeyChange:
    return KeyChange(
        PublicKey.checked(bytes.fromhex(listed["old"])),
        PublicKey.checked(bytes.fromhex(listed["new"])),
        int(listed["time"]),
        bytes.fromhex(listed["signature"]),
    )
