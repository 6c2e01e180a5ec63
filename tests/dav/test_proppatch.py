"""PROPPATCH: dead properties as they came, live ones protected but for a few."""

from __future__ import annotations

import pytest

from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import Place
from mylist_dav.model.paths import TreePath
from tests.dav.driver import ROOT, TREE, Driver, Reply

LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"
WIN = "urn:schemas-microsoft-com:"
HREF = f"{ROOT}/a"


@pytest.fixture
def dav(dav: Driver) -> Driver:
    dav.put("a", b"1")
    return dav


def update(dav: Driver, *instructions: str, path: str = "a", **headers: str) -> Reply:
    """Instructions are 'set XML' or 'remove XML'."""
    inner = ""
    for one in instructions:
        verb, _, xml = one.partition(" ")
        inner += f"<D:{verb}><D:prop>{xml}</D:prop></D:{verb}>"
    body = f'<D:propertyupdate xmlns:D="DAV:">{inner}</D:propertyupdate>'
    return dav.send("PROPPATCH", path, headers, body.encode())


def test_a_dead_property_is_kept_as_xml_with_its_namespaces_and_language(dav: Driver) -> None:
    xml = '<p:c xmlns:p="x:" xmlns:q="q:" a="1">text<q:in at="q:n">é&amp;&lt;</q:in>tail</p:c>'
    body = (
        '<D:propertyupdate xmlns:D="DAV:" xml:lang="de"><D:set><D:prop>'
        + xml
        + "</D:prop></D:set></D:propertyupdate>"
    )
    assert dav.send("PROPPATCH", "a", body=body.encode()).status == 207
    found = dav.ask("a", "{x:}c").properties(HREF)["{x:}c"]
    assert found.get("{http://www.w3.org/XML/1998/namespace}lang") == "de"
    assert (found.get("a"), found.text, found[0].tail) == ("1", "text", "tail")
    assert (found[0].tag, found[0].text) == ("{q:}in", "é&<")
    assert found.nsmap["q"] == "q:"


def test_dead_properties_stay_when_the_file_is_written_or_renamed(dav: Driver) -> None:
    update(dav, 'set <c xmlns="x:">1</c>')
    dav.put("a", b"2")
    dav.move("a", "b")
    assert dav.ask("b", "{x:}c").properties(f"{ROOT}/b")["{x:}c"].text == "1"


def test_instructions_are_carried_out_in_order(dav: Driver) -> None:
    update(dav, 'set <c xmlns="x:">1</c>', 'remove <c xmlns="x:"/>')
    assert "{x:}c" in dav.ask("a", "{x:}c").properties(HREF, 404)
    update(dav, 'remove <c xmlns="x:"/>', 'set <c xmlns="x:">2</c>')
    assert dav.ask("a", "{x:}c").properties(HREF)["{x:}c"].text == "2"


def test_removing_what_is_not_there_succeeds(dav: Driver) -> None:
    assert set(update(dav, 'remove <c xmlns="x:"/>').properties(HREF)) == {"{x:}c"}


@pytest.mark.parametrize(
    "name", ["getetag", "getcontentlength", "resourcetype", "lockdiscovery", "creationdate", "displayname"]
)
def test_a_protected_property_fails_all_of_it(name: str, dav: Driver) -> None:
    jid = dav.jid()
    reply = update(dav, 'set <c xmlns="x:">1</c>', f"set <D:{name}>x</D:{name}>")
    assert set(reply.properties(HREF, 403)) == {f"{{DAV:}}{name}"}
    assert set(reply.properties(HREF, 424)) == {"{x:}c"}
    assert reply.xml.find(".//{DAV:}error/{DAV:}cannot-modify-protected-property") is not None
    assert "{x:}c" in dav.ask("a", "{x:}c").properties(HREF, 404)
    assert dav.jid() == jid


@pytest.mark.parametrize(
    "xml",
    [
        f"<D:getlastmodified>{LONG_AGO}</D:getlastmodified>",
        f'<Win32LastModifiedTime xmlns="{WIN}">{LONG_AGO}</Win32LastModifiedTime>',
        "<D:lastmodified>784111777</D:lastmodified>",
        '<lastmodified xmlns="http://owncloud.org/ns">784111777</lastmodified>',
    ],
)
def test_the_modification_time_can_be_set(xml: str, dav: Driver) -> None:
    assert " 200 " in update(dav, f"set {xml}").text
    assert dav.get("a").headers["last-modified"] == LONG_AGO


def test_a_date_that_cannot_be_read_is_409_and_changes_nothing(dav: Driver) -> None:
    before = dav.get("a").headers["last-modified"]
    reply = update(dav, "set <D:getlastmodified>yesterday</D:getlastmodified>")
    assert set(reply.properties(HREF, 409)) == {"{DAV:}getlastmodified"}
    assert dav.get("a").headers["last-modified"] == before


def test_what_windows_sends_after_every_copy_is_accepted_as_one_commit(dav: Driver) -> None:
    names = ("Win32CreationTime", "Win32LastAccessTime", "Win32LastModifiedTime")
    xml = "".join(f'<Z:{name} xmlns:Z="{WIN}">{LONG_AGO}</Z:{name}>' for name in names)
    xml += f'<Z:Win32FileAttributes xmlns:Z="{WIN}">00000020</Z:Win32FileAttributes>'
    jid = dav.jid()
    found = update(dav, f"set {xml}").properties(HREF)
    assert set(found) == {f"{{{WIN}}}{name}" for name in (*names, "Win32FileAttributes")}
    assert dav.jid() == jid + 1
    asked = dav.ask("a", *found).properties(HREF)
    assert asked[f"{{{WIN}}}Win32LastModifiedTime"].text == LONG_AGO


def test_windows_properties_pass_a_lock_of_the_same_account_without_its_token(dav: Driver) -> None:
    dav.locked("a")
    xml = f'<Win32LastModifiedTime xmlns="{WIN}">{LONG_AGO}</Win32LastModifiedTime>'
    assert update(dav, f"set {xml}").status == 207
    assert update(dav, f'set {xml}<c xmlns="x:">1</c>').status == 423


def test_executable_changes_the_mode(dav: Driver) -> None:
    name = "{http://apache.org/dav/props/}executable"
    for letter, mode in (("T", 0o755), ("F", 0o644)):
        update(dav, f'set <executable xmlns="http://apache.org/dav/props/">{letter}</executable>')
        assert dav.ask("a", name).properties(HREF)[name].text == letter
        assert dav.library.trees.stat(OPERATOR, Place(TREE, TreePath.parse("a"))).mode == mode


def test_checksums_of_clients_are_accepted_and_not_kept_to_go_stale(dav: Driver) -> None:
    name = "{http://owncloud.org/ns}checksums"
    xml = '<checksums xmlns="http://owncloud.org/ns">SHA1:00</checksums>'
    assert set(update(dav, f"set {xml}").properties(HREF)) == {name}
    assert set(dav.ask("a", name).properties(HREF, 404)) == {name}


def test_the_root_of_a_flist_has_properties_too(dav: Driver) -> None:
    assert update(dav, 'set <c xmlns="x:">1</c>', path="").status == 207
    assert dav.ask("", "{x:}c").properties(f"{ROOT}/")["{x:}c"].text == "1"


def test_too_many_or_too_large_properties_are_refused(dav: Driver) -> None:
    many = "".join(f'<c{number} xmlns="x:"/>' for number in range(101))
    assert update(dav, f"set {many}").status == 422
    assert update(dav, f'set <c xmlns="x:">{"x" * 70_000}</c>').status == 422
    assert dav.ask("a", "{x:}c0").properties(HREF, 404)


@pytest.mark.parametrize(
    "body", [b"", b"<D:propertyupdate xmlns:D='DAV:'/>", b"<D:prop xmlns:D='DAV:'/>", b"<x"]
)
def test_a_malformed_body_is_400(body: bytes, dav: Driver) -> None:
    assert dav.send("PROPPATCH", "a", body=body).status == 400


def test_what_is_not_there_or_above_the_flists_cannot_be_patched(dav: Driver) -> None:
    assert update(dav, 'set <c xmlns="x:">1</c>', path="none").status == 404
    body = (
        b"<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop><c xmlns='x:'/></D:prop></D:set></D:propertyupdate>"
    )
    assert dav.send("PROPPATCH", target="/dav/alice", body=body).status == 403
