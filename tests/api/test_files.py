"""/files/ and /api/v1/files/check: who stores, who reads, and what is told to those who may not."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.api.table import api
from mylist_dav.errors import MylistError, OutOfQuota
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Role, Scope
from mylist_dav.model.conditions import Place
from mylist_dav.model.contents import BlockSlice
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.model.jobs import State
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.wire.messages import Request, Response
from mylist_dav.wire.sessions import COOKIE
from tests.dav.conftest import Clock
from tests.services.job_bench import ended

LARGE = hashlib.shake_256(b"large").digest(5 * 1024 * 1024)
"""Of several blocks."""


class Caller:
    """Asks as somebody: admin, alice (has a flist for files), bert (has none), carl (makes his own); '' is a guest."""

    def __init__(self, folder: Path, **given: Any) -> None:
        settings = {"store.data": str(folder / "data"), "store.durability": "os", **given}
        self.library = Library(load(given=settings), Clock())
        self.front = api(self.library)
        self.tokens = {}
        for name, role in (("admin", Role.ADMIN), ("alice", Role.USER), ("bert", Role.USER)):
            self.library.identity.add_account(OPERATOR, name, role)
            self.tokens[name] = self.library.identity.new_token(OPERATOR, name)

    def fields(self, account: str) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self.tokens[account]}")]

    def ask(
        self, method: str, target: str, account: str = "admin", body: bytes | None = None, **fields: str
    ) -> Response:
        headers = [(name.replace("_", "-"), value) for name, value in fields.items()]
        if account:
            headers.append(("authorization", f"Bearer {self.tokens[account]}"))
        path, _, query = target.partition("?")
        request = Request(
            method, path, query, headers, "h", "h", client="192.0.2.1", request_id="0123456789ab"
        )
        request.has_body = body is not None
        request.content_length = len(body) if body is not None else None
        try:
            found = self.front.respond(request)
            if not isinstance(found, Response):
                found.write(body or b"")
                found = found.finish()
        except MylistError as error:
            found = self.front.render_error(request, error)
        return found

    def put(self, name: str, content: bytes, account: str = "admin", **fields: str) -> Any:
        response = self.ask("PUT", f"/files/{name}", account, content, **fields)
        assert response.status in (200, 201), response.body
        return told(response)

    def got(self, address: str, account: str = "admin") -> bytes:
        response = self.ask("GET", f"/files/{address}", account)
        assert response.status == 200, response.body
        if isinstance(response.body, bytes):
            return response.body
        return b"".join(
            self.library.blocks.get(piece.digest)[piece.offset :][: piece.length]
            for piece in response.body
            if isinstance(piece, BlockSlice)
        )

    def check(self, digest: str, account: str = "admin", **asked: object) -> Response:
        body = json.dumps({"digest": digest, **asked}).encode()
        return self.ask("POST", "/api/v1/files/check", account, body, content_type="application/json")

    def close(self) -> None:
        self.library.close()


def told(response: Response) -> Any:
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


def header(response: Response, name: str) -> str | None:
    return next((value for key, value in response.headers if key.lower() == name), None)


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    made = Caller(tmp_path)
    yield made
    made.close()


# -- storing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"hello", LARGE], ids=["empty", "one block", "several blocks"])
def test_a_stored_file_is_an_entry_and_can_be_had_by_its_digest(caller: Caller, content: bytes) -> None:
    response = caller.ask("PUT", "/files/a%20picture.png", "admin", content)
    assert response.status == 201
    digest = str(Digest.of(content))
    assert told(response) == {
        "digest": digest, "name": "a picture.png", "size": len(content), "content_type": "image/png",
    }  # fmt: skip
    assert header(response, "location") == f"/files/{digest}.png"
    assert caller.got(digest) == caller.got(f"{digest}.png") == content
    entry = caller.library.trees.stat(
        OPERATOR, Place(FlistName("admin", "files"), TreePath.parse("a picture.png"))
    )
    assert str(entry.digest) == digest
    assert response.account == "admin"
    assert response.meter is not None


def test_a_file_of_the_same_name_takes_the_place_of_the_old_one_which_can_still_be_had(
    caller: Caller,
) -> None:
    first = caller.put("a.txt", b"one")
    second = caller.ask("PUT", "/files/a.txt", "admin", b"two")
    assert second.status == 200
    assert caller.got(first["digest"]) == b"one"
    assert caller.got(told(second)["digest"]) == b"two"


def test_the_flist_for_files_is_made_by_those_who_may_make_one(tmp_path: Path) -> None:
    caller = Caller(tmp_path, **{"accounts.self_service": True})
    try:
        assert caller.put("a", b"1", "bert")["size"] == 1
        reads = caller.library.identity.new_token(OPERATOR, "alice", scope=Scope(read_only=True))
        caller.tokens["alice"] = reads
        assert caller.ask("PUT", "/files/a", "alice", b"1").status == 403
    finally:
        caller.close()


def test_who_may_neither_make_nor_write_the_flist_stores_nothing(caller: Caller) -> None:
    assert caller.ask("PUT", "/files/a", "bert", b"1").status == 403
    assert caller.ask("PUT", "/files/a", "", b"1").status == 401
    assert caller.ask("PUT", "/files/a", "admin", None).status == 400
    caller.library.flists.create(OPERATOR, FlistName("bert", "files"))
    assert caller.ask("PUT", "/files/a", "bert", b"1").status == 403
    assert list(caller.library.blocks.digests()) == []
    caller.library.grants.grant(OPERATOR, "bert", FlistName("bert", "files"), Right.WRITE)
    assert caller.put("a", b"1", "bert")["name"] == "a"


def test_conditions_of_a_put_must_hold(caller: Caller) -> None:
    assert caller.ask("PUT", "/files/a", "admin", b"1", if_none_match="*").status == 201
    assert caller.ask("PUT", "/files/a", "admin", b"2", if_none_match="*").status == 412
    assert caller.ask("PUT", "/files/a", "admin", b"2", if_match='"other"').status == 412
    etag = header(caller.ask("GET", f"/files/{Digest.of(b'1')}"), "etag")
    assert etag is not None
    assert caller.ask("PUT", "/files/a", "admin", b"2", if_match=etag).status == 200
    assert caller.ask("PUT", "/files/a", "admin", b"3", if_match="x").status == 400


@pytest.mark.parametrize("name", ["..", "a%2Fb", "%2e%2e", "x" * 300, "a/b", "", "a%00b"])
def test_what_names_no_file_is_refused(caller: Caller, name: str) -> None:
    assert caller.ask("PUT", f"/files/{name}", "admin", b"1").status in (400, 404, 405)
    assert list(caller.library.blocks.digests()) == []


def test_a_quota_is_kept_before_anything_is_stored(caller: Caller) -> None:
    caller.put("a", b"12345")
    caller.library.identity.set_quota(OPERATOR, "admin", 6)
    before = list(caller.library.blocks.digests())
    assert caller.ask("PUT", "/files/b", "admin", b"678").status == 507
    assert caller.ask("PUT", "/files/b?async=1", "admin", b"678").status == 507
    assert list(caller.library.blocks.digests()) == before


def test_a_file_for_a_job_is_held_to_the_quota_while_it_arrives_too(caller: Caller) -> None:
    caller.put("a", b"12345")
    caller.library.identity.set_quota(OPERATOR, "admin", 6)
    request = Request("PUT", "/files/b", "async=1", caller.fields("admin"), "h", "h", client="192.0.2.1")
    request.has_body = True  # and nobody says how long it is
    sink = caller.front.respond(request)
    assert not isinstance(sink, Response)
    sink.write(b"6")
    with pytest.raises(OutOfQuota):
        sink.write(b"7")
    sink.abort()
    assert caller.ask("PUT", "/files/a?async=1", "admin", b"123456").status == 202  # in the place of five


def test_an_archive_that_says_it_is_far_past_the_quota_is_refused_before_it_comes(caller: Caller) -> None:
    caller.library.identity.set_quota(OPERATOR, "admin", 6)
    for query in ("name=admin/site", "name=admin/site&async=1"):
        request = Request(
            "POST", "/flist/upload", query, caller.fields("admin"), "h", "h", client="192.0.2.1"
        )
        request.has_body, request.content_length = True, 2**40
        with pytest.raises(OutOfQuota):
            caller.front.respond(request)


# -- checksums -------------------------------------------------------------------------------------------------


def sequence(algorithm: str, content: bytes) -> str:
    return f":{base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}:"


@pytest.mark.parametrize("field", ["repr_digest", "content_digest"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_digest_that_the_client_declares_must_hold(caller: Caller, field: str, algorithm: str) -> None:
    named = {"sha256": "sha-256", "sha512": "sha-512"}[algorithm]
    right, wrong = (f"{named}={sequence(algorithm, content)}, crc32c=:AAAA:" for content in (b"1", b"2"))
    assert caller.ask("PUT", "/files/a", "admin", b"1", **{field: wrong}).status == 400
    assert list(caller.library.blocks.digests()) == []
    assert caller.ask("PUT", "/files/a", "admin", b"1", **{field: right}).status == 201


def test_a_content_md5_must_hold(caller: Caller) -> None:
    md5 = base64.b64encode(hashlib.md5(b"1", usedforsecurity=False).digest()).decode()
    assert caller.ask("PUT", "/files/a", "admin", b"2", content_md5=md5).status == 400
    assert caller.ask("PUT", "/files/a", "admin", b"1", content_md5=md5).status == 201


@pytest.mark.parametrize("value", ["sha-256=abc", "sha-256=:AAAA:", "sha-256=:*:", "=", "sha-256"])
def test_a_malformed_digest_field_is_refused(caller: Caller, value: str) -> None:
    assert caller.ask("PUT", "/files/a", "admin", b"1", repr_digest=value).status == 400


# -- reading ---------------------------------------------------------------------------------------------------


def test_a_file_is_sent_as_a_strangers_file_under_its_digest(caller: Caller) -> None:
    digest = caller.put("page.html", b"<script>alert(1)</script>")["digest"]
    response = caller.ask("GET", f"/files/{digest}.html")
    assert header(response, "content-security-policy") == "sandbox"
    assert header(response, "x-content-type-options") == "nosniff"
    assert header(response, "content-type") == "text/html; charset=utf-8"
    assert caller.ask("GET", f"/files/{digest}", "admin", None, service_worker="script").status == 403
    etag = header(response, "etag")
    assert etag is not None
    assert caller.ask("GET", f"/files/{digest}", "admin", None, if_none_match=etag).status == 304
    assert caller.ask("GET", f"/files/{digest}", "admin", None, range="bytes=0-3").status == 206


def test_head_tells_whether_there_is_a_file(caller: Caller) -> None:
    digest = caller.put("a", b"12345")["digest"]
    there = caller.ask("HEAD", f"/files/{digest}.bin")
    assert (there.status, there.content_length, there.body) == (200, 5, b"")
    assert there.meter is not None  # the request counts, and is no download
    assert caller.ask("HEAD", f"/files/{Digest.of(b'x')}").status == 404


def test_the_session_of_a_browser_opens_no_file(caller: Caller) -> None:
    digest = caller.put("a", b"1")["digest"]
    cookie = f"{COOKIE}={caller.tokens['admin']}"
    assert caller.ask("GET", "/api/v1/whoami", "", None, cookie=cookie).status == 200
    assert caller.ask("GET", f"/files/{digest}", "", None, cookie=cookie).status == 401


def test_what_may_not_be_read_answers_like_what_nobody_has(caller: Caller) -> None:
    digest = caller.put("a", b"secret")["digest"]
    name = FlistName("admin", "files")
    assert caller.got(digest, "bert") == b"secret"
    caller.library.grants.set_private(OPERATOR, name, True)
    unknown = str(Digest.of(b"unknown"))
    for ask in (
        lambda one: caller.ask("GET", f"/files/{one}", "bert"),
        lambda one: caller.check(one, "bert"),
        lambda one: caller.ask("GET", f"/files/{one}.zip", "bert"),
    ):
        refused, missing = ask(digest), ask(unknown)
        assert refused.status == missing.status == 404
        assert told(refused)["detail"].replace(digest, "") == told(missing)["detail"].replace(unknown, "")
    caller.library.grants.grant(OPERATOR, "bert", name, Right.READ)
    assert caller.got(digest, "bert") == b"secret"
    only = Scope(flist_name=FlistName("alice", "other"))
    caller.library.flists.create(OPERATOR, FlistName("alice", "other"))
    caller.tokens["bert"] = caller.library.identity.new_token(OPERATOR, "bert", scope=only)
    assert caller.ask("GET", f"/files/{digest}", "bert").status == 404


def test_what_no_revision_shows_is_not_there_though_its_flist_holds_a_note_of_it(caller: Caller) -> None:
    digest = caller.put("a", b"kept")["digest"]
    name = FlistName("admin", "files")
    flist = caller.library.flists.get(OPERATOR, name)
    lost = Digest.of(b"an import that was given up")

    def note(draft: Any) -> None:
        draft._sql.execute("INSERT INTO held VALUES (?, ?)", (lost, flist.flist_id))

    caller.library.catalog.change(note)
    assert caller.ask("GET", f"/files/{lost}").status == 404
    caller.library.trees.delete(OPERATOR, Place(name, TreePath.parse("a")))
    assert caller.got(digest) == b"kept"  # revisions show it
    caller.library.flists.delete(OPERATOR, name)
    assert caller.ask("GET", f"/files/{digest}").status == 404


def test_a_file_below_a_folder_that_is_gone_can_be_had_and_one_that_is_only_staged_cannot(
    caller: Caller,
) -> None:
    name = FlistName("alice", "deep")
    library = caller.library
    library.flists.create(OPERATOR, name)
    library.trees.make_directory(OPERATOR, Place(name, TreePath.parse("d")))
    upload = library.uploads.open(OPERATOR, Place(name, TreePath.parse("d/f")))
    upload.write(b"below")
    digest = str(upload.finish().entry.digest)
    library.trees.move(
        OPERATOR, Place(name, TreePath.parse("d")), Place(name, TreePath.parse("e")), overwrite=False
    )
    library.trees.delete(OPERATOR, Place(name, TreePath.parse("e")))
    assert caller.got(digest, "bert") == b"below"

    def stage(draft: Any) -> None:
        flist = draft.flist(name)
        draft._sql.execute(
            "UPDATE entry SET parent_id = -1, name = 'staged' WHERE flist_id = ? AND parent_id <> 0",
            (flist.flist_id,),
        )
        draft._sql.execute("DELETE FROM entry_past WHERE flist_id = ?", (flist.flist_id,))

    library.catalog.change(stage)
    fresh = api(library)  # knows nothing of what was found before
    assert fresh is not None
    library.single_files._known.clear()
    assert caller.ask("GET", f"/files/{digest}", "bert").status == 404


@pytest.mark.parametrize(
    "address", ["x", "0" * 63, "A" * 64, f"{'0' * 64}.", f"{'0' * 64}.a.b", f"{'0' * 64}/"]
)
def test_what_is_no_digest_is_not_there(caller: Caller, address: str) -> None:
    assert caller.ask("GET", f"/files/{address}").status == 404


def test_a_digest_opens_what_it_names_to_everybody_only_where_the_settings_say_so(tmp_path: Path) -> None:
    closed = Caller(tmp_path / "closed")
    opened = Caller(tmp_path / "opened", **{"files.digests_are_keys": True})
    try:
        for caller in (closed, opened):
            caller.put("a", b"open")
            caller.put("b", b"hidden", "admin")
        digest = str(Digest.of(b"open"))
        assert closed.ask("GET", f"/files/{digest}", "").status == 401
        assert opened.got(digest, "") == b"open"
        assert opened.check(digest, "").status == 401
        opened.library.grants.set_private(OPERATOR, FlistName("admin", "files"), True)
        assert opened.ask("GET", f"/files/{digest}", "").status == 404
    finally:
        closed.close()
        opened.close()


# -- checking --------------------------------------------------------------------------------------------------


def block_file(caller: Caller, digest: Digest) -> Path:
    text = str(digest)
    return Path(caller.library.settings.store.data) / "blocks" / text[:2] / text[2:4] / text[4:]


def test_a_check_names_blocks_that_are_missing_or_of_another_size_and_a_hard_one_what_is_damaged(
    caller: Caller,
) -> None:
    digest = caller.put("large", LARGE)["digest"]
    found = told(caller.check(digest))
    assert found["whole"]
    assert found["size"] == len(LARGE)
    assert told(caller.check(digest, hard=True))["whole"]
    first, second, *_ = dict.fromkeys(
        caller.library.single_files.find(OPERATOR, Digest.parse(digest)).recipe.blocks
    )
    damaged = block_file(caller, first.digest)
    damaged.chmod(0o600)
    damaged.write_bytes(bytes(first.size_bytes))
    assert told(caller.check(digest))["whole"]
    hard = told(caller.check(digest, hard=True))
    assert (hard["whole"], hard["bad"], hard["bad_count"]) == (False, [str(first.digest)], 1)
    shorter = block_file(caller, second.digest)
    shorter.chmod(0o600)
    shorter.write_bytes(b"x")
    soft = told(caller.check(digest))
    assert (soft["bad"], soft["missing"]) == ([str(second.digest)], [str(first.digest)])  # it was set aside
    assert not soft["whole"]


def test_a_hard_check_of_a_large_file_is_a_job_that_tells_the_same(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = caller.put("large", LARGE)["digest"]
    small = told(caller.check(digest, hard=True))
    monkeypatch.setattr("mylist_dav.services.contents.files.HARD_BYTES_MAX", len(LARGE) - 1)
    assert told(caller.check(digest)) == {**small, "hard": False}
    assert caller.check("00" * 32, hard=True).status == 404
    assert caller.check(digest, "", hard=True).status == 401
    begun = caller.check(digest, hard=True)
    assert (begun.status, told(begun)["kind"]) == (202, "file-check")
    assert header(begun, "location") == f"/api/v1/jobs/{told(begun)['job_id']}"
    caller.library.start_jobs()
    done = ended(caller.library, caller.library.jobs.get(told(begun)["job_id"]))
    assert json.loads(done.result or "") == small
    assert done.done_bytes < len(LARGE)


def test_a_large_file_that_may_not_be_read_any_more_is_not_read_by_a_job(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = caller.put("large", LARGE)["digest"]
    monkeypatch.setattr("mylist_dav.services.contents.files.HARD_BYTES_MAX", 1)
    begun = told(caller.check(digest, "alice", hard=True))
    caller.library.grants.set_private(OPERATOR, FlistName("admin", "files"), True)
    caller.library.start_jobs()
    done = ended(caller.library, caller.library.jobs.get(begun["job_id"]))
    assert (done.state, "there is no file" in (done.problem or "")) == (State.FAILED, True)


def test_a_check_of_the_empty_file_and_of_a_small_one_finds_them_whole(caller: Caller) -> None:
    caller.put("empty", b"")
    caller.put("small", b"1")
    for digest in (EMPTY, Digest.of(b"1")):
        for hard in (True, False):
            assert told(caller.check(str(digest), hard=hard))["whole"]


@pytest.mark.parametrize(
    "asked", [{}, {"digest": "x"}, {"digest": "0" * 64, "hard": "yes"}, {"digest": 1, "more": 2}]
)
def test_a_check_of_what_is_no_question_is_refused(caller: Caller, asked: dict[str, object]) -> None:
    body = json.dumps(asked).encode()
    response = caller.ask("POST", "/api/v1/files/check", "admin", body, content_type="application/json")
    assert response.status == 400


# -- as jobs ---------------------------------------------------------------------------------------------------


def test_a_file_may_become_a_job_whose_result_is_what_it_can_be_asked_for_by(caller: Caller) -> None:
    begun = caller.ask("PUT", "/files/large.bin?async=1", "admin", LARGE)
    assert begun.status == 202
    job = told(begun)
    assert (job["kind"], job["flist"], header(begun, "location")) == (
        "file", "admin/files", f"/api/v1/jobs/{job['job_id']}",
    )  # fmt: skip
    caller.library.start_jobs()
    done = caller.library.jobs.wait(job["job_id"], 30)
    assert done.result is not None, done
    digest = str(Digest.of(LARGE))
    assert json.loads(done.result) == {
        "file": f"{digest}.bin", "digest": digest, "name": "large.bin", "size": len(LARGE),
    }  # fmt: skip
    assert caller.got(f"{digest}.bin") == LARGE


def test_what_is_refused_now_never_becomes_a_job(caller: Caller) -> None:
    wrong = f"sha-256={sequence('sha256', b'other')}"
    assert caller.ask("PUT", "/files/a?async=1", "admin", b"1", repr_digest=wrong).status == 400
    assert caller.ask("PUT", "/files/a?async=1", "admin", b"1", if_none_match="*").status == 400
    assert caller.ask("PUT", "/files/a?async=1", "bert", b"1").status == 403
    assert caller.ask("PUT", "/files/..?async=1", "admin", b"1").status == 400
    assert caller.library.jobs.list(OPERATOR) == []
    assert caller.library.jobs.bodies.together_bytes() == 0


# -- bounds ----------------------------------------------------------------------------------------------------


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    caller = Caller(tmp_path, **{"rates.account_requests": 3, "rates.guest_requests": 2})
    try:
        statuses = [caller.ask("GET", "/api/v1/whoami", "alice").status for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = caller.ask("GET", "/files/x", "alice")
        assert refused.status == 429
        assert header(refused, "retry-after") == "20"
        assert told(refused)["type"] == "urn:mylist:problem:too-many"
        assert caller.ask("GET", "/api/v1/whoami", "bert").status == 200
        assert [caller.ask("GET", "/api/v1/server-key", "").status for _ in range(3)] == [200, 200, 429]
    finally:
        caller.close()
