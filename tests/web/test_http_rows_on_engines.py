"""Every row of the HTTP table, over sockets, on each engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import NamedTuple

import pytest

from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.settings import Settings, StoreSettings
from tests.serving import ENGINES, Served, serving
from tests.web.publishing import LibraryAuthor
from tests.web.rows import ROWS, Answer, Row, check, headers_of, name_of, target_of

_NOTHING = Answer(0, {}, b"")

_SITES = {str(files): files for files in (row["files"] for row in ROWS)}
_HOSTS = {key: f"s{number}.example.test" for number, key in enumerate(_SITES)}


class Sites(NamedTuple):
    """A server with a site on a host for each set of files in the table."""

    served: Served

    def ask(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes = b"") -> Answer:
        """Send these very bytes, and read one answer."""
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
        with self.served.connect() as connection:
            connection.sendall("\r\n".join(lines).encode() + body)
            with HTTPResponse(connection, method=method) as response:
                response.begin()
                headers_back = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, headers_back, response.read(), response.will_close)


@pytest.fixture(scope="module", params=ENGINES)
def sites(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, engine=request.param) as served:
        library = Library(Settings(store=StoreSettings(data=str(data))), time.time_ns)
        author = LibraryAuthor(library)
        for number, (key, files) in enumerate(_SITES.items()):
            name = author.flist(FlistName("alice", f"site{number}"), files)
            author.expose(name, host=_HOSTS[key])
        library.close()
        yield Sites(served)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_an_engine_answers_like_the_row(sites: Sites, row: Row) -> None:
    host = _HOSTS[str(row["files"])]

    def get(target: str) -> Answer:
        return sites.ask("GET", target, [("Host", host)])

    plain = (
        get(target_of(row)) if row["group"] in ("range", "if_range", "conditional", "method") else _NOTHING
    )
    request = row["request"]
    answer = sites.ask(
        request["method"], target_of(row), headers_of(row, plain, host), request.get("body", "").encode()
    )
    check(row, answer, plain, get)
