"""The text of a login: what it says, byte by byte, and that nothing else passes for it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from mylist_dav.errors import Invalid
from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.model.login_text import Challenge, one_shot_text
from mylist_dav.model.server_address import canonical_server
from tests.tidy.sources import ROOT

VECTORS = json.loads((ROOT / "tests/vectors/login.json").read_text("utf-8"))
SERVER_KEY = PublicKey(bytes(SigningKey(bytes(32)).verify_key))
KEY = PublicKey(bytes(SigningKey(b"\1" * 32).verify_key))
SAMPLE = Challenge(
    "https://files.example.org", SERVER_KEY, KEY, bytes(range(32)), 1_800_000_000, b"\xaa" * 32
)


def test_the_vectors_of_the_documentation_hold() -> None:
    seed = bytes.fromhex(VECTORS["seed"])
    key = PublicKey(bytes.fromhex(VECTORS["key"]))
    assert bytes(SigningKey(seed).verify_key) == key
    server_key = PublicKey(bytes.fromhex(VECTORS["server_key"]))
    challenge = Challenge.parse(VECTORS["challenge"]["text"])
    assert challenge == Challenge(
        VECTORS["server"],
        server_key,
        key,
        bytes.fromhex(VECTORS["challenge"]["nonce"]),
        VECTORS["challenge"]["expires_seconds"],
        bytes.fromhex(VECTORS["challenge"]["mac"]),
    )
    one_shot = one_shot_text(
        VECTORS["server"],
        server_key,
        key,
        bytes.fromhex(VECTORS["one_shot"]["nonce"]),
        VECTORS["one_shot"]["time"],
    )
    assert one_shot == VECTORS["one_shot"]["text"]
    for case in ("challenge", "one_shot"):
        text, signature = VECTORS[case]["text"], bytes.fromhex(VECTORS[case]["signature"])
        assert verify(key, text.encode(), signature)
        assert SigningKey(seed).sign(text.encode()).signature == signature


def test_the_documentation_shows_the_vectors() -> None:
    page = (ROOT / "docs/login.md").read_text("utf-8")
    shown = [VECTORS["seed"], VECTORS["key"], VECTORS["server_key"]]
    for case in ("challenge", "one_shot"):
        shown += [
            VECTORS[case]["signature"],
            "\n".join(f"    {line}" for line in VECTORS[case]["text"].split("\n")),
        ]
    assert [text for text in shown if text not in page] == []


@given(
    st.binary(min_size=32, max_size=32), st.integers(0, 253_402_300_799), st.sampled_from(["a", "[::1]:80"])
)
def test_a_challenge_reads_back_as_what_it_was(nonce: bytes, expires: int, host: str) -> None:
    if expires < 10**9:
        return  # years before 1000 have no four digits everywhere
    made = SAMPLE._replace(nonce=nonce, expires_seconds=expires, server=f"http://{host}")
    assert Challenge.parse(made.text) == made


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("version 1", "version 2"),
        lambda text: text.replace("by challenge", "by time"),
        lambda text: text.rpartition("\n")[0],
        lambda text: text.replace("mac: aa", "mac: AA"),
        lambda text: text.replace("key: ", "key:  ", 1),
        lambda text: text.replace("https://", "https:// "),
        lambda text: text.replace("https://files", "https://\nfiles"),
        lambda text: text.replace("2027-01-15T", "2027-13-15T"),
        lambda text: text.replace("2027-01-15T", "2027-1--15T"),
        lambda text: text.replace("server: ", "server: x\nserver: "),
        lambda text: text.replace("https://files", "https://" + "x" * 2000),
        lambda text: text.replace("files", "fïles"),
    ],
)
def test_whatever_differs_from_a_challenge_is_none(change: object) -> None:
    changed = change(SAMPLE.text)  # type: ignore[operator]
    assert changed != SAMPLE.text
    with pytest.raises(Invalid):
        Challenge.parse(changed)


def test_no_text_of_one_form_is_a_text_of_the_other() -> None:
    with pytest.raises(Invalid):
        Challenge.parse(one_shot_text(SAMPLE.server, SERVER_KEY, KEY, SAMPLE.nonce, 1))
    assert (
        SAMPLE.text.split("\n")[0]
        != one_shot_text(SAMPLE.server, SERVER_KEY, KEY, SAMPLE.nonce, 1).split("\n")[0]
    )


@pytest.mark.parametrize(
    ("nonce", "seconds"), [(b"", 1), (bytes(31), 1), (bytes(33), 1), (bytes(32), -1), (bytes(32), 2**60)]
)
def test_a_login_by_time_needs_a_whole_nonce_and_a_time(nonce: bytes, seconds: int) -> None:
    with pytest.raises(Invalid):
        one_shot_text(SAMPLE.server, SERVER_KEY, KEY, nonce, seconds)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://files.example.org", "https://files.example.org"),
        ("https://Files.Example.ORG/", "https://files.example.org"),
        ("https://files.example.org:443", "https://files.example.org"),
        ("http://files.example.org:443", "http://files.example.org:443"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://localhost:80", "http://localhost"),
        ("HTTP://[::1]:8080", "http://[::1]:8080"),
        ("http://[::1]", "http://[::1]"),
        ("http://xn--fles-6qa.example", "http://xn--fles-6qa.example"),
        ("http://a:", "http://a"),
    ],
)
def test_an_address_has_one_spelling(url: str, canonical: str) -> None:
    assert canonical_server(url) == canonical
    assert canonical_server(canonical) == canonical


@pytest.mark.parametrize(
    "url",
    [
        "",
        "files.example.org",
        "ftp://files.example.org",
        "https://",
        "https://files.example.org/dav/",
        "https://files.example.org?x",
        "https://files.example.org#x",
        "https://files.example.org?",
        "https://real.example@evil.example",
        "https://real.example\\@evil.example",
        "https://fïles.example",
        "https://a b",
        "https://a\nb",
        "https://a:99999",
        "https://a:b",
        "https://[::1",
        "https://::1",
        "https://.a",
        "https://" + "a" * 400,
    ],
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        canonical_server(url)
