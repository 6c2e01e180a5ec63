"""Protected sites: what is said to whom, what a browser keeps, what goes out."""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import urlencode

import pytest
from nacl.signing import SigningKey

from mylist_dav.errors import MylistError
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.exposures import Mode
from mylist_dav.services.exposing.exposures import Exposures
from mylist_dav.services.limits.attempts import BURST
from mylist_dav.web.front import SiteFrontEnd
from mylist_dav.wire.auth import parse_authorization
from mylist_dav.wire.clear import InClear
from mylist_dav.wire.messages import Response, WholeBody
from mylist_dav.wire.visits import COOKIE
from tests.web.publishing import ELSEWHERE, HOST, PHRASE, SITE, Publisher, field, request_for

FILES = {
    "index.html": "<title>hello</title>",
    "a.txt": "secret words",
    "app.js": "1",
    "folder/b.txt": "b",
    ".hidden": "h",
    "404.html": "own page",
}
BROWSER = {"Accept": "text/html,application/xhtml+xml"}
PATHS = ["/", "/a.txt", "/none", "/.hidden", "/folder", "/folder/", "/a.txt/", "//a.txt", "/a.txt?x=1"]


@pytest.fixture
def site(publisher: Publisher) -> Publisher:
    """alice/site on HOST behind PHRASE; accounts anna (admin), rita (user)."""
    publisher.flist(files=dict(FILES))
    publisher.identity.add_account(OPERATOR, "anna", Role.ADMIN)
    publisher.identity.add_account(OPERATOR, "rita", Role.USER)
    publisher.expose(mode=Mode.SECRET, secret=PHRASE)
    return publisher


def basic(user: str, password: str) -> dict[str, str]:
    value = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    assert parse_authorization(value) is not None
    return {"Authorization": value}


def send_form(
    publisher: Publisher,
    fields: dict[str, str],
    target: str = "/",
    headers: dict[str, str] | None = None,
    host: str = HOST,
    scheme: str = "http",
) -> Response:
    """POST a form, as an engine does."""
    sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    request = request_for(target, host, "POST", sent)
    request.has_body, request.client, request.scheme = True, "192.0.2.1", scheme
    assert publisher.front.answer_now(request) is None
    try:
        sink = publisher.front.respond(request)
        if isinstance(sink, Response):
            return sink
        assert isinstance(sink, WholeBody)
        sink.write(urlencode(fields).encode())
        return sink.finish()
    except MylistError as error:
        return publisher.front.render_error(request, error)


def cookie_of(response: Response) -> dict[str, str]:
    kept = field(response, "set-cookie")
    assert kept is not None
    return {"Cookie": kept.partition(";")[0]}


def told(response: Response) -> tuple[object, ...]:
    """All of it but what is new in each form: the text to sign."""
    assert isinstance(response.body, bytes)
    fresh = rb"nonce: [0-9a-f]{64}\nexpires: [0-9]+\nmac: [0-9a-f]{64}"
    return response.status, response.headers, re.sub(fresh, b"", response.body)


# -- from outside ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, BROWSER, basic("x", "a wrong phrase"), {"Cookie": f"{COOKIE}=1..2"}])
@pytest.mark.parametrize("mode", [Mode.SECRET, Mode.KEYS])
def test_from_outside_every_path_looks_the_same(site: Publisher, headers: dict[str, str], mode: Mode) -> None:
    if mode is Mode.KEYS:
        site.expose(mode=mode, visitors=["rita"])
    guesses = "Authorization" in headers  # and nobody may guess often
    for method in ("GET",) if guesses else ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        answers = [told(site.ask(path, method=method, headers=headers)) for path in PATHS[:BURST]]
        assert all(answer == answers[0] for answer in answers)
        assert answers[0][0] == 401
    assert b"secret words" not in site.body(site.ask("/a.txt", headers=headers))


def test_who_is_not_on_the_list_is_refused_alike_everywhere(site: Publisher) -> None:
    site.expose(mode=Mode.KEYS, visitors=["rita"])
    site.identity.add_account(OPERATOR, "emil", Role.USER)
    token = site.identity.new_token(OPERATOR, "emil")
    for headers in ({"Authorization": f"Bearer {token}"}, {**BROWSER, "Authorization": f"Bearer {token}"}):
        answers = [told(site.ask(path, headers=headers)) for path in PATHS]
        assert all(answer == answers[0] for answer in answers) and answers[0][0] == 403


def test_a_browser_gets_a_form_and_a_program_is_asked_for_basic(site: Publisher) -> None:
    form = site.ask("/a.txt", headers=BROWSER)
    assert (form.status, field(form, "www-authenticate")) == (401, 'Form realm="mylist"')
    page = site.body(form).decode()
    assert '<form method="post">' in page and 'type="password"' in page and "<script" not in page
    assert "form-action 'self'" in str(field(form, "content-security-policy"))
    assert (field(form, "cache-control"), field(form, "x-frame-options")) == ("no-store", "DENY")
    program = site.ask("/a.txt", headers={"Accept": "*/*"})
    assert program.status == 401
    assert str(field(program, "www-authenticate")).startswith("Basic ")


def test_what_a_page_of_a_browser_loads_brings_up_no_dialogue(site: Publisher) -> None:
    response = site.ask("/app.js", headers={"Accept": "*/*", "Sec-Fetch-Mode": "no-cors"})
    assert (response.status, field(response, "www-authenticate")) == (401, 'Form realm="mylist"')


def test_options_say_the_same_to_everybody(site: Publisher) -> None:
    for path in PATHS:
        assert told(site.ask(path, method="OPTIONS")) == told(site.ask("/", method="OPTIONS"))


def test_nothing_of_a_protected_site_is_answered_from_memory(site: Publisher) -> None:
    for _ in range(3):
        assert site.ask("/a.txt", headers=basic("x", PHRASE)).status == 200
    for headers in ({}, basic("x", PHRASE)):
        assert site.front.answer_now(request_for("/a.txt", headers=headers)) is None
    assert site.ask("/a.txt").status == 401


def test_a_site_that_becomes_secret_is_so_with_the_next_request(site: Publisher) -> None:
    site.expose()
    for _ in range(3):
        assert site.text("/a.txt") == "secret words"
    site.expose(mode=Mode.SECRET, secret=PHRASE)
    assert site.ask("/a.txt").status == 401
    site.expose()
    assert site.text("/a.txt") == "secret words"


# -- with Basic and Bearer ---------------------------------------------------------------------------------------


def test_the_phrase_opens_as_the_password_of_anybody(site: Publisher) -> None:
    for user in ("", "x", "anna"):
        response = site.ask("/a.txt", headers=basic(user, PHRASE))
        assert (response.status, site.body(response)) == (200, b"secret words")
    assert site.ask("/a.txt", headers=basic("x", PHRASE + "x")).status == 401
    assert site.ask("/a.txt", headers={"Authorization": f"Bearer {PHRASE.replace(' ', '')}"}).status == 401


def test_tokens_open_what_their_accounts_may_see(site: Publisher) -> None:
    tokens = {name: site.identity.new_token(OPERATOR, name) for name in ("anna", "rita")}

    def statuses(name: str) -> tuple[int, int]:
        bearer = {"Authorization": f"Bearer {tokens[name]}"}
        return (
            site.ask("/a.txt", headers=bearer).status,
            site.ask("/a.txt", headers=basic(name, tokens[name])).status,
        )

    assert (statuses("anna"), statuses("rita")) == ((200, 200), (401, 401))
    site.expose(mode=Mode.KEYS, visitors=["rita"])
    assert (statuses("anna"), statuses("rita")) == ((200, 200), (200, 200))
    assert site.ask("/a.txt", headers=basic("anna", tokens["rita"])).status == 401
    response = site.ask("/a.txt", headers={"Authorization": f"Bearer {tokens['rita']}"})
    assert response.account == "rita"


def test_guessing_is_slowed_for_an_address_and_says_for_how_long(site: Publisher) -> None:
    statuses = [site.ask("/", headers=basic("x", f"wrong number {n}")).status for n in range(BURST + 2)]
    assert statuses == [401] * BURST + [429] * 2
    refused = site.ask("/", headers=basic("x", PHRASE))
    assert refused.status == 429 and 0 < int(str(field(refused, "retry-after"))) <= 60


# -- with the form -----------------------------------------------------------------------------------------------


def test_the_form_leads_to_where_one_wanted_to_go(site: Publisher) -> None:
    response = send_form(site, {"phrase": PHRASE}, "/folder/b.txt?x=1")
    assert (response.status, field(response, "location")) == (303, "/folder/b.txt?x=1")
    kept = str(field(response, "set-cookie"))
    assert re.fullmatch(rf"{COOKIE}=[0-9a-f.]+; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax", kept)
    assert PHRASE not in kept
    assert site.body(site.ask("/folder/b.txt", headers=cookie_of(response))) == b"b"
    assert site.ask("/none", headers=cookie_of(response)).status == 404


def test_under_tls_the_cookie_is_of_this_host_alone(site: Publisher) -> None:
    response = send_form(site, {"phrase": PHRASE}, scheme="https")
    kept = str(field(response, "set-cookie"))
    assert kept.startswith(f"__Host-{COOKIE}=") and kept.endswith("; Secure") and "Domain" not in kept
    request = request_for("/a.txt", headers=cookie_of(response))
    assert site.front.respond(request).status == 401, "over plain HTTP it does not count"  # type: ignore[union-attr]
    request.scheme = "https"
    assert site.front.respond(request).status == 200  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "target",
    ["//evil.example/x", "///evil.example//", "/%2Fevil.example", "/\\evil.example", "/%5Cevil.example/"],
)
def test_the_form_leads_nowhere_else(site: Publisher, target: str) -> None:
    response = send_form(site, {"phrase": PHRASE}, target)
    if response.status == 303:
        assert re.match(r"/[^/\\]", str(field(response, "location")))
    else:
        assert response.status == 400


def test_a_wrong_phrase_shows_the_form_again(site: Publisher) -> None:
    response = send_form(site, {"phrase": "not the phrase"}, "/a.txt")
    assert (response.status, field(response, "set-cookie")) == (403, None)
    assert "That is not the pass phrase." in site.body(response).decode()
    assert "not the phrase" not in site.body(response).decode().replace("That is not the pass phrase.", "")
    for fields in ({}, {"phrase": ""}, {"other": PHRASE}):
        assert send_form(site, fields).status == 403


def test_the_form_is_slowed_too(site: Publisher) -> None:
    statuses = [send_form(site, {"phrase": f"wrong number {n}"}).status for n in range(BURST + 1)]
    assert statuses == [403] * BURST + [429]
    assert "Wait a little" in site.body(send_form(site, {"phrase": PHRASE})).decode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": f"http://{HOST}"}, 303),
        ({"Origin": f"https://{HOST}"}, 303),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": f"http://{HOST}.evil.example"}, 403),
        ({"Origin": f"http://{HOST}:81"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "same-site", "Origin": f"http://{HOST}"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_form_of_another_origin_does_not_count(
    site: Publisher, headers: dict[str, str], status: int
) -> None:
    assert send_form(site, {"phrase": PHRASE}, headers=headers).status == status


def test_a_form_is_a_form_and_of_some_size(site: Publisher) -> None:
    assert send_form(site, {"phrase": PHRASE}, headers={"Content-Type": "text/plain"}).status == 415
    assert send_form(site, {f"f{n}": "x" for n in range(50)}).status == 400
    request = request_for("/", method="POST")
    request.has_body = True
    sink = site.front.respond(request)
    assert isinstance(sink, WholeBody) and sink.limit_bytes <= 8192
    assert send_form(site, {"phrase": PHRASE}, host=HOST).status == 303
    site.expose()
    assert send_form(site, {"phrase": PHRASE}).status == 405, "a public site takes no forms"


def test_a_token_goes_into_the_same_field(site: Publisher) -> None:
    site.expose(mode=Mode.KEYS, visitors=["rita"])
    token = site.identity.new_token(OPERATOR, "rita")
    response = send_form(site, {"phrase": token}, "/a.txt")
    assert response.status == 303 and token not in str(field(response, "set-cookie"))
    assert site.body(site.ask("/a.txt", headers=cookie_of(response))) == b"secret words"
    assert site.ask("/a.txt", headers={**cookie_of(response), "Origin": "x"}, method="PUT").status == 405
    site.identity.revoke_this(token)
    assert site.ask("/a.txt", headers=cookie_of(response)).status == 401


def test_the_cookie_dies_when_the_phrase_changes(site: Publisher) -> None:
    cookie = cookie_of(send_form(site, {"phrase": PHRASE}))
    assert site.ask("/", headers=cookie).status == 200
    site.expose(mode=Mode.SECRET, secret="another phrase")
    assert site.ask("/", headers=cookie).status == 401
    assert site.ask("/", headers=basic("x", PHRASE)).status == 401


@pytest.mark.parametrize(
    ("fetch", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 401),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 401),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 401),
    ],
)
def test_other_hosts_of_the_same_domain_include_nothing_with_the_cookie(
    site: Publisher, fetch: dict[str, str], status: int
) -> None:
    cookie = cookie_of(send_form(site, {"phrase": PHRASE}))
    assert site.ask("/app.js", headers={**cookie, **fetch}).status == status


def test_a_cookie_among_others_is_found_and_never_opens_another_site(site: Publisher) -> None:
    cookie = cookie_of(send_form(site, {"phrase": PHRASE}))["Cookie"]
    assert site.ask("/", headers={"Cookie": f"a=b; {COOKIE}=1..2;{cookie}; c"}).status == 200
    site.expose(host="other.example", mode=Mode.SECRET, secret=PHRASE)
    assert site.ask("/", "other.example", headers={"Cookie": cookie}).status == 401


def test_a_key_on_the_list_comes_in_by_signing_the_text_of_the_form(site: Publisher) -> None:
    pair, other = SigningKey(bytes(32)), SigningKey(bytes([1]) * 32)
    key = bytes(pair.verify_key).hex()
    site.expose(mode=Mode.KEYS, visitors=[key])

    def text() -> str:
        found = re.search(
            r"<textarea[^>]*>(.*?)</textarea>", site.body(site.ask("/", headers=BROWSER)).decode(), re.S
        )
        assert found is not None
        return found[1]

    def sign(signed: str, by: SigningKey = pair, key: str = key) -> Response:
        signature = by.sign(signed.encode()).signature.hex()
        return send_form(
            site, {"text": signed.replace("\n", "\r\n"), "key": key, "signature": signature}, "/a.txt"
        )

    signed = text()
    assert f"\nsite: {HOST}\n" in signed
    response = sign(signed)
    assert (response.status, field(response, "location")) == (303, "/a.txt")
    assert site.body(site.ask("/a.txt", headers=cookie_of(response))) == b"secret words"
    assert sign(signed).status == 403, "a text counts once"
    unknown = sign(text(), other, bytes(other.verify_key).hex())
    wrong = sign(text(), other)
    assert (unknown.status, told(unknown)) == (403, told(wrong))
    assert sign(text().replace(HOST, "other.example")).status == 403
    assert sign("mylist visit by key").status == 400
    assert send_form(site, {"text": text(), "key": "x", "signature": "00"}).status == 400
    assert send_form(site, {"text": text(), "key": key, "signature": "zz"}).status == 400
    before = text()
    site.expose(mode=Mode.KEYS, visitors=[key])
    assert sign(before).status == 403, "the list was changed since"


# -- what goes out -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "status"),
    [("/", 200), ("/a.txt", 200), ("/app.js", 200), ("/none", 404), ("/folder", 308), ("/folder/", 200)],
)
def test_what_goes_out_is_for_this_visitor_alone(site: Publisher, target: str, status: int) -> None:
    response = site.ask(target, headers=basic("x", PHRASE))
    assert response.status == status
    assert field(response, "cache-control") == "private, no-store"
    assert field(response, "cross-origin-resource-policy") == "same-origin"
    assert field(response, "access-control-allow-origin") is None
    assert field(response, "x-robots-tag") == "noindex"
    if status == 404:
        assert site.body(response) == b"own page"


def test_hidden_names_are_hidden_inside_too(site: Publisher) -> None:
    admin = {"Authorization": f"Bearer {site.identity.new_token(OPERATOR, 'anna')}"}
    assert site.ask("/.hidden", headers=basic("x", PHRASE)).status == 404
    assert site.ask("/.hidden", headers=admin).status == 404
    site.expose(mode=Mode.SECRET, secret=PHRASE, dav="ro")
    assert site.ask("/.hidden", headers=basic("x", PHRASE)).status == 404
    assert site.body(site.ask("/.hidden", headers=admin)) == b"h", "WebDAV lists it for them"
    site.expose(dav="ro")
    for _ in range(2):
        found = site.ask("/.hidden", headers=admin)
        assert (found.status, field(found, "cache-control")) == (200, "private, no-store")
        assert site.ask("/.hidden").status == 404
    reader = {"Authorization": f"Bearer {site.identity.new_token(OPERATOR, 'rita')}"}
    assert site.ask("/.hidden", headers=reader).status == 200, "who may read the flist"
    assert site.ask("/.hidden", headers=basic("x", "wrong")).status == 404


def test_nothing_is_asked_for_that_must_not_come_over_plain_http(site: Publisher) -> None:
    site.front = SiteFrontEnd(site.sites, site.blocks, site.gates, in_clear=InClear("refuse", lambda: 0))
    for client, status in (("192.0.2.1", 403), ("127.0.0.1", 401)):
        for headers in ({}, BROWSER):
            request = request_for("/a.txt", headers=headers)
            request.client = client
            response = site.front.respond(request)
            assert isinstance(response, Response)
            assert response.status == status
            assert (b"<form" in site.body(response)) is (status == 401 and headers is BROWSER)
    assert send_form(site, {"phrase": PHRASE}).status == 403


# -- on a prefix -------------------------------------------------------------------------------------------------


def test_on_a_prefix_there_is_basic_and_no_form_and_no_cookie(site: Publisher) -> None:
    cookie = cookie_of(send_form(site, {"phrase": PHRASE}))
    site.exposures = Exposures(site.catalog, protected_prefixes=True)
    site.expose(prefix="/p", mode=Mode.SECRET, secret=PHRASE)
    refused = site.ask("/p/a.txt", ELSEWHERE, headers=BROWSER)
    assert refused.status == 401 and str(field(refused, "www-authenticate")).startswith("Basic ")
    assert b"<form" not in site.body(refused)
    assert site.ask("/p/a.txt", ELSEWHERE, headers=cookie).status == 401
    assert send_form(site, {"phrase": PHRASE}, "/p/", host=ELSEWHERE).status == 401
    found = site.ask("/p/app.js", ELSEWHERE, headers=basic("x", PHRASE))
    assert found.status == 200
    assert "sandbox" in str(field(found, "content-security-policy"))
    assert field(found, "access-control-allow-origin") is None
    assert field(found, "cross-origin-resource-policy") == "same-origin"
    assert field(found, "set-cookie") is None


def test_a_flist_that_is_gone_takes_its_protected_site_with_it(site: Publisher) -> None:
    site.flists.delete(OPERATOR, SITE)
    assert site.ask("/a.txt", headers=basic("x", PHRASE)).status == 404
