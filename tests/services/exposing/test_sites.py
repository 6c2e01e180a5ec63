"""What an exposure answers for a path."""

from __future__ import annotations

import pytest

from mylist_dav.errors import Unauthenticated
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.entries import Kind
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.model.names import FlistName
from mylist_dav.services.exposing.sites import Found, Listing, Missing, Resolved, Sites, ToFolder
from mylist_dav.services.tree.following import HOPS_MAX
from mylist_dav.store.catalog import NewEntry
from tests.web.publishing import PHRASE, SITE, START_S, STEP_S, Publisher


def resolve(publisher: Publisher, path: str, exposure: Exposure) -> Resolved:
    """Resolve '/a/b/' as a request would; asked twice, the answer is the same."""
    names = tuple(name for name in path.split("/") if name)
    jid = fresh_jid(publisher.sites, exposure)
    first = publisher.sites.resolve(exposure, jid, names, path.endswith("/"))
    assert publisher.sites.known(exposure, jid, names, path.endswith("/")) == first
    assert Sites(publisher.catalog).resolve(exposure, jid, names, path.endswith("/")) == first
    return first


def fresh_jid(sites: Sites, exposure: Exposure) -> int:
    fresh = sites.freshness()
    fresh.look()
    jid = fresh.jid(exposure)
    assert jid is not None
    return jid


def page_of(missing: Resolved) -> str | None:
    """Where the 404 page of a missing path comes from: its content, which each test makes tell."""
    assert isinstance(missing, Missing)
    return missing.page.entry.name if missing.page else None


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        pytest.param("/a.txt", Found, id="a file"),
        pytest.param("/a.txt/", Missing, id="a file with a slash"),
        pytest.param("/a.txt/b", Missing, id="a file as a folder"),
        pytest.param("/", Found, id="the root with an index"),
        pytest.param("/docs", ToFolder, id="a folder with an index, no slash"),
        pytest.param("/docs/", Found, id="a folder with an index"),
        pytest.param("/plain", ToFolder, id="a folder without an index, no slash"),
        pytest.param("/plain/", Listing, id="a folder without an index"),
        pytest.param("/none", Missing, id="nothing"),
        pytest.param("/odd/", Listing, id="an index that is a folder"),
        pytest.param("/.env", Missing, id="a dotfile"),
        pytest.param("/.git/config", Missing, id="inside a dot folder"),
        pytest.param("/.well-known/x", Found, id="well-known"),
        pytest.param("/docs/.well-known/x", Missing, id="well-known, but not at the root"),
        pytest.param("/.well-known/.hidden", Missing, id="a dotfile in well-known"),
    ],
)
def test_a_path_resolves(publisher: Publisher, path: str, wanted: type) -> None:
    publisher.flist(
        files=dict.fromkeys(
            (
                "a.txt",
                "index.html",
                "docs/index.html",
                "plain/b.txt",
                "odd/index.html/x",
                ".env",
                ".git/config",
                ".well-known/x",
                "docs/.well-known/x",
                ".well-known/.hidden",
            ),
            "x",
        )
    )
    assert isinstance(resolve(publisher, path, publisher.expose()), wanted)


def test_a_folder_without_an_index_is_missing_where_listings_are_off(publisher: Publisher) -> None:
    publisher.flist(files={"plain/b.txt": "b", "docs/index.html": "i"})
    exposure = publisher.expose(listing=False)
    assert isinstance(resolve(publisher, "/plain/", exposure), Missing)
    assert isinstance(resolve(publisher, "/plain", exposure), Missing), "no redirect tells that it is there"
    assert isinstance(resolve(publisher, "/docs", exposure), ToFolder)


@pytest.mark.parametrize(
    ("target", "path", "found"),
    [
        pytest.param("a.txt", "/link", True, id="beside"),
        pytest.param("./a.txt", "/link", True, id="with a dot"),
        pytest.param("../a.txt", "/docs/link", True, id="above"),
        pytest.param("docs/../a.txt", "/link", True, id="down and up"),
        pytest.param("docs", "/link/b.txt", True, id="through a folder"),
        pytest.param("docs/", "/link/b.txt", True, id="a target with a slash"),
        pytest.param("../a.txt", "/link", False, id="out of the root"),
        pytest.param("docs/../../site/a.txt", "/link", False, id="out and in again"),
        pytest.param("/a.txt", "/link", False, id="absolute"),
        pytest.param(".env", "/link", False, id="to a dotfile"),
        pytest.param(".git", "/link/config", False, id="to a dot folder"),
        pytest.param(".git/config", "/link", False, id="through a dot folder"),
        pytest.param("none", "/link", False, id="to nothing"),
        pytest.param("link", "/link", False, id="to itself"),
        pytest.param("a.txt/..", "/link", False, id="above a file"),
        pytest.param("a.txt", "/link/", False, id="a file with a slash"),
    ],
)
def test_a_symlink_leads_only_inside(publisher: Publisher, target: str, path: str, found: bool) -> None:
    publisher.flist(files={"a.txt": "a", "docs/b.txt": "b", ".env": "e", ".git/config": "c"})
    publisher.link(path.split("/b.txt")[0].removesuffix("/config").strip("/"), target)
    assert isinstance(resolve(publisher, path, publisher.expose()), Found if found else Missing)


@pytest.mark.parametrize(("hops", "wanted"), [(HOPS_MAX, Found), (HOPS_MAX + 1, Missing)])
def test_sixteen_symlinks_may_follow_each_other(publisher: Publisher, hops: int, wanted: type) -> None:
    publisher.flist(files={"l0": "end"})
    for number in range(1, hops + 1):
        publisher.link(f"l{number}", f"l{number - 1}")
    assert isinstance(resolve(publisher, f"/l{hops}", publisher.expose()), wanted)


def test_links_that_grow_each_other_end_soon(publisher: Publisher) -> None:
    publisher.flist(files={"d/x": "x"})
    publisher.link("loop", "/".join(["d/.."] * 500))
    assert isinstance(resolve(publisher, "/loop/loop/loop/d/x", publisher.expose()), Missing)


def test_an_index_may_be_a_symlink(publisher: Publisher) -> None:
    publisher.flist(files={"home.html": "home"})
    publisher.link("index.html", "home.html")
    found = resolve(publisher, "/", publisher.expose())
    assert isinstance(found, Found) and (found.entry.name, found.name) == ("home.html", "index.html")


@pytest.mark.parametrize(
    ("path", "size_bytes"),
    [
        ("/a/b/none", 3),
        ("/a/b/c/none/x", 3),
        ("/a/none", 2),
        ("/none", 1),
        ("/x.txt/none", 1),
        ("/a/b/x.txt/", 3),
        ("/a/.env", 2),
    ],
)
def test_the_nearest_404_page_is_found(publisher: Publisher, path: str, size_bytes: int) -> None:
    publisher.flist(
        files={
            "404.html": "1",
            "a/404.html": "22",
            "a/b/404.html": "333",
            "a/b/c/y": "",
            "x.txt": "",
            "a/b/x.txt": "",
        }
    )
    missing = resolve(publisher, path, publisher.expose())
    assert isinstance(missing, Missing) and missing.page is not None
    assert missing.page.entry.size_bytes == size_bytes


def test_a_folder_is_no_404_page(publisher: Publisher) -> None:
    publisher.flist(files={"404.html/x": "x"})
    assert page_of(resolve(publisher, "/none", publisher.expose())) is None


def test_a_name_in_the_other_normal_form_is_found(publisher: Publisher) -> None:
    publisher.flist(files={"caf\u00e9.txt": "x"})
    assert isinstance(resolve(publisher, "/cafe\u0301.txt", publisher.expose()), Found)


def test_a_pinned_exposure_shows_its_revision(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "old"})
    old = publisher.head()
    publisher.write("a.txt", "newer")
    publisher.write("b.txt", "b")
    exposure = publisher.expose(at_jid=old)
    found = resolve(publisher, "/a.txt", exposure)
    assert isinstance(found, Found) and found.entry.size_bytes == 3
    assert isinstance(resolve(publisher, "/b.txt", exposure), Missing)


def modified(publisher: Publisher, path: str, exposure: Exposure) -> int:
    found = resolve(publisher, path, exposure)
    assert isinstance(found, Found)
    return found.last_modified_s


def test_last_modified_is_when_the_file_was_committed_not_what_its_writer_says(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "a"})
    exposure = publisher.expose()
    first = modified(publisher, "/a.txt", exposure)
    publisher.write("b.txt", "b")
    assert modified(publisher, "/a.txt", exposure) == first
    assert first >= START_S
    publisher.write("a.txt", "changed")
    assert modified(publisher, "/a.txt", exposure) >= first + STEP_S


def test_last_modified_never_goes_back_when_an_older_file_is_moved_over_a_newer(publisher: Publisher) -> None:
    publisher.flist(files={"old/a.txt": "old", "new/a.txt": "new"})
    exposure = publisher.expose()
    before = modified(publisher, "/new/a.txt", exposure)
    publisher.move("old", "new")
    assert modified(publisher, "/new/a.txt", exposure) > before


def test_last_modified_never_goes_back_when_a_symlink_is_turned_to_an_older_file(
    publisher: Publisher,
) -> None:
    publisher.flist(files={"v1/a.txt": "1", "v2/a.txt": "2"})
    publisher.link("now", "v2")
    exposure = publisher.expose()
    before = modified(publisher, "/now/a.txt", exposure)
    publisher.delete("now")
    publisher.link("now", "v1")
    assert modified(publisher, "/now/a.txt", exposure) > before


def test_last_modified_never_goes_back_with_a_rollback(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "1"})
    exposure, first = publisher.expose(), publisher.head()
    publisher.write("a.txt", "22")
    before = modified(publisher, "/a.txt", exposure)
    publisher.flists.rollback(OPERATOR, SITE, first)
    assert modified(publisher, "/a.txt", exposure) > before


def test_what_is_not_public_shows_nothing_to_who_was_not_let_in_to_it_as_it_is(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "a", "404.html": "x"})
    public = publisher.expose(host="other.example")
    secret = publisher.expose(mode=Mode.SECRET, secret=PHRASE)
    jid = publisher.head()
    assert isinstance(publisher.sites.resolve(public, jid, ("a.txt",), False), Found), "it is in memory now"
    inside = publisher.gates.admit_password(secret, None, PHRASE, "192.0.2.1")
    for admission in (
        None,
        publisher.gates.admit_guest(public),
        inside._replace(changed_ns=inside.changed_ns - 1),
    ):
        with pytest.raises(Unauthenticated):
            publisher.sites.resolve(secret, jid, ("a.txt",), False, admission)
        with pytest.raises(Unauthenticated):
            publisher.sites.members(secret, jid, (), 10, admission=admission)
    assert isinstance(publisher.sites.resolve(secret, jid, ("a.txt",), False, inside), Found)
    assert publisher.sites.members(secret, jid, (), 10, admission=inside).members


def test_a_revision_that_is_not_there_shows_nothing(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "a"})
    assert publisher.sites.resolve(publisher.expose(), 1_000, ("a.txt",), False) == Missing()


def test_a_flist_that_is_gone_shows_nothing(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "a"})
    exposure = publisher.expose()
    publisher.flists.delete(OPERATOR, SITE)
    publisher.sites.freshness().look()
    assert publisher.sites.freshness().jid(exposure) is None
    assert publisher.sites.resolve(exposure, 2, ("a.txt",), False) == Missing()


# -- which exposure ------------------------------------------------------------------------------------------------


def test_the_host_goes_before_the_prefix_and_the_longest_prefix_before_the_rest(publisher: Publisher) -> None:
    for name in ("host", "short", "long"):
        publisher.flist(FlistName("alice", name))
    publisher.expose(FlistName("alice", "host"), host="a.example")
    publisher.expose(FlistName("alice", "short"), prefix="/docs")
    publisher.expose(FlistName("alice", "long"), prefix="/docs/v2")

    def at(host: str, *names: str) -> tuple[str, tuple[str, ...]] | None:
        located = publisher.sites.freshness().look().locate(host, names)
        return (located.exposure.flist_name.name, located.names) if located else None

    assert at("a.example", "docs", "v2") == ("host", ("docs", "v2"))
    assert at("b.example", "docs", "v2", "x") == ("long", ("x",))
    assert at("b.example", "docs", "v2") == ("long", ())
    assert at("b.example", "docs", "v3", "x") == ("short", ("v3", "x"))
    assert at("b.example", "docsx") is None
    assert at("b.example") is None


# -- members -------------------------------------------------------------------------------------------------------


def names_of(
    publisher: Publisher, exposure: Exposure, limit: int, after: str = "", before: str = ""
) -> list[str]:
    page = publisher.sites.members(exposure, fresh_jid(publisher.sites, exposure), (), limit, after, before)
    return [member.name for member in page.members]


def test_members_leave_out_what_visitors_cannot_open(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "aaa", ".env": "e", "!first": "f", "d/x": "x"})
    publisher.link("gone", "nowhere")
    publisher.link("out", "../../x")
    publisher.link("secret", ".env")
    publisher.link("into", "d")
    publisher.link("same", "a.txt")
    page = publisher.sites.members(publisher.expose(), publisher.head(), (), 100)
    assert [(m.name, m.is_directory, m.size_bytes) for m in page.members] == [
        ("!first", False, 1),
        ("a.txt", False, 3),
        ("d", True, 0),
        ("into", True, 0),
        ("same", False, 3),
    ]
    assert not page.earlier and not page.later


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("pinned", [False, True], ids=["head", "pinned"])
def test_pages_forth_and_back_show_every_member_once(publisher: Publisher, limit: int, pinned: bool) -> None:
    names = ["!", "-a", *(f".hidden{n}" for n in range(4)), "0", "B", "a", "é", "z"]
    publisher.flist()
    publisher.folders(names)
    exposure = publisher.expose(at_jid=publisher.head() if pinned else None)
    if pinned:
        publisher.delete("a")
    jid = fresh_jid(publisher.sites, exposure)
    wanted = sorted(name for name in names if not name.startswith("."))
    forth: list[str] = []
    after = ""
    while True:
        page = publisher.sites.members(exposure, jid, (), limit, after)
        forth += [member.name for member in page.members]
        assert len(page.members) <= limit and page.earlier == bool(after)
        if not page.later:
            break
        after = page.last
    back: list[str] = []
    before = "\U0010ffff"
    while True:
        page = publisher.sites.members(exposure, jid, (), limit, before=before)
        back = [member.name for member in page.members] + back
        if not page.earlier:
            break
        before = page.first
    assert forth == back == wanted


# -- what is kept --------------------------------------------------------------------------------------------------


def test_what_is_kept_is_bounded(publisher: Publisher) -> None:
    publisher.flist(files={f"f{number}": "x" for number in range(6)})
    exposure, jid = publisher.expose(), publisher.head()
    sites = Sites(publisher.catalog, found_max=2, missing_max=3)
    for number in range(6):
        sites.resolve(exposure, jid, (f"f{number}",), False)
        sites.resolve(exposure, jid, (f"none{number}",), False)
    found = [sites.known(exposure, jid, (f"f{number}",), False) for number in range(6)]
    missing = [sites.known(exposure, jid, (f"none{number}",), False) for number in range(6)]
    assert [x is not None for x in found] == [False] * 4 + [True] * 2
    assert [x is not None for x in missing] == [False] * 3 + [True] * 3


def test_a_sweep_lets_old_revisions_go(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "1"})
    exposure = publisher.expose()
    old = publisher.head()
    resolve(publisher, "/a.txt", exposure)
    resolve(publisher, "/none", exposure)
    publisher.write("b.txt", "2")
    resolve(publisher, "/a.txt", exposure)
    assert publisher.sites.sweep() == 2
    assert publisher.sites.known(exposure, old, ("a.txt",), False) is None
    assert publisher.sites.known(exposure, publisher.head(), ("a.txt",), False) is not None


def test_a_symlink_without_a_target_leads_nowhere(publisher: Publisher) -> None:
    publisher.flist()
    publisher.insert("", {"dangling": NewEntry(Kind.SYMLINK, 0o777, 0, 0, target=None)})
    assert names_of(publisher, publisher.expose(), 10) == []
