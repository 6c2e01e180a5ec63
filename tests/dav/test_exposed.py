"""WebDAV at the address of an exposure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

import pytest

from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Role, Scope
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import DIRECTORY_MODE, Kind
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT
from mylist_dav.store.catalog import Draft, NewEntry
from mylist_dav.wire.messages import Request, Response
from tests.dav.driver import HOST, TREE, Driver, Reply, lock_body, prop_body

PHRASE = "correct horse battery"
WRITING = ["PUT", "MKCOL", "DELETE", "COPY", "MOVE", "LOCK", "UNLOCK", "PROPPATCH"]
PROPPATCH = (
    b'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="n">private</x></D:prop>'
    b"</D:set></D:propertyupdate>"
)


class Exposed:
    """Requests to one exposure of alice/docs: folder/b, a, .dot, folder/.dot, a link to .dot, one to folder."""

    def __init__(self, dav: Driver) -> None:
        self.dav = dav
        self.library = dav.library
        for path in ("folder", ".dotted"):
            dav.mkcol(path)
        for path in ("a", "folder/b", ".dot", "folder/.dot", ".dotted/c"):
            dav.put(path, path.encode())
        dav.link("to-dot", ".dot")
        dav.link("to-folder", "folder")
        dav.send("PROPPATCH", "a", body=PROPPATCH)
        for name in ("rita", "wanda"):
            self.library.identity.add_account(OPERATOR, name, Role.USER)

        self.library.grants.grant(OPERATOR, "wanda", TREE, Right.WRITE)
        self.tokens = {name: self.library.identity.new_token(OPERATOR, name) for name in ("rita", "wanda")}
        self.tokens["alice"] = dav.token
        self.above = ""
        self.exposure = self.expose()

    def expose(self, dav: str = "rw", mode: Mode = Mode.PUBLIC, prefix: str = "", **more: object) -> Exposure:
        where = {"prefix": prefix} if prefix else {"host": HOST}
        secret = PHRASE if mode is Mode.SECRET else None
        visitors = ["rita"] if mode is Mode.KEYS else []
        self.above = prefix
        self.exposure = self.library.exposures.expose(
            OPERATOR,
            TREE,
            mode=mode,
            dav=dav,
            secret=secret,
            visitors=visitors,
            **where,
            **more,  # type: ignore[arg-type]
        )
        return self.exposure

    def send(
        self,
        method: str,
        path: str,
        who: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        """who: '' for a guest, 'phrase', or an account."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        if who:
            password = PHRASE if who == "phrase" else self.tokens[who]
            given["authorization"] = "Basic " + b64encode(f"{who}:{password}".encode()).decode()
        target = f"{self.above}/{path}"
        request = Request(
            method, target, "", list(given.items()), HOST, HOST, client="192.0.2.1",
            content_length=len(body) if body else None, has_body=bool(body),
        )  # fmt: skip
        front_end = self.dav.front_end.at(self.exposure)

        def exchange() -> Response:
            response = front_end.answer_now(request) or front_end.respond(request)
            if isinstance(response, Response):
                return response
            if body:
                response.write(body)
            return response.finish()

        def rendered() -> Response:
            try:
                return exchange()
            except Exception as error:
                return front_end.render_error(request, error)

        return self.dav._reply(request, rendered)

    def hrefs(self, path: str = "", who: str = "", depth: str = "1") -> list[str]:
        reply = self.send("PROPFIND", path, who, {"Depth": depth})
        assert reply.status == 207, reply.text
        return reply.hrefs()

    def everything(self) -> list[tuple[str, str]]:
        """Path and entity tag of all there is."""
        walk = self.library.trees.walk(OPERATOR, Place(TREE, ROOT))
        return [(str(path), entry.etag or "") for path, entry in walk]


@pytest.fixture
def site(dav: Driver) -> Exposed:
    return Exposed(dav)


@pytest.fixture(params=["", "/pre/fix"], ids=["host", "prefix"])
def anywhere(site: Exposed, request: pytest.FixtureRequest) -> Exposed:
    """The exposure on a host name, and on a prefix."""
    site.expose(prefix=request.param)
    return site


# -- visitors ----------------------------------------------------------------------------------------------------


def test_visitors_see_what_the_site_shows_under_its_own_addresses(anywhere: Exposed) -> None:
    up = anywhere.above
    assert anywhere.hrefs() == [f"{up}/", f"{up}/a", f"{up}/folder/", f"{up}/to-folder/"]
    assert anywhere.hrefs("folder") == [f"{up}/folder/", f"{up}/folder/b"]
    assert anywhere.hrefs("to-folder/") == [f"{up}/to-folder/", f"{up}/to-folder/b"]
    assert anywhere.hrefs("a", depth="0") == [f"{up}/a"]
    for path in (".dot", "folder/.dot", "to-dot", ".dotted", ".dotted/c", "none", "a/x"):
        assert anywhere.send("PROPFIND", path, headers={"Depth": "0"}).status == 404, path


def test_who_may_read_the_flist_sees_all_of_it(anywhere: Exposed) -> None:
    up = anywhere.above
    assert anywhere.hrefs(who="rita") == [
        f"{up}/", f"{up}/.dot", f"{up}/.dotted/", f"{up}/a", f"{up}/folder/", f"{up}/to-dot", f"{up}/to-folder/",
    ]  # fmt: skip
    assert f"{up}/folder/.dot" in anywhere.hrefs(who="rita", depth="infinity")


def test_a_token_that_may_not_read_the_flist_sees_what_a_guest_sees(site: Exposed) -> None:
    site.library.grants.set_private(OPERATOR, TREE, True)
    assert site.hrefs(who="rita") == site.hrefs()
    assert site.send("PUT", "new", "rita", body=b"x").status in (403, 404, 409)


def test_visitors_see_no_locks_properties_and_quota_of_those_who_write(site: Exposed) -> None:
    site.send("LOCK", "a", "wanda", body=lock_body())
    names = ["{DAV:}lockdiscovery", "{n}x", "{DAV:}quota-used-bytes", "{DAV:}quota-available-bytes"]
    body = prop_body(*names).encode()
    inside = site.send("PROPFIND", "a", "rita", {"Depth": "0"}, body)
    assert "somebody" in inside.text and "private" in inside.text
    for path in ("a", ""):
        outside = site.send("PROPFIND", path, "", {"Depth": "1"}, body)
        assert outside.status == 207
        assert not any(
            word in outside.text for word in ("somebody", "opaquelocktoken", "urn:uuid", "private")
        )
        assert "quota-used-bytes>" not in outside.text
    assert "private" not in site.send("PROPFIND", "a", "", {"Depth": "0"}).text


def test_visitors_ask_a_folder_at_a_time(site: Exposed) -> None:
    reply = site.send("PROPFIND", "", headers={"Depth": "infinity"})
    assert reply.status == 403 and "propfind-finite-depth" in reply.text


def test_a_long_folder_is_listed_whole_and_without_hidden_names(site: Exposed) -> None:

    def fill(draft: Draft) -> None:
        tree = draft.draft_tree(draft.flist(TREE), OPERATOR)
        folder = tree.member(tree.root().entry_id, "folder")
        assert folder is not None
        for number in range(5000):
            for name in (f"d{number:04}", f".h{number:04}"):
                tree.insert(folder.entry_id, name, NewEntry(Kind.DIRECTORY, DIRECTORY_MODE, 0, 0))

    site.library.catalog.change(fill)
    hrefs = site.hrefs("folder")
    assert len(hrefs) == 5000 + 2
    assert not any("/." in href for href in hrefs)


def test_folders_that_are_not_listed_are_not_listed_here_either(site: Exposed) -> None:
    site.expose(listing=False)
    assert site.send("PROPFIND", "", headers={"Depth": "1"}).status == 403
    assert site.hrefs("a", depth="0") == ["/a"]
    assert len(site.hrefs(who="rita")) > 2


# -- what may be done ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", WRITING)
@pytest.mark.parametrize("path", ["a", "none", "folder", ""])
def test_guests_change_nothing_and_are_asked_to_log_in(site: Exposed, method: str, path: str) -> None:
    before = site.everything()
    headers = {"Destination": f"http://{HOST}/new", "Lock-Token": "<urn:x>"}
    bodies = {"PUT": b"x", "LOCK": lock_body(), "PROPPATCH": PROPPATCH}
    reply = site.send(method, path, headers=headers, body=bodies.get(method, b""))
    assert (reply.status, "basic" in reply.headers.get("www-authenticate", "").lower()) == (401, True)
    assert site.everything() == before


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("who", ["", "alice"])
def test_where_one_only_reads_nobody_changes_anything(site: Exposed, pinned: bool, who: str) -> None:
    site.expose(dav="ro", at_jid=site.dav.jid() if pinned else None)
    before = site.everything()
    for method in WRITING:
        reply = site.send(
            method, "a", who, {"Destination": f"http://{HOST}/new"}, b"x" if method == "PUT" else b""
        )
        assert (reply.status, reply.headers["allow"]) == (405, "OPTIONS, GET, HEAD, PROPFIND"), method
    assert site.everything() == before
    options = site.send("OPTIONS", "", who)
    assert (options.headers["dav"], options.headers["allow"]) == ("1", "OPTIONS, GET, HEAD, PROPFIND")


def test_a_reader_changes_nothing(site: Exposed) -> None:
    before = site.everything()
    assert site.send("PUT", "new", "rita", body=b"x").status == 403
    assert site.send("DELETE", "a", "rita").status == 403
    assert site.send("MOVE", "a", "rita", {"Destination": "/b"}).status == 403
    assert site.everything() == before


def test_a_token_for_reading_changes_nothing_though_its_account_may(site: Exposed) -> None:
    site.tokens["wanda"] = site.library.identity.new_token(OPERATOR, "wanda", scope=Scope(read_only=True))
    assert site.send("PUT", "new", "wanda", body=b"x").status == 403


def test_a_writer_does_all_there_is_to_do(anywhere: Exposed) -> None:
    up = anywhere.above
    assert anywhere.send("PUT", "new", "wanda", body=b"new").status == 201
    assert anywhere.send("MKCOL", "made", "wanda").status == 201
    assert (
        anywhere.send("COPY", "new", "wanda", {"Destination": f"http://{HOST}{up}/made/copy"}).status == 201
    )
    assert anywhere.send("MOVE", "new", "wanda", {"Destination": f"{up}/made/moved"}).status == 201
    assert anywhere.hrefs("made", "wanda") == [f"{up}/made/", f"{up}/made/copy", f"{up}/made/moved"]
    assert anywhere.send("PROPPATCH", "made/copy", "wanda", body=PROPPATCH).hrefs() == [f"{up}/made/copy"]
    locked = anywhere.send("LOCK", "made/copy", "wanda", body=lock_body())
    assert f"<D:lockroot><D:href>{up}/made/copy</D:href>" in locked.text
    refused = anywhere.send("PUT", "made/copy", "wanda", body=b"x")
    assert refused.status == 423 and f"<D:href>{up}/made/copy</D:href>" in refused.text
    assert anywhere.send("DELETE", "made", "wanda").hrefs() == [f"{up}/made/copy"]
    token = locked.headers["lock-token"]
    tagged = {"If": f"<http://{HOST}{up}/made/copy> ({token})"}
    assert anywhere.send("PUT", "made/copy", "wanda", tagged, b"x").status == 204
    assert anywhere.send("UNLOCK", "made/copy", "wanda", {"Lock-Token": token}).status == 204
    assert anywhere.send("DELETE", "made", "wanda").status == 204


def test_the_top_of_an_exposure_stays(anywhere: Exposed) -> None:
    for method, statuses in (("DELETE", {403}), ("MOVE", {403}), ("MKCOL", {405}), ("PUT", {405})):
        headers = {"Destination": f"{anywhere.above}/x"}
        body = b"x" if method == "PUT" else b""
        assert anywhere.send(method, "", "alice", headers, body).status in statuses, method
    assert anywhere.everything()


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(
    ("destination", "status"),
    [
        ("/dav/alice/other/x", 403),
        ("/other/x", 403),
        ("/", 403),
        ("/pre", 403),
        ("/pre/fixed/x", 403),
        ("/pre/fix/../../dav/alice/other/x", 400),
        ("/pre%2Ffix/x", 400),
        ("http://elsewhere.test/pre/fix/x", 502),
        ("//elsewhere.test/pre/fix/x", 400),
        ("/pre/fix/fine", 201),
    ],
)
def test_a_destination_lies_inside_of_the_exposure(
    site: Exposed, method: str, destination: str, status: int
) -> None:
    site.library.flists.create(OPERATOR, FlistName("alice", "other"))
    site.expose(prefix="/pre/fix")
    assert site.send(method, "a", "alice", {"Destination": destination}).status == status
    assert site.library.flists.get(OPERATOR, FlistName("alice", "other")).entries == 0


def test_an_exposed_flist_has_no_way_to_another_one(site: Exposed) -> None:
    site.library.flists.create(OPERATOR, FlistName("alice", "other"))
    assert site.send("MOVE", "a", "alice", {"Destination": "/dav/alice/other/x"}).status == 409
    assert site.send("PROPFIND", "dav/alice/docs/a", "alice", {"Depth": "0"}).status == 404


# -- modes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.SECRET, Mode.KEYS])
def test_a_protected_exposure_tells_strangers_nothing(site: Exposed, mode: Mode) -> None:
    site.expose(mode=mode)
    for method in ("PROPFIND", *WRITING, "REPORT"):
        answers = {
            (reply.status, reply.body, reply.headers.get("www-authenticate"))
            for path in ("", "a", "none", ".dot", "folder/")
            for reply in [site.send(method, path, headers={"Destination": "/x", "Depth": "0"})]
        }
        assert len(answers) == 1 and next(iter(answers))[0] == 401, method
    assert site.send("OPTIONS", "none").status == 200


def test_a_phrase_opens_for_reading_and_a_token_for_what_it_may(site: Exposed) -> None:
    site.expose(mode=Mode.SECRET)
    assert site.hrefs(who="phrase") == ["/", "/a", "/folder/", "/to-folder/"]
    assert site.send("PUT", "new", "phrase", body=b"x").status == 401
    assert site.send("PROPFIND", "", "rita", {"Depth": "0"}).status == 401
    assert "/.dot" in site.hrefs(who="wanda")
    assert site.send("PUT", "new", "wanda", body=b"x").status == 201


def test_those_on_a_list_read_and_others_do_not(site: Exposed) -> None:
    site.expose(mode=Mode.KEYS, dav="ro")
    assert site.send("PROPFIND", "", "rita", {"Depth": "1"}).status == 207
    assert site.send("PROPFIND", "", "wanda", {"Depth": "1"}).status == 403
    assert site.send("PROPFIND", "", "alice", {"Depth": "1"}).status == 207
    site.library.grants.set_private(OPERATOR, TREE, True)
    assert site.hrefs(who="rita") == ["/", "/a", "/folder/", "/to-folder/"]


def test_cookies_say_nothing(site: Exposed) -> None:
    exposure = site.expose(mode=Mode.SECRET)
    gates = site.library.gates
    admission = gates.admit_password(exposure, None, PHRASE, "192.0.2.1")
    visit = gates.visit(exposure, admission)
    cookie = {"Cookie": f"mylist-visit={visit.value}", "Depth": "1"}
    assert site.send("PROPFIND", "", headers=cookie).status == 401
    assert site.send("PUT", "new", headers=cookie, body=b"x").status == 401


def test_wrong_credentials_are_wrong_where_none_are_needed_too(site: Exposed) -> None:
    site.tokens["wanda"] = "mylist_wrong"
    assert site.send("PROPFIND", "", "wanda", {"Depth": "1"}).status == 401


# -- revisions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["", "rita"])
def test_a_pinned_revision_is_read_as_it_was(site: Exposed, who: str) -> None:
    jid = site.dav.jid()
    before = site.hrefs(who=who)
    site.dav.put("later", b"x")
    site.dav.send("DELETE", "a")
    assert site.hrefs(who=who) != before
    site.expose(dav="ro", at_jid=jid)
    assert site.hrefs(who=who) == before
    assert site.send("PROPFIND", "later", who, {"Depth": "0"}).status == 404
