"""Flists, entries, commits and archives over HTTP, asked of a running server."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any

import httpx
import pytest
import zstandard

from mylist_dav.model.digest import Digest
from mylist_dav.wire.cursors import cursor
from mylist_dav.wire.documents.entries import RECIPES_MAX
from mylist_dav.wire.sessions import COOKIE
from tests.serving import Served, serving

_numbers = count(1)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("api") / "data"
    with serving(data) as running:
        for account in ("alice", "bert"):
            running.mylist("account", "add", account)
        yield running


class Asking:
    """Asks as one account, about one flist."""

    def __init__(self, served: Served, account: str, name: str) -> None:
        self.served = served
        self.token = served.mylist("token", "new", account).splitlines()[-1] if account else ""
        headers = {"authorization": f"Bearer {self.token}"} if account else {}
        self.http = httpx.Client(base_url=served.url, headers=headers, timeout=30)
        self.name = name
        self.path = f"/api/v1/flists/{name}"

    def ask(self, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        """The JSON of an answer, which must have this status. A path that begins with / is absolute."""
        target = path if path.startswith("/") else f"{self.path}/{path}" if path else self.path
        response = self.http.request(method, target, json=body, **more)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    @contextmanager
    def other(self, account: str, name: str = "") -> Iterator[Asking]:
        """As another account, about the same flist or another one."""
        asking = Asking(self.served, account, name or self.name)
        try:
            yield asking
        finally:
            asking.http.close()

    def put(self, path: str, content: bytes) -> Any:
        response = self.http.put(f"{self.path}/content/{path}", content=content)
        assert response.status_code in (200, 201), response.text
        return response.json()["entry"]

    def commit(self, *operations: dict[str, Any], base_jid: int | None = None, status: int = 200) -> Any:
        asked = {"operations": list(operations), **({} if base_jid is None else {"base_jid": base_jid})}
        return self.ask("POST", "commits", asked, status)

    def paths(self, at: int | None = None) -> list[str]:
        query = {} if at is None else {"at": str(at)}
        return [entry["path"] for entry in self.ask("GET", "tree", params=query)["entries"]]


@pytest.fixture
def admin(served: Served) -> Iterator[Asking]:
    """A new flist of alice."""
    asking = Asking(served, "admin", f"alice/flist{next(_numbers)}")
    asking.ask("POST", "/api/v1/flists", {"name": asking.name}, 201)
    yield asking
    asking.http.close()


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


# -- flists ----------------------------------------------------------------------------------------------------


def test_a_flist_is_made_looked_at_changed_and_deleted(served: Served, admin: Asking) -> None:
    name = f"alice/made{next(_numbers)}"
    made = admin.http.post("/api/v1/flists", json={"name": name, "private": True})
    assert (made.status_code, made.headers["location"]) == (201, f"/api/v1/flists/{name}")
    found = admin.ask("GET", made.headers["location"])
    assert found == made.json()
    assert (found["name"], found["private"], found["head_jid"], found["entries"]) == (name, True, 1, 0)
    assert found["may_write"]
    changed = admin.ask("PATCH", made.headers["location"], {"name": f"{name}x", "private": False})
    assert (changed["name"], changed["private"]) == (f"{name}x", False)
    admin.ask("GET", made.headers["location"], status=404)
    served.mylist("expose", f"{name}x", "--prefix", "/shown")
    served.mylist("label", "set", f"{name}x", "v1")
    details = admin.ask("GET", f"/api/v1/flists/{name}x")
    assert [one["prefix"] for one in details["exposures"]] == ["/shown"]
    assert [(one["label"], one["jid"]) for one in details["labels"]] == [("v1", 1)]
    admin.ask("DELETE", f"/flist/{name}x", status=204)
    admin.ask("GET", f"/api/v1/flists/{name}x", status=404)
    admin.ask("DELETE", "", status=204)
    admin.ask("GET", "", status=404)


def test_flists_are_listed_by_account_and_page(admin: Asking) -> None:
    word = f"listed{next(_numbers)}"
    names = [f"{account}/{word}-{number}" for account in ("alice", "bert") for number in range(3)]
    for name in names:
        admin.ask("POST", "/api/v1/flists", {"name": name}, 201)
    seen, query = [], {"name_contains": word, "limit": "2"}
    while True:
        page = admin.ask("GET", "/api/v1/flists", params=query)
        assert sum(len(group["flists"]) for group in page["accounts"]) <= 2
        for group in page["accounts"]:
            assert all(flist["name"].startswith(f"{group['account']}/") for flist in group["flists"])
            seen += [flist["name"] for flist in group["flists"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert seen == names
    some = admin.ask(
        "GET", "/api/v1/flists", params={"account": "bert", "name_contains": word, "private": "0"}
    )
    assert [flist["name"] for flist in some["accounts"][0]["flists"]] == names[3:]
    for query in ({"private": "2"}, {"after": "x"}, {"limit": "0"}, {"none": "1"}):
        admin.ask("GET", "/api/v1/flists", status=400, params=query)


@pytest.fixture
def bert(admin: Asking) -> Iterator[Asking]:
    """A user without any grant."""
    with admin.other("bert") as asking:
        yield asking


def test_what_may_not_be_read_is_not_there_and_what_may_not_be_written_is_forbidden(
    admin: Asking, bert: Asking
) -> None:
    admin.put("f", b"f")
    assert not bert.ask("GET", "")["may_write"]
    assert bert.paths() == ["f"]
    for method, path, body in (
        ("POST", "commits", {"operations": [{"op": "mkdir", "path": "d"}]}),
        ("DELETE", "entries/f", None),
        ("PUT", "labels/x", {"jid": 1}),
        ("POST", "rollback", {"jid": 1}),
        ("DELETE", "", None),
        ("PATCH", "", {"private": True}),
        ("PATCH", "", {"name": f"{admin.name}x"}),
    ):
        bert.ask(method, path, body, 403)
        with admin.other("") as guest:
            guest.ask(method, path, body, 401)
    admin.ask("PATCH", "", {"private": True})
    for path in ("", "tree", "commits", "diff?from=1", "labels", "entries/f", "content/f"):
        bert.ask("GET", path, status=404)
    assert bert.http.get(f"/flist/{admin.name}/download").status_code == 404
    assert bert.http.post("/flist/upload", params={"name": admin.name}, content=b"x").status_code == 403


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match", "If-Unmodified-Since"])
def test_no_change_goes_ahead_on_a_condition_that_is_not_looked_at(admin: Asking, name: str) -> None:
    admin.put("a", b"a")
    before = admin.ask("GET", "")
    for method, path, body in (
        ("PATCH", "", {"private": True}),
        ("DELETE", "", None),
        ("PUT", "labels/one", {"jid": 1}),
        ("DELETE", "labels/one", None),
        ("POST", "commits", {"operations": [{"op": "delete", "path": "a"}]}),
    ):
        told = admin.ask(method, path, body, 400, headers={name: '"1"'})
        assert told["detail"].startswith(f"{name} is not looked at here")
    assert admin.ask("GET", "") == before


def test_labels_and_rollback(admin: Asking) -> None:
    admin.put("a", b"a")
    admin.put("b", b"b")
    assert admin.ask("PUT", "labels/one", {"jid": 2})["jid"] == 2
    assert [one["label"] for one in admin.ask("GET", "labels")["labels"]] == ["one"]
    assert admin.ask("POST", "rollback", {"jid": 2}) == {"head_jid": 4}
    assert admin.paths() == ["a"]
    admin.ask("DELETE", "labels/one", status=204)
    admin.ask("DELETE", "labels/one", status=404)
    admin.ask("PUT", "labels/one", {"jid": 99}, 404)
    admin.ask("PUT", "labels/a%20b", {"jid": 1}, 400)


def test_commits_are_listed_newest_first_page_by_page(admin: Asking) -> None:
    for number in range(4):
        admin.put(f"f{number}", b"x")
    seen, query = [], {"limit": "2"}
    while True:
        page = admin.ask("GET", "commits", params=query)
        seen += [one["jid"] for one in page["commits"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert seen == [5, 4, 3, 2, 1]
    assert admin.ask("GET", "commits")["commits"][0]["actor"] == "admin"


def test_differences_are_told_page_by_page_even_when_the_head_moves_on(admin: Asking) -> None:
    admin.commit({"op": "mkdir", "path": "d"}, *({"op": "mkdir", "path": f"e{n}"} for n in range(4)))
    admin.commit({"op": "move", "from": "d", "to": "moved"}, {"op": "delete", "path": "e3"})
    first = admin.ask("GET", "diff", params={"from": "1", "limit": "3"})
    admin.put("late", b"x")
    second = admin.ask("GET", "diff", params={"from": "1", "limit": "3", "after": first["next"]})
    told = [(one["change"], one["path"]) for one in first["changes"] + second["changes"]]
    assert told == [("added", "e0"), ("added", "e1"), ("added", "e2"), ("added", "moved")]
    assert (second["from"], second["to"], second["next"]) == (1, 3, None)
    moved = admin.ask("GET", "diff", params={"from": "2", "to": "3"})["changes"]
    assert [(one["change"], one["path"], one["old_path"]) for one in moved] == [
        ("removed", "e3", None),
        ("moved", "moved", "d"),
    ]
    admin.ask("GET", "diff", status=400, params={"from": "2", "after": first["next"]})
    for forged in (cursor(1, first["to"], "a//b", 1), cursor(1, first["to"], 1), cursor("1", 2, "a", 1)):
        admin.ask("GET", "diff", status=400, params={"from": "1", "after": forged})
    admin.ask("GET", "diff", status=404, params={"from": "1", "after": cursor(1, 10**9, "a", 1)})
    admin.ask("GET", "diff", status=404, params={"from": "99"})
    admin.ask("GET", "diff", status=400)


# -- commits ---------------------------------------------------------------------------------------------------


def test_one_commit_of_many_operations(admin: Asking) -> None:
    one = admin.put("one", b"one")
    done = admin.commit(
        {"op": "mkdir", "path": "a/b", "parents": True, "mode": 0o700},
        {
            "op": "put",
            "path": "a/f",
            "digest": one["digest"],
            "size_bytes": 3,
            "mtime_ns": -5,
            "if": "absent",
        },
        {"op": "symlink", "path": "l", "target": "a/f"},
        {"op": "copy", "from": "a/f", "to": "g"},
        {"op": "move", "from": "one", "to": "t"},
        {"op": "exchange", "a": "t", "b": "g"},
        {"op": "attributes", "path": "g", "mode": 0o600},
        {"op": "delete", "path": "t"},
        base_jid=2,
    )
    assert done == {"jid": 3, "head_jid": 3, "changed": True}
    assert admin.paths() == ["a", "a/b", "a/f", "g", "l"]
    assert admin.ask("GET", "entries/g")["entry"]["entry_id"] == one["entry_id"]
    assert admin.ask("GET", "entries/a/f")["entry"]["mtime_ns"] == -5
    assert admin.http.get(f"{admin.path}/content/l").content == b"one"
    again = admin.commit({"op": "attributes", "path": "g", "mode": 0o600}, base_jid=3)
    assert again == {"jid": 3, "head_jid": 3, "changed": False}


def test_a_commit_that_is_refused_says_all_that_is_in_the_way(admin: Asking) -> None:
    entry = admin.put("f", b"f")
    found = admin.commit({"op": "mkdir", "path": "f"}, {"op": "delete", "path": "none"}, status=409)
    assert (found["type"], found["head_jid"], found["missing"]) == ("urn:mylist:problem:refused", 2, [])
    assert found["conflicts"] == [
        {"index": 0, "path": "f", "reason": "exists", "now": entry},
        {"index": 1, "path": "none", "reason": "missing", "now": None},
    ]
    put = {"op": "put", "path": "f", "digest": entry["digest"], "size_bytes": 1, "if": "absent"}
    found = admin.commit(put, status=412)
    assert found["type"] == "urn:mylist:problem:outdated"
    assert [one["reason"] for one in found["conflicts"]] == ["changed"]


def test_a_lost_race_says_what_has_changed(admin: Asking) -> None:
    admin.put("theirs", b"x")
    found = admin.commit({"op": "mkdir", "path": "mine"}, base_jid=1, status=412)
    assert (found["head_jid"], found["conflicts"]) == (2, [])
    assert [(one["change"], one["path"]) for one in found["changes"]] == [("added", "theirs")]
    assert admin.paths() == ["theirs"]


def test_contents_that_may_not_be_read_answer_like_unknown_ones(served: Served, admin: Asking) -> None:
    secret = admin.put("secret", b"secret")
    admin.ask("PATCH", "", {"private": True})
    mine = f"bert/mine{next(_numbers)}"
    admin.ask("POST", "/api/v1/flists", {"name": mine}, 201)
    served.mylist("grant", "bert", mine, "write")
    with admin.other("bert", mine) as bert:
        said = []
        for digest in (secret["digest"], str(Digest.of(b"unknown"))):
            found = bert.commit({"op": "put", "path": "f", "digest": digest, "size_bytes": 6}, status=409)
            assert found["missing"] == [digest]
            said.append({**found, "missing": None})
        assert said[0] == said[1]
        served.mylist("grant", "bert", admin.name, "read")
        assert bert.commit({"op": "put", "path": "f", "digest": secret["digest"], "size_bytes": 6})["changed"]


def test_a_large_content_of_another_flist_is_named_and_its_recipe_told(admin: Asking) -> None:
    content = Random(7).randbytes(5_000_000)
    entry = admin.put("large", content)
    unknown = str(Digest.of(b"unknown"))
    answer = admin.ask("POST", "recipes", {"digests": [entry["digest"], unknown]})
    found = answer["recipes"]
    assert answer["left"] == []
    assert [(one["digest"], one["size_bytes"]) for one in found] == [(entry["digest"], len(content))]
    blocks = found[0]["blocks"]
    assert sum(block["size_bytes"] for block in blocks) == len(content)
    put = {"op": "put", "digest": entry["digest"], "size_bytes": len(content)}
    admin.commit({**put, "path": "again"}, {**put, "path": "more", "blocks": blocks})
    wrong = admin.commit({**put, "path": "wrong", "blocks": blocks[::-1]}, status=409)
    assert [one["reason"] for one in wrong["conflicts"]] == ["recipe"]
    assert admin.http.get(f"{admin.path}/content/more").content == content
    admin.ask("POST", "recipes", {"digests": [unknown] * (RECIPES_MAX + 1)}, 400)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "none", "path": "a"},
        {"path": "a"},
        {"op": "mkdir"},
        {"op": "mkdir", "path": ""},
        {"op": "mkdir", "path": "a", "more": 1},
        {"op": "mkdir", "path": "a//b"},
        {"op": "mkdir", "path": "../a"},
        {"op": "mkdir", "path": "a", "mode": 0o10000},
        {"op": "mkdir", "path": "a", "mode": "7"},
        {"op": "put", "path": "a", "digest": "X" * 64, "size_bytes": 1},
        {"op": "put", "path": "a", "digest": "a" * 64, "size_bytes": -1},
        {"op": "put", "path": "a", "digest": "a" * 64, "size_bytes": 1, "if": "maybe"},
        {"op": "move", "source": "a", "to": "b"},
    ],
)
def test_operations_that_are_malformed_are_refused(admin: Asking, operation: dict[str, Any]) -> None:
    found = admin.commit({"op": "mkdir", "path": "fine"}, operation, status=400)
    assert found["type"] in ("urn:mylist:problem:invalid", "urn:mylist:problem:bad-name")
    assert admin.paths() == []


def test_long_commits_of_one_account_wait_for_each_other_and_all_are_made(admin: Asking) -> None:
    def commit(number: int) -> int:
        asked = json.dumps({"operations": [{"op": "mkdir", "path": f"d{number}"}]}).encode()
        headers = {"content-type": "application/json"}
        body = asked + b" " * 2_000_000
        return admin.http.post(f"{admin.path}/commits", content=body, headers=headers).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(commit, range(6))) == {200}
    assert admin.paths() == [f"d{number}" for number in range(6)]


def test_a_malformed_operation_is_named_by_its_number(admin: Asking) -> None:
    good = {"op": "mkdir", "path": "a"}
    for bad in ({"op": "mkdir", "path": "a/../b"}, {"op": "symlink", "path": "l", "target": "a\0b"}):
        assert "operation 1: " in admin.commit(good, bad, status=400)["detail"]
    assert "operations.1.mkdir.mode" in admin.commit(good, good | {"mode": "x"}, status=400)["detail"]


def test_a_commit_is_made_on_no_condition_that_is_not_looked_at(admin: Asking) -> None:
    asked = {"operations": [{"op": "mkdir", "path": "a"}]}
    for header in ("if-match", "if-none-match", "if-unmodified-since"):
        refused = admin.ask("POST", "commits", asked, 400, headers={header: '"7"'})
        assert "base_jid" in refused["detail"]
    assert admin.paths() == []


def test_a_commit_without_operations_is_refused(admin: Asking) -> None:
    admin.commit(status=400)


# -- entries ---------------------------------------------------------------------------------------------------


def test_a_whole_tree_is_read_page_by_page_at_one_revision(admin: Asking) -> None:
    operations = [{"op": "mkdir", "path": path, "parents": True} for path in ("b/c/d", "a/x", "a/y/z", "é")]
    admin.commit(*operations)
    whole = admin.paths()
    assert whole == ["a", "a/x", "a/y", "a/y/z", "b", "b/c", "b/c/d", "é"]
    for limit in range(1, 9):
        seen, query = [], {"limit": str(limit)}
        while True:
            page = admin.ask("GET", "tree", params=query)
            assert (page["jid"], len(page["entries"]) <= limit) == (2, True)
            seen += [entry["path"] for entry in page["entries"]]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert seen == whole
    page = admin.ask("GET", "tree", params={"limit": "2"})
    admin.commit({"op": "delete", "path": "a"})
    rest = admin.ask("GET", "tree", params={"after": page["next"]})
    assert [entry["path"] for entry in rest["entries"]] == whole[2:]
    admin.ask("GET", "tree", status=400, params={"after": page["next"], "at": "3"})
    assert admin.paths(1) == []
    for forged in (cursor(2, "none"), cursor(2, "a/x/none"), cursor(2, "../x"), cursor("2", "a"), "x"):
        admin.ask("GET", "tree", status=400, params={"after": forged})
    admin.ask("GET", "tree", status=404, params={"after": cursor(99, "a")})


def test_a_tree_that_is_known_is_not_sent_again(admin: Asking) -> None:
    first = admin.http.get(f"{admin.path}/tree")
    assert first.headers["etag"] == '"1"'
    known = {"if-none-match": '"1"'}
    assert admin.http.get(f"{admin.path}/tree", headers=known).status_code == 304
    assert admin.http.get(f"{admin.path}/tree", headers=known, params={"at": "1"}).status_code == 304
    none = admin.http.get(f"{admin.path}/tree", headers={"if-none-match": '"99"'}, params={"at": "99"})
    assert none.status_code == 404, "a revision that is not there is not unchanged"
    admin.put("f", b"x")
    assert admin.http.get(f"{admin.path}/tree", headers=known).headers["etag"] == '"2"'


def test_folders_are_read_page_by_page(admin: Asking) -> None:
    admin.commit(*({"op": "mkdir", "path": f"d/{name}", "parents": True} for name in "abc"))
    first = admin.ask("GET", "entries/d", params={"limit": "2"})
    admin.commit({"op": "move", "from": "d/a", "to": "d/z"}, {"op": "delete", "path": "d/c"})
    second = admin.ask("GET", "entries/d", params={"limit": "2", "after": first["next"]})
    assert [one["path"] for one in first["members"] + second["members"]] == ["d/a", "d/b", "d/c"]
    assert (first["entry"]["path"], second["next"]) == ("d", None)
    admin.ask("GET", "entries/d", status=400, params={"after": first["next"], "at": "1"})
    admin.ask("GET", "entries/d", status=404, params={"after": cursor(99, "a")})
    root = admin.ask("GET", "entries")
    assert (root["entry"]["path"], [one["path"] for one in root["members"]]) == ("", ["d"])
    admin.ask("GET", "entries/none", status=404)
    admin.ask("GET", "entries/d", status=404, params={"at": "1"})


def test_single_entries_are_made_changed_moved_copied_and_deleted(admin: Asking) -> None:
    admin.ask("POST", "entries/d", {"action": "mkdir"}, 201)
    admin.ask("POST", "entries/d", {"action": "mkdir"}, 409)
    admin.put("d/f", b"f")
    entry = admin.ask("PATCH", "entries/d/f", {"mode": 0o600, "content_type": "a/b"})["entry"]
    assert (entry["mode"], entry["content_type"]) == (0o600, "a/b")
    assert admin.ask("POST", "entries/d/f", {"action": "copy", "to": "g"}, 201)["entry"]["path"] == "g"
    admin.ask("POST", "entries/d/f", {"action": "move", "to": "g"}, 412)
    admin.ask("POST", "entries/d/f", {"action": "move", "to": "g", "overwrite": True})
    admin.ask("POST", "entries/d/f", {"action": "move"}, 400)
    admin.ask("POST", "entries/d", {"action": "mkdir", "to": "x"}, 400)
    assert admin.paths() == ["d", "g"]
    admin.ask("DELETE", "entries/g", status=204)
    admin.ask("DELETE", "entries/g", status=404)
    admin.ask("DELETE", "entries", status=403)
    assert admin.paths() == ["d"]


def test_content_is_sent_with_conditions_and_ranges(admin: Asking) -> None:
    admin.put("f.txt", b"0123456789")
    path = f"{admin.path}/content/f.txt"
    whole = admin.http.get(path)
    assert (whole.content, whole.headers["content-type"]) == (b"0123456789", "text/plain; charset=utf-8")
    assert whole.headers["content-security-policy"] == "sandbox"
    assert admin.http.head(path).headers["content-length"] == "10"
    part = admin.http.get(path, headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert admin.http.get(path, headers={"if-none-match": whole.headers["etag"]}).status_code == 304
    admin.put("f.txt", b"new")
    assert admin.http.get(path, params={"at": "2"}).content == b"0123456789"
    admin.ask("GET", "content/none", status=404)
    admin.ask("GET", "content", status=405)
    admin.ask("GET", "content/f.txt", status=403, headers={"service-worker": "script"})


def test_the_session_of_a_browser_reads_trees_and_no_files_and_changes_nothing_from_elsewhere(
    admin: Asking,
) -> None:
    admin.put("f", b"x")
    session = {"cookie": f"{COOKIE}={admin.token}"}
    with httpx.Client(base_url=admin.served.url, headers=session) as browser:
        assert browser.get(f"{admin.path}/tree").status_code == 200
        assert browser.get(f"/flist/{admin.name}/download").status_code == 401
        assert browser.get(f"{admin.path}/content/f").status_code == 401
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 204)):
            deleted = browser.delete(f"{admin.path}/entries/f", headers={"sec-fetch-site": site})
            assert deleted.status_code == status
        assert browser.post("/flist/upload", params={"name": admin.name}, content=b"x").status_code == 403
        assert browser.delete(f"/flist/{admin.name}").status_code == 403


def test_content_is_put_under_conditions_and_checked(admin: Asking) -> None:
    path = f"{admin.path}/content/f"
    first = admin.http.put(path, content=b"one", params={"mtime_ns": "5"}, headers={"if-none-match": "*"})
    assert (first.status_code, first.json()["entry"]["mtime_ns"]) == (201, 5)
    assert first.json()["entry"]["digest"] == str(Digest.of(b"one"))
    etag = first.headers["etag"]
    assert admin.http.put(path, content=b"x", headers={"if-none-match": "*"}).status_code == 412
    assert admin.http.put(path, content=b"two", headers={"if-match": etag}).status_code == 200
    assert admin.http.put(path, content=b"x", headers={"if-match": etag}).status_code == 412
    other = admin.http.get(path, headers={"if-match": '"other"'})
    assert (other.status_code, other.json()["type"]) == (412, "urn:mylist:problem:precondition-failed")
    sha = b64encode(hashlib.sha256(b"three").digest()).decode()
    for content, status in ((b"other", 400), (b"three", 200)):
        response = admin.http.put(path, content=content, headers={"repr-digest": f"sha-256=:{sha}:"})
        assert response.status_code == status
    assert admin.http.get(path).content == b"three"
    assert admin.http.put(f"{admin.path}/content/none/f", content=b"x").status_code == 409
    assert admin.http.put(path, content=b"x", headers={"content-range": "bytes 0-0/5"}).status_code == 400
    assert admin.http.put(path, content=b"", headers={"content-length": "0"}).status_code == 200
    assert admin.http.get(path).content == b""


def test_a_lock_is_respected(admin: Asking) -> None:
    admin.put("f", b"x")
    lock = (
        '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>'
        "<D:locktype><D:write/></D:locktype></D:lockinfo>"
    )
    locked = admin.http.request("LOCK", f"/dav/{admin.name}/f", content=lock, auth=("admin", admin.token))
    token = locked.headers["lock-token"]
    admin.ask("DELETE", "entries/f", status=423)
    found = admin.commit({"op": "delete", "path": "f"}, status=409)
    assert [one["reason"] for one in found["conflicts"]] == ["locked"]
    admin.ask(
        "POST", "commits", {"operations": [{"op": "delete", "path": "f"}]}, headers={"if": f"({token})"}
    )
    assert admin.paths() == []


# -- archives --------------------------------------------------------------------------------------------------


def test_archives_go_up_and_come_down_in_every_format(admin: Asking) -> None:
    name = f"alice/up{next(_numbers)}"
    content = {"a": b"a" * 100, "b": bytes(range(256)) * 300}
    plain = archive(**content)
    first = admin.http.post("/flist/upload", params={"name": name}, content=plain)
    assert first.status_code == 201
    told = first.json()
    assert (told["name"], told["made"], told["changed"], told["added"]) == (name, True, True, 2)
    same = admin.http.post("/flist/upload", params={"name": name}, content=zstandard.compress(plain))
    assert (same.status_code, same.json()["changed"], same.json()["jid"]) == (200, False, told["jid"])
    more = admin.http.post("/flist/upload", params={"name": name, "merge": "1"}, content=archive(c=b"c"))
    assert (more.status_code, more.json()["added"], more.json()["removed"]) == (200, 1, 0)

    def get(form: str, **query: str) -> httpx.Response:
        response = admin.http.get(f"/flist/{name}/download", params={"format": form, **query})
        assert response.status_code == 200
        return response

    for form in ("tar", "tar.gz", "tar.zst"):
        data = get(form).content
        data = zstandard.ZstdDecompressor().stream_reader(data).read() if form == "tar.zst" else data
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            files = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
        assert files == {**content, "c": b"c"}
    with zipfile.ZipFile(io.BytesIO(get("zip").content)) as packed:
        assert {one: packed.read(one) for one in packed.namelist()} == {**content, "c": b"c"}
    with tarfile.open(fileobj=io.BytesIO(get("blocks").content)) as tar:
        assert {one.name for one in tar} == {str(Digest.of(one)) for one in (*content.values(), b"c")}
    old = get("tar", at=str(told["jid"]))
    with tarfile.open(fileobj=io.BytesIO(old.content)) as tar:
        assert tar.getnames() == ["a", "b"]
    assert old.headers["content-disposition"] == f'attachment; filename="{name.partition("/")[2]}.tar"'
    assert old.headers["etag"] != get("tar").headers["etag"]


@pytest.mark.parametrize("form", ["tar", "tar.gz", "tar.zst", "zip", "blocks"])
def test_parts_of_an_archive_are_those_of_the_whole(admin: Asking, form: str) -> None:
    for number in range(6):
        admin.put(f"f{number}", bytes([number]) * (number * 30_000))
    address = f"/flist/{admin.name}/download"
    query = {"format": form}
    whole = admin.http.get(address, params=query)
    tag = whole.headers["etag"]
    size = len(whole.content)
    for first, last in ((0, 0), (1, 700), (size // 3, size // 2), (size - 1, size - 1), (100, 10**9)):
        part = admin.http.get(
            address, params=query, headers={"range": f"bytes={first}-{last}", "if-range": tag}
        )
        assert (part.status_code, part.content) == (206, whole.content[first : last + 1])
        assert part.headers["content-range"] == f"bytes {first}-{min(last, size - 1)}/{size}"
    tail = admin.http.get(address, params=query, headers={"range": "bytes=-9"})
    assert tail.content == whole.content[-9:]
    stale = admin.http.get(address, params=query, headers={"range": "bytes=1-2", "if-range": '"other"'})
    assert (stale.status_code, stale.content) == (200, whole.content)
    past = admin.http.get(address, params=query, headers={"range": f"bytes={size}-"})
    assert (past.status_code, past.headers["content-range"]) == (416, f"bytes */{size}")
    assert past.headers["content-security-policy"] == "sandbox"
    assert past.json()["type"] == "urn:mylist:problem:range-not-satisfiable"
    assert admin.http.get(address, params=query, headers={"if-none-match": tag}).status_code == 304
    assert admin.http.head(address, params=query).headers["etag"] == tag
    several = admin.http.get(address, params=query, headers={"range": "bytes=0-1,5-6"})
    assert several.status_code == (206 if form == "tar" else 200)


def test_an_archive_that_is_broken_or_none_changes_nothing(admin: Asking) -> None:
    admin.put("f", b"x")
    for bad in (b"no archive at all" * 100, archive(a=b"a")[:1024]):
        response = admin.http.post("/flist/upload", params={"name": admin.name}, content=bad)
        assert response.status_code in (400, 415, 422), response.text
    assert admin.http.post("/flist/upload", params={"name": admin.name}).status_code == 400
    new = f"alice/never{next(_numbers)}"
    assert admin.http.post("/flist/upload", params={"name": new}, content=b"x" * 1000).status_code == 415
    admin.ask("GET", f"/api/v1/flists/{new}", status=404)
    assert admin.paths() == ["f"]


def test_names_that_are_no_ascii_are_kept_under_their_own_name(admin: Asking) -> None:
    name = f"alice/Grün {next(_numbers)}"
    admin.ask("POST", "/api/v1/flists", {"name": name}, 201)
    address = "/flist/" + name.replace(" ", "%20").replace("ü", "%C3%BC") + "/download"
    said = admin.http.get(address, params={"format": "tar"}).headers["content-disposition"]
    number = name.rpartition(" ")[2]
    assert said == f"attachment; filename=\"Gr_n {number}.tar\"; filename*=UTF-8''Gr%C3%BCn%20{number}.tar"
