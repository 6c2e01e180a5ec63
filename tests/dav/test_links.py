"""Symbolic links: shown as what they lead to inside of their flist; deleted, moved and copied as themselves."""

from __future__ import annotations

import pytest

from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Kind
from mylist_dav.model.paths import TreePath
from tests.dav.driver import ROOT, TREE, Driver, lock_body


@pytest.fixture
def dav(dav: Driver) -> Driver:
    """folder/{file, sub/}, and links to both, out of the flist, to nothing, and to themselves."""
    dav.mkcol("folder")
    dav.mkcol("folder/sub")
    dav.put("folder/file", b"content")
    dav.link("to-file", "folder/file")
    dav.link("to-folder", "./folder/sub/..")
    dav.link("folder/sub/up", "../../to-file")
    for name, target in [
        ("absolute", "/folder/file"),
        ("out", "../docs/folder/file"),
        ("nothing", "folder/none"),
        ("self", "self"),
        ("below-self", "below-self/x"),
    ]:
        dav.link(name, target)
    return dav


def kind(dav: Driver, path: str) -> Kind:
    return dav.library.trees.stat(OPERATOR, Place(TREE, TreePath.parse(path))).kind


@pytest.mark.parametrize("path", ["to-file", "to-folder/file", "folder/sub/up", "to-folder/sub/up"])
def test_a_link_is_read_as_what_it_leads_to(path: str, dav: Driver) -> None:
    assert dav.get(path).body == b"content"
    found = dav.ask(path, "{DAV:}getcontentlength").properties(f"{ROOT}/{path}")
    assert found["{DAV:}getcontentlength"].text == "7"


@pytest.mark.parametrize("path", ["absolute", "out", "nothing", "self", "below-self", "self/x", "absolute/x"])
def test_a_link_that_leads_out_or_nowhere_is_not_there(path: str, dav: Driver) -> None:
    assert dav.get(path).status == 404
    assert dav.propfind(path).status == 404


def test_a_listing_shows_links_under_their_own_names_and_leaves_broken_ones_out(dav: Driver) -> None:
    assert dav.names() == ["folder/", "to-file", "to-folder/"]
    assert dav.names("to-folder") == ["file", "sub/"]


def test_depth_infinity_does_not_descend_into_links(dav: Driver) -> None:
    hrefs = dav.propfind("", depth="infinity").hrefs()
    assert f"{ROOT}/to-folder/" in hrefs
    assert f"{ROOT}/to-folder/file" not in hrefs


def test_at_most_sixteen_links_are_followed(dav: Driver) -> None:
    dav.link("l1", "folder/file")
    for number in range(2, 18):
        dav.link(f"l{number}", f"l{number - 1}")
    assert dav.get("l16").status == 200
    assert dav.get("l17").status == 404


def test_put_writes_through_a_link(dav: Driver) -> None:
    assert dav.put("to-file", b"new").status == 204
    assert dav.get("folder/file").body == b"new"
    assert dav.put("to-folder/more", b"more").status == 201
    assert dav.get("folder/more").body == b"more"
    assert kind(dav, "to-file") is Kind.SYMLINK


def test_put_does_not_replace_a_link_that_leads_out(dav: Driver) -> None:
    assert dav.put("out", b"new").status == 405
    assert kind(dav, "out") is Kind.SYMLINK


def test_delete_takes_the_link_and_not_what_it_leads_to(dav: Driver) -> None:
    for path in ("to-file", "to-folder", "self"):
        assert dav.send("DELETE", path).status == 204
    assert dav.get("folder/file").status == 200


def test_changes_below_a_link_to_a_folder_change_that_folder(dav: Driver) -> None:
    assert dav.mkcol("to-folder/made").status == 201
    assert dav.send("DELETE", "to-folder/file").status == 204
    assert dav.names("folder") == ["made/", "sub/"]


def test_move_and_copy_act_on_the_link(dav: Driver) -> None:
    assert dav.move("to-file", "moved").status == 201
    assert dav.copy("moved", "copied").status == 201
    assert kind(dav, "moved") is kind(dav, "copied") is Kind.SYMLINK
    assert dav.get("copied").body == b"content"
    assert dav.move("folder/file", "to-folder/renamed").status == 201
    assert dav.get("folder/renamed").body == b"content"


def test_a_lock_is_taken_on_what_a_link_leads_to(dav: Driver) -> None:
    token = dav.send("LOCK", "to-file", body=lock_body()).headers["lock-token"]
    assert dav.put("folder/file", b"x").status == 423
    assert dav.put("to-file", b"x").status == 423
    assert dav.put("to-file", b"x", {"If": f"({token})"}).status == 204
    assert dav.send("UNLOCK", "to-file", {"Lock-Token": token}).status == 204
