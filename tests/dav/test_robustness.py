"""Whatever is sent, the answer is never the server's fault, and every href of a listing leads back to its entry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from tests.dav.conftest import Clock
from tests.dav.driver import HOST, ROOT, Driver, lock_body

METHODS = "GET HEAD PUT DELETE MKCOL COPY MOVE PROPFIND PROPPATCH LOCK UNLOCK OPTIONS POST".split()  # noqa: SIM905
VISIBLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=20)
PATHS = st.sampled_from(
    ["", "a", "a/", "d", "d/x", "d/", "%2F", "%00", "..", "%", "é", "a//b", "?", "x" * 300]
)
VALUES = {
    "Depth": st.sampled_from(["0", "1", "infinity", "Infinity", "2", ""]) | VISIBLE,
    "Destination": PATHS.map(lambda path: f"http://{HOST}{ROOT}/{path}") | VISIBLE,
    "Overwrite": st.sampled_from(["T", "F", "x"]),
    "If": st.sampled_from(["(<a:b>)", '(["x"])', f"<{ROOT}/a> (Not <DAV:no-lock>)", "<> ()"]) | VISIBLE,
    "If-Match": st.sampled_from(["*", '"x"', 'W/"x"', "x"]) | VISIBLE,
    "If-None-Match": st.sampled_from(["*", '"x"']) | VISIBLE,
    "If-Unmodified-Since": VISIBLE,
    "Lock-Token": st.sampled_from(["<a:b>", "a:b"]) | VISIBLE,
    "Timeout": st.sampled_from(["Second-1", "Infinite"]) | VISIBLE,
    "Range": st.sampled_from(["bytes=0-0", "bytes=-1", "bytes=9-"]) | VISIBLE,
    "X-OC-Mtime": st.sampled_from(["0", "-1", "1.5"]) | VISIBLE,
    "OC-Checksum": VISIBLE,
    "Content-MD5": VISIBLE,
    "Content-Type": VISIBLE,
    "Prefer": VISIBLE,
}
XML = st.sampled_from(
    [
        lock_body(),
        b'<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><x/></D:prop></D:propfind>',
        b'<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>',
        b'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x>&#x1f;</x></D:prop></D:set></D:propertyupdate>',
        b'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x a="b">1</x></D:prop></D:set></D:propertyupdate>',
        b'<D:propertyupdate xmlns:D="DAV:"><D:remove><D:prop><x/></D:prop></D:remove></D:propertyupdate>',
        b"\xff\xfe<",
        b"",
    ]
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    folder: Path = tmp_path_factory.mktemp("robust")
    library = Library(load(given={"store.data": str(folder / "store"), "store.durability": "os"}), Clock())
    yield Driver(library)
    library.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    method=st.sampled_from(METHODS),
    path=PATHS,
    headers=st.fixed_dictionaries({}, optional=VALUES),
    body=XML | st.binary(max_size=20),
)
def test_nothing_that_is_sent_makes_the_server_fail(
    method: str, path: str, headers: dict[str, str], body: bytes, shared: Driver
) -> None:
    for prepared in ("a", "d/x"):
        shared.put(prepared, b"content")
    shared.mkcol("d")
    reply = shared.send(method, path, headers, body)
    assert reply.status < 500 or (reply.status == 502 and "Destination" in headers)


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", "..") and len(name.encode()) <= 255)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
def test_the_href_of_an_entry_leads_to_it_as_it_stands(name: str, dav: Driver) -> None:
    folder = "names"
    dav.mkcol(folder)
    path = f"{folder}/{quote(name, safe='')}"
    assert dav.put(path, name.encode()).status == 201
    (href,) = dav.names(folder)
    assert dav.get(f"{folder}/{href}").body == name.encode()
    assert dav.send("DELETE", f"{folder}/{href}").status == 204
