"""The If header (RFC 4918, 10.4): what it names is resolved to places of this server."""

from __future__ import annotations

import pytest

from tests.dav.driver import HOST, ROOT, Driver

ABSENT = "urn:uuid:00000000-0000-4000-8000-000000000000"


@pytest.fixture
def etag(dav: Driver) -> str:
    """Of the file a; there is also b, and it has another."""
    dav.put("b", b"b")
    return dav.put("a", b"a").headers["etag"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("([{a}])", 204),
        ("([{wrong}])", 412),
        ("([W/{a}])", 412),
        ("(Not [{wrong}])", 204),
        ("(<{absent}>)", 412),
        ("(<{absent}>) (Not <DAV:no-lock>)", 204),
        ("(<{absent}> [{a}]) ([{a}])", 204),
        ("<http://{host}{root}/a> ([{a}])", 204),
        ("<http://{host}{root}/a> ([{wrong}])", 412),
        ("<https://{host}:444{root}/a> ([{a}])", 204),
        ("<{root}/a> ([{a}])", 204),
        ("<{root}/b> ([{a}])", 412),
        ("<{root}/none> ([{a}])", 412),
        ("<{root}/none> (Not [{a}])", 204),
        ("<http://elsewhere.test{root}/a> ([{a}])", 412),
        ("<http://elsewhere.test/a> (Not [{a}])", 204),
        ("<mailto:a> ([{a}])", 412),
        ("<{root}/b> ([{wrong}]) <{root}/a> ([{a}])", 204),
        ("no list", 400),
        ("", 400),
    ],
)
def test_an_if_header_decides(header: str, status: int, dav: Driver, etag: str) -> None:
    given = header.format(a=etag, wrong='"0"', absent=ABSENT, host=HOST, root=ROOT)
    assert dav.put("a", b"new", {"If": given}).status == status
    assert dav.get("a").body == (b"new" if status == 204 else b"a")


@pytest.mark.parametrize("method", ["DELETE", "MOVE", "COPY", "MKCOL", "LOCK"])
def test_every_write_heeds_it(method: str, dav: Driver, etag: str) -> None:
    jid = dav.jid()
    path = "new" if method in ("MKCOL", "LOCK") else "a"
    body = (
        b"<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>"
        b"</D:lockinfo>"
    )
    given = {"If": f"<{ROOT}/a> (Not [{etag}])", "Destination": f"{ROOT}/c"}
    assert dav.send(method, path, given, body if method == "LOCK" else b"").status == 412
    assert dav.jid() == jid
