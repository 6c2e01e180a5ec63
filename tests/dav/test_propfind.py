"""PROPFIND."""

from __future__ import annotations

import shutil
import unicodedata

import pytest

from mylist_dav.dav.propfind import WHOLE_CHARS
from mylist_dav.settings import Settings, load
from mylist_dav.wire.messages import Request, Response
from tests.dav.driver import HOST, ROOT, Driver, prop_body

ALL = '<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>'
NAMES = '<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>'
COMPACT = {
    "{DAV:}resourcetype",
    "{DAV:}getcontentlength",
    "{DAV:}getlastmodified",
    "{DAV:}getetag",
    "{DAV:}getcontenttype",
    "{DAV:}creationdate",
}


@pytest.fixture
def tree(dav: Driver) -> Driver:
    """folder/{a.txt, sub/{b}}."""
    dav.mkcol("folder")
    dav.mkcol("folder/sub")
    dav.put("folder/a.txt", b"hello", {"X-OC-Mtime": "784111777"})
    dav.put("folder/sub/b", b"")
    return dav


def keep(dav: Driver, path: str, xml: str) -> None:
    body = f'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>{xml}</D:prop></D:set></D:propertyupdate>'
    assert dav.send("PROPPATCH", path, body=body.encode()).status == 207


def test_named_properties_of_a_file(tree: Driver) -> None:
    reply = tree.ask(
        "folder/a.txt", *COMPACT, "{DAV:}displayname", "{http://apache.org/dav/props/}executable"
    )
    found = {name: element.text for name, element in reply.properties(f"{ROOT}/folder/a.txt").items()}
    assert reply.status == 207
    assert reply.headers["content-type"] == "application/xml; charset=utf-8"
    assert found["{DAV:}getcontentlength"] == "5"
    assert found["{DAV:}getlastmodified"] == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert found["{DAV:}getetag"] == tree.get("folder/a.txt").headers["etag"]
    assert found["{DAV:}getcontenttype"] == "text/plain; charset=utf-8"
    assert found["{DAV:}creationdate"] == "2023-11-14T22:13:20Z"
    assert found["{DAV:}displayname"] == "a.txt"
    assert found["{http://apache.org/dav/props/}executable"] == "F"


def test_what_a_resource_does_not_have_is_404_beside_what_it_has(tree: Driver) -> None:
    reply = tree.ask("folder", "{DAV:}resourcetype", "{DAV:}getetag", "{x:}dead", "none")
    href = f"{ROOT}/folder/"
    assert set(reply.properties(href)) == {"{DAV:}resourcetype"}
    assert set(reply.properties(href, 404)) == {"{DAV:}getetag", "{x:}dead", "none"}


def test_nothing_found_is_one_propstat_of_404(tree: Driver) -> None:
    reply = tree.ask("folder/a.txt", "{x:}dead")
    assert len(reply.xml.findall(".//{DAV:}propstat")) == 1
    assert set(reply.properties(f"{ROOT}/folder/a.txt", 404)) == {"{x:}dead"}


@pytest.mark.parametrize("body", ["", ALL])
def test_allprop_is_compact_and_holds_dead_properties(body: str, tree: Driver) -> None:
    keep(tree, "folder/a.txt", '<color xmlns="x:">blue</color>')
    found = tree.propfind("folder/a.txt", body).properties(f"{ROOT}/folder/a.txt")
    assert set(found) == COMPACT | {"{x:}color"}
    assert set(tree.propfind("folder", body).properties(f"{ROOT}/folder/")) == {
        "{DAV:}resourcetype",
        "{DAV:}getlastmodified",
        "{DAV:}creationdate",
    }


def test_an_entry_of_allprop_is_small_enough_for_two_thousand_in_a_windows_folder(tree: Driver) -> None:
    sizes = []
    for name in ("IMG_0001.jpeg", "IMG_0002.jpeg"):
        tree.put(f"folder/{name}", b"1")
        sizes.append(len(tree.propfind("folder", depth="1").body))
    assert sizes[1] - sizes[0] < 480  # Windows drops an answer of more than 1,000,000 bytes


def test_allprop_with_include_adds_what_is_named(tree: Driver) -> None:
    body = (
        '<D:propfind xmlns:D="DAV:"><D:allprop/><D:include>'
        '<D:supportedlock/><D:displayname/><D:getetag/><none xmlns="x:"/></D:include></D:propfind>'
    )
    reply = tree.propfind("folder/a.txt", body)
    href = f"{ROOT}/folder/a.txt"
    assert set(reply.properties(href)) == COMPACT | {"{DAV:}supportedlock", "{DAV:}displayname"}
    assert set(reply.properties(href, 404)) == {"{x:}none"}
    assert reply.text.count("<D:getetag>") == 1


def test_propname_gives_names_without_values(tree: Driver) -> None:
    keep(tree, "folder/a.txt", '<color xmlns="x:">blue</color>')
    found = tree.propfind("folder/a.txt", NAMES).properties(f"{ROOT}/folder/a.txt")
    assert {"{DAV:}getetag", "{DAV:}lockdiscovery", "{DAV:}supportedlock", "{x:}color"} <= set(found)
    assert all(element.text is None and len(element) == 0 for element in found.values())
    assert "{DAV:}getetag" not in tree.propfind("folder", NAMES).properties(f"{ROOT}/folder/")


def test_depth_1_gives_the_folder_and_its_members_with_canonical_hrefs(tree: Driver) -> None:
    for name in ("a%20b", "%23hash", "q%3F;'(x)", "%C3%BC", "amp&%25"):
        assert tree.put(f"folder/{name}", b"1").status == 201
    hrefs = tree.propfind("folder", depth="1").hrefs()
    assert hrefs[0] == f"{ROOT}/folder/"
    assert [href.removeprefix(hrefs[0]) for href in hrefs[1:]] == [
        "%23hash", "a%20b", "a.txt", "amp&%25", "q%3F;'(x)", "sub/", "%C3%BC",
    ]  # fmt: skip


def test_a_collection_is_answered_without_its_slash_under_its_href_with_it(tree: Driver) -> None:
    for path in ("folder", "folder/"):
        assert tree.propfind(path, depth="1").hrefs()[0] == f"{ROOT}/folder/"


def test_depth_infinity_gives_everything_below(tree: Driver) -> None:
    for depth in ({"Depth": "infinity"}, {}):
        reply = tree.send("PROPFIND", "folder", depth, prop_body("{DAV:}resourcetype").encode())
        assert reply.status == 207
        below = [href.removeprefix(f"{ROOT}/folder/") for href in reply.hrefs()]
        assert below == ["", "a.txt", "sub/", "sub/b"]


@pytest.mark.parametrize("target", ["/", "/dav/", "/dav/alice/"])
def test_depth_infinity_above_the_flists_is_refused(target: str, dav: Driver) -> None:
    reply = dav.send("PROPFIND", target=target, headers={"Depth": "infinity"})
    assert reply.status == 403
    assert reply.xml.find("{DAV:}propfind-finite-depth") is not None


class TestSmallLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return load(
            given={
                "store.data": settings.store.data,
                "store.durability": "os",
                "limits.propfind_entries_max": 3,
                "limits.xml_bytes_max": 1024,
            }
        )

    def test_depth_infinity_over_too_many_entries_is_refused(self, tree: Driver) -> None:
        assert tree.propfind("folder", depth="infinity").status == 403
        assert tree.propfind("folder", depth="1").status == 207

    def test_a_listing_past_the_limit_says_that_it_is_not_whole(
        self, tree: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mylist_dav.dav.propfind.WHOLE_ENTRIES", 1)
        monkeypatch.setattr("mylist_dav.dav.propfind.PAGE_ENTRIES", 2)
        for number in range(3):
            tree.put(f"folder/{number}", b"1")
        reply = tree.propfind("folder", depth="1")
        statuses = reply.xml.findall("{DAV:}response/{DAV:}status")
        assert [one.text for one in statuses] == ["HTTP/1.1 507 Insufficient Storage"]
        assert reply.hrefs()[-1] == f"{ROOT}/folder/"


def test_a_long_listing_is_streamed_and_complete(dav: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mylist_dav.dav.propfind.WHOLE_ENTRIES", 5)
    monkeypatch.setattr("mylist_dav.dav.propfind.PAGE_ENTRIES", 3)
    dav.mkcol("many")
    names = [f"f{number:02}" for number in range(10)]
    for name in names:
        dav.put(f"many/{name}", name.encode())
    reply = dav.ask("many", "{DAV:}getetag", depth="1")
    assert reply.hrefs() == [f"{ROOT}/many/", *(f"{ROOT}/many/{name}" for name in names)]
    assert dav.propfind("", depth="infinity").hrefs()[2:] == [f"{ROOT}/many/{name}" for name in names]


def test_a_streamed_listing_shows_one_revision_whatever_happens_meanwhile(
    dav: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WHOLE_ENTRIES", 1), ("PAGE_ENTRIES", 1), ("PIECE_CHARS", 1)):
        monkeypatch.setattr(f"mylist_dav.dav.propfind.{name}", value)
    for name in "abcd":
        dav.put(name, name.encode())
    fields = [("authorization", dav.credentials), ("depth", "1")]
    response = dav.front_end.respond(Request("PROPFIND", f"{ROOT}/", "", fields, HOST, HOST))
    assert isinstance(response, Response)
    assert not isinstance(response.body, bytes)
    pieces = iter(response.body)
    begun = next(pieces)
    dav.move("d", "0")
    dav.send("DELETE", "c")
    dav.put("e", b"e")
    text = b"".join([begun, *pieces]).decode()  # type: ignore[list-item]
    assert [name for name in "0abcde" if f"<D:href>{ROOT}/{name}</D:href>" in text] == list("abcd")


def test_what_is_asked_twice_is_answered_once(tree: Driver) -> None:
    reply = tree.ask("folder/a.txt", "{DAV:}getetag", "{DAV:}getetag", "{x:}none", "{x:}none")
    assert reply.text.count("getetag>") == 2
    assert reply.text.count('<none xmlns="x:"/>') == 1


def test_quota_is_told_by_name_for_collections_and_not_to_finder(tree: Driver) -> None:
    names = ("{DAV:}quota-available-bytes", "{DAV:}quota-used-bytes")
    found = tree.ask("folder", *names).properties(f"{ROOT}/folder/")
    free = shutil.disk_usage(tree.library.settings.store.data).free
    assert abs(int(found[names[0]].text or "") - free) < 1 << 30
    assert found[names[1]].text == "5"
    assert set(tree.ask("folder/a.txt", *names).properties(f"{ROOT}/folder/a.txt", 404)) == set(names)
    finder = {"User-Agent": "WebDAVFS/3.0.0 (03008000) Darwin/24.4.0", "Depth": "0"}
    reply = tree.send("PROPFIND", "folder", finder, prop_body(*names).encode())
    assert set(reply.properties(f"{ROOT}/folder/", 404)) == set(names)


def test_supportedlock_and_lockdiscovery_are_told_by_name(tree: Driver) -> None:
    names = ("{DAV:}supportedlock", "{DAV:}lockdiscovery")
    found = tree.ask("folder/a.txt", *names).properties(f"{ROOT}/folder/a.txt")
    assert len(found[names[0]]) == 2
    assert len(found[names[1]]) == 0


def test_a_name_with_characters_that_xml_cannot_hold_is_listed(dav: Driver) -> None:
    assert dav.put("a%01%3C%26%5Db", b"1").status == 201
    reply = dav.ask("", "{DAV:}displayname", depth="1")
    href = f"{ROOT}/a%01%3C&%5Db"
    assert reply.properties(href)["{DAV:}displayname"].text == "a�<&]b"


def test_the_other_normal_form_of_a_name_finds_the_same_file(dav: Driver) -> None:
    composed, decomposed = "%C3%A9", "e%CC%81"
    assert unicodedata.normalize("NFD", "é").encode() == b"e\xcc\x81"
    assert dav.put(composed, b"1").status == 201
    assert dav.put(decomposed, b"2").status == 204
    assert dav.names() == [composed]
    assert dav.propfind(decomposed).hrefs() == [f"{ROOT}/{decomposed}"]


@pytest.mark.parametrize(
    "field", [("Prefer", "return=minimal"), ("Prefer", "x, return = minimal"), ("Brief", "t")]
)
def test_a_minimal_answer_leaves_out_what_is_missing(field: tuple[str, str], tree: Driver) -> None:
    body = prop_body("{DAV:}getetag", "{x:}none").encode()
    reply = tree.send("PROPFIND", "folder/a.txt", {"Depth": "0", field[0]: field[1]}, body)
    assert "404" not in reply.text
    assert set(reply.properties(f"{ROOT}/folder/a.txt")) == {"{DAV:}getetag"}


@pytest.mark.parametrize(
    "body",
    [
        "<D:propfind xmlns:D='DAV:'/>",
        "<D:propfind xmlns:D='DAV:'><D:allprop/><D:propname/></D:propfind>",
        "<D:propfind xmlns:D='DAV:'><D:prop/><D:allprop/></D:propfind>",
        "<D:lockinfo xmlns:D='DAV:'/>",
        "<unclosed",
        "not xml",
        "<D:propfind xmlns:D='DAV:'><D:prop>"
        + "".join(f"<p{n}/>" for n in range(201))
        + "</D:prop></D:propfind>",
    ],
)
def test_a_malformed_body_is_400(body: str, dav: Driver) -> None:
    assert dav.propfind("", body).status == 400


@pytest.mark.parametrize("depth", ["2", "-1", "one", ""])
def test_another_depth_is_400(depth: str, dav: Driver) -> None:
    assert dav.propfind("", depth=depth).status == 400


def test_comments_and_unknown_elements_do_not_matter(tree: Driver) -> None:
    body = (
        '<?xml version="1.0"?><!-- c --><D:propfind xmlns:D="DAV:"><!-- c --><x xmlns="y:"/>'
        "<D:prop><!-- c --><?pi?><D:getetag/></D:prop></D:propfind>"
    )
    assert set(tree.propfind("folder/a.txt", body).properties(f"{ROOT}/folder/a.txt")) == {"{DAV:}getetag"}


def test_accounts_and_flists_are_listed(dav: Driver) -> None:
    dav.send("MKCOL", target="/dav/alice/more")
    for target, expected in [
        ("/", ["/", "/dav/"]),
        ("/dav", ["/dav/", "/dav/alice/"]),
        ("/dav/alice", ["/dav/alice/", "/dav/alice/docs/", "/dav/alice/more/"]),
    ]:
        reply = dav.send("PROPFIND", target=target, headers={"Depth": "1", "Host": HOST})
        assert reply.hrefs() == expected
        assert reply.properties(expected[0])["{DAV:}resourcetype"][0].tag == "{DAV:}collection"


def test_a_folder_of_which_much_is_said_is_streamed_and_complete(dav: Driver) -> None:
    dav.mkcol("much")
    names = [f"f{number:02}" for number in range(24)]
    value = "v" * 60_000
    for name in names:
        dav.put(f"much/{name}", b"1")
        keep(dav, f"much/{name}", "".join(f'<p{number} xmlns="u">{value}</p{number}>' for number in range(4)))
    request = Request(
        "PROPFIND", f"{ROOT}/much/", "", [("authorization", dav.credentials), ("depth", "1")], HOST, HOST
    )
    response = dav.front_end.respond(request)
    assert isinstance(response, Response)
    assert not isinstance(response.body, bytes)
    pieces = [piece for piece in response.body if isinstance(piece, bytes)]
    assert max(map(len, pieces)) < WHOLE_CHARS // 4
    assert dav.propfind("much", depth="1").hrefs() == [
        f"{ROOT}/much/",
        *(f"{ROOT}/much/{name}" for name in names),
    ]
