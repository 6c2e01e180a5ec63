"""Protected sites in a browser: coming in by the form, and what scripts of other sites get of what lies behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.exposures import Mode
from mylist_dav.model.names import FlistName
from mylist_dav.services.exposing.exposures import Exposures
from tests.browser.conftest import FOREIGN_HOST, HOST, OTHER_HOST, Shown

PHRASE = "correct horse battery"
VAULT = FlistName("alice", "vault")
SPY = FlistName("eve", "spy")
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"><rect width="7" height="7"/></svg>'
VAULT_FILES = {
    "index.html": '<!doctype html><title>vault</title><p>secret</p><script src="data.js"></script><img src="dot.svg">',
    "data.js": "window.stolen = 'secret';",
    "data.json": '"secret"',
    "dot.svg": DOT,
    "style.css": "p { color: rgb(1, 2, 3) }",
}
SPY_FILES = {"index.html": "<!doctype html><title>spy</title><p>text</p>"}

ATTEMPTS = {
    "fetch": "fetch('{at}/data.json', {{credentials: 'include'}}).then(r => r.text())",
    "fetch of the page": "fetch('{at}/', {{credentials: 'include'}}).then(r => r.text())",
    "fetch without CORS": """fetch('{at}/data.json', {{mode: 'no-cors', credentials: 'include'}})
        .then(r => r.text()).then(t => {{ if (!t) throw 'opaque'; return t }})""",
    "XMLHttpRequest": """new Promise((done, failed) => {{ const r = new XMLHttpRequest();
        r.open('GET', '{at}/data.json'); r.withCredentials = true;
        r.onload = () => done(r.responseText); r.onerror = () => failed('refused'); r.send(); }})""",
    "a script": """new Promise((done, failed) => {{ const s = document.createElement('script');
        s.src = '{at}/data.js'; s.onload = () => window.stolen ? done(window.stolen) : failed('empty');
        s.onerror = () => failed('refused'); document.head.append(s); }})""",
    "an image": """new Promise((done, failed) => {{ const i = new Image(); i.src = '{at}/dot.svg';
        i.onload = () => done(i.naturalWidth); i.onerror = () => failed('refused'); }})""",
    "a style sheet": """new Promise((done, failed) => {{ const l = document.createElement('link');
        l.rel = 'stylesheet'; l.href = '{at}/style.css'; l.onload = () =>
        getComputedStyle(document.querySelector('p')).color === 'rgb(1, 2, 3)' ? done('styled') : failed('no');
        l.onerror = () => failed('refused'); document.head.append(l); }})""",
    "a frame": """new Promise((done, failed) => {{ const f = document.createElement('iframe'); f.src = '{at}/';
        f.onload = () => {{ try {{ done(f.contentWindow.document.body.textContent.match('secret')[0]) }}
        catch (e) {{ failed(e) }} }}; document.body.append(f); }})""",
    "a module": "import('{at}/data.js').then(() => window.stolen)",
}
TOLD = """Promise.race([
    (async () => {{ try {{ return 'got ' + await ({}) }} catch (e) {{ return 'refused: ' + e }} }})(),
    new Promise(done => setTimeout(() => done('nothing came of it'), 3000)),
])"""


@pytest.fixture(scope="module", autouse=True)
def sites(shown: Shown) -> None:
    author = shown.author
    author.flist(VAULT, dict(VAULT_FILES))
    author.flist(SPY, dict(SPY_FILES))
    author.expose(VAULT, host=HOST, mode=Mode.SECRET, secret=PHRASE)
    author.expose(SPY, host=OTHER_HOST)
    author.expose(SPY, host=FOREIGN_HOST)
    author.expose(SPY, prefix="/spy")
    allowing = Exposures(author.catalog, protected_prefixes=True)
    allowing.expose(OPERATOR, VAULT, prefix="/vault", mode=Mode.SECRET, secret=PHRASE)


@pytest.fixture
def inside(shown: Shown) -> Iterator[Any]:
    """A page of a browser that has come in to the vault by its form, without scripts being needed for it."""
    context = shown.browser.new_context()
    page = context.new_page()
    page.goto(f"{shown.host_url}/index.html")
    page.fill("#secret", PHRASE)
    page.click("button")
    assert page.inner_text("p") == "secret"
    yield page
    context.close()


def test_the_form_works_without_scripts(shown: Shown) -> None:
    context = shown.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    assert page.goto(f"{shown.host_url}/data.json?x=1", wait_until="load").status == 401
    assert page.inner_text("label") == "Pass phrase"
    page.fill("#secret", "not the phrase")
    page.press("#secret", "Enter")
    assert page.inner_text("[role=alert]") == "That is not the pass phrase."
    page.fill("#secret", PHRASE)
    page.press("#secret", "Enter")
    assert page.url == f"{shown.host_url}/data.json?x=1"
    assert page.inner_text("body") == '"secret"'
    assert [text for text in complaints if not any(status in text for status in ("401", "403", "404"))] == []
    page.goto(f"{shown.host_url}/")
    assert page.evaluate("document.querySelector('img').naturalWidth") == 7, "the page loads what is its own"
    [cookie] = [each for each in context.cookies() if each["name"].endswith("mylist-visit")]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["domain"]) == (True, "Lax", HOST)
    context.close()


@pytest.mark.parametrize("listed", [True, False])
def test_a_visitor_signs_with_a_key_file_that_stays_in_the_browser(
    shown: Shown, tmp_path: Path, listed: bool
) -> None:
    """On localhost, which is a secure place to a browser as https is."""
    seed = (b"in" if listed else b"no").ljust(32, b"x")
    key = SigningKey(seed)
    file = tmp_path / "key"
    public = bytes(key.verify_key).hex()
    file.write_text(f"mylist private key, version 1\npublic: {public}\nseed: {seed.hex()}\n")
    invited = SigningKey(b"in".ljust(32, b"x"))
    visitors = [bytes(invited.verify_key).hex()]
    shown.author.expose(VAULT, host="localhost", mode=Mode.KEYS, visitors=visitors)
    context = shown.browser.new_context()
    page = context.new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    page.goto(f"{shown.at('localhost')}/index.html")
    page.set_input_files("#key-file", str(file))
    page.click("#sign:not([disabled])")
    page.wait_for_load_state()
    if listed:
        page.wait_for_function("document.title === 'vault'")
        assert page.inner_text("p") == "secret"
    else:
        page.wait_for_selector("[role=alert]:not([hidden])")
        assert "not on the list" in page.inner_text("[role=alert] >> nth=0")
    assert any("signature=" in each for each in sent) and not any(seed.hex() in each for each in sent)
    context.close()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_fits_its_screen(shown: Shown, width: int, scheme: str) -> None:
    context = shown.browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
    page = context.new_page()
    page.goto(shown.host_url)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.querySelector('button').getBoundingClientRect().height") >= 44
    assert page.evaluate("document.activeElement.id") == "secret"
    context.close()


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_script_of_the_site_itself_gets_at_it(shown: Shown, inside: Any, name: str) -> None:
    """The attempts do work where nothing stands against them."""
    outcome = inside.evaluate(TOLD.format(ATTEMPTS[name].format(at=shown.host_url)))
    assert outcome.startswith("got "), outcome


@pytest.mark.parametrize("name", ATTEMPTS)
@pytest.mark.parametrize("where", ["same domain", "elsewhere", "prefix"])
def test_a_script_of_another_site_cannot_read_it(shown: Shown, inside: Any, where: str, name: str) -> None:
    spy = {
        "same domain": f"{shown.at(OTHER_HOST)}/",
        "elsewhere": f"{shown.at(FOREIGN_HOST)}/",
        "prefix": f"{shown.url}/spy/",
    }
    inside.goto(spy[where])
    outcome = inside.evaluate(TOLD.format(ATTEMPTS[name].format(at=shown.host_url)))
    assert not outcome.startswith("got "), outcome


def test_the_cookie_is_not_for_scripts_and_not_for_other_hosts(shown: Shown, inside: Any) -> None:
    assert inside.evaluate("document.cookie") == ""
    inside.goto(f"{shown.at(OTHER_HOST)}/")
    assert inside.evaluate("document.cookie") == ""
    inside.goto(f"{shown.host_url}/index.html")
    assert inside.inner_text("p") == "secret", "and it is still there"


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_script_on_a_prefix_cannot_read_a_protected_prefix(shown: Shown, name: str) -> None:
    """Though the browser knows the phrase, and sends it along."""
    context = shown.browser.new_context(http_credentials={"username": "x", "password": PHRASE})
    page = context.new_page()
    assert page.goto(f"{shown.url}/vault/data.json").status == 200
    page.goto(f"{shown.url}/spy/")
    outcome = page.evaluate(TOLD.format(ATTEMPTS[name].format(at=f"{shown.url}/vault")))
    assert not outcome.startswith("got "), outcome
    context.close()
