"""The console as people use it: logging in with a key file, uploads, renaming, deleting; with and without scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.signing import SigningKey

from mylist_dav.client.logins.key_files import PrivateKey, written
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.conditions import Place
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT, TreePath
from tests.browser.conftest import Shown

SEED = bytes(range(32))
PAIR = SigningKey(SEED)
PHRASE = "größe ist 1 phrase"
FILES = FlistName("kay", "files")
APP = FlistName("kay", "app")
FOLDER = "/console/flists/kay/files/"
LONG = "a-name-that-goes-on-without-any-place-to-break-it-until-no-phone-can-hold-it-" * 2 + ".txt"

OUR = PrivateKey(PAIR, "kay@test")
THEIRS = Ed25519PrivateKey.from_private_bytes(SEED)


def exported(key: Any, form: serialization.PrivateFormat, phrase: str = "") -> str:
    """A private key as other programs write it."""
    sealing: Any = serialization.NoEncryption()
    if phrase:
        sealing = serialization.BestAvailableEncryption(phrase.encode())
    return str(key.private_bytes(serialization.Encoding.PEM, form, sealing).decode())


OPENSSH, PKCS8 = serialization.PrivateFormat.OpenSSH, serialization.PrivateFormat.PKCS8
KEY_FILES: dict[str, tuple[Callable[[], str], str]] = {
    "our own": (lambda: written(OUR), ""),
    "our own, sealed": (lambda: written(OUR, PHRASE), PHRASE),
    "OpenSSH": (lambda: exported(THEIRS, OPENSSH), ""),
    "OpenSSH, encrypted": (lambda: exported(THEIRS, OPENSSH, PHRASE), PHRASE),
    "PKCS 8": (lambda: exported(THEIRS, PKCS8), ""),
}
"""What a key file holds, and its pass phrase."""


@pytest.fixture(scope="module", autouse=True)
def house(shown: Shown) -> None:
    """kay, an admin with a key, and a few files."""
    identity = shown.author.library.identity
    identity.add_account(OPERATOR, "kay", Role.ADMIN)
    identity.add_key(OPERATOR, "kay", PublicKey(bytes(PAIR.verify_key)))
    shown.author.flist(FILES, {"docs/readme.md": "hello", LONG: "x", "photo.jpg": "x" * 2_345_678})


@pytest.fixture
def page(shown: Shown) -> Iterator[Any]:
    """A page in a context of its own. complaints: what the browser finds wrong; sent: bodies of its requests."""
    context = shown.browser.new_context()
    opened = context.new_page()
    opened.complaints, opened.sent = [], []
    opened.on("console", lambda message: opened.complaints.append(message.text))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("request", lambda request: opened.sent.append((request.url, request.post_data_buffer or b"")))
    yield opened
    context.close()


def choose(page: Any, text: str, phrase: str = "") -> None:
    """Choose a key file and sign."""
    page.set_input_files("#key-file", {"name": "id", "mimeType": "", "buffer": text.encode()})
    page.wait_for_selector("#sign:enabled")
    if phrase:
        page.fill("#phrase-text", phrase)
    page.click("#sign")


def log_in(shown: Shown, page: Any, path: str = "/") -> None:
    page.goto(shown.url + path)
    page.fill("#token", shown.author.library.identity.new_token(OPERATOR, "kay"))
    page.click("#token-form button")
    page.wait_for_url(shown.url + path)


def paths(shown: Shown, name: FlistName = FILES) -> set[str]:
    return {str(path) for path, _ in shown.author.trees.walk(OPERATOR, Place(name, ROOT))}


def size_bytes(shown: Shown, path: str) -> int:
    return shown.author.trees.stat(OPERATOR, Place(FILES, TreePath.parse(path))).size_bytes


# -- logging in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KEY_FILES)
def test_a_key_file_logs_in_and_stays_in_the_browser(shown: Shown, page: Any, kind: str) -> None:
    make, phrase = KEY_FILES[kind]
    page.goto(shown.url + FOLDER)
    choose(page, make(), phrase)
    page.wait_for_url(shown.url + FOLDER)
    assert page.inner_text(".out bdi") == "kay"
    assert page.complaints == []
    bodies = b"".join(body for _, body in page.sent)
    assert PAIR.verify_key.encode().hex().encode() in bodies, "the public half is sent"
    assert SEED not in bodies and SEED.hex().encode() not in bodies and b"PRIVATE" not in bodies
    assert page.evaluate("document.cookie") == "", "no script reads the session"


def test_a_key_that_is_not_known_is_refused_in_words(shown: Shown, page: Any) -> None:
    page.goto(shown.url + "/login")
    choose(page, written(PrivateKey(SigningKey(b"x" * 32))))
    page.wait_for_selector("#problem:not([hidden])")
    assert "the key is unknown" in page.inner_text("#problem")
    assert page.url == shown.url + "/login"


@pytest.mark.parametrize("kind", ["our own, sealed", "OpenSSH, encrypted"])
def test_a_wrong_pass_phrase_sends_nothing_and_can_be_corrected(shown: Shown, page: Any, kind: str) -> None:
    page.goto(shown.url + "/login")
    choose(page, KEY_FILES[kind][0](), "wrong")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.inner_text("#problem") == "This is not the pass phrase of the key."
    assert [url for url, _ in page.sent if "/api/" in url] == []
    page.fill("#phrase-text", PHRASE)
    page.click("#sign")
    page.wait_for_url(shown.url + "/")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lambda: PublicKey(bytes(PAIR.verify_key)).openssh_line("x"), "This is a public key."),
        (lambda: exported(rsa.generate_private_key(65537, 2048), OPENSSH), "of the kind ssh-rsa"),
        (lambda: exported(rsa.generate_private_key(65537, 2048), PKCS8), "Only Ed25519 keys"),
        (lambda: exported(THEIRS, PKCS8, PHRASE), "in another format"),
        (lambda: exported(THEIRS, OPENSSH)[:150] + "\n-----END OPENSSH PRIVATE KEY-----", "damaged"),
        (lambda: written(OUR).replace("seed: 0", "seed: x"), "damaged"),
        (lambda: "shopping list", "no key file"),
        (lambda: "x" * 70_000, "too large"),
    ],
    ids=["public", "RSA", "RSA in PKCS 8", "encrypted PKCS 8", "cut off", "no hex", "no key", "large"],
)
def test_a_file_that_is_no_such_key_is_refused_in_words(
    shown: Shown, page: Any, text: Callable[[], str], said: str
) -> None:
    page.goto(shown.url + "/login")
    page.set_input_files("#key-file", {"name": "id", "mimeType": "", "buffer": text().encode()})
    page.wait_for_selector("#problem:not([hidden])")
    assert said in page.inner_text("#problem")
    assert page.is_disabled("#sign")


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda text, url: text.replace(url, "https://bank.example"), id="another server"),
        pytest.param(lambda text, url: text.replace("mylist login", "bank transfer"), id="another purpose"),
        pytest.param(lambda text, url: text + f"\nserver: {url}", id="two servers"),
    ],
)
def test_nothing_is_signed_that_is_no_login_here(
    shown: Shown, page: Any, forged: Callable[[str, str], str]
) -> None:
    """As somebody in between would do who asks for a login elsewhere."""

    def answer(route: Any) -> None:
        document = json.loads(route.fetch().body())
        route.fulfill(json={**document, "challenge": forged(document["challenge"], shown.url)})

    page.route("**/api/v1/login/challenge", answer)
    page.goto(shown.url + "/login")
    choose(page, written(OUR))
    page.wait_for_selector("#problem:not([hidden])")
    assert "Nothing was signed" in page.inner_text("#problem")
    assert [url for url, _ in page.sent if url.endswith("/api/v1/login")] == []


def test_a_key_file_may_be_dropped(shown: Shown, page: Any) -> None:
    page.goto(shown.url + "/login")
    page.wait_for_selector("#by-key:not([hidden])")
    dropped = page.evaluate_handle(
        "text => { const d = new DataTransfer(); d.items.add(new File([text], 'id')); return d; }",
        written(OUR),
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    page.click("#sign")
    page.wait_for_url(shown.url + "/")


def test_one_logs_out(shown: Shown, page: Any) -> None:
    log_in(shown, page)
    page.click("text=Log out")
    page.wait_for_url(shown.url + "/login")
    page.goto(shown.url + FOLDER)
    assert "/login?after=" in page.url


# -- keys ----------------------------------------------------------------------------------------------------------

LOU = SigningKey(b"l" * 32)


def log_in_as_lou(shown: Shown, page: Any) -> None:
    identity = shown.author.library.identity
    if not any(facts.name == "lou" for facts in identity.accounts(OPERATOR)):
        identity.add_account(OPERATOR, "lou", Role.USER)
    page.goto(shown.url + "/console/keys")
    page.fill("#token", identity.new_token(OPERATOR, "lou"))
    page.click("#token-form button")
    page.wait_for_selector("#by-key:not([hidden])")


@pytest.mark.parametrize("phrase", ["", PHRASE], ids=["plain", "sealed"])
def test_a_user_adds_a_key_by_signing_with_it(shown: Shown, page: Any, phrase: str) -> None:
    identity = shown.author.library.identity
    log_in_as_lou(shown, page)
    page.fill("input[name=label]", "lou's laptop")
    choose(page, written(PrivateKey(LOU), phrase), phrase)
    page.wait_for_selector(".cards >> text=lou's laptop")
    [known] = identity.keys(OPERATOR, "lou")
    assert known.key == PublicKey(bytes(LOU.verify_key))
    assert page.complaints == []
    bodies = b"".join(body for _, body in page.sent)
    assert bytes(LOU) not in bodies and bytes(LOU).hex().encode() not in bodies
    identity.remove_key(OPERATOR, known.key)


def test_nothing_is_signed_that_is_no_addition_to_this_account(shown: Shown, page: Any) -> None:
    log_in_as_lou(shown, page)
    page.evaluate(
        "at('signing-text').value = at('signing-text').value.replace('account: lou', 'account: kay')"
    )
    choose(page, written(PrivateKey(LOU)))
    page.wait_for_selector("#problem:not([hidden])")
    assert "Nothing was signed" in page.inner_text("#problem")
    assert page.input_value("#signature") == ""


# -- files ---------------------------------------------------------------------------------------------------------


def test_one_uploads_renames_and_deletes(shown: Shown, page: Any, tmp_path: Path) -> None:
    big = tmp_path / "größe & co.bin"
    big.write_bytes(bytes(range(256)) * 20_000)
    log_in(shown, page)
    page.click("text=files")
    page.set_input_files("#files", [big])
    page.click("#upload button")
    page.wait_for_selector("text=größe & co.bin >> visible=true")
    page.wait_for_selector(".rows >> text=größe & co.bin")
    assert size_bytes(shown, "größe & co.bin") == 5_120_000
    row = page.locator(".rows li", has_text="größe & co.bin")
    row.locator("summary").click()
    row.locator("input[name=to]").fill("other.bin")
    row.locator("text=Rename").click()
    page.wait_for_selector(".rows >> text=other.bin")
    assert "other.bin" in paths(shown) and "größe & co.bin" not in paths(shown)
    row = page.locator(".rows li", has_text="other.bin")
    row.locator("summary").click()
    row.locator("text=Delete").click()
    page.wait_for_selector(".rows >> text=other.bin", state="detached")
    assert "other.bin" not in paths(shown)
    assert page.complaints == []


def test_what_is_there_is_replaced_when_one_says_so(shown: Shown, page: Any) -> None:
    shown.author.write("kept.txt", "old", FILES)
    log_in(shown, page, FOLDER)
    asked: list[str] = []
    agree = [False, True]

    def decide(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.accept() if agree[len(asked) - 1] else dialog.dismiss()

    page.on("dialog", decide)
    for wanted in (3, 9):
        page.set_input_files("#files", {"name": "kept.txt", "mimeType": "", "buffer": b"new bytes"})
        page.click("#upload button")
        if wanted == 3:
            page.wait_for_selector("#progress-problems li")
            assert "there is already something" in page.inner_text("#progress-problems")
        else:
            page.wait_for_selector("#progress", state="hidden")
            page.wait_for_selector(".rows >> text=9 B")
        assert size_bytes(shown, "kept.txt") == wanted
    assert len(asked) == 2 and "kept.txt is there already" in asked[0]


def test_files_are_dropped_anywhere_on_the_page(shown: Shown, page: Any) -> None:
    log_in(shown, page, FOLDER)
    dropped = page.evaluate_handle(
        """() => { const d = new DataTransfer();
        for (const name of ["one.txt", "two.txt"]) d.items.add(new File([name], name)); return d; }"""
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": dropped})
    assert page.evaluate("document.body.classList.contains('dropping')")
    page.dispatch_event("h1", "drop", {"dataTransfer": dropped})
    page.wait_for_selector(".rows >> text=two.txt")
    assert {"one.txt", "two.txt"} <= paths(shown)


def test_a_folder_is_dropped_with_all_that_is_in_it(shown: Shown, page: Any, tmp_path: Path) -> None:
    """As the desktop hands it over. Empty folders, and more files than a browser lists at once, are part of it."""
    tree = tmp_path / "dropped"
    (tree / "größe & co" / "empty").mkdir(parents=True)
    (tree / "index.html").write_text("<p>index")
    (tree / "größe & co" / "a b.txt").write_text("a b")
    (tree / "many").mkdir()
    for number in range(120):
        (tree / "many" / f"{number:03}.txt").write_text(str(number))
    log_in(shown, page, FOLDER)
    desktop = page.context.new_cdp_session(page)
    handed = {"items": [], "files": [str(tree)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        desktop.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 200, "data": handed})
    page.wait_for_selector(".rows >> text=dropped/", timeout=60_000)
    wanted = {str(path.relative_to(tmp_path)) for path in tree.rglob("*")}
    assert {path for path in paths(shown) if path.startswith("dropped/")} == wanted
    assert size_bytes(shown, "dropped/größe & co/a b.txt") == 3
    assert page.complaints == []


def test_an_address_is_copied(shown: Shown, page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shown.url)
    log_in(shown, page)
    page.click(".flist .copy >> nth=0")
    page.wait_for_selector("text=Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith(f"{shown.url}/dav/")


def test_all_but_signing_and_dropping_works_without_scripts(shown: Shown) -> None:
    context = shown.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(shown, page)
    page.click("text=files")
    page.set_input_files("#files", [{"name": "plain.txt", "mimeType": "text/plain", "buffer": b"plain"}])
    page.click("#upload button")
    page.wait_for_selector(".rows >> text=plain.txt")
    page.fill("#new-folder", "made")
    page.click("text=Make it")
    page.wait_for_selector(".rows >> text=made/")
    row = page.locator(".rows li", has_text="plain.txt")
    row.locator("summary").click()
    row.locator("input[name=to]").fill("plainer.txt")
    row.locator("text=Rename").click()
    row = page.locator(".rows li", has_text="plainer.txt")
    row.locator("summary").click()
    row.locator("text=Delete").click()
    assert page.url == shown.url + FOLDER
    assert "made" in paths(shown) and not {"plain.txt", "plainer.txt"} & paths(shown)
    context.close()


# -- strangers -----------------------------------------------------------------------------------------------------

ATTACKS = {
    "reads a page": "fetch('/console/tokens', {credentials: 'include'}).then(r => r.text())",
    "posts a form": """fetch('/console/flists/kay/files/', {method: 'POST', credentials: 'include', mode: 'no-cors',
        body: new URLSearchParams({do: 'folder', name: 'forged'})}).then(r => r.status)""",
    "puts a file": "fetch('/console/flists/kay/files/forged', {method: 'PUT', body: 'x', credentials: 'include'})",
    "frames the console": """new Promise((done, failed) => { const f = document.createElement('iframe'); f.src = '/';
        f.onload = () => { try { done(f.contentWindow.document.body.textContent) } catch (e) { failed(e) } };
        document.body.append(f); })""",
    "reads the cookie": "Promise.resolve().then(() => document.cookie)",
}


def test_a_script_on_a_prefix_does_nothing_with_the_session(shown: Shown, page: Any) -> None:
    form = f"""<!doctype html><title>app</title><p>x</p><form method="post" action="{FOLDER}">
<input name="do" value="folder"><input name="name" value="forged"></form>"""
    shown.author.flist(APP, {"index.html": form})
    shown.author.expose(APP, prefix="/trap")
    log_in(shown, page)
    for name, attack in ATTACKS.items():
        page.goto(shown.url + "/trap/")
        told = page.evaluate(f"({attack}).then(r => 'got ' + r, e => 'refused ' + e)")
        assert told.startswith("refused") or told == "got 0", (name, told)
    page.goto(shown.url + "/trap/")
    with page.expect_navigation():
        page.evaluate("document.forms[0].submit()")
    assert "This is not allowed" in page.inner_text("h1")
    assert "forged" not in paths(shown)
    page.goto(shown.url + "/")
    assert page.inner_text(".out bdi") == "kay", "the session itself is well"


# -- looks ---------------------------------------------------------------------------------------------------------

PLACES = ["/", FOLDER, "/console/tokens", "/console/keys", "/console/accounts", "/console/exposures", "/console/audit",
          "/console/rights/kay/files", "/console/none"]  # fmt: skip


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
@pytest.mark.parametrize("width", [pytest.param(320, id="small phone"), pytest.param(1280, id="desk")])
def test_every_page_fits_its_screen_and_follows_the_colour_scheme(
    shown: Shown, width: int, scheme: str, dark: bool
) -> None:
    context = shown.browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    log_in(shown, page)
    for path in [*PLACES, "/login"]:
        page.goto(shown.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (int(colour.removeprefix("rgb(").split(",")[0]) < 60) is dark, path
    assert [text for text in complaints if "404" not in text] == []
    context.close()


def test_what_one_taps_is_large_enough_for_a_thumb(shown: Shown) -> None:
    context = shown.browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    log_in(shown, page, FOLDER)
    low = page.evaluate(
        """[...document.querySelectorAll('button, .bar a, .rows a, .rows summary, .crumbs a')]
        .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 43.9).map(e => e.outerHTML)"""
    )
    assert low == []
    context.close()
