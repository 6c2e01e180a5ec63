"""Blocks over HTTP: alone, as tar, many at a time; what is not for the caller answers like what is not there."""

from __future__ import annotations

import io
import json
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mylist_dav.api.table import api
from mylist_dav.errors import MylistError
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Role, Scope
from mylist_dav.model.audit import Action, Wanted
from mylist_dav.model.conditions import Place
from mylist_dav.model.contents import BlockSlice
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.wire.messages import Request, Response
from mylist_dav.wire.sessions import COOKIE
from tests.dav.conftest import Clock

OPEN, CLOSED = FlistName("alice", "open"), FlistName("alice", "closed")
LONG = random.Random(6).randbytes(3 * 1024 * 1024)
UNKNOWN = "0" * 64


class Caller:
    """Asks as somebody; what streams is read to its end."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.front = api(library)
        self.tokens = {"": ""}
        for name, role in (("admin", Role.ADMIN), ("alice", Role.USER), ("bert", Role.USER)):
            library.identity.add_account(OPERATOR, name, role)
            self.tokens[name] = library.identity.new_token(OPERATOR, name)
        for name in (OPEN, CLOSED):
            library.flists.create(OPERATOR, name)
        library.grants.set_private(OPERATOR, CLOSED, True)

    def put(self, content: bytes, name: FlistName = OPEN) -> list[str]:
        upload = self.library.uploads.open(OPERATOR, Place(name, TreePath.parse("f")))
        upload.write(content)
        entry = upload.finish().entry
        return [str(ref.digest) for ref in self.library.trees.recipe(entry).blocks]

    def send(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        account: str = "admin",
        kind: str = "application/json",
        fields: tuple[tuple[str, str], ...] = (),
    ) -> Response:
        headers = [("content-type", kind), *fields]
        if account:
            headers.append(("authorization", f"Bearer {self.tokens[account]}"))
        length = None if body is None else len(body)
        target, _, query = target.partition("?")
        request = Request(
            method, target, query, headers, "h", "h", content_length=length, has_body=bool(body)
        )
        try:
            found = self.front.respond(request)
            if isinstance(found, Response):
                return found
            for start in range(0, len(body or b""), found.piece_bytes):
                found.write((body or b"")[start : start + found.piece_bytes])
            return found.finish()
        except MylistError as error:
            return self.front.render_error(request, error)

    def bytes_of(self, response: Response) -> bytes:
        if isinstance(response.body, bytes):
            return response.body
        data = b"".join(
            self.library.blocks.get(piece.digest)[piece.offset : piece.offset + piece.length]
            if isinstance(piece, BlockSlice)
            else piece
            for piece in response.body
        )
        if response.content_length is not None:
            assert len(data) == response.content_length
        return data

    def post(self, verb: str, ids: list[str], account: str = "admin") -> Any:
        response = self.send("POST", f"/blocks/{verb}", json.dumps({"ids": ids}).encode(), account)
        assert response.status == 200, response.body
        return json.loads(self.bytes_of(response))


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    given = {"store.data": str(tmp_path / "data"), "store.durability": "os"}
    library = Library(load(given=given), Clock())
    yield Caller(library)
    library.close()


def members_of(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def tar_of(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def named(*blocks: bytes) -> list[tuple[str, bytes]]:
    return [(str(Digest.of(block)), block) for block in blocks]


def problem_of(response: Response) -> dict[str, Any]:
    assert isinstance(response.body, bytes)
    assert dict(response.headers)["content-type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(response.body)
    assert found["status"] == response.status
    return found


# -- taking out -------------------------------------------------------------------------------------------------


def test_one_block_is_sent_with_its_id_as_entity_tag(caller: Caller) -> None:
    (block,) = caller.put(b"content")
    response = caller.send("GET", f"/blocks/{block}", account="bert")
    assert caller.bytes_of(response) == b"content"
    headers = {name.lower(): value for name, value in response.headers}
    assert headers["etag"] == f'"{block}"'
    assert headers["content-security-policy"] == "sandbox"
    assert headers["x-content-type-options"] == "nosniff"
    part = caller.send("GET", f"/blocks/{block}", fields=(("range", "bytes=3-4"),))
    assert (part.status, caller.bytes_of(part)) == (206, b"te")
    same = caller.send("GET", f"/blocks/{block}", fields=(("if-none-match", f'"{block}"'),))
    assert same.status == 304
    head = caller.send("HEAD", f"/blocks/{block}")
    assert (head.body, head.content_length) == (b"", 7)


def test_several_blocks_are_a_tar_in_the_order_they_were_named(caller: Caller) -> None:
    ids = caller.put(LONG)
    assert len(ids) > 1
    asked = [*reversed(ids), ids[0]]
    one = caller.send("GET", "/blocks/" + ",".join(asked), account="bert")
    two = caller.send("POST", "/blocks/download", json.dumps({"ids": asked}).encode(), "bert")
    data = caller.bytes_of(one)
    assert data == caller.bytes_of(two)
    found = members_of(data)
    assert list(found) == list(reversed(ids))
    assert b"".join(found[block] for block in ids) == LONG
    head = caller.send("HEAD", "/blocks/" + ",".join(asked))
    assert (head.body, head.content_length) == (b"", len(data))


def test_what_is_not_for_the_caller_answers_like_what_is_not_there(caller: Caller) -> None:
    (block,) = caller.put(b"closed", CLOSED)
    for account, there in (("bert", False), ("alice", True), ("admin", True)):
        kept, unknown = (caller.send("GET", f"/blocks/{each}", account=account) for each in (block, UNKNOWN))
        assert unknown.status == 404
        assert (kept.status == 200) == there
        if not there:
            assert problem_of(kept) == {
                **problem_of(unknown),
                "missing": [block],
                "detail": problem_of(unknown)["detail"].replace(UNKNOWN, block),
            }
        assert caller.post("exists", [block, UNKNOWN], account) == {
            "present": [block] if there else [],
            "missing": [UNKNOWN] if there else [block, UNKNOWN],
        }


def test_nothing_is_sent_when_not_all_is_there(caller: Caller) -> None:
    (block,) = caller.put(b"content")
    response = caller.send("GET", f"/blocks/{block},{UNKNOWN}")
    assert problem_of(response)["type"] == "urn:mylist:problem:blocks-missing"
    assert problem_of(response)["missing"] == [UNKNOWN]


@pytest.mark.parametrize("target", ["/blocks/xyz", f"/blocks/{UNKNOWN},", f"/blocks/{'A' * 64}"])
def test_what_is_no_id_is_refused(caller: Caller, target: str) -> None:
    assert problem_of(caller.send("GET", target))["type"] == "urn:mylist:problem:invalid"


def test_a_token_for_one_flist_knows_the_blocks_of_this_one(caller: Caller) -> None:
    (here,), (there,) = caller.put(b"here"), caller.put(b"there", CLOSED)
    caller.tokens["limited"] = caller.library.identity.new_token(OPERATOR, "alice", scope=Scope(OPEN, True))
    assert caller.post("exists", [here, there], "limited")["present"] == [here]


def test_a_session_of_the_console_does_not_count_here(caller: Caller) -> None:
    (block,) = caller.put(b"content")
    cookie = (
        ("cookie", f"{COOKIE}={caller.tokens['alice']}"),
        ("sec-fetch-site", "same-origin"),
    )
    assert caller.send("GET", f"/blocks/{block}", account="", fields=cookie).status == 401
    assert caller.send("GET", "/api/v1/whoami", account="", fields=cookie).status == 200


def test_no_block_is_a_service_worker(caller: Caller) -> None:
    (block,) = caller.put(b"content")
    response = caller.send("GET", f"/blocks/{block}", fields=(("service-worker", "script"),))
    assert response.status == 403


@pytest.mark.parametrize("verb", ["exists", "download", "verify", "delete"])
def test_more_ids_than_ten_thousand_or_other_texts_are_refused(caller: Caller, verb: str) -> None:
    for ids in ([UNKNOWN] * 10_001, ["x"], [UNKNOWN.replace("0", "A")], UNKNOWN, [1]):
        response = caller.send("POST", f"/blocks/{verb}", json.dumps({"ids": ids}).encode())
        assert response.status == 400, ids
    response = caller.send("POST", f"/blocks/{verb}", json.dumps({"ids": [], "more": 1}).encode())
    assert "more" in problem_of(response)["detail"]


def test_downloads_are_recorded(caller: Caller) -> None:
    (block,) = caller.put(b"content")
    response = caller.send("GET", f"/blocks/{block}", account="bert")
    assert response.meter is not None
    response.meter.sent(200, 7)
    caller.library.ledger.flush()
    rows = caller.library.audit.rows(OPERATOR, Wanted(action=Action.DOWNLOAD))
    assert [(row.account, row.size_bytes, block in row.detail) for row in rows] == [("bert", 7, True)]


def test_who_wants_to_know_only_what_is_there_is_told_that(caller: Caller) -> None:
    (block,) = caller.put(b"content")
    body = json.dumps({"ids": [UNKNOWN, block]}).encode()
    answer = json.loads(caller.bytes_of(caller.send("POST", "/blocks/exists?tell=present", body)))
    assert answer == {"present": [block], "missing": []}


# -- bringing ---------------------------------------------------------------------------------------------------


def upload(caller: Caller, body: bytes, account: str = "admin", query: str = "") -> Response:
    return caller.send("POST", f"/blocks/upload{query}", body, account, "application/x-tar")


def test_the_files_of_a_tar_are_stored_and_told_one_by_one(caller: Caller) -> None:
    members = named(b"one", LONG[: 1024 * 1024])
    (one, first), (two, second) = members
    answer = json.loads(caller.bytes_of(upload(caller, tar_of(*members))))
    assert answer["blocks"] == [
        {"name": name, "id": name, "state": "stored", "detail": ""} for name, _ in members
    ]
    again = json.loads(caller.bytes_of(upload(caller, tar_of((f"./{one}", first), (two, second)))))
    assert [told["state"] for told in again["blocks"]] == ["present", "present"]
    assert caller.bytes_of(caller.send("GET", f"/blocks/{two}")) == second


def test_bad_members_are_named_and_the_others_kept(caller: Caller) -> None:
    (before,), (after,) = named(b"before"), named(b"after")
    bad = [(UNKNOWN, b"other"), ("readme.txt", b"text"), ("f" * 64, bytes(4 * 1024 * 1024 + 1))]
    answer = json.loads(caller.bytes_of(upload(caller, tar_of(before, *bad, after))))
    assert [told["state"] for told in answer["blocks"]] == ["stored", "bad", "bad", "bad", "stored"]
    assert [told["name"] for told in answer["blocks"][1:4]] == [name for name, _ in bad]
    assert all(told["detail"] and told["id"] is None for told in answer["blocks"][1:4])
    assert caller.post("exists", [before[0], after[0]])["missing"] == []


def test_who_wants_only_bad_members_is_told_how_many_others_there_were(caller: Caller) -> None:
    (there,), (new,) = named(b"there"), named(b"new")
    assert upload(caller, tar_of(there)).status == 200
    body = tar_of(there, new, (UNKNOWN, b"other"))
    answer = json.loads(caller.bytes_of(upload(caller, body, query="?tell=bad")))
    assert [told["name"] for told in answer["blocks"]] == [UNKNOWN]
    assert (answer["stored"], answer["present"], answer["bad"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("cut", "status", "kind"), [(700, 400, "incomplete"), (0, 400, "incomplete")], ids=["cut off", "empty"]
)
def test_an_archive_that_is_cut_off_is_an_error(caller: Caller, cut: int, status: int, kind: str) -> None:
    response = upload(caller, tar_of(*named(b"x" * 600))[:cut])
    assert (response.status, problem_of(response)["type"]) == (status, f"urn:mylist:problem:{kind}")


def test_what_is_no_tar_is_an_error(caller: Caller) -> None:
    assert problem_of(upload(caller, b"no tar" * 1000))["type"] == "urn:mylist:problem:bad-archive"


def test_past_the_quota_nothing_is_stored(caller: Caller) -> None:
    caller.library.identity.set_quota(OPERATOR, "alice", 1000)
    caller.library.grants.grant(OPERATOR, "alice", OPEN, Right.WRITE)
    assert upload(caller, tar_of(*named(b"x" * 600)), "alice").status == 200
    response = upload(caller, tar_of(*named(b"y" * 600)), "alice")
    assert problem_of(response)["type"] == "urn:mylist:problem:out-of-quota"
    assert not caller.library.files.has(Digest.of(b"y" * 600))


def test_who_may_write_nowhere_is_refused_before_the_body(caller: Caller) -> None:
    response = upload(caller, tar_of(*named(b"x")), "bert")
    assert problem_of(response)["type"] == "urn:mylist:problem:forbidden"
    assert caller.send("POST", "/blocks/upload", b"", "", "application/x-tar").status == 401


# -- upkeep -----------------------------------------------------------------------------------------------------


def test_verifying_answers_a_line_for_each_block(caller: Caller) -> None:
    (block,) = caller.put(b"content")
    body = json.dumps({"ids": [block, UNKNOWN, block]}).encode()
    for _ in range(2):
        response = caller.send("POST", "/blocks/verify", body)
        assert not isinstance(response.body, bytes)
        lines = caller.bytes_of(response).splitlines()
        assert [json.loads(line) for line in lines] == [
            {"id": block, "state": "ok"},
            {"id": UNKNOWN, "state": "missing"},
        ]
    assert caller.send("POST", "/blocks/verify", body, "alice").status == 403


def test_deleting_refuses_what_is_needed_by_name(caller: Caller) -> None:
    (needed,), (free,) = caller.put(b"needed"), caller.put(b"free", CLOSED)
    caller.library.flists.delete(OPERATOR, CLOSED)
    assert caller.post("delete", [needed, free, UNKNOWN]) == {
        "deleted": [free],
        "missing": [UNKNOWN],
        "refused": [{"id": needed, "reason": "alice/open holds it"}],
    }
    assert caller.post("exists", [free])["missing"] == [free]
    body = json.dumps({"ids": [needed]}).encode()
    assert caller.send("POST", "/blocks/delete", body, "alice").status == 403


# -- packed bodies -----------------------------------------------------------------------------------------------

ZSTD = (("content-encoding", "zstd"),)


def test_a_tar_of_blocks_and_a_question_may_come_packed(caller: Caller) -> None:
    tar = zstandard.compress(tar_of(*named(b"one", b"two")))
    told = caller.send("POST", "/blocks/upload", tar, kind="application/x-tar", fields=ZSTD)
    assert (told.status, json.loads(caller.bytes_of(told))["stored"]) == (200, 2)
    asked = zstandard.compress(json.dumps({"ids": [name for name, _ in named(b"one", b"two")]}).encode())
    found = caller.send("POST", "/blocks/exists", asked, fields=ZSTD)
    assert json.loads(caller.bytes_of(found))["missing"] == []


@pytest.mark.parametrize(("coding", "status"), [("gzip", 415), ("zstd", 400)])
def test_a_body_that_is_not_packed_as_it_says_is_refused(caller: Caller, coding: str, status: int) -> None:
    tar = tar_of(*named(b"one"))
    told = caller.send(
        "POST", "/blocks/upload", tar, kind="application/x-tar", fields=(("content-encoding", coding),)
    )
    assert (told.status, problem_of(told)["status"]) == (status, status)
    assert caller.post("exists", [str(Digest.of(b"one"))])["present"] == []


def test_what_is_kept_as_it_comes_is_not_unpacked(caller: Caller) -> None:
    target = "/api/v1/flists/alice/open/content/f"
    told = caller.send("PUT", target, zstandard.compress(b"one"), fields=ZSTD)
    assert (told.status, problem_of(told)["detail"]) == (
        415,
        "send the file as it is, without a Content-Encoding",
    )


def test_a_packed_body_may_not_be_longer_than_another(caller: Caller) -> None:
    asked = json.dumps({"ids": ["0" * 64] * 20_000}).encode()
    told = caller.send("POST", "/blocks/exists", zstandard.compress(asked), fields=ZSTD)
    assert (told.status, problem_of(told)["type"]) == (413, "urn:mylist:problem:too-large")
