"""LOCK, UNLOCK, and what a lock keeps others from doing."""

from __future__ import annotations

import pytest

from mylist_dav.model.actors import OPERATOR, Role
from tests.dav.conftest import Clock
from tests.dav.driver import HOST, ROOT, Driver, lock_body

TOKEN = "urn:uuid:00000000-0000-4000-8000-000000000000"
HOLDS = "{DAV:}lockdiscovery"


@pytest.fixture
def other(dav: Driver) -> str:
    """The credentials of another admin."""
    dav.library.identity.add_account(OPERATOR, "bob", Role.ADMIN)
    return "Bearer " + dav.library.identity.new_token(OPERATOR, "bob")


def tokens(dav: Driver, path: str) -> list[str]:
    found = dav.ask(path, HOLDS).xml.findall(".//{DAV:}locktoken/{DAV:}href")
    return [str(one.text) for one in found]


def test_a_lock_tells_its_token_root_owner_and_time(dav: Driver) -> None:
    dav.put("a%20b", b"1")
    reply = dav.lock("a%20b", {"Timeout": "Second-600", "Depth": "0"})
    token = reply.headers["lock-token"].strip("<>")
    active = reply.xml.find("{DAV:}lockdiscovery/{DAV:}activelock")
    assert reply.status == 200
    assert reply.xml.tag == "{DAV:}prop"
    assert active.findtext("{DAV:}locktoken/{DAV:}href") == token
    assert active.findtext("{DAV:}lockroot/{DAV:}href") == f"{ROOT}/a%20b"
    assert active.findtext("{DAV:}owner") == "somebody"
    assert active.findtext("{DAV:}depth") == "0"
    assert active.find("{DAV:}lockscope/{DAV:}exclusive") is not None
    assert active.find("{DAV:}locktype/{DAV:}write") is not None
    assert 598 <= int(active.findtext("{DAV:}timeout").removeprefix("Second-")) <= 600


def test_a_lock_on_nothing_is_201_and_makes_an_empty_file_in_one_commit(dav: Driver) -> None:
    jid = dav.jid()
    assert dav.lock("new").status == 201
    assert dav.jid() == jid + 1
    assert dav.get("new").body == b""


def test_a_lock_that_conflicts_leaves_no_stray_file(dav: Driver) -> None:
    dav.mkcol("folder")
    dav.locked("folder")
    reply = dav.lock("folder/new")
    assert reply.status == 423
    assert reply.xml.find("{DAV:}no-conflicting-lock/{DAV:}href") is not None
    assert dav.names("folder") == []


def test_a_lock_on_nothing_without_a_parent_is_409(dav: Driver) -> None:
    assert dav.lock("none/new").status == 409
    assert dav.send("LOCK", target="/dav/alice/none/new", body=lock_body()).status == 409
    assert dav.send("LOCK", target="/dav/alice", body=lock_body()).status == 403


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("PUT", "a", {}),
        ("DELETE", "a", {}),
        ("PROPPATCH", "a", {}),
        ("MOVE", "a", {"Destination": f"{ROOT}/b"}),
        ("COPY", "b", {"Destination": f"{ROOT}/a"}),
        ("LOCK", "a", {}),
    ],
)
def test_a_locked_file_refuses_changes_without_the_token(
    method: str, path: str, headers: dict[str, str], dav: Driver
) -> None:
    dav.put("a", b"1")
    dav.put("b", b"2")
    dav.locked("a")
    bodies = {"LOCK": lock_body(), "PUT": b"3", "PROPPATCH": patch("<x xmlns='y:'>1</x>")}
    reply = dav.send(method, path, headers, bodies.get(method, b""))
    assert reply.status == 423
    condition = "no-conflicting-lock" if method == "LOCK" else "lock-token-submitted"
    assert reply.xml.findtext(f"{{DAV:}}{condition}/{{DAV:}}href") == f"{ROOT}/a"
    assert dav.get("a").body == b"1"


def test_the_token_lets_its_owner_write(dav: Driver) -> None:
    token = dav.locked("a")
    assert dav.put("a", b"1", {"If": f"(<{token}>)"}).status == 204
    assert dav.put("a", b"2", {"If": f"<http://{HOST}{ROOT}/a> (<{token}>)"}).status == 204
    assert dav.send("DELETE", "a", {"If": f"(<{token}>)"}).status == 204


def test_a_token_is_of_no_use_to_somebody_else(dav: Driver, other: str) -> None:
    token = dav.locked("a")
    given = {"If": f"(<{token}>)", "Authorization": other}
    assert dav.put("a", b"1", given).status == 423
    assert dav.send("UNLOCK", "a", {"Lock-Token": f"<{token}>", "Authorization": other}).status == 409


def test_a_locked_parent_refuses_a_new_member(dav: Driver) -> None:
    dav.mkcol("folder")
    token = dav.locked("folder", {"Depth": "0"})
    assert dav.put("folder/a", b"1").status == 423
    assert dav.mkcol("folder/b").status == 423
    assert dav.put("folder/a", b"1", {"If": f"<{ROOT}/folder/> (<{token}>)"}).status == 201
    assert dav.put("folder/a", b"2").status == 204  # depth 0 guards the names in it, not the members


@pytest.mark.parametrize("method", ["DELETE", "MOVE", "COPY"])
def test_a_locked_member_keeps_its_collection_whole(method: str, dav: Driver) -> None:
    dav.mkcol("folder")
    dav.put("folder/free", b"1")
    dav.locked("folder/held")
    dav.put("file", b"2")
    source, target = ("file", "folder") if method == "COPY" else ("folder", "moved")
    jid = dav.jid()
    reply = dav.send(method, source, {"Destination": f"{ROOT}/{target}"})
    assert reply.status == 207
    assert reply.hrefs()[0] == f"{ROOT}/folder/held"
    assert reply.xml.findtext("{DAV:}response/{DAV:}status") == "HTTP/1.1 423 Locked"
    assert dav.jid() == jid
    assert dav.names("folder") == ["free", "held"]


def test_an_infinite_lock_covers_everything_below(dav: Driver) -> None:
    for path in ("folder", "folder/sub"):
        dav.mkcol(path)
    dav.put("folder/sub/a", b"1")
    token = dav.locked("folder")
    assert dav.put("folder/sub/a", b"2").status == 423
    assert dav.put("folder/sub/a", b"2", {"If": f"<{ROOT}/folder> (<{token}>)"}).status == 204
    assert tokens(dav, "folder/sub/a") == [token]
    listed = dav.ask("folder/sub", HOLDS, depth="1").xml.findall(".//{DAV:}lockroot/{DAV:}href")
    assert [one.text for one in listed] == [f"{ROOT}/folder/"] * 2


def test_shared_locks_stand_together_and_exclude_an_exclusive_one(dav: Driver) -> None:
    dav.put("a", b"1")
    first, second = dav.locked("a", scope="shared"), dav.locked("a", scope="shared")
    assert sorted(tokens(dav, "a")) == sorted([first, second])
    assert dav.lock("a").status == 423
    assert dav.put("a", b"2").status == 423
    assert dav.put("a", b"2", {"If": f"(<{second}>)"}).status == 204


def test_a_lock_is_refreshed_by_its_token_in_if(dav: Driver, clock: Clock) -> None:
    dav.mkcol("folder")
    token = dav.locked("folder", {"Timeout": "Second-100"})
    clock.advance(60)
    reply = dav.send("LOCK", "folder", {"If": f"(<{token}>)", "Timeout": "Second-100"})
    assert reply.status == 200
    assert "lock-token" not in reply.headers
    assert reply.xml.findtext(".//{DAV:}locktoken/{DAV:}href") == token
    clock.advance(60)
    assert tokens(dav, "folder") == [token]
    clock.advance(60)
    assert tokens(dav, "folder") == []
    assert dav.put("folder/a", b"1").status == 201


def test_a_refresh_needs_a_token_that_is_a_lock_there(dav: Driver) -> None:
    dav.put("a", b"1")
    assert dav.send("LOCK", "a").status == 400
    assert dav.send("LOCK", "a", {"If": f"(<{TOKEN}>)"}).status == 412
    dav.locked("b")
    assert dav.send("LOCK", "a", {"If": f"<{ROOT}/b> (<{tokens(dav, 'b')[0]}>)"}).status == 412


@pytest.mark.parametrize(
    ("asked", "given"),
    [("Infinite", 86_400), ("Second-4100000000", 86_400), ("Second-0", 1), ("nonsense", 3600)],
)
def test_the_time_of_a_lock_is_bounded(asked: str, given: int, dav: Driver) -> None:
    told = dav.lock("a", {"Timeout": asked}).xml.findtext(".//{DAV:}timeout")
    assert given - 1 <= int(told.removeprefix("Second-")) <= given


def test_unlock_releases_with_or_without_angle_brackets(dav: Driver) -> None:
    for form in ("<{}>", "{}"):
        token = dav.locked("a")
        assert dav.send("UNLOCK", "a", {"Lock-Token": form.format(token)}).status == 204
        assert tokens(dav, "a") == []


def test_unlock_of_what_is_no_lock_there_is_refused(dav: Driver) -> None:
    dav.put("a", b"1")
    assert dav.send("UNLOCK", "a", {"Lock-Token": f"<{TOKEN}>"}).status == 409
    assert dav.send("UNLOCK", "a").status == 400


def test_locks_do_not_move_with_a_file(dav: Driver) -> None:
    token = dav.locked("a")
    assert dav.move("a", "b", If=f"(<{token}>)").status == 201
    assert tokens(dav, "b") == []
    assert dav.put("b", b"1").status == 204


@pytest.mark.parametrize(
    "body",
    [
        b"<D:lockinfo xmlns:D='DAV:'/>",
        b"<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/></D:lockscope></D:lockinfo>",
        lock_body("odd"),
        b"<D:propfind xmlns:D='DAV:'/>",
        b"<unclosed",
    ],
)
def test_a_malformed_lockinfo_is_400_and_makes_nothing(body: bytes, dav: Driver) -> None:
    assert dav.send("LOCK", "a", body=body).status == 400
    assert dav.names() == []


def test_a_lock_of_depth_1_is_refused(dav: Driver) -> None:
    assert dav.lock("a", {"Depth": "1"}).status == 400


def patch(properties: str) -> bytes:
    return (
        f'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>{properties}</D:prop></D:set></D:propertyupdate>'
    ).encode()
