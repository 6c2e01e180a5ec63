"""All front ends in process, asked the way an engine asks, and what must hold of every answer."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from mylist_dav.api.operations import Operation
from mylist_dav.api.problems import PROBLEMS
from mylist_dav.errors import MylistError
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.conditions import Place
from mylist_dav.model.contents import BlockSlice
from mylist_dav.model.exposures import Mode
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.outcomes import PROBLEM_PREFIX
from mylist_dav.server.app import App
from mylist_dav.server.assembly import build
from mylist_dav.server.exchanges.body_in import check_declared, write_whole
from mylist_dav.server.exchanges.heads import encode_headers, framing_of, request_of
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.wire.auth import Bearer, parse_authorization
from mylist_dav.wire.messages import Headers, Request, Response

LIMITS = EngineLimits()
HOST = "fuzz.test"
SITE_HOST = "site.test"
SECRET_HOST = "secret.test"
NAME = FlistName("alice", "docs")
OTHERS = FlistName("bert", "private")
SECRET = b"what nobody but bert may read"

EXPECTED = frozenset((501, 502, 507))
"""Answers of 500 and above that are documented: not offered, a Destination elsewhere, no room."""

BODY_BYTES_MAX = 8 * 1024 * 1024


class World:
    """A data directory with something in it, the app over it, and a file beside it that nobody may touch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.canary = folder / "canary"
        self.canary.write_text("as it was")
        self.settings = load(given=_given(self.data))
        self.tokens: dict[str, str] = {}
        self.digests: list[str] = []
        library = Library(self.settings, time.time_ns)
        try:
            self._fill(library)
        finally:
            library.close()
        self.app: App = build(self.settings)

    def close(self) -> None:
        self.app.close()

    def _fill(self, library: Library) -> None:
        for account, role in (("admin", Role.ADMIN), ("alice", Role.USER), ("bert", Role.USER)):
            library.identity.add_account(OPERATOR, account, role)
            self.tokens[account] = library.identity.new_token(OPERATOR, account, days=30)
        library.identity.set_quota(OPERATOR, "alice", 50_000_000)
        for name in (NAME, OTHERS):
            library.flists.create(OPERATOR, name)
        library.grants.set_private(OPERATOR, OTHERS, True)
        library.trees.make_directory(OPERATOR, Place(NAME, TreePath.parse("folder")))
        for name, path, content in (
            (NAME, "index.html", b"<p>hello"),
            (NAME, "folder/large", bytes(range(256)) * 5000),
            (NAME, "empty", b""),
            (OTHERS, "secret", SECRET),
        ):
            upload = library.uploads.open(OPERATOR, Place(name, TreePath.parse(path)))
            upload.write(content)
            self.digests.append(str(upload.finish().entry.digest))
        expose = library.exposures.expose
        expose(OPERATOR, NAME, host=SITE_HOST, prefix="", mode=Mode.PUBLIC, dav="rw")
        expose(OPERATOR, NAME, host="", prefix="/site", mode=Mode.PUBLIC)
        expose(OPERATOR, NAME, host=SECRET_HOST, prefix="", mode=Mode.SECRET, secret="open sesame")

    # -- asking ------------------------------------------------------------------------------------------------

    def ask(self, method: str, target: str, headers: Headers, body: bytes | None) -> Response | None:
        """The answer, looked at; None for what never becomes a request. Raises what no front end may raise."""
        fields = [(name.lower(), value) for name, value in headers]
        if not any(name == "host" for name, _ in fields):
            fields.append(("host", HOST))
        if body is not None:
            fields.append(("content-length", str(len(body))))
        try:
            request = request_of(method, target, "1.1", fields, "192.0.2.7", "http", LIMITS)
        except MylistError:
            return None
        request.request_id = "0123456789ab"
        front_end = self.app.front_end
        try:
            response = self._answer(request, body)
        except MylistError as error:
            response = front_end.render_error(request, error)
        self.look_at(request, response)
        return response

    def _answer(self, request: Request, body: bytes | None) -> Response:
        now = self.app.front_end.answer_now(request)
        if now is not None:
            return now
        found = self.app.front_end.respond(request)
        if isinstance(found, Response):
            return found
        try:
            check_declared(found, request)
        except MylistError:
            found.abort()
            raise
        return write_whole(found, body or b"")

    def look_at(self, request: Request, response: Response) -> None:
        told = (request, response.status, response.body if isinstance(response.body, bytes) else b"...")
        assert response.status < 500 or response.status in EXPECTED, told
        encode_headers(response.headers)
        framing = framing_of(request, response)
        body = self._read(response) if framing.body else b""
        if framing.body and framing.length is not None:
            assert len(body) == framing.length, told
        kind = next((value for name, value in response.headers if name.lower() == "content-type"), "")
        if kind == "application/problem+json" and framing.body:
            hold_problem(json.loads(body), response.status)
        elif kind == "application/json" and framing.body:
            json.loads(body)
        if SECRET in body:
            assert _token_of(request) in (self.tokens["admin"], self.tokens["bert"]), told

    def _read(self, response: Response) -> bytes:
        if isinstance(response.body, bytes):
            return response.body
        whole = b""
        for piece in response.body:
            if isinstance(piece, BlockSlice):
                block = self.app.blocks.get(piece.digest)
                piece = block[piece.offset : piece.offset + piece.length]
            whole += piece
            assert len(whole) < BODY_BYTES_MAX
        return whole

    # -- afterwards --------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Fail unless the catalog is whole, its blocks are, and nothing lies outside of the data directory."""
        assert sorted(path.name for path in self.folder.iterdir()) == ["canary", "data"]
        assert self.canary.read_text() == "as it was"
        library = Library(self.settings, time.time_ns, make=False)
        try:
            assert library.upkeep.check(OPERATOR) == []
            assert [one for one in library.upkeep.verify(OPERATOR) if one.problem] == []
        finally:
            library.close()


def hold_problem(document: Any, status: int) -> None:
    """A problem document says a type that is known, with its status, in words (RFC 9457)."""
    assert document["status"] == status
    assert PROBLEMS[document["type"].removeprefix(PROBLEM_PREFIX)] == status
    assert document["title"]
    assert isinstance(document["detail"], str)
    assert not re.search(r"Traceback|apsw|File \"|/data/", document["detail"])


def operations_of(world: World) -> list[Operation]:
    """All operations of the API, as they are in its table."""
    router: Any = world.app.front_end
    return list(router._routes["api"]._table.operations)


def _token_of(request: Request) -> str:
    found = parse_authorization(request.header("authorization"))
    return "" if found is None else found.token if isinstance(found, Bearer) else found.password


def _given(data: Path) -> dict[str, Any]:
    return {
        "store.data": str(data),
        "store.durability": "os",
        "server.hosts": (HOST,),
        "server.public_url": f"http://{HOST}",
        "accounts.self_service": True,
        "tokens.over_plain_http": "allow",
        "limits.archive_members_max": 1000,
        "limits.archive_bytes_max": 20_000_000,
        "rates.account_requests": 0,
        "rates.address_requests": 0,
        "rates.guest_requests": 0,
    }
