"""What scripts of a published site can do: on a prefix nothing but work for their own page; on a host all they like."""

from __future__ import annotations

from typing import Any

import pytest

from mylist_dav.model.names import FlistName
from tests.browser.conftest import HOST, Shown
from tests.browser.fonts import WIDE_TTF

SITE = FlistName("alice", "app")
VICTIM = FlistName("bob", "victim")
DOT_SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"><rect width="7" height="7"/></svg>'

OWN_FILES = {
    "style.css": "@font-face { font-family: Wide; src: url(wide.ttf) } p { color: rgb(1, 2, 3) } b { font: 10px Wide }",
    "classic.js": "window.classic = 'ran';",
    "module.js": "import { word } from './deep/part.js'; window.module = word;",
    "deep/part.js": "export const word = 'imported';",
    "dot.svg": DOT_SVG,
    "wide.ttf": WIDE_TTF,
    "sw.js": "",
    "own.json": "{}",
    "index.html": """<!doctype html><title>app</title><link rel="stylesheet" href="style.css">
<p>text</p><b>A</b><img src="dot.svg">
<script src="classic.js"></script><script type="module" src="module.js"></script>""",
}
VICTIM_FILES = {
    "index.html": "<!doctype html><title>victim</title>secret",
    "data.json": '"secret"',
    "sw.js": "",
}

ATTEMPTS = {
    "fetch of the root": "fetch('/', {credentials: 'include'}).then(r => r.text())",
    "fetch of the welcome page": "fetch('/welcome/index.html').then(r => r.text())",
    "fetch of another site": "fetch('/victim/index.html').then(r => r.text())",
    "fetch of data of another site": "fetch('/victim/data.json').then(r => r.text())",
    "fetch of WebDAV": "fetch('/dav/', {credentials: 'include'}).then(r => r.text())",
    "fetch of the health": "fetch('/healthz').then(r => r.text())",
    "PUT with credentials": """fetch('/dav/alice/app/x', {method: 'PUT', body: 'x', credentials: 'include'})
        .then(r => r.status)""",
    "XMLHttpRequest": """new Promise((done, failed) => {
        const r = new XMLHttpRequest(); r.open('GET', '/victim/data.json');
        r.onload = () => done(r.responseText); r.onerror = () => failed(new Error('refused')); r.send(); })""",
    "a frame": """new Promise((done, failed) => { const f = document.createElement('iframe'); f.src = '/victim/';
        f.onload = () => { try { done(f.contentWindow.document.body.textContent) } catch (e) { failed(e) } };
        document.body.append(f); })""",
    "its cookies": "Promise.resolve().then(() => document.cookie)",
    "its storage": "Promise.resolve().then(() => localStorage.setItem('a', 'b'))",
    "its session storage": "Promise.resolve().then(() => sessionStorage.length)",
    "its database": """new Promise((done, failed) => {
        const r = indexedDB.open('x'); r.onsuccess = done; r.onerror = failed; })""",
    "its caches": "Promise.resolve().then(() => caches.open('x'))",
    "a service worker": "navigator.serviceWorker.register('sw.js', {scope: './'}).then(() => 'registered')",
}
TOLD = """Promise.race([
    (async () => {{ try {{ return 'got ' + await ({}) }} catch (e) {{ return 'refused: ' + e }} }})(),
    new Promise(done => setTimeout(() => done('nothing came of it'), 10000)),
])"""
ON_A_HOST_TOO = frozenset(
    ("PUT with credentials", "fetch of WebDAV", "fetch of the health", "fetch of the welcome page")
)


@pytest.fixture(scope="module", autouse=True)
def sites(shown: Shown) -> None:
    shown.author.flist(SITE, dict(OWN_FILES))
    shown.author.flist(VICTIM, dict(VICTIM_FILES))
    shown.author.expose(SITE, prefix="/app")
    shown.author.expose(VICTIM, prefix="/victim")
    both = FlistName("alice", "both")
    shown.author.flist(both, {**OWN_FILES, **{f"victim/{path}": text for path, text in VICTIM_FILES.items()}})
    shown.author.expose(both, host=HOST)


@pytest.mark.parametrize("where", ["prefix", "host"])
def test_a_site_loads_its_own_style_scripts_modules_images_and_fonts(
    shown: Shown, page: Any, where: str
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(f"{shown.url}/app/" if where == "prefix" else f"{shown.host_url}/")
    page.wait_for_function("window.module !== undefined")
    page.evaluate("document.fonts.ready")
    assert page.evaluate("[window.classic, window.module]") == ["ran", "imported"]
    assert page.evaluate("getComputedStyle(document.querySelector('p')).color") == "rgb(1, 2, 3)"
    assert page.evaluate("document.querySelector('img').naturalWidth") == 7
    assert page.evaluate("document.querySelector('b').getBoundingClientRect().width") == 30, (
        "A is three em wide"
    )
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_script_on_a_prefix_cannot_reach(shown: Shown, page: Any, name: str) -> None:
    page.context.add_cookies([{"name": "login", "value": "secret", "url": shown.url}])
    page.goto(f"{shown.url}/app/")
    outcome = page.evaluate(TOLD.format(ATTEMPTS[name]))
    assert outcome.startswith("refused: "), outcome


@pytest.mark.parametrize("name", [name for name in ATTEMPTS if name not in ON_A_HOST_TOO])
def test_a_script_on_a_host_of_its_own_can_reach(shown: Shown, page: Any, name: str) -> None:
    """The attempts do work where nothing stands against them (but what only secure origins have)."""
    page.goto(f"{shown.host_url}/")
    needs_security = {"a service worker": "navigator.serviceWorker", "its caches": "window.caches"}
    if name in needs_security and not page.evaluate(f"!!{needs_security[name]}"):
        pytest.skip("only a secure origin has it")
    outcome = page.evaluate(TOLD.format(ATTEMPTS[name]))
    assert outcome.startswith("got"), outcome


def test_a_page_on_a_prefix_is_an_origin_that_nobody_shares(shown: Shown, page: Any) -> None:
    page.goto(f"{shown.url}/app/")
    assert page.evaluate("window.origin") == "null"


def test_an_image_with_a_script_is_sandboxed_when_opened_as_a_page(shown: Shown, page: Any) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>window.seen = window.origin</script></svg>'
    shown.author.write("evil.svg", svg, SITE)
    page.goto(f"{shown.url}/app/evil.svg")
    assert page.evaluate("window.seen") == "null"
