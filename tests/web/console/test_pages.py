"""The pages of the console: what they show to whom, and what their forms do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Scope
from mylist_dav.model.audit import TallyKind
from mylist_dav.model.conditions import Place
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from tests.shelf import Clock
from tests.web.console.driver import ORIGIN, PHOTOS, SECRET, House, hrefs

FOLDER = "/console/flists/anna/photos/"
PAIR = SigningKey(b"1" * 32)
KEY = PublicKey(bytes(PAIR.verify_key))
EVIL = "<script>alert(1)</script>\"'&"

# -- the overview --------------------------------------------------------------------------------------------------


def test_the_overview_says_what_is_known_of_each_flist(house: House) -> None:
    house.library.exposures.expose(OPERATOR, PHOTOS, prefix="/a b")
    house.library.exposures.expose(OPERATOR, PHOTOS, host="photos.example")
    page = house.browser("bert").get("/").text
    assert "1 entry · 5 B · revision 2" in page
    assert f'href="{FOLDER}"' in page
    assert 'href="/a%20b/"' in page and 'href="http://photos.example:8080/"' in page
    assert f'value="{ORIGIN}/dav/anna/photos/"' in page and f'data-copy="{ORIGIN}/dav/anna/photos/"' in page
    assert f'net use * "{ORIGIN}/dav/" /user:bert *' in page


@pytest.mark.parametrize(("account", "seen"), [("bert", False), ("anna", True), ("admin", True)])
def test_a_private_flist_is_there_for_those_who_may_read_it(house: House, account: str, seen: bool) -> None:
    house.library.exposures.expose(OPERATOR, SECRET, prefix="/hidden")
    browser = house.browser(account)
    page = browser.get("/").text
    assert ("secret" in page, "/hidden/" in page, "private" in page) == (seen, seen, seen)
    there, not_there = (
        browser.get("/console/flists/anna/secret/"),
        browser.get("/console/flists/anna/nothere/"),
    )
    assert there.status == (200 if seen else 404)
    if not seen:
        assert there.text.replace("secret", "nothere") == not_there.text
        assert there.headers == not_there.headers


def test_a_grant_shows_a_private_flist(house: House) -> None:
    house.library.grants.grant(OPERATOR, "bert", SECRET, Right.READ)
    browser = house.browser("bert")
    assert "secret" in browser.get("/").text
    page = browser.get("/console/flists/anna/secret/")
    assert page.status == 200 and "New folder" not in page.text


def test_an_admin_makes_a_flist_and_is_led_to_it(house: House) -> None:
    browser = house.browser("admin")
    reply = browser.post("/", name="bert/my files")
    assert (reply.status, reply.location) == (303, "/console/flists/bert/my%20files/")
    assert browser.get(reply.location).status == 200
    again = browser.post("/", name="bert/my files")
    assert again.status == 409 and "A new flist" in again.text, "the page says what is wrong"


def test_a_user_makes_no_flists(house: House) -> None:
    browser = house.browser("bert")
    assert "A new flist" not in browser.get("/").text
    assert browser.post("/", name="bert/x").status == 403


# -- folders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", ["bert", "anna"])
def test_who_may_not_write_is_offered_nothing_and_gets_nothing(house: House, account: str) -> None:
    browser = house.browser(account)
    page = browser.get(FOLDER).text
    assert "a.txt" in page and "New folder" not in page and "Delete" not in page
    assert browser.post(FOLDER, do="folder", name="x").status == 403
    assert browser.post(FOLDER, do="rename", name="a.txt", to="b.txt").status == 403
    assert browser.post(FOLDER, do="delete", name="a.txt").status == 403
    assert browser.put(FOLDER + "x.txt", b"x").status == 403
    assert browser.form(FOLDER, ("file", "x.txt", b"x")).status == 403
    assert house.paths() == ["a.txt"]


def test_who_may_write_makes_renames_and_deletes(house: House) -> None:
    house.library.grants.grant(OPERATOR, "bert", PHOTOS, Right.WRITE)
    browser = house.browser("bert")
    assert "New folder" in browser.get(FOLDER).text
    assert browser.post(FOLDER, do="folder", name="größe & co").location == FOLDER
    inner = FOLDER + "gr%C3%B6%C3%9Fe%20&%20co/"
    assert inner in hrefs(browser.get(FOLDER).text.replace("&amp;", "&"))
    assert browser.post(inner, do="folder", name="inner").location == inner
    assert browser.post(FOLDER, do="rename", name="a.txt", to="b.txt").status == 303
    assert house.paths() == ["b.txt", "größe & co", "größe & co/inner"]
    assert browser.post(FOLDER, do="delete", name="größe & co").status == 303
    assert house.paths() == ["b.txt"]
    assert house.library.flists.log(OPERATOR, PHOTOS)[0].actor == "bert"


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"do": "folder", "name": "a.txt"}, 409, "there is already something at /a.txt"),
        ({"do": "folder", "name": ""}, 400, "cannot name an entry"),
        ({"do": "folder", "name": "a/b"}, 400, "cannot name an entry"),
        ({"do": "folder", "name": ".."}, 400, "cannot name an entry"),
        ({"do": "rename", "name": "a.txt", "to": "b.txt"}, 412, "there is already something at /b.txt"),
        ({"do": "rename", "name": "a.txt", "to": "../x"}, 400, "cannot name an entry"),
        ({"do": "rename", "name": "a.txt", "to": "a.txt"}, 403, "are the same"),
        ({"do": "nonsense"}, 400, "does not say what to do"),
        ({}, 400, "does not say what to do"),
    ],
)
def test_what_goes_wrong_is_said_on_the_page(
    house: House, fields: dict[str, str], status: int, said: str
) -> None:
    house.put("b.txt", b"second")
    reply = house.browser("admin").post(FOLDER, **fields)
    assert reply.status == status and said in reply.text
    assert "a.txt" in reply.text and "New folder" in reply.text
    assert house.paths() == ["a.txt", "b.txt"]


@pytest.mark.parametrize(("fields", "status"), [({"do": "delete", "name": "none"}, 404)])
def test_what_is_not_there_cannot_be_changed(house: House, fields: dict[str, str], status: int) -> None:
    assert house.browser("admin").post(FOLDER, **fields).status == status


def test_names_are_shown_as_text_wherever_they_stand(house: House) -> None:
    house.put(EVIL.replace("/", "\\"), b"x")
    browser = house.browser("admin")
    browser.post(FOLDER, do="folder", name=EVIL.replace("/", "\\") + "dir")
    house.library.identity.new_token(OPERATOR, "admin", label=EVIL)
    for path in (FOLDER, "/console/tokens"):
        raw = browser.get(path).body.decode()
        assert "<script>alert" not in raw and "&lt;script&gt;alert" in raw
    raw = browser.post(FOLDER, do="rename", name="a.txt", to=EVIL).body.decode()
    assert "<script>alert" not in raw


def test_a_file_opens_over_webdav_where_the_cookie_does_not_count(house: House) -> None:
    assert "/dav/anna/photos/a.txt" in hrefs(house.browser("admin").get(FOLDER).text)


def test_a_file_is_no_folder(house: House) -> None:
    assert house.browser("admin").get(FOLDER + "a.txt").status == 405


def test_a_large_folder_is_shown_in_parts(house: House) -> None:
    for number in range(205):
        house.put(f"f{number:03}", b"")
    browser = house.browser("admin")
    first = browser.get(FOLDER).text
    after = re.search(r'href="[^"]*(\?after=[^"]+)"', first)
    assert "f198" in first and "f199" not in first and after is not None
    second = browser.get(FOLDER + after[1]).text
    assert "f199" in second and "f204" in second and ">Beginning<" in second and "f198" not in second


@pytest.mark.parametrize(
    "path", ["/console/flists", "/console/flists/anna/", "/console/x", "/console/rights/a", "/x", "/login/x"]
)
def test_other_paths_are_not_there(house: House, path: str) -> None:
    assert house.browser("admin").get(path).status == 404


@pytest.mark.parametrize(
    "path", ["/console/flists/anna/photos/%00", "/console/%2e%2e/x", "/console/flists/A/b/"]
)
def test_odd_paths_are_refused(house: House, path: str) -> None:
    assert house.browser("admin").get(path).status in (400, 404)


# -- files that arrive ---------------------------------------------------------------------------------------------


def test_the_script_puts_a_file(house: House) -> None:
    browser = house.browser("admin")
    big = bytes(range(256)) * 12_000
    assert browser.put(FOLDER + "gr%C3%B6%C3%9Fe.bin?modified=1600000000123", big).status == 201
    assert house.content("größe.bin") == big
    entry = house.library.trees.stat(OPERATOR, Place(PHOTOS, TreePath.parse("größe.bin")))
    assert (entry.mtime_ns, entry.content_type) == (1_600_000_000_123_000_000, None)
    assert browser.put(FOLDER + "empty", b"").status == 201
    assert house.content("empty") == b""


def test_a_file_that_is_there_is_replaced_only_if_that_is_asked_for(house: House) -> None:
    browser = house.browser("admin")
    reply = browser.put(FOLDER + "a.txt", b"second")
    assert (reply.status, reply.body) == (412, b"there is already something at /a.txt\n")
    assert house.content("a.txt") == b"first"
    assert browser.put(FOLDER + "a.txt?replace=1", b"second").status == 204
    assert house.content("a.txt") == b"second"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (FOLDER + "none/x.txt", 409),
        (FOLDER, 405),
        ("/console/flists/anna/none/x", 404),
        ("/console/tokens", 405),
        ("/", 405),
        (FOLDER + "x?modified=-1", 400),
        (FOLDER + "x?modified=99999999999999999999", 400),
        (FOLDER + "x?modified=%D9%A1", 400),
    ],
)
def test_a_file_cannot_be_put_there(house: House, target: str, status: int) -> None:
    reply = house.browser("admin").put(target, b"x")
    assert reply.status == status and reply.headers["content-type"].startswith("text/plain")
    assert house.paths() == ["a.txt"]


def test_a_form_without_a_script_uploads_several_files(house: House) -> None:
    browser = house.browser("admin")
    reply = browser.form(
        FOLDER, ("file", "b.txt", b"b"), ("file", "größe %22q%22.txt", b"q"), ("file", "C:\\x\\c.txt", b"")
    )
    assert (reply.status, reply.location) == (303, FOLDER)
    assert house.paths() == ["a.txt", "b.txt", "c.txt", 'größe "q".txt']
    assert browser.form(FOLDER, ("file", "", b"")).status == 303, "no file was chosen"
    assert browser.form(FOLDER, ("file", "..", b"x")).status == 400
    assert browser.form(FOLDER, ("file", "a.txt", b"x")).status == 412
    assert browser.form(FOLDER, ("replace", None, b"1"), ("file", "a.txt", b"x")).status == 303
    assert house.content("a.txt") == b"x"


def test_a_form_that_breaks_off_leaves_the_file_it_was_at_as_it_was(house: House) -> None:
    browser = house.browser("admin")
    kind = {"content-type": "multipart/form-data; boundary=XX"}
    head = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="cut"\r\n\r\n'
    assert browser.send("POST", FOLDER, kind, head + b"x" * 5000).status == 400
    assert house.paths() == ["a.txt"]


def test_other_bodies_are_no_forms(house: House) -> None:
    browser = house.browser("admin")
    assert browser.send("POST", FOLDER, {"content-type": "text/plain"}, b"do=folder&name=x").status == 415
    assert browser.form("/console/tokens", ("days", None, b"1")).status == 415


# -- tokens and keys -----------------------------------------------------------------------------------------------


def test_a_user_makes_a_token_that_is_shown_once_and_revokes_it(house: House) -> None:
    browser = house.browser("bert")
    made = browser.post("/console/tokens", label="Finder", days="30", flist="anna/photos", read_only="1")
    assert made.status == 200
    found = re.search(r'value="(mylist_[^"]+)"', made.text)
    assert found is not None
    actor = house.library.identity.actor_for(found[1])
    assert (actor.account, actor.scope) == ("bert", Scope(PHOTOS, True))
    page = browser.get("/console/tokens").text
    assert found[1] not in page and "Finder" in page and "anna/photos, read only" in page
    known = {facts.label: facts.token_id for facts in house.library.identity.tokens(OPERATOR, "bert")}
    assert browser.post("/console/tokens", do="revoke", token_id=known["Finder"]).status == 303
    assert house.labels("bert") == ["browser"]


@pytest.mark.parametrize("days", ["", "x", "0", "-1", "nan", "inf", "100000"])
def test_a_token_lives_a_sensible_time(house: House, days: str) -> None:
    reply = house.browser("bert").post("/console/tokens", days=days)
    assert reply.status == 400 and "Make a token" in reply.text
    assert house.labels("bert") == ["browser"]


def test_nobody_but_admins_sees_or_changes_tokens_and_keys_of_others(house: House) -> None:
    house.library.identity.add_key(OPERATOR, "anna", KEY)
    browser = house.browser("bert")
    for page in ("tokens", "keys"):
        assert browser.get(f"/console/{page}?account=anna").status == 403
    assert browser.post("/console/tokens?account=anna", days="1").status == 403
    assert browser.post("/console/keys?account=anna", key="00" * 32).status in (400, 403)
    assert browser.post("/console/keys", do="remove", key=KEY.hex()).status == 404
    admin = house.browser("admin")
    assert KEY.fingerprint in admin.get("/console/keys?account=anna").text
    assert (
        admin.post("/console/keys?account=anna", do="remove", key=KEY.hex()).location
        == "/console/keys?account=anna"
    )


def test_a_user_adds_a_key_and_removes_it(house: House) -> None:
    browser = house.browser("bert")
    text = re.search(r'<textarea name="text"[^>]*>([^<]+)</textarea>', browser.get("/console/keys").text)
    assert text is not None
    proof = {"text": text[1].replace("\n", "\r\n"), "signature": PAIR.sign(text[1].encode()).signature.hex()}
    assert browser.post("/console/keys", key=KEY.hex(), label="laptop").status == 403
    assert browser.post("/console/keys", key=KEY.hex(), **{**proof, "signature": "00" * 64}).status == 400
    assert browser.post("/console/keys", key=KEY.hex(), **{**proof, "signature": "zz"}).status == 400
    assert browser.post("/console/keys", key=KEY.hex(), label="laptop", **proof).status == 303
    page = browser.get("/console/keys").text
    assert KEY.fingerprint in page and "laptop" in page
    again = browser.post("/console/keys", key=KEY.hex(), **proof)
    assert again.status == 409 and "Add one" in again.text
    assert browser.post("/console/keys", key="ssh-rsa AAAA").status == 400
    assert browser.post("/console/keys", do="remove", key=KEY.hex()).status == 303
    assert KEY.fingerprint not in browser.get("/console/keys").text


# -- for admins ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/console/accounts", "/console/exposures", "/console/rights/anna/photos"])
def test_the_pages_of_admins_are_for_admins(house: House, path: str) -> None:
    browser = house.browser("anna")
    assert browser.get(path).status == 403
    assert browser.post(path, do="disable", name="bert").status == 403
    page = browser.get("/").text
    assert "Accounts" not in page and "Exposures" not in page and "Rights" not in browser.get(FOLDER).text


def test_an_admin_adds_disables_and_enables_accounts(house: House) -> None:
    browser = house.browser("admin")
    reply = browser.post("/console/accounts", name="carl", role="user", quota="2.5", key=KEY.openssh_line())
    assert reply.status == 303
    carl = next(facts for facts in house.library.identity.accounts(OPERATOR) if facts.name == "carl")
    assert (carl.quota_bytes, carl.keys) == (2_500_000_000, 1)
    assert "quota 2.5 GB" in browser.get("/console/accounts").text
    browser.post("/console/accounts", do="disable", name="carl")
    assert "disabled" in browser.get("/console/accounts").text
    browser.post("/console/accounts", do="enable", name="carl")
    assert "disabled" not in browser.get("/console/accounts").text
    assert browser.post("/console/accounts", name="Not A Name").status == 400
    assert browser.post("/console/accounts", name="dora", key="nonsense").status == 400
    assert browser.post("/console/accounts", name="dora", quota="nan").status == 400
    assert "dora" not in browser.get("/console/accounts").text


def test_an_admin_grants_and_takes_back_and_hides(house: House) -> None:
    browser, page = house.browser("admin"), "/console/rights/anna/photos"
    assert browser.post(page, do="grant", account="bert", right="write").location == page
    assert [tuple(one) for one in house.library.grants.grants(OPERATOR, PHOTOS)] == [("bert", Right.WRITE)]
    assert "Take back" in browser.get(page).text
    browser.post(page, do="grant", account="bert", right="none")
    assert house.library.grants.grants(OPERATOR, PHOTOS) == []
    assert browser.post(page, do="grant", account="bert", right="own").status == 400
    browser.post(page, do="private", private="yes")
    assert "photos" not in house.browser("bert").get("/").text
    browser.post(page, do="private", private="no")
    assert "photos" in house.browser("bert").get("/").text


def test_a_flist_is_deleted_only_by_its_name(house: House) -> None:
    browser, page = house.browser("admin"), "/console/rights/anna/photos"
    refused = browser.post(page, do="end", name="anna/photo")
    assert refused.status == 400 and "write its name" in refused.text
    assert browser.post(page, do="end", name="anna/photos").location == "/"
    assert [flist.flist_name for flist in house.library.flists.list(OPERATOR)] == [SECRET]


def test_an_admin_exposes_and_takes_down(house: House) -> None:
    browser, page = house.browser("admin"), "/console/exposures"
    assert browser.post(page, flist="anna/photos", where="/pics", listing="1").location == page
    assert browser.post(page, flist="anna/photos", where="pics.example", at="1").location == page
    shown = browser.get(page).text
    assert 'href="/pics/"' in shown and "pics.example" in shown and "revision 1" in shown
    assert browser.post(page, flist="anna/photos", where="/console/x").status == 400, (
        "that is the console's own"
    )
    assert browser.post(page, flist="anna/photos", where="/x", at="one").status == 400
    assert browser.post(page, do="unexpose", host="", prefix="/pics").status == 303
    assert [one.where for one in house.library.exposures.list(OPERATOR)] == ["pics.example"]


def test_an_exposure_may_be_for_some_only(house: House) -> None:
    browser, page = house.browser("admin"), "/console/exposures"
    secret = {"mode": "secret", "secret": "open sesame please"}
    assert browser.post(page, flist="anna/photos", where="a.example", **secret).status == 303
    listed = {"mode": "keys", "visitors": f"bert\r\n{KEY.openssh_line('x')}\r\n", "dav": "ro"}
    assert browser.post(page, flist="anna/photos", where="b.example", **listed).status == 303
    shown = browser.get(page).text
    assert "open sesame please" not in shown and "secret" in shown and "WebDAV ro" in shown
    assert "for <code>" in shown and "<code>bert</code>" in shown and KEY.hex()[:16] in shown
    for wrong in (
        {"mode": "odd"},
        {"mode": "secret"},
        {"mode": "keys"},
        {"secret": "open sesame please"},
        {"dav": "x"},
    ):
        assert browser.post(page, flist="anna/photos", where="c.example", **wrong).status == 400
    assert len(house.library.exposures.list(OPERATOR)) == 2


# -- what users do without an admin ------------------------------------------------------------------------------


@pytest.fixture
def free(tmp_path: Path, clock: Clock) -> Iterator[House]:
    """A house with self-service, and a domain for the sites of users."""
    given = {"accounts.self_service": True, "accounts.base_domain": "sites.example"}
    library = Library(
        load(given={"store.data": str(tmp_path / "f"), "store.durability": "os", **given}), clock
    )
    yield House(library)
    library.close()


def test_a_user_makes_a_flist_and_ends_it(free: House) -> None:
    bert = free.browser("bert")
    assert "A new flist" in bert.get("/").text
    assert bert.post("/", name="pictures").location == "/console/flists/bert/pictures/"
    assert bert.post("/", name="bert/other").status == 303
    assert bert.post("/", name="anna/mine").status == 403
    page = "/console/flists/bert/pictures/"
    assert "Delete this flist" in bert.get(page).text
    assert bert.post(page, do="end", name="pictures").status == 400
    assert bert.post(page, do="end", name="bert/pictures").location == "/"
    assert [str(one.flist_name) for one in free.library.flists.list(OPERATOR, "bert")] == ["bert/other"]


def test_what_is_of_others_a_user_does_not_end(free: House) -> None:
    bert = free.browser("bert")
    assert "Delete this flist" not in bert.get(FOLDER).text
    assert bert.post("/console/flists/anna/photos/", do="end", name="anna/photos").status == 403
    assert free.library.flists.get(OPERATOR, PHOTOS)


def test_a_user_shows_own_flists_and_sees_nothing_of_the_sites_of_others(free: House) -> None:
    free.library.exposures.expose(OPERATOR, PHOTOS, host="anna.sites.example")
    bert, page = free.browser("bert"), "/console/exposures"
    bert.post("/", name="pictures")
    shown = bert.get(page).text
    assert "bert.sites.example" in shown and "anna" not in shown.replace("anna/photos", "")
    assert bert.post(page, flist="bert/pictures", where="bert.sites.example", listing="1").location == page
    assert "Take down" in bert.get(page).text
    assert bert.post(page, flist="bert/pictures", where="anna.sites.example").status == 403
    assert bert.post(page, flist="anna/photos", where="x.bert.sites.example").status == 403
    assert bert.post(page, do="unexpose", host="anna.sites.example").status == 403
    assert bert.post(page, do="unexpose", host="bert.sites.example").location == page


def test_without_self_service_a_user_is_offered_none_of_it(house: House) -> None:
    bert = house.browser("bert")
    home = bert.get("/").text
    assert "A new flist" not in home and "Exposures" not in home
    assert bert.post("/", name="pictures").status == 403
    assert bert.get("/console/exposures").status == 403


# -- the audit -----------------------------------------------------------------------------------------------------


def test_the_audit_shows_everything_to_admins_and_to_others_what_they_did(house: House) -> None:
    house.library.grants.grant(OPERATOR, "bert", PHOTOS, Right.WRITE)
    bert, admin = house.browser("bert"), house.browser("admin")
    bert.post(FOLDER, do="folder", name=EVIL.replace("/", "\\"))
    admin.post(FOLDER, do="delete", name="a.txt")
    mine, everything = bert.get("/console/audit"), admin.get("/console/audit")
    assert "mkdir" in mine.text and "192.0.2.1" in mine.text and "admin" not in mine.text
    assert "<script>alert" not in mine.body.decode()
    assert "mkdir" in everything.text and "In all" in everything.text and "In all" not in mine.text
    only = admin.get("/console/audit?account=admin&action=delete&flist=anna/photos").text
    assert "mkdir</span>" not in only and "delete</span>" in only
    assert bert.get("/console/audit?account=admin").status == 403
    assert admin.get("/console/audit?action=dance").status == 400
    assert admin.get("/console/audit?before=x").status == 400
    assert admin.post("/console/audit", do="x").status == 405


def test_a_long_audit_is_shown_in_parts(house: House) -> None:
    admin = house.browser("admin")
    for number in range(105):
        admin.post(FOLDER, do="folder", name=f"d{number}")
    first = admin.get("/console/audit?action=mkdir").text
    older = re.search(r'href="(\?[^"]+before=[0-9]+)"', first)
    assert older is not None and first.count("mkdir</span>") == 100
    assert admin.get("/console/audit" + older[1]).text.count("mkdir</span>") == 5


# -- what it costs ---------------------------------------------------------------------------------------------------


def test_what_goes_through_the_console_is_counted_for_account_and_flist(house: House) -> None:
    admin, bert = house.browser("admin"), house.browser("bert")
    house.library.grants.grant(OPERATOR, "bert", PHOTOS, Right.WRITE)
    sizes = [len(bert.get(page).body) for page in ("/", FOLDER, "/console/tokens")]
    bert.put(FOLDER + "new.txt", b"1234567")
    bert.post(FOLDER, do="folder", name="d")
    bert.get("/console/flists/anna/nothere/")
    admin.get("/console/rights/anna/photos")
    house.library.ledger.flush()
    with house.library.catalog.view() as view:
        accounts = {one.name: one for one in view.records.tallies(TallyKind.ACCOUNT)}
        flists = {one.name: one for one in view.records.tallies(TallyKind.FLIST)}
    assert (accounts["bert"].requests, accounts["bert"].down_bytes) == (5, sum(sizes))
    assert accounts["bert"].up_bytes == 7 + len("do=folder&name=d")
    assert list(flists) == ["anna/photos"]
    assert (flists["anna/photos"].requests, flists["anna/photos"].up_bytes) == (4, accounts["bert"].up_bytes)


# -- all of them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", ["admin", "bert"])
def test_every_link_of_every_page_leads_somewhere(house: House, account: str) -> None:
    house.library.flists.create(OPERATOR, FlistName("bert", "größe & so? 100%"))
    house.library.exposures.expose(OPERATOR, PHOTOS, prefix="/pics")
    browser = house.browser(account)
    seen, ahead = set[str](), ["/"]
    while ahead:
        path = ahead.pop()
        if path in seen or not path.startswith(("/console", "/")) or path.startswith(("/dav/", "/pics/")):
            continue
        seen.add(path)
        reply = browser.get(path)
        assert reply.status == (303 if path == "/logout" else 200), path
        ahead += [href for href in hrefs(reply.text) if href.startswith("/")]
    assert len(seen) >= (9 if account == "admin" else 6)


def test_no_page_loads_anything_from_elsewhere(house: House) -> None:
    browser = house.browser("admin")
    for path in ("/", FOLDER, "/console/tokens", "/login"):
        raw = browser.get(path).body.decode()
        assert not re.search(r"<(script|img|link|iframe|object|embed)[^>]*(src|href)=\"(?!data:)", raw)
        assert not re.search(r"\son[a-z]+=", re.sub(r"<script>.*?</script>", "", raw, flags=re.DOTALL))
