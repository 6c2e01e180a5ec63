"""Whole trees over HTTP: lines in, one commit out, and what is answered to lines that cannot become one."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from mylist_dav.model.digest import Digest
from tests.serving import Served, serving

NAME = "admin/tree"
PATH = f"/api/v1/flists/{NAME}"
LINES = {"content-type": "application/x-ndjson"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "data") as running, running.client() as client:
        assert client.post("/api/v1/flists", json={"name": NAME}).status_code == 201
        assert client.put(f"{PATH}/content/a", content=b"a").status_code == 201
        yield running


def lines(*entries: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def file(path: str, content: bytes) -> dict[str, Any]:
    named = {"digest": str(Digest.of(content)), "size_bytes": len(content)}
    return {"kind": "file", "path": path, **named, "mtime_ns": 5}


def put(client: httpx.Client, *entries: dict[str, Any], status: int = 200, **query: object) -> Any:
    params = {name: str(value) for name, value in query.items()}
    response = client.put(f"{PATH}/tree", params=params, content=lines(*entries), headers=LINES)
    assert response.status_code == status, response.text
    return response.json()


def paths(client: httpx.Client) -> list[str]:
    return [entry["path"] for entry in client.get(f"{PATH}/tree").json()["entries"]]


def test_lines_become_one_commit(served: Served) -> None:
    with served.client() as client:
        told = put(client, file("d/b", b"a"), file("c", b""), base_jid=2, merge=1, note="more")
        assert told == {
            "jid": 3, "head_jid": 3, "changed": True, "entries": 3, "size_bytes": 1, "added": 3,
            "changed_entries": 0, "removed": 0,
        }  # fmt: skip
        assert paths(client) == ["a", "c", "d", "d/b"]
        assert client.get(f"{PATH}/commits").json()["commits"][0]["note"] == "more"
        link = {"kind": "symlink", "path": "a", "target": "c", "mtime_ns": 5}
        told = put(client, {"kind": "absent", "path": "d"}, link, merge=1)
        assert (told["jid"], told["added"], told["removed"]) == (4, 1, 3)
        assert put(client, file("c", b""), {"kind": "directory", "path": "new"})["removed"] == 1
        assert paths(client) == ["c", "new"]
        assert not put(client, file("c", b""), {"kind": "directory", "path": "new"})["changed"]


def test_refusals_have_what_those_of_commits_have(served: Served) -> None:
    with served.client() as client:
        found = put(client, file("b", b"gone"), merge=1, status=409)
        assert (found["type"], found["missing"]) == ("urn:mylist:problem:refused", [str(Digest.of(b"gone"))])
        assert (found["head_jid"], found["conflicts"]) == (2, [])
        found = put(client, {**file("a", b"a"), "size_bytes": 2}, merge=1, status=409)
        (conflict,) = found["conflicts"]
        assert (conflict["index"], conflict["path"], conflict["reason"]) == (0, "a", "size")
        assert conflict["now"]["digest"] == str(Digest.of(b"a"))
        found = put(client, file("b", b"a"), base_jid=1, merge=1, status=412)
        assert (found["type"], found["head_jid"]) == ("urn:mylist:problem:outdated", 2)
        assert [(one["change"], one["path"]) for one in found["changes"]] == [("added", "a")]
        assert "line 2" in put(client, file("b", b"a"), {"kind": "none"}, merge=1, status=400)["detail"]
        assert "absent" in put(client, {"kind": "absent", "path": "a"}, status=400)["detail"]
        put(client, {"kind": "absent", "path": "b"}, merge=1, status=409)
        put(client, merge=1, status=400)
        assert client.put(f"{PATH}/tree").status_code == 400
        response = client.put(f"{PATH}/tree", content=lines(file("b", b"a")), headers={"if-match": '"2"'})
        assert "base_jid" in response.json()["detail"]
        assert client.put("/api/v1/flists/admin/none/tree", content=b"{}").status_code == 404
        assert paths(client) == ["a"]


def test_trees_of_one_account_are_taken_in_one_after_the_other(served: Served) -> None:
    def put_many(name: str) -> int:
        with served.client() as client:
            folders = [{"kind": "directory", "path": f"{name}/{number}"} for number in range(2_000)]
            return int(put(client, *folders, merge=1)["added"])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(put_many, "abcd")) == [2_001] * 4


def test_a_lock_is_named_in_the_if_header(served: Served) -> None:
    body = (
        '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'
    )
    with served.client() as client:
        locked = client.request("LOCK", f"/dav/{NAME}/a", content=body)
        assert locked.status_code == 200, locked.text
        put(client, file("a", b""), merge=1, status=423)
        client.headers["if"] = f"({locked.headers['lock-token']})"
        put(client, file("a", b""), merge=1)


def test_who_may_only_read_sends_no_lines(served: Served) -> None:
    served.mylist("account", "add", "bob")
    token = served.mylist("token", "new", "bob").splitlines()[-1]
    with httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {token}"}) as client:
        put(client, file("b", b"a"), merge=1, status=403)
    with httpx.Client(base_url=served.url) as client:
        put(client, file("b", b"a"), merge=1, status=401)


def test_a_body_that_breaks_off_leaves_nothing(served: Served) -> None:
    body = lines(file("b", b"a"))
    head = f"PUT {PATH}/tree HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.token}\r\n"
    for framing, sent in (
        (f"Content-Length: {len(body) + 1}", body),
        ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(body), body)),
    ):
        with socket.create_connection(("127.0.0.1", httpx.URL(served.url).port or 0), timeout=10) as line:
            line.sendall(f"{head}{framing}\r\n\r\n".encode() + sent)
    with served.client() as client:
        assert paths(client) == ["a"]
        put(client, file("b", b"a"), base_jid=2, merge=1)
        assert paths(client) == ["a", "b"]
    end = time.monotonic() + 10
    while [each for each in (served.data / "tmp").rglob("*") if each.is_file()]:
        assert time.monotonic() < end, "the body is kept"
        threading.Event().wait(0.02)
