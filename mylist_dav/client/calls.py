"""The calls of pushes and pulls to a server, on several connections; what may be asked twice is, when a network fails.

Answers are read with suspicion: bounded, and of the shape they should have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from mylist_dav.client.answers import (
    bounded,
    json_object,
    not_of_mylist,
    printable,
    refusal,
    retry_after_seconds,
)
from mylist_dav.client.nodes import DIRECTORY, FILE, KINDS, MODE_MASK, SYMLINK, Block, Node, Tree
from mylist_dav.errors import Conflict, Forbidden, Invalid, MylistError, NotFound, Unauthenticated
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath

CONNECTIONS = 4
TRIES = 5
IDS_MAX = 10_000
"""Block ids in one question."""

TREE_PAGE = 10_000
RECIPES_MAX = 1_000
TREE_ENTRIES_MAX = 5_000_000
_ANSWER_BYTES_MAX = 256 * 1024 * 1024
_SOON_SECONDS, _COMMIT_SECONDS = 60.0, 900.0
_CONNECT_SECONDS = 30.0
_AGAIN = frozenset((429, 502, 503, 504))
_WAIT_SECONDS_MAX = 30

_RPC_KINDS: dict[object, type[MylistError]] = {-32004: Forbidden, -32003: Unauthenticated, -32602: Invalid}

T = TypeVar("T")
Sleep = Callable[[float], None]


class Details(NamedTuple):
    """A flist as it is now. moment: tells it from one that is made anew under its name. exposures: addresses."""

    head_jid: int
    moment: int
    exposures: tuple[str, ...]
    may_write: bool = True


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


class Calls:
    """Speaks for one account with one server about one flist. For many threads; close() it."""

    def __init__(
        self,
        server: str,
        token: str,
        flist: FlistName,
        *,
        connections: int = CONNECTIONS,
        sleep: Sleep = time.sleep,
    ) -> None:
        self.server = server
        self.flist = flist
        self._path = f"/api/v1/flists/{quote(flist.account, safe='')}/{quote(flist.name, safe='')}"
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=server,
            headers={"authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(_SOON_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            verify=server.startswith("https:"),  # certificates take long to load, and plain HTTP has none
        )
        self._answered = False
        self.round_trips = 0

    def close(self) -> None:
        self._http.close()

    # -- the flist ---------------------------------------------------------------------------------------------

    def details(self) -> Details | None:
        """None when there is no such flist, or none that one may see."""
        try:
            found = self._json("GET", self._path)
        except NotFound:
            return None
        exposures = _list(found, "exposures")
        return Details(
            _number(found, "head_jid"),
            _number(found, "created_ns"),
            tuple(address for each in exposures if (address := self._address(each))),
            found.get("may_write") is not False,
        )

    def create(self, private: bool) -> Details:
        """Make the flist. Raises Forbidden, NotFound, Exists."""
        asked = {"name": str(self.flist), **({"private": True} if private else {})}
        found = self._json("POST", "/api/v1/flists", asked, again=False)
        return Details(_number(found, "head_jid"), _number(found, "created_ns"), ())

    def tree(self, jid: int) -> Tree:
        """All of a revision. Raises NotFound when it is gone."""
        tree: Tree = {}
        after: str | None = None
        while True:
            asked: dict[str, str] = {"at": str(jid), "limit": str(TREE_PAGE)}
            page = self._json("GET", f"{self._path}/tree", query=asked | ({"after": after} if after else {}))
            entries = _list(page, "entries")
            before = len(tree)
            tree.update(_entry(each) for each in entries)
            after = page.get("next")
            if after is None:
                return tree
            if not isinstance(after, str) or not before < len(tree) <= TREE_ENTRIES_MAX:
                raise not_of_mylist()

    def recipes(self, digests: list[str]) -> dict[str, tuple[Block, ...]]:
        """The blocks of contents of this flist; those that are not known are left out."""
        found: dict[str, tuple[Block, ...]] = {}
        while digests:
            asked, later = digests[:RECIPES_MAX], digests[RECIPES_MAX:]
            told = self._json("POST", f"{self._path}/recipes", {"digests": asked})
            for each in _list(told, "recipes"):
                digest, blocks = _recipe(each)
                found[digest] = blocks
            left = (
                {each for each in _list(told, "left") if isinstance(each, str)} if "left" in told else set()
            )
            again = [digest for digest in asked if digest in left]
            if len(again) == len(asked):
                raise not_of_mylist()
            digests = again + later
        return found

    def commit(
        self, base_jid: int, operations: list[dict[str, Any]], note: str
    ) -> Committed | Missing | Lost:
        """All operations or none, on the revision that one has seen.

        When the answer is lost on the way, nobody knows whether it was done: that counts as Lost if the head has moved.
        """
        asked = {"base_jid": base_jid, "note": note, "operations": operations}
        return self._committed(base_jid, "POST", f"{self._path}/commits", asked)

    def put_tree(
        self, base_jid: int, lines: Callable[[], Iterator[bytes]], note: str
    ) -> Committed | Missing | Lost:
        """The same for any number of changes, as entries line by line. lines: all of them, from the first."""
        query = {"base_jid": str(base_jid), "merge": "1", "note": note}
        headers = {"content-type": "application/x-ndjson"}
        path = f"{self._path}/tree"
        return self._committed(base_jid, "PUT", path, query=query, headers=headers, content=lines)

    def _committed(
        self, base_jid: int, method: str, path: str, asked: object = None, **options: Any
    ) -> Committed | Missing | Lost:
        response, body = self._send(
            method, path, asked, timeout_seconds=_COMMIT_SECONDS, again=False, **options
        )
        if response is None:
            return Lost("the answer of the server was lost on the way")
        found = json_object(body)
        if response.is_success and found is not None:
            return Committed(_number(found, "head_jid"), bool(found.get("changed")))
        if response.status_code in (409, 412) and found is not None:
            return _refused_commit(found, base_jid)
        raise refusal(response, found)

    def expose(self, where: str) -> str:
        """Show the flist on a host name, or below a prefix (/docs), to everybody. Returns the address.

        Raises Forbidden, Invalid, MylistError.
        """
        place = {"prefix": where.rstrip("/")} if where.startswith("/") else {"host": where.lower()}
        params = {"flist": str(self.flist), **place}
        asked = {"jsonrpc": "2.0", "id": 1, "method": "exposure.set", "params": params}
        found = self._json("POST", "/rpc", asked)
        error = found.get("error")
        if isinstance(error, dict):
            kind = _RPC_KINDS.get(error.get("code"), MylistError)
            raise kind(
                f"the push is done, but {where} cannot show it: {printable(str(error.get('message')))}"
            )
        return self._address(found.get("result"))

    # -- blocks ------------------------------------------------------------------------------------------------

    def missing(self, ids: list[str]) -> set[str]:
        """Which of these the server does not have, or not for us: at most IDS_MAX are asked for."""
        assert len(ids) <= IDS_MAX
        present = _list(self._json("POST", "/blocks/exists", {"ids": ids}), "present")
        return set(ids).difference(each for each in present if isinstance(each, str))

    def upload(self, size_bytes: int, pieces: Callable[[], Iterator[bytes]]) -> dict[str, str]:
        """Send a tar of blocks; what was wrong with those that were not taken, by their names in it.

        pieces: the tar from its beginning, size_bytes in all; called again when a connection breaks.
        """
        headers = {"content-type": "application/x-tar", "content-length": str(size_bytes)}
        found = self._json("POST", "/blocks/upload", headers=headers, content=pieces)
        refused = {}
        for each in _list(found, "blocks"):
            if not isinstance(each, dict):
                raise not_of_mylist()
            if each.get("state") not in ("stored", "present"):
                refused[str(each.get("name"))] = printable(str(each.get("detail")))
        return refused

    def download(self, ids: list[str], read: Callable[[Iterator[bytes]], T]) -> T:
        """Hand a tar of these blocks to `read`, as it comes; from its beginning again when a connection breaks."""
        return self._repeat(lambda: self._stream(ids, read))

    def _stream(self, ids: list[str], read: Callable[[Iterator[bytes]], T]) -> T:
        self.round_trips += 1
        with self._http.stream("POST", "/blocks/download", json={"ids": ids}) as response:
            if not response.is_success:
                raise _Refused(response, bounded(response))
            return read(response.iter_bytes())

    # -- sending -----------------------------------------------------------------------------------------------

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

    def _json(self, method: str, path: str, asked: object = None, **options: Any) -> dict[str, Any]:
        """The JSON object of an answer. Raises what the status says."""
        response, body = self._send(method, path, asked, **options)
        if response is None:
            raise MylistError(f"{self.server} did not answer; it is not known whether it did what was asked")
        found = json_object(body)
        if response.is_redirect:
            raise Conflict(f"{self.server} sends elsewhere: use the address that it has")
        if not response.is_success:
            raise refusal(response, found)
        if found is None:
            raise not_of_mylist()
        return found

    def _send(
        self,
        method: str,
        path: str,
        asked: object = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        content: Callable[[], Iterator[bytes]] | None = None,
        timeout_seconds: float = _SOON_SECONDS,
        again: bool = True,
    ) -> tuple[httpx.Response | None, bytes]:
        """The answer and its body. again: asking twice does no harm; if it would, None is for a lost answer."""

        def send() -> tuple[httpx.Response | None, bytes]:
            self.round_trips += 1
            with self._http.stream(
                method,
                path,
                params=query,
                json=asked,
                content=content() if content is not None else None,
                headers=headers,
                timeout=httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS),
            ) as response:
                self._answered = True
                body = bounded(response, _ANSWER_BYTES_MAX)
                if response.status_code in _AGAIN:
                    raise _Refused(response, body)
                return response, body

        try:
            return self._repeat(send, again)
        except _AnswerLost:
            return None, b""

    def _repeat(self, send: Callable[[], T], again: bool = True) -> T:
        """Try until it is answered, TRIES times at most, and longer waits between. Raises MylistError, _AnswerLost."""
        for count in range(TRIES):
            last = count == TRIES - 1
            wait_seconds: float = 0.5 * 2**count
            try:
                return send()
            except _Refused as error:
                if error.response.status_code not in _AGAIN or last:
                    raise refusal(error.response, json_object(error.body)) from error
                wait_seconds = retry_after_seconds(error.response) or wait_seconds
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                if last or not self._answered:  # a wrong address is said at once, a restart is waited for
                    raise self._unreachable(error) from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                if not again:
                    raise _AnswerLost from error
                if last:
                    raise self._unreachable(error) from error
            self._sleep(min(wait_seconds, _WAIT_SECONDS_MAX))
        raise AssertionError("the last try returns or raises")

    def _unreachable(self, error: Exception) -> MylistError:
        return MylistError(f"{self.server} cannot be reached: {error}")


class _Refused(Exception):
    """An answer that is no success, with its body."""

    def __init__(self, response: httpx.Response, body: bytes) -> None:
        super().__init__(response.status_code)
        self.response = response
        self.body = body


class _AnswerLost(Exception):
    """Something was sent, and nothing came back."""


def _refused_commit(problem: dict[str, Any], base_jid: int) -> Missing | Lost:
    """Raises Conflict for a refusal that says nothing of missing blocks or of a head that has moved."""
    missing = problem.get("missing")
    if isinstance(missing, list) and missing:
        return Missing(frozenset(str(each) for each in missing[:TREE_ENTRIES_MAX]))
    said = printable(str(problem.get("detail", "")))
    if problem.get("head_jid") not in (None, base_jid):
        return Lost(said)
    conflicts = problem.get("conflicts")
    lines = [_conflict(each) for each in conflicts[:10]] if isinstance(conflicts, list) else []
    raise Conflict("\n".join([said or "the server refused the commit", *lines]))


def _conflict(found: object) -> str:
    if not isinstance(found, dict):
        raise not_of_mylist()
    return f"  {printable(str(found.get('path')))}: {printable(str(found.get('reason')))}"


def _entry(found: object) -> tuple[str, Node]:
    """Path and entry of a tree. What could lead out of a folder is refused: each name is checked."""
    if not isinstance(found, dict):
        raise not_of_mylist()
    path, kind = found.get("path"), found.get("kind")
    digest, target = found.get("digest") or "", found.get("target") or ""
    if not isinstance(path, str) or kind not in KINDS or not isinstance(target, str):
        raise not_of_mylist()
    if (
        str(TreePath.parse(path)) != path
        or not path
        or (kind == FILE and str(Digest.parse(digest)) != digest)
    ):
        raise not_of_mylist()
    mtime_ns = _number(found, "mtime_ns", minus=True)
    if kind == SYMLINK:
        return path, Node(kind, mtime_ns=mtime_ns, target=target)
    mode = _number(found, "mode") & MODE_MASK
    if kind == DIRECTORY:
        return path, Node(kind, mode=mode, mtime_ns=mtime_ns)
    return path, Node(kind, _number(found, "size_bytes"), mode, mtime_ns, digest)


def _recipe(found: object) -> tuple[str, tuple[Block, ...]]:
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in _list(found, "blocks")):
        raise not_of_mylist()
    blocks = tuple(
        Block(str(Digest.parse(str(each.get("id")))), _number(each, "size_bytes")) for each in found["blocks"]
    )
    return str(Digest.parse(str(found.get("digest")))), blocks


def _list(found: dict[str, Any], name: str) -> list[Any]:
    value = found.get(name)
    if not isinstance(value, list):
        raise not_of_mylist()
    return value


def _number(found: dict[str, Any], name: str, *, minus: bool = False) -> int:
    value = found.get(name)
    if type(value) is not int or not (-(2**63) if minus else 0) <= value < 2**63:
        raise not_of_mylist()
    return value


def unique(ids: Iterable[str]) -> list[str]:
    """Each once, in the order of their first mention."""
    return list(dict.fromkeys(ids))
