"""A catalog, its blocks and the site front end over it, and short ways to fill and ask them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from blake3 import blake3

from mylist_dav.errors import MylistError
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import DIRECTORY_MODE, SYMLINK_MODE, Entry, Kind
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.accounts.identity import Identity
from mylist_dav.services.contents.uploads import Uploads
from mylist_dav.services.exposing.exposures import Exposures
from mylist_dav.services.exposing.gates import Gates
from mylist_dav.services.exposing.sites import Sites
from mylist_dav.services.opening import Library
from mylist_dav.services.tree.flists import Flists
from mylist_dav.services.tree.trees import Trees
from mylist_dav.store.blockstore.cached import CachedBlocks
from mylist_dav.store.blockstore.memory import MemoryBlocks
from mylist_dav.store.catalog import Catalog, Draft, NewEntry
from mylist_dav.web.front import SiteFrontEnd
from mylist_dav.wire.messages import Piece, Request, Response

HOST = "site.example"
ELSEWHERE = "server.example"
SITE = FlistName("alice", "site")
START_S = 1_700_000_000
STEP_S = 10
VISIT_SECONDS = 3600
PHRASE = "correct horse battery"


class Author:
    """Writes trees and exposes them. For one thread."""

    catalog: Catalog
    flists: Flists
    exposures: Exposures
    trees: Trees
    uploads: Uploads

    def flist(self, name: FlistName = SITE, files: dict[str, str | bytes] | None = None) -> FlistName:
        """Make a flist with these files: path to content."""
        self.flists.create(OPERATOR, name, make_account=True)
        for path, content in (files or {}).items():
            self.write(path, content, name)
        return name

    def write(
        self, path: str, content: str | bytes, name: FlistName = SITE, content_type: str | None = None
    ) -> Entry:
        """Write a file, and the folders it needs."""
        tree_path = TreePath.parse(path)
        self.folder(str(tree_path.parent), name)
        upload = self.uploads.open(OPERATOR, Place(name, tree_path), content_type=content_type)
        upload.write(content.encode() if isinstance(content, str) else content)
        return upload.finish().entry

    def folder(self, path: str, name: FlistName = SITE) -> None:
        """Make a folder and those above it."""
        tree_path = TreePath.parse(path)
        for length in range(1, len(tree_path) + 1):
            place = Place(name, TreePath.of(tree_path[:length]))
            with self.catalog.view() as view:
                there = view.tree(view.flist(name)).find(place.path)
            if there is None:
                self.trees.make_directory(OPERATOR, place)

    def link(self, path: str, target: str, name: FlistName = SITE) -> None:
        """Make a symlink."""
        tree_path = TreePath.parse(path)
        self.folder(str(tree_path.parent), name)
        self.insert(
            str(tree_path.parent),
            {tree_path.name: NewEntry(Kind.SYMLINK, SYMLINK_MODE, 0, 0, target=target)},
            name,
        )

    def insert(self, folder: str, entries: dict[str, NewEntry], name: FlistName = SITE) -> None:
        """Put entries straight into a folder, in one commit."""

        def make(draft: Draft) -> None:
            tree = draft.draft_tree(draft.flist(name), OPERATOR)
            parent = tree.find(TreePath.parse(folder))
            assert parent is not None
            for entry_name, new in entries.items():
                tree.insert(parent.entry_id, entry_name, new)

        self.catalog.change(make)

    def folders(self, names: Iterable[str], inside: str = "", name: FlistName = SITE) -> None:
        """Make empty folders in one commit."""
        self.insert(inside, {each: NewEntry(Kind.DIRECTORY, DIRECTORY_MODE, 0, 0) for each in names}, name)

    def delete(self, path: str, name: FlistName = SITE) -> None:
        """Delete an entry."""
        self.trees.delete(OPERATOR, Place(name, TreePath.parse(path)))

    def move(self, source: str, target: str, name: FlistName = SITE) -> None:
        """Move an entry."""
        self.trees.move(
            OPERATOR, Place(name, TreePath.parse(source)), Place(name, TreePath.parse(target)), overwrite=True
        )

    def head(self, name: FlistName = SITE) -> int:
        """The newest revision."""
        return self.flists.get(OPERATOR, name).head_jid

    def expose(
        self,
        name: FlistName = SITE,
        *,
        host: str = "",
        prefix: str = "",
        at_jid: int | None = None,
        listing: bool = True,
        mode: Mode = Mode.PUBLIC,
        dav: str = "off",
        secret: str | None = None,
        visitors: Sequence[str] = (),
    ) -> Exposure:
        """Expose a flist; on HOST unless told otherwise."""
        where = host or ("" if prefix else HOST)
        return self.exposures.expose(
            OPERATOR,
            name,
            host=where,
            prefix=prefix,
            at_jid=at_jid,
            listing=listing,
            mode=mode,
            dav=dav,
            secret=secret,
            visitors=visitors,
        )


class LibraryAuthor(Author):
    """An author over a whole library, which others may have open at the same time."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.catalog = library.catalog
        self.flists = library.flists
        self.exposures = library.exposures
        self.trees = library.trees
        self.uploads = library.uploads


class Publisher(Author):
    """Writes trees, exposes them, asks for them. Each change is STEP_S seconds after the one before."""

    def __init__(self, folder: Path) -> None:
        ticks = count(START_S * 1_000_000_000, STEP_S * 1_000_000_000)
        self.catalog = Catalog(folder / "catalog.sqlite", clock=lambda: next(ticks), durability="os")
        self._stored = MemoryBlocks()
        self.flists = Flists(self.catalog)
        self.exposures = Exposures(self.catalog)
        self.trees = Trees(self.catalog, self._stored, lambda: next(ticks), 10_000_000)
        self.uploads = Uploads(self.catalog, self._stored, lambda: next(ticks), 10_000_000)
        self.identity = Identity(self.catalog, lambda: next(ticks), days_max=366)
        still = lambda: START_S * 1_000_000_000  # noqa: E731 - so that waiting is not what lets anybody guess on
        self.gates = Gates(self.catalog, self.identity, still, _mac, VISIT_SECONDS)
        self.forget()

    def forget(self) -> None:
        """Go on with nothing in memory."""
        self.blocks = CachedBlocks(self._stored)
        self.sites = Sites(self.catalog)
        self.front = SiteFrontEnd(self.sites, self.blocks, self.gates)

    def ask(
        self, target: str, host: str = HOST, method: str = "GET", headers: dict[str, str] | None = None
    ) -> Response:
        """Ask as an engine does: first for an answer from memory, then in earnest. Errors are rendered."""
        return ask(self.front, request_for(target, host, method, headers))

    def body(self, response: Response) -> bytes:
        """All bytes of a body; they are as many as were announced."""
        if isinstance(response.body, bytes):
            return response.body
        body = b"".join(self._bytes(piece) for piece in response.body)
        assert response.content_length == len(body)
        return body

    def text(self, target: str, host: str = HOST) -> str:
        """The body of a 200."""
        response = self.ask(target, host)
        assert response.status == 200, response.status
        return self.body(response).decode()

    def _bytes(self, piece: Piece) -> bytes:
        if isinstance(piece, bytes):
            return piece
        return self.blocks.get(piece.digest)[piece.offset : piece.offset + piece.length]


def _mac(message: bytes) -> bytes:
    return blake3(message, key=bytes(32)).digest()


def request_for(
    target: str, host: str = HOST, method: str = "GET", headers: dict[str, str] | None = None
) -> Request:
    """A request without body."""
    path, _, query = target.partition("?")
    fields = [("host", host), *((name.lower(), value) for name, value in (headers or {}).items())]
    return Request(method, path, query, fields, host, host)


def ask(front: SiteFrontEnd, request: Request) -> Response:
    """What the front end answers, in the order in which an engine asks."""
    try:
        response = front.answer_now(request) or front.respond(request)
        assert isinstance(response, Response), "no body was sent"
        return response
    except MylistError as error:
        return front.render_error(request, error)


def field(response: Response, name: str) -> str | None:
    """A header field of a response, which has it at most once."""
    found = [value for key, value in response.headers if key.lower() == name.lower()]
    assert len(found) <= 1, f"{name} is there {len(found)} times"
    return found[0] if found else None


@contextmanager
def publisher_in(folder: Path) -> Iterator[Publisher]:
    """A publisher that is closed at the end."""
    publisher = Publisher(folder)
    try:
        yield publisher
    finally:
        publisher.catalog.close()
