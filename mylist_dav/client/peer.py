"""What one server asks of another: to log in with the own key, which blocks are missing, to take blocks, to commit.

Answers are read with suspicion: bounded, and of the shape they should have. Nothing is asked twice here: whoever copies
begins again with what is still missing, which costs a question.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import httpx

from mylist_dav.client.answers import bounded, json_object, printable, refusal
from mylist_dav.errors import Busy, Conflict, Forbidden, Invalid, MylistError
from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.model.login_text import Challenge
from mylist_dav.model.names import FlistName
from mylist_dav.model.peers import Peer
from mylist_dav.model.server_keys import offer_text

IDS_MAX = 10_000
TREE_PAGE = 10_000
_ANSWER_BYTES_MAX = 64 * 1024 * 1024
_COMMIT_SECONDS = 900.0
_LATER = frozenset((408, 429, 502, 503, 504))


class Unreachable(Busy):
    """The peer did not answer, or said that it cannot now: asking again later may help."""


class Lost(Conflict):
    """A commit was refused for what the peer has by now: its tree is another, or blocks are missing."""


class Signer(Protocol):
    """Whatever signs with an Ed25519 key."""

    @property
    def public(self) -> PublicKey: ...

    def sign(self, message: bytes) -> bytes: ...


class Node(NamedTuple):
    """An entry of the peer's tree. digest, target: '' for what has none. content_type: None when it is not set."""

    kind: str
    mode: int
    mtime_ns: int
    digest: str
    target: str
    content_type: str | None


class PeerSession:
    """Logged in at a peer. For one thread; close() logs out."""

    def __init__(self, peer: Peer, http: httpx.Client, signer: Signer) -> None:
        """http: for this peer alone; it is closed with this. Raises Forbidden, Unauthenticated, MylistError, ..."""
        self._peer = peer
        self._http = http
        self._token = ""
        try:
            self._token = self._login(signer)
        except BaseException:
            http.close()
            raise

    def close(self) -> None:
        """Log out, as far as that can be done."""
        try:
            if self._token:
                self._send("POST", "/api/v1/logout")
        except MylistError:
            pass  # the token expires by itself
        finally:
            self._http.close()

    # -- blocks ------------------------------------------------------------------------------------------------

    def missing(self, ids: list[str]) -> list[str]:
        """Those of these block ids, at most IDS_MAX, that are to be sent; in the same order."""
        assert len(ids) <= IDS_MAX
        present = self._json("POST", "/blocks/exists", {"ids": ids}).get("present")
        if not isinstance(present, list):
            raise _not_of_mylist(self._peer)
        known = {each for each in present if isinstance(each, str)}
        return [each for each in ids if each not in known]

    def upload(self, bundle: bytes, ids: set[str]) -> None:
        """Send a tar of blocks. Raises MylistError unless the peer says of each that it has it now."""
        found = self._json("POST", "/blocks/upload", content=bundle).get("blocks")
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise _not_of_mylist(self._peer)
        for each in found:
            if each.get("state") not in ("stored", "present"):
                why = printable(f"{each.get('id')}: {each.get('detail')}")
                raise MylistError(f"the peer does not take block {why}")
        if not ids <= {each.get("id") for each in found}:
            raise MylistError(f"the peer {self._peer.name} does not say that it has all blocks it was sent")

    # -- flists ------------------------------------------------------------------------------------------------

    def head(self, name: FlistName) -> int:
        """The newest jid of a flist. Raises NotFound."""
        return self._number(self._json("GET", _path(name)), "head_jid")

    def create(self, name: FlistName, *, private: bool) -> int:
        """Make a flist; the jid of its first revision. Raises Forbidden, NotFound (no such account)."""
        asked = {"name": str(name), "private": private}
        return self._number(self._json("POST", "/api/v1/flists", asked), "head_jid")

    def tree(self, name: FlistName, jid: int) -> Iterator[tuple[str, Node]]:
        """All paths of a revision, and what is there."""
        after: str | None = None
        while True:
            query = {"at": str(jid), "limit": str(TREE_PAGE)} | ({"after": after} if after else {})
            page = self._json("GET", f"{_path(name)}/tree", query=query)
            entries, before = page.get("entries"), after
            if not isinstance(entries, list):
                raise _not_of_mylist(self._peer)
            for each in entries:
                yield self._entry(each)
            after = page.get("next")
            if after is None:
                return
            if not isinstance(after, str) or not entries or after == before:
                raise _not_of_mylist(self._peer)

    def put_tree(self, name: FlistName, base_jid: int, lines: Iterator[bytes], note: str) -> int:
        """All changes or none, line by line, on the revision that was looked at; the head after it.

        Raises Lost when that is not the head any more, or a block has gone; Conflict for any other refusal.
        """
        query = {"base_jid": str(base_jid), "merge": "1", "note": note}
        response, data = self._send(
            "PUT", f"{_path(name)}/tree", query=query, content=lines, timeout_seconds=_COMMIT_SECONDS
        )
        found = json_object(data)
        if found is not None and response.is_success:
            return self._number(found, "head_jid")
        error = self._refusal(response, found)
        moved = (found or {}).get("head_jid") not in (None, base_jid)
        if response.status_code in (409, 412) and (moved or (found or {}).get("missing")):
            raise Lost(str(error))
        raise error

    # -- logging in --------------------------------------------------------------------------------------------

    def _login(self, signer: Signer) -> str:
        """Sign the peer's challenge, if it is one for us, and it shows that it has the key it should have."""
        asked = {"key": signer.public.hex(), "server": self._peer.url}
        offer = self._json("POST", "/api/v1/login/challenge", asked)
        text = self._text(offer, "challenge")
        self._check(text, self._text(offer, "signature"), signer.public)
        proof = {"key": signer.public.hex(), "challenge": text, "signature": signer.sign(text.encode()).hex()}
        return self._text(self._json("POST", "/api/v1/login", proof), "token")

    def _check(self, text: str, signature: str, own: PublicKey) -> None:
        try:
            challenge = Challenge.parse(text)
            offered = verify(challenge.server_key, offer_text(text).encode(), bytes.fromhex(signature))
        except (Invalid, ValueError) as error:
            raise Forbidden(f"{self._peer.url} asks to sign what is no login; nothing was signed") from error
        if challenge.server != self._peer.url or challenge.key != own or not offered:
            raise Forbidden(f"{self._peer.url} asks to sign a login elsewhere; nothing was signed")
        if self._peer.key not in (None, challenge.server_key):
            raise Forbidden(
                f"{self._peer.url} has the key {challenge.server_key}, which is not the one that is set for this peer;"
                " nothing was sent"
            )

    # -- sending -----------------------------------------------------------------------------------------------

    def _json(self, method: str, path: str, asked: object = None, **options: Any) -> dict[str, Any]:
        """The object of an answer. Raises what the status says."""
        response, data = self._send(method, path, asked, **options)
        found = json_object(data)
        if response.is_success and found is not None:
            return found
        raise self._refusal(response, found)

    def _send(
        self,
        method: str,
        path: str,
        asked: object = None,
        *,
        query: dict[str, str] | None = None,
        content: bytes | Iterator[bytes] | None = None,
        timeout_seconds: float | None = None,
    ) -> tuple[httpx.Response, bytes]:
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        if content is not None:
            headers["content-type"] = (
                "application/x-tar" if isinstance(content, bytes) else "application/x-ndjson"
            )
        options: dict[str, Any] = {} if timeout_seconds is None else {"timeout": timeout_seconds}
        body: dict[str, Any] = {"content": content} if content is not None else {"json": asked}
        if content is None and asked is None:
            body = {}
        try:
            with self._http.stream(
                method, path, params=query, headers=headers, **body, **options
            ) as response:
                return response, bounded(response, _ANSWER_BYTES_MAX)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"the peer {self._peer.name} cannot be reached: {error}") from error

    def _refusal(self, response: httpx.Response, problem: dict[str, Any] | None) -> MylistError:
        """The error of ours that an answer stands for, in the words of the peer."""
        if response.status_code // 100 == 3:
            return Forbidden(f"the peer {self._peer.name} sends elsewhere, where nothing is sent")
        if response.is_success:
            return _not_of_mylist(self._peer)
        error = refusal(response, problem)
        said = f"the peer {self._peer.name}: {error}"
        if response.status_code in _LATER or (response.status_code == 401 and self._token):
            return Unreachable(said)  # a login ends, and the next one begins anew
        return type(error)(said)

    # -- reading answers ---------------------------------------------------------------------------------------

    def _entry(self, found: object) -> tuple[str, Node]:
        if not isinstance(found, dict) or not isinstance(found.get("path"), str):
            raise _not_of_mylist(self._peer)
        kind, content_type = found.get("kind"), found.get("content_type")
        digest, target = found.get("digest") or "", found.get("target") or ""
        texts = isinstance(digest, str) and isinstance(target, str) and isinstance(content_type, str | None)
        if kind not in ("file", "directory", "symlink") or not texts:
            raise _not_of_mylist(self._peer)
        mode, mtime_ns = self._number(found, "mode"), self._number(found, "mtime_ns")
        return found["path"], Node(kind, mode, mtime_ns, digest, target, content_type)

    def _number(self, found: dict[str, Any], name: str) -> int:
        value = found.get(name)
        if type(value) is not int:
            raise _not_of_mylist(self._peer)
        return value

    def _text(self, found: dict[str, Any], name: str) -> str:
        value = found.get(name)
        if not isinstance(value, str):
            raise _not_of_mylist(self._peer)
        return value


def _path(name: FlistName) -> str:
    return f"/api/v1/flists/{quote(name.account, safe='')}/{quote(name.name, safe='')}"


def _not_of_mylist(peer: Peer) -> MylistError:
    return MylistError(f"the peer {peer.name} gave an answer that is not of mylist")
