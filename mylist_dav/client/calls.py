"""The calls of the API about a flist and about blocks, as pushes, pulls and copies to peers make them.

Answers have the shape they should have, or are refused; how they are asked for is the work of client/link.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

from mylist_dav.client.answers import Fields, printable
from mylist_dav.client.folders.nodes import DIRECTORY, FILE, KINDS, MODE_MASK, SYMLINK, Block, Node, Tree
from mylist_dav.client.link import AnswerLost, Asked, Link
from mylist_dav.client.packing import Pieces
from mylist_dav.errors import Conflict, Forbidden, Invalid, MylistError, NotFound, Unauthenticated
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath

IDS_MAX = 10_000
"""Block ids in one question."""

TREE_PAGE = 10_000
RECIPES_MAX = 1_000
TREE_ENTRIES_MAX = 5_000_000
_COMMIT_SECONDS = 900.0

_RPC_KINDS: dict[object, type[MylistError]] = {-32004: Forbidden, -32003: Unauthenticated, -32602: Invalid}

T = TypeVar("T")


class Details(NamedTuple):
    """A flist as it is now. moment: tells it from one that is made anew under its name. exposures: addresses."""

    head_jid: int
    moment: int
    exposures: tuple[str, ...]
    may_write: bool = True


class Listed(NamedTuple):
    """An entry as the server has it. digest, target: '' for what has none. content_type: None when it is not set."""

    kind: str
    size_bytes: int
    mode: int
    mtime_ns: int
    digest: str
    target: str
    content_type: str | None


class Committed(NamedTuple):
    """The head after a commit; changed: it is a new revision."""

    jid: int
    changed: bool


class Missing(NamedTuple):
    """A commit was refused because the server does not have these blocks, or not for us."""

    ids: frozenset[str]


class Lost(NamedTuple):
    """A commit was refused, because somebody else has changed the flist meanwhile. why: in the words of the server."""

    why: str


class BlockCalls:
    """What is asked about blocks. For many threads."""

    def __init__(self, link: Link) -> None:
        self.link = link

    def close(self) -> None:
        """Close the link."""
        self.link.close()

    def missing(self, ids: list[str]) -> set[str]:
        """Which of these the server does not have, or not for us: at most IDS_MAX are asked for."""
        assert len(ids) <= IDS_MAX
        found = self.link.json("POST", "/blocks/exists", {"ids": ids}, query={"tell": "present"})
        return set(ids).difference(each for each in found.list("present") if isinstance(each, str))

    def upload(self, count: int, size_bytes: int, pieces: Pieces) -> dict[str, str]:
        """Send a tar of so many blocks; what was wrong with those that were not taken, by their names in it.

        pieces: the tar from its beginning, size_bytes in all; called again when a connection breaks.
        """
        headers, query = {"content-type": "application/x-tar"}, {"tell": "bad"}
        found = self.link.json(
            "POST", "/blocks/upload", headers=headers, content=pieces, content_bytes=size_bytes, query=query
        )
        refused = {
            str(each.get("name")): printable(str(each.get("detail"))) for each in found.objects("blocks")
        }
        if found.number("stored") + found.number("present") + len(refused) != count:
            raise found.foreign()
        return refused

    def download(self, ids: list[str], read: Callable[[Iterator[bytes]], T]) -> T:
        """Hand a tar of these blocks to `read`, as it comes; from its beginning again when a connection breaks."""
        return self.link.stream(Asked("POST", "/blocks/download", {"ids": ids}), read)


class Calls(BlockCalls):
    """What is asked about one flist, and its blocks. For many threads."""

    def __init__(self, link: Link, flist: FlistName) -> None:
        super().__init__(link)
        self.flist = flist
        self._path = f"/api/v1/flists/{quote(flist.account, safe='')}/{quote(flist.name, safe='')}"

    @property
    def server(self) -> str:
        """The address of the server."""
        return self.link.server

    def details(self) -> Details | None:
        """None when there is no such flist, or none that one may see."""
        try:
            found = self.link.json("GET", self._path)
        except NotFound:
            return None
        exposures = found.list("exposures")
        return Details(
            found.number("head_jid"),
            found.number("created_ns"),
            tuple(address for each in exposures if (address := self._address(each))),
            found.get("may_write") is not False,
        )

    def create(self, private: bool) -> Details:
        """Make the flist. Raises Forbidden, NotFound (no such account), Exists."""
        asked = {"name": str(self.flist), **({"private": True} if private else {})}
        found = self.link.json("POST", "/api/v1/flists", asked, again=False)
        return Details(found.number("head_jid"), found.number("created_ns"), ())

    def pages(self, jid: int) -> Iterator[list[tuple[str, Listed]]]:
        """All of a revision, page by page: paths, and what is there. Raises NotFound when it is gone."""
        after: str | None = None
        while True:
            query = {"at": str(jid), "limit": str(TREE_PAGE)} | ({"after": after} if after else {})
            page = self.link.json("GET", f"{self._path}/tree", query=query)
            yield [_listed(each) for each in page.objects("entries")]
            before, after = after, page.get("next")
            if after is None:
                return
            if not isinstance(after, str) or after == before or not page.list("entries"):
                raise page.foreign()

    def tree(self, jid: int) -> Tree:
        """All of a revision. Raises NotFound when it is gone."""
        tree: Tree = {}
        for page in self.pages(jid):
            before = len(tree)
            tree.update((path, _node(listed)) for path, listed in page)
            if (page and len(tree) == before) or len(tree) > TREE_ENTRIES_MAX:
                raise Fields({}, self.link.where).foreign()
        return tree

    def recipes(self, digests: list[str]) -> dict[str, tuple[Block, ...]]:
        """The blocks of contents of this flist; those that are not known are left out."""
        found: dict[str, tuple[Block, ...]] = {}
        while digests:
            asked, later = digests[:RECIPES_MAX], digests[RECIPES_MAX:]
            told = self.link.json("POST", f"{self._path}/recipes", {"digests": asked})
            for each in told.objects("recipes"):
                digest, blocks = _recipe(each)
                found[digest] = blocks
            left = set(map(str, told.list("left"))) if told.get("left") is not None else set()
            again = [digest for digest in asked if digest in left]
            if len(again) == len(asked):
                raise told.foreign()
            digests = again + later
        return found

    def commit(
        self, base_jid: int, operations: list[dict[str, Any]], note: str
    ) -> Committed | Missing | Lost:
        """All operations or none, on the revision that one has seen.

        When the answer is lost on the way, nobody knows whether it was done: that counts as Lost if the head has moved.
        """
        asked = {"base_jid": base_jid, "note": note, "operations": operations}
        return self._committed(base_jid, Asked("POST", f"{self._path}/commits", asked))

    def put_tree(self, base_jid: int, lines: Pieces, note: str) -> Committed | Missing | Lost:
        """The same for any number of changes, as entries line by line."""
        query = {"base_jid": str(base_jid), "merge": "1", "note": note}
        headers = {"content-type": "application/x-ndjson"}
        asked = Asked("PUT", f"{self._path}/tree", query=query, headers=headers, content=lines)
        return self._committed(base_jid, asked)

    def _committed(self, base_jid: int, asked: Asked) -> Committed | Missing | Lost:
        try:
            answer = self.link.ask(asked._replace(timeout_seconds=_COMMIT_SECONDS, again=False))
        except AnswerLost:
            return Lost("the answer of the server was lost on the way")
        if answer.is_good:
            found = Fields(answer.found, self.link.where)
            return Committed(found.number("head_jid"), bool(found.get("changed")))
        if answer.status in (409, 412) and answer.found is not None:
            return _refused_commit(Fields(answer.found, self.link.where), base_jid)
        raise self.link.refusal(answer)

    def expose(self, where: str) -> str:
        """Show the flist on a host name, or below a prefix (/docs), to everybody. Returns the address.

        Raises Forbidden, Invalid, MylistError.
        """
        place = {"prefix": where.rstrip("/")} if where.startswith("/") else {"host": where.lower()}
        params = {"flist": str(self.flist), **place}
        asked = {"jsonrpc": "2.0", "id": 1, "method": "exposure.set", "params": params}
        found = self.link.json("POST", "/rpc", asked)
        error = found.get("error")
        if isinstance(error, dict):
            kind = _RPC_KINDS.get(error.get("code"), MylistError)
            raise kind(
                f"the push is done, but {where} cannot show it: {printable(str(error.get('message')))}"
            )
        return self._address(found.get("result"))

    def _address(self, exposure: object) -> str:
        """Where people find what is exposed; '' for what is none."""
        if not isinstance(exposure, dict):
            return ""
        host, prefix = exposure.get("host"), exposure.get("prefix")
        if host and isinstance(host, str):
            return self.address_of(printable(host))
        return self.address_of(prefix) if prefix and isinstance(prefix, str) else ""

    def address_of(self, where: str) -> str:
        """Where people find a host name or a prefix of this server."""
        if where.startswith("/"):
            return f"{self.server}{quote(where.rstrip('/'))}/"
        address = urlsplit(self.server)  # sites of other names answer at the same port
        port = f":{address.port}" if address.port is not None else ""
        return f"{address.scheme}://{where.lower()}{port}/"


def _refused_commit(problem: Fields, base_jid: int) -> Missing | Lost:
    """Raises Conflict for a refusal that says nothing of missing blocks or of a head that has moved."""
    if missing := _some(problem, "missing"):
        return Missing(frozenset(str(each) for each in missing[:TREE_ENTRIES_MAX]))
    said = printable(str(problem.get("detail") or ""))
    if problem.get("head_jid") not in (None, base_jid):
        return Lost(said)
    lines = [_conflict(Fields(each, problem.where)) for each in _some(problem, "conflicts")[:10]]
    raise Conflict("\n".join([said or "the server refused the commit", *lines]))


def _some(found: Fields, name: str) -> list[Any]:
    """A list that may be left out."""
    return found.list(name) if found.get(name) is not None else []


def _conflict(found: Fields) -> str:
    return f"  {printable(str(found.get('path')))}: {printable(str(found.get('reason')))}"


def _listed(found: Fields) -> tuple[str, Listed]:
    """Path and entry of a tree. What could lead out of a folder is refused: each name is checked."""
    path, kind = found.text("path"), found.text("kind")
    digest, target = found.get("digest") or "", found.get("target") or ""
    content_type = found.get("content_type")
    texts = isinstance(digest, str) and isinstance(target, str) and isinstance(content_type, str | None)
    if kind not in KINDS or not texts or "\0" in target or not path or str(TreePath.parse(path)) != path:
        raise found.foreign()
    if kind == FILE and str(Digest.parse(digest)) != digest:
        raise found.foreign()
    size_bytes = found.number("size_bytes") if kind == FILE else 0
    mode, mtime_ns = (0 if kind == SYMLINK else found.number("mode")), found.number("mtime_ns", minus=True)
    return path, Listed(kind, size_bytes, mode, mtime_ns, digest, target, content_type)


def _node(listed: Listed) -> Node:
    """As it is compared with folders: only what they have too."""
    if listed.kind == SYMLINK:
        return Node(SYMLINK, mtime_ns=listed.mtime_ns, target=listed.target)
    mode = listed.mode & MODE_MASK
    if listed.kind == DIRECTORY:
        return Node(DIRECTORY, mode=mode, mtime_ns=listed.mtime_ns)
    return Node(FILE, listed.size_bytes, mode, listed.mtime_ns, listed.digest)


def _recipe(found: Fields) -> tuple[str, tuple[Block, ...]]:
    blocks = tuple(
        Block(str(Digest.parse(each.text("id"))), each.number("size_bytes"))
        for each in found.objects("blocks")
    )
    return str(Digest.parse(found.text("digest"))), blocks


def unique(ids: Iterable[str]) -> list[str]:
    """Each once, in the order of their first mention."""
    return list(dict.fromkeys(ids))
