"""Requests to the WebDAV front end in process, the way an engine makes them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lxml import etree

from mylist_dav.dav.frontend import DavFrontEnd
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.contents import BlockSlice
from mylist_dav.model.entries import SYMLINK_MODE, Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.opening import Library
from mylist_dav.store.catalog import Draft, NewEntry
from mylist_dav.wire.messages import Request, Response

HOST = "dav.test"
ROOT = "/dav/alice/docs"
TREE = FlistName("alice", "docs")


@dataclass
class Reply:
    """What came back. headers: names in lower case, the first field of each."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def xml(self) -> etree._Element:
        return etree.fromstring(self.body)

    def hrefs(self) -> list[str]:
        """The hrefs of a 207, in order."""
        return [str(found.text) for found in self.xml.findall("{DAV:}response/{DAV:}href")]

    def properties(self, href: str, status: int = 200) -> dict[str, etree._Element]:
        """The properties that a 207 gives for an href with this status, by Clark name."""
        found = {}
        for response in self.xml.iterchildren("{DAV:}response"):
            if response.findtext("{DAV:}href") != href:
                continue
            for propstat in response.iterchildren("{DAV:}propstat"):
                if f" {status} " in str(propstat.findtext("{DAV:}status")):
                    found.update({str(one.tag): one for one in propstat.find("{DAV:}prop").iterchildren("*")})
        return found


class Driver:
    """One client of a front end over a new library with the flist alice/docs. Every method is one request."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.front_end = DavFrontEnd(library)
        library.identity.add_account(OPERATOR, "alice", Role.ADMIN)
        library.flists.create(OPERATOR, TREE)
        self.token = library.identity.new_token(OPERATOR, "alice")
        self.credentials = "Basic " + b64encode(f"alice:{self.token}".encode()).decode()

    def send(
        self,
        method: str,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        anonymous: bool = False,
        target: str | None = None,
        query: str = "",
        client: str = "",
        scheme: str = "http",
    ) -> Reply:
        """path: below the flist, percent-encoded; target: the whole request target instead."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        fields = list(given.items() if anonymous else {"authorization": self.credentials, **given}.items())
        request = Request(
            method,
            target if target is not None else f"{ROOT}/{path}",
            query,
            fields,
            HOST,
            HOST,
            scheme=scheme,
            client=client,
            content_length=len(body) if body else None,
            has_body=bool(body),
        )
        return self._reply(request, lambda: self._exchange(request, body))

    def put(self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        return self.send("PUT", path, headers, body)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.send("GET", path, headers)

    def propfind(self, path: str = "", body: str = "", depth: str = "0") -> Reply:
        return self.send("PROPFIND", path, {"Depth": depth}, body.encode())

    def ask(self, path: str, *names: str, depth: str = "0") -> Reply:
        """PROPFIND of named properties, in Clark notation."""
        return self.propfind(path, prop_body(*names), depth)

    def mkcol(self, path: str) -> Reply:
        return self.send("MKCOL", path)

    def move(self, path: str, to: str, **headers: str) -> Reply:
        return self.send("MOVE", path, {"Destination": f"http://{HOST}{ROOT}/{to}", **headers})

    def copy(self, path: str, to: str, **headers: str) -> Reply:
        return self.send("COPY", path, {"Destination": f"http://{HOST}{ROOT}/{to}", **headers})

    def lock(self, path: str, headers: Mapping[str, str] | None = None, scope: str = "exclusive") -> Reply:
        return self.send("LOCK", path, headers, lock_body(scope))

    def locked(self, path: str, headers: Mapping[str, str] | None = None, scope: str = "exclusive") -> str:
        """Take a lock; returns its token."""
        reply = self.lock(path, headers, scope)
        assert reply.status in (200, 201), reply.text
        return reply.headers["lock-token"].strip("<>")

    def names(self, path: str = "") -> list[str]:
        """The hrefs of the members of a folder, below it."""
        hrefs = self.ask(path, "{DAV:}resourcetype", depth="1").hrefs()
        return [href.removeprefix(hrefs[0]) for href in hrefs[1:]]

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link, which WebDAV itself cannot; path: decoded."""
        actor = self.library.identity.actor_for(self.token)
        way = TreePath.parse(path)

        def make(draft: Draft) -> None:
            tree = draft.draft_tree(draft.flist(TREE), actor)
            folder = tree.find(way.parent)
            assert folder is not None
            new = NewEntry(Kind.SYMLINK, SYMLINK_MODE, draft.now_ns, draft.now_ns, target=target)
            tree.insert(folder.entry_id, way.name, new)

        self.library.catalog.change(make)

    def jid(self) -> int:
        """The newest revision of the flist."""
        return self.library.flists.get(OPERATOR, TREE).head_jid

    def _reply(self, request: Request, exchange: Callable[[], Response]) -> Reply:
        try:
            response = exchange()
        except Exception as error:
            response = self.front_end.render_error(request, error)
        headers: dict[str, str] = {}
        for name, value in response.headers:
            assert name == "DAV" or name.lower() not in headers, f"{name} twice"
            headers.setdefault(name.lower(), value)
        body = b"".join(self._pieces(response))
        if response.content_length is not None and request.method != "HEAD":
            assert len(body) == response.content_length
        return Reply(response.status, headers, body)

    def _exchange(self, request: Request, body: bytes) -> Response:
        response = self.front_end.answer_now(request) or self.front_end.respond(request)
        if isinstance(response, Response):
            return response
        if body:
            response.write(body)
        return response.finish()

    def _pieces(self, response: Response) -> list[bytes]:
        if isinstance(response.body, bytes):
            return [response.body]
        return [self._read(piece) if isinstance(piece, BlockSlice) else piece for piece in response.body]

    def _read(self, piece: BlockSlice) -> bytes:
        return self.library.blocks.get(piece.digest)[piece.offset : piece.offset + piece.length]


def prop_body(*names: str) -> str:
    """A DAV:propfind for properties in Clark notation."""
    return f'<D:propfind xmlns:D="DAV:"><D:prop>{"".join(map(empty, names))}</D:prop></D:propfind>'


def empty(name: str) -> str:
    namespace, _, local = name.removeprefix("{").rpartition("}")
    return f'<{local} xmlns="{namespace}"/>'


def lock_body(scope: str = "exclusive") -> bytes:
    return (
        f'<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:{scope}/></D:lockscope>'
        "<D:locktype><D:write/></D:locktype><D:owner>somebody</D:owner></D:lockinfo>"
    ).encode()
