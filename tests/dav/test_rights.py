"""What users and limited tokens see over WebDAV, and what cannot be told apart."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest

from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import EVERYTHING, OPERATOR, Role, Scope
from mylist_dav.model.conditions import Place
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from tests.dav.driver import HOST, ROOT, TREE, Driver, Reply, lock_body, prop_body

HIDDEN, ABSENT = FlistName("alice", "hidden"), FlistName("alice", "absent")
SET = b'<D:set><D:prop><x xmlns="urn:x">1</x></D:prop></D:set>'
PROPPATCH = b'<D:propertyupdate xmlns:D="DAV:">' + SET + b"</D:propertyupdate>"
BODIES = {"LOCK": lock_body("exclusive"), "PROPPATCH": PROPPATCH}
METHODS = "OPTIONS GET HEAD PUT DELETE MKCOL COPY MOVE PROPFIND PROPPATCH LOCK UNLOCK BOGUS".split()  # noqa: SIM905
As = Callable[..., Driver]


@pytest.fixture
def as_(dav: Driver) -> As:
    """The same server, seen by an account (made when it is new) with a token of a scope."""
    dav.put("file", b"1")
    dav.library.flists.create(OPERATOR, HIDDEN)
    dav.library.grants.set_private(OPERATOR, HIDDEN, True)
    upload = dav.library.uploads.open(OPERATOR, place(HIDDEN, "file"))
    upload.write(b"secret")
    upload.finish()

    def become(account: str, scope: Scope = EVERYTHING) -> Driver:
        if account not in {known.name for known in dav.library.identity.accounts(OPERATOR)}:
            dav.library.identity.add_account(OPERATOR, account, Role.USER)
        token = dav.library.identity.new_token(OPERATOR, account, scope=scope)
        dav.credentials = "Basic " + b64encode(f"{account}:{token}".encode()).decode()
        return dav

    return become


def place(name: FlistName, path: str) -> Place:

    return Place(name, TreePath.parse(path))


def listed(dav: Driver, target: str) -> list[str]:
    reply = dav.send(
        "PROPFIND", target=target, headers={"Depth": "1"}, body=prop_body("{DAV:}resourcetype").encode()
    )
    assert reply.status == 207
    return reply.hrefs()[1:]


def test_a_user_reads_what_is_not_private_and_changes_nothing(as_: As) -> None:
    dav = as_("bob")
    assert dav.get("file").body == b"1"
    assert listed(dav, "/dav/") == ["/dav/alice/", "/dav/bob/"]
    assert listed(dav, "/dav/alice/") == [f"{ROOT}/"]
    assert listed(dav, "/dav/bob/") == []
    for reply in (
        dav.put("new", b"1"),
        dav.put("new", b"1" * 100_000),
        dav.mkcol("d"),
        dav.send("DELETE", "file"),
        dav.move("file", "moved"),
        dav.copy("file", "copied"),
        dav.lock("file"),
        dav.send("PROPPATCH", "file", body=BODIES["PROPPATCH"]),
        dav.send("MKCOL", target="/dav/bob/new"),
        dav.send("MKCOL", target="/dav/alice/new"),
    ):
        assert reply.status == 403, reply.text
    assert dav.jid() == 2


def test_a_user_with_a_grant_works_in_a_private_flist(as_: As) -> None:
    dav = as_("bob")
    target = "/dav/alice/hidden/file"
    assert dav.send("GET", target=target).status == 404
    dav.library.grants.grant(OPERATOR, "bob", HIDDEN, Right.READ)
    assert dav.send("GET", target=target).body == b"secret"
    assert listed(dav, "/dav/alice/") == [f"{ROOT}/", "/dav/alice/hidden/"]
    assert dav.send("PUT", target=target, body=b"2").status == 403
    dav.library.grants.grant(OPERATOR, "bob", HIDDEN, Right.WRITE)
    assert dav.send("PUT", target=target, body=b"2").status == 204
    dav.library.grants.grant(OPERATOR, "bob", HIDDEN, Right.NONE)
    assert dav.send("GET", target=target).status == 404


@pytest.mark.parametrize("account", ["alice", "bob"])
def test_a_token_for_one_flist_shows_this_one_only(as_: As, account: str) -> None:
    as_(account)
    dav = as_(account, Scope(TREE))
    assert listed(dav, "/dav/") == ["/dav/alice/"]
    assert listed(dav, "/dav/alice/") == [f"{ROOT}/"]
    assert dav.send("GET", target="/dav/alice/hidden/file").status == 404
    assert dav.send("PROPFIND", target="/dav/bob/", headers={"Depth": "0"}).status == 404
    assert dav.send("MKCOL", target="/dav/alice/new").status == 403
    assert dav.get("file").status == 200
    assert dav.put("new", b"1").status == (201 if account == "alice" else 403)


def test_a_token_for_reading_changes_nothing(as_: As) -> None:
    for scope in (Scope(None, True), Scope(TREE, True)):
        dav = as_("alice", scope)
        assert dav.get("file").status == 200
        assert {dav.put("new", b"1").status, dav.lock("file").status, dav.mkcol("d").status} == {403}
        assert dav.jid() == 2


def test_a_disabled_account_and_a_revoked_token_are_401_at_once(as_: As) -> None:
    dav = as_("bob")
    assert dav.get("file").status == 200
    dav.library.identity.set_disabled(OPERATOR, "bob", True)
    assert dav.get("file").status == 401
    dav.library.identity.set_disabled(OPERATOR, "bob", False)
    assert dav.get("file").status == 200
    [token] = dav.library.identity.tokens(OPERATOR, "bob")
    dav.library.identity.revoke_token(OPERATOR, token.token_id)
    assert dav.get("file").status == 401


@pytest.mark.parametrize("below", ["", "/", "/file", "/none", "/none/none", "/file/"])
@pytest.mark.parametrize("method", METHODS)
def test_what_may_not_be_read_answers_as_what_is_not_there(as_: As, method: str, below: str) -> None:
    dav = as_("bob")

    def answer(name: FlistName) -> tuple[int, bytes, object]:
        headers = {"Destination": f"http://{HOST}{ROOT}/x", "Depth": "0", "Lock-Token": "<urn:uuid:1>"}
        reply = dav.send(method, target=f"/dav/{name}{below}", headers=headers, body=BODIES.get(method, b""))
        return without(name, reply)

    assert answer(HIDDEN) == answer(ABSENT)


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize("below", ["", "/file", "/none", "/none/none"])
def test_a_destination_that_may_not_be_read_answers_as_one_that_is_not_there(
    as_: As, method: str, below: str
) -> None:
    dav = as_("bob")
    dav.library.grants.grant(OPERATOR, "bob", TREE, Right.WRITE)

    def answer(name: FlistName) -> tuple[int, bytes, object]:
        headers = {"Destination": f"http://{HOST}/dav/{name}{below}"}
        return without(name, dav.send(method, "file", headers=headers))

    assert answer(HIDDEN) == answer(ABSENT)


def test_a_condition_on_what_may_not_be_read_does_not_hold(as_: As) -> None:
    dav = as_("alice")
    etag = dav.send("GET", target="/dav/alice/hidden/file").headers["etag"]
    condition = {"If": f"<http://{HOST}/dav/alice/hidden/file> ([{etag}])"}
    assert dav.put("seen", b"1", condition).status == 201
    dav = as_("bob")
    dav.library.grants.grant(OPERATOR, "bob", TREE, Right.WRITE)
    assert dav.put("new", b"1", condition).status == 412


def without(name: FlistName, reply: Reply) -> tuple[int, bytes, object]:
    """An answer without the name that was asked for."""
    own = name.name.encode()
    return reply.status, reply.body.replace(own, b"NAME"), sorted(reply.headers.items())
