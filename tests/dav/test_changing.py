"""MKCOL, DELETE, COPY, MOVE."""

from __future__ import annotations

import pytest

from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import Place
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT as TOP
from tests.dav.driver import HOST, ROOT, TREE, Driver, lock_body


@pytest.fixture
def tree(dav: Driver) -> Driver:
    """folder/{a, sub/{b}}, and file."""
    for path in ("folder", "folder/sub"):
        assert dav.mkcol(path).status == 201
    for path in ("folder/a", "folder/sub/b", "file"):
        assert dav.put(path, path.encode()).status == 201
    return dav


def to(destination: str, **more: str) -> dict[str, str]:
    return {"Destination": destination, **more}


# -- MKCOL -------------------------------------------------------------------------------------------------------


def test_mkcol_on_what_exists_is_405_and_without_a_parent_409(tree: Driver) -> None:
    assert tree.mkcol("folder").status == 405
    assert "PROPFIND" in tree.mkcol("folder/").headers["allow"]
    assert tree.mkcol("file").status == 405
    assert tree.mkcol("none/x").status == 409
    assert tree.mkcol("file/x").status == 409
    assert tree.send("MKCOL", target="/dav/alice/none/x").status == 409


def test_mkcol_with_a_body_is_415(dav: Driver) -> None:
    assert dav.send("MKCOL", "x", body=b"<D:mkcol xmlns:D='DAV:'/>").status == 415


def test_mkcol_below_an_account_makes_a_flist(dav: Driver) -> None:
    assert dav.send("MKCOL", target="/dav/alice/new").status == 201
    assert dav.library.flists.get(OPERATOR, FlistName("alice", "new")).entries == 0
    assert dav.send("MKCOL", target="/dav/alice/new/").status == 405
    assert dav.send("MKCOL", target="/dav/alice/.bad").status == 400
    assert dav.send("MKCOL", target="/dav/bob/new").status == 409


@pytest.mark.parametrize("target", ["/dav/alice", "/dav/bob", "/dav/"])
def test_accounts_are_not_made_by_mkcol(target: str, dav: Driver) -> None:
    assert dav.send("MKCOL", target=target).status in (403, 405)


# -- DELETE ------------------------------------------------------------------------------------------------------


def test_a_collection_is_deleted_in_one_commit(tree: Driver) -> None:
    jid = tree.jid()
    assert tree.send("DELETE", "folder").status == 204
    assert tree.jid() == jid + 1
    assert tree.names() == ["file"]
    assert tree.send("DELETE", "folder").status == 404


def test_a_collection_is_not_deleted_with_depth_0(tree: Driver) -> None:
    assert tree.send("DELETE", "folder", {"Depth": "0"}).status == 400
    assert tree.send("DELETE", "file", {"Depth": "0"}).status == 204
    assert tree.names() == ["folder/"]


@pytest.mark.parametrize("target", ["/dav/alice", "/dav/alice/", ROOT, f"{ROOT}/", "/dav/"])
def test_flists_and_accounts_are_neither_deleted_nor_moved(target: str, tree: Driver) -> None:
    assert tree.send("DELETE", target=target).status == 403
    assert tree.send("MOVE", target=target, headers=to(f"{ROOT}/x")).status == 403
    assert tree.names() == ["file", "folder/"]


# -- COPY and MOVE -----------------------------------------------------------------------------------------------


def test_copy_is_201_to_a_new_name_and_204_over_an_old_one(tree: Driver) -> None:
    jid = tree.jid()
    assert tree.copy("folder", "copied").status == 201
    assert tree.jid() == jid + 1
    assert tree.get("copied/sub/b").body == b"folder/sub/b"
    assert tree.copy("file", "copied").status == 204
    assert tree.get("copied").body == b"file"


def test_move_is_201_to_a_new_name_and_204_over_an_old_one(tree: Driver) -> None:
    jid = tree.jid()
    assert tree.move("folder", "moved").status == 201
    assert tree.jid() == jid + 1
    assert tree.move("moved/a", "file").status == 204
    assert tree.get("file").body == b"folder/a"
    assert tree.names() == ["file", "moved/"]


def test_copy_with_depth_0_leaves_the_members_out(tree: Driver) -> None:
    assert tree.copy("folder", "shallow", Depth="0").status == 201
    assert tree.names("shallow") == []


def test_copy_over_a_collection_replaces_it(tree: Driver) -> None:
    tree.mkcol("target")
    tree.put("target/old", b"x")
    assert tree.copy("folder", "target").status == 204
    assert tree.names("target") == ["a", "sub/"]


def test_overwrite_f_refuses_and_changes_nothing(tree: Driver) -> None:
    assert tree.copy("file", "folder/a", Overwrite="F").status == 412
    assert tree.move("file", "folder/a", Overwrite="F").status == 412
    assert tree.get("folder/a").body == b"folder/a"


@pytest.mark.parametrize(
    ("method", "source", "destination", "headers", "status"),
    [
        ("COPY", "folder", "folder/sub/x", {}, 409),
        ("MOVE", "folder", "folder/sub/x", {}, 409),
        ("COPY", "file", "file", {}, 403),
        ("MOVE", "folder", "folder/", {}, 403),
        ("MOVE", "file", "none/x", {}, 409),
        ("COPY", "none", "x", {}, 404),
        ("COPY", "folder", "x", {"Depth": "1"}, 400),
        ("MOVE", "folder", "x", {"Depth": "0"}, 400),
        ("COPY", "file", "x", {"Overwrite": "maybe"}, 400),
        ("MOVE", "file", "", {}, 403),
    ],
)
def test_what_copy_and_move_refuse(
    method: str, source: str, destination: str, headers: dict[str, str], status: int, tree: Driver
) -> None:
    jid = tree.jid()
    given = to(f"http://{HOST}{ROOT}/{destination}", **headers)
    assert tree.send(method, source, given).status == status
    assert tree.jid() == jid


@pytest.mark.parametrize(
    ("quoted", "name"),
    [
        ("a%3Fb", "a?b"),
        ("p%3Bq", "p;q"),
        ("h%23i", "h#i"),
        ("c%25d", "c%d"),
        ("e%2541", "e%41"),
        ("%C3%BC", "ü"),
    ],
)
@pytest.mark.parametrize("method", ["MOVE", "COPY"])
def test_a_destination_is_split_before_it_is_decoded(
    method: str, quoted: str, name: str, tree: Driver
) -> None:
    assert tree.send(method, "file", to(f"http://{HOST}{ROOT}/{quoted}")).status == 201
    _, members = tree.library.trees.list(OPERATOR, Place(TREE, TOP))
    assert name in [entry.name for entry in members]


@pytest.mark.parametrize(
    "destination",
    [
        f"http://{HOST}{ROOT}/x",
        f"https://{HOST}{ROOT}/x",
        f"http://{HOST}:8443{ROOT}/x",
        f"http://{HOST.upper()}{ROOT}/x",
        f"{ROOT}/x",
    ],
)
def test_a_destination_on_this_host_counts_with_any_scheme_and_port(destination: str, tree: Driver) -> None:
    assert tree.send("MOVE", "file", to(destination)).status == 201


@pytest.mark.parametrize(
    ("destination", "status"),
    [
        (f"http://elsewhere.test{ROOT}/x", 502),
        (f"http://{HOST}.evil.test{ROOT}/x", 502),
        (f"http://{HOST}@evil.test{ROOT}/x", 502),
        (f"{ROOT}/a%2Fb", 400),
        (f"{ROOT}/a?b", 400),
        (f"{ROOT}/../x", 400),
        ("x", 400),
        ("/elsewhere/x", 403),
        ("/dav/alice", 403),
        ("/dav/alice/none/x", 409),
        (f"//{HOST}{ROOT}/x", 400),
    ],
)
def test_destinations_that_are_refused(destination: str, status: int, tree: Driver) -> None:
    jid = tree.jid()
    for method in ("MOVE", "COPY"):
        assert tree.send(method, "file", to(destination)).status == status
    assert tree.jid() == jid


def test_a_move_without_a_destination_is_400(tree: Driver) -> None:
    assert tree.send("MOVE", "file").status == 400


def test_collections_are_moved_to_another_flist(tree: Driver) -> None:
    tree.send("MKCOL", target="/dav/alice/other")
    assert tree.send("MOVE", "folder", to("/dav/alice/other/folder")).status == 201
    assert tree.names() == ["file"]
    assert tree.send("GET", target="/dav/alice/other/folder/sub/b").body == b"folder/sub/b"
    assert tree.send("COPY", "file", to("/dav/alice/other/file")).status == 201
    assert tree.get("file").body == b"file"


def test_dead_properties_travel_with_copy_and_move(tree: Driver) -> None:
    body = '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><c xmlns="x:">blue</c></D:prop></D:set></D:propertyupdate>'
    assert tree.send("PROPPATCH", "folder/a", body=body.encode()).status == 207
    tree.copy("folder", "copied")
    tree.move("copied/a", "moved")
    found = tree.ask("moved", "{x:}c").properties(f"{ROOT}/moved")
    assert found["{x:}c"].text == "blue"


def test_a_kept_modification_time_is_confirmed(tree: Driver) -> None:
    tree.put("old", b"1", {"X-OC-Mtime": "1000000000"})
    assert tree.move("old", "older", **{"X-OC-Mtime": "1000000000"}).headers["x-oc-mtime"] == "accepted"
    assert "x-oc-mtime" not in tree.copy("older", "newer", **{"X-OC-Mtime": "2000000000"}).headers


def test_a_whole_flist_is_copied_into_another(tree: Driver) -> None:
    tree.send("MKCOL", target="/dav/alice/other")
    assert tree.send("COPY", target=ROOT, headers=to("/dav/alice/other/all")).status == 201
    assert tree.send("GET", target="/dav/alice/other/all/folder/sub/b").body == b"folder/sub/b"


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_lock_in_the_flist_of_the_destination_is_named_there(method: str, tree: Driver) -> None:
    tree.send("MKCOL", target="/dav/alice/other")
    tree.send("LOCK", target="/dav/alice/other/held", body=lock_body())
    reply = tree.send(method, "file", to("/dav/alice/other/held"))
    assert reply.status == 423
    assert reply.xml.findtext(".//{DAV:}href") == "/dav/alice/other/held"
