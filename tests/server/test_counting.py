"""Whatever engine answers: sites, downloads and failed logins are counted, and nothing is lost at an orderly stop."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.serving import mylist, serving


@pytest.mark.parametrize(
    ("engine", "log"),
    [
        ("uvloop", "off"),
        ("uvloop", "json"),
        ("cheroot", "off"),
    ],  # uvloop counts otherwise where nothing is logged
)
def test_what_was_answered_is_counted_once(
    engine: str, log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_bytes(b"x" * 100)
    (site / "large").write_bytes(b"y" * 2_000_000)
    data = tmp_path / "data"
    mylist(data, "import", str(site), "alice/site")
    mylist(data, "expose", "alice/site", "--prefix", "/s")
    monkeypatch.setenv("MYLIST_SERVER_ACCESS_LOG", log)
    with serving(data, engine=engine) as served:
        with httpx.Client(base_url=served.url) as guest:
            for _ in range(5):
                assert guest.get("/s/").status_code == 200
            assert len(guest.get("/s/large").content) == 2_000_000
            assert guest.get("/s/none").status_code == 404
            assert guest.head("/s/").status_code == 200
            assert guest.get("/dav/", auth=("admin", "wrong")).status_code == 401
        with served.client() as admin:
            assert admin.put("/dav/alice/site/new", content=b"12345").status_code == 201
            assert len(admin.get("/dav/alice/site/large").content) == 2_000_000
            assert len(admin.get("/dav/alice/site/new").content) == 5
    traffic = {
        (row["kind"], row["name"]): row for row in json.loads(mylist(data, "stats", "--json"))["traffic"]
    }
    exposed = traffic["exposure", "/s"]
    assert exposed["requests"] == 8
    assert 2_000_500 < exposed["down_bytes"] < 2_010_000  # the 404 has a page
    for kind, name in (("account", "admin"), ("flist", "alice/site")):
        row = traffic[kind, name]
        assert (row["requests"], row["up_bytes"], row["down_bytes"]) == (3, 5, 2_000_005)
    rows = [json.loads(line) for line in mylist(data, "audit", "--json").splitlines()]
    downloads = {row["detail"]["path"]: row["size_bytes"] for row in rows if row["action"] == "download"}
    assert downloads == {"large": 2_000_000, "new": 5}
    [upload] = [row for row in rows if row["action"] == "upload"]
    assert (upload["account"], upload["address"], upload["size_bytes"]) == ("admin", "127.0.0.1", 5)
    assert len(upload["request_id"]) == 12
    [failed] = [row for row in rows if row["action"] == "login-failed"]
    assert (failed["address"], failed["detail"], failed["repeats"]) == ("127.0.0.1", {"account": "admin"}, 1)
