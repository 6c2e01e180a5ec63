"""Digests of trees as docs/format.md has them, and what of a manifest is believed."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from mylist_dav.errors import Invalid
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.manifest import Manifest, Part, Roots, Signed, TreeDigest
from mylist_dav.model.names import FlistName

FORMAT = Path(__file__).resolve().parents[2] / "docs" / "format.md"
PAIR = SigningKey(bytes(range(32)))
KEY = PublicKey(bytes(PAIR.verify_key))


def file(name: str, content: bytes = b"", mode: int = 0o644, mtime_ns: int = 5) -> Part:
    return Part(name, Kind.FILE, mode, mtime_ns, len(content), Digest.of(content), None)


def folder(name: str, mode: int = 0o755, mtime_ns: int = 6) -> Part:
    return Part(name, Kind.DIRECTORY, mode, mtime_ns, 0, None, None)


def link(name: str, target: str) -> Part:
    return Part(name, Kind.SYMLINK, 0o777, 7, 0, None, target)


def roots(*nodes: tuple[int, Part]) -> Roots:
    digest = TreeDigest()
    for depth, part in nodes:
        digest.add(depth, part)
    return digest.finish()


TREE = ((1, folder("d")), (2, file("é", b"content")), (1, file("f")), (1, link("l", "d/é")))


def test_the_digests_are_those_that_the_format_describes() -> None:
    def folder_digest(context: str, *records: bytes) -> bytes:
        return blake3(b"".join(records), derive_key_context=context).digest()

    def record(kind: int, name: str, attributes: bytes, rest: bytes) -> bytes:
        return pack(">BH", kind, len(name.encode())) + name.encode() + attributes + rest

    found = roots(*TREE)
    for root, with_attributes in ((found.full, True), (found.content, False)):
        word = "with" if with_attributes else "without"
        context = f"mylist-dav 2026-11 manifest, folder {word} attributes, version 1"

        def attributes(mode: int, mtime_ns: int, wanted: bool = with_attributes) -> bytes:
            return pack(">Iq", mode, mtime_ns) if wanted else b""

        inner = folder_digest(
            context,
            record(1, "é", attributes(0o644, 5), pack(">Q", 7) + blake3(b"content").digest()),
        )
        whole = folder_digest(
            context,
            record(2, "d", attributes(0o755, 6), inner),
            record(1, "f", attributes(0o644, 5), pack(">Q", 0) + blake3(b"").digest()),
            record(3, "l", attributes(0o777, 7), pack(">H", 4) + "d/é".encode()),
        )
        assert root == whole
    assert (found.entries, found.size_bytes) == (4, 7)


def test_the_vectors_in_the_documents_hold() -> None:
    text = FORMAT.read_text("utf-8")
    for name, found in (("the empty tree", roots()), ("this tree", roots(*TREE))):
        assert f"| root of {name} | `{found.full}` |" in text
        assert f"| content_root of {name} | `{found.content}` |" in text


@pytest.mark.parametrize(
    "changed",
    [
        ((1, folder("d")), (2, file("é", b"Content")), (1, file("f")), (1, link("l", "d/é"))),
        ((1, folder("d")), (2, file("e", b"content")), (1, file("f")), (1, link("l", "d/é"))),
        ((1, folder("d")), (2, file("é", b"content")), (1, file("f")), (1, link("l", "d"))),
        ((1, folder("d")), (1, file("f")), (1, link("l", "d/é"))),
        ((1, folder("d")), (1, file("f")), (1, link("l", "d/é")), (1, file("é", b"content"))),
        ((1, folder("d")), (2, file("f")), (2, file("é", b"content")), (1, link("l", "d/é"))),
        ((1, folder("d")), (2, file("é", b"content")), (1, folder("f")), (1, link("l", "d/é"))),
        (
            (1, folder("d")),
            (2, file("é", b"content")),
            (1, file("f")),
            (1, link("l", "d/é")),
            (1, folder("x")),
        ),
    ],
)
def test_every_change_of_names_kinds_and_contents_changes_both_digests(changed: Any) -> None:
    other, same = roots(*changed), roots(*TREE)
    assert other.full != same.full
    assert other.content != same.content


@pytest.mark.parametrize(
    "changed",
    [
        ((1, folder("d")), (2, file("é", b"content", mode=0o755)), (1, file("f")), (1, link("l", "d/é"))),
        ((1, folder("d", mtime_ns=-9)), (2, file("é", b"content")), (1, file("f")), (1, link("l", "d/é"))),
    ],
)
def test_modes_and_times_change_the_full_digest_alone(changed: Any) -> None:
    other, same = roots(*changed), roots(*TREE)
    assert other.full != same.full
    assert other.content == same.content


@pytest.mark.parametrize(
    "nodes",
    [
        ((1, file("b")), (1, file("a"))),
        ((1, file("a")), (1, file("a"))),
        ((2, file("a")),),
        ((0, file("a")),),
        ((1, file("a")), (2, file("b"))),
        ((1, folder("a")), (1, file("b")), (2, file("c"))),
        ((1, Part("a", Kind.FILE, 0, 0, 0, None, None)),),
    ],
)
def test_nodes_out_of_order_are_refused(nodes: Any) -> None:
    with pytest.raises(Invalid):
        roots(*nodes)


def test_names_are_in_the_order_of_their_bytes() -> None:
    """U+FF5E sorts before U+1F600 as UTF-8, and after it as UTF-16."""
    roots((1, file("\uff5e")), (1, file("\U0001f600")))


# -- manifests -------------------------------------------------------------------------------------------------


def signed(**changes: Any) -> Signed:
    manifest = Manifest("https://files.example.org", FlistName("alice", "site"), 7, 10**18, roots(*TREE))
    manifest = manifest._replace(**changes)
    return Signed(manifest, KEY, PAIR.sign(manifest.text.encode()).signature)


def reread(one: Signed, **changes: Any) -> Signed:
    return Signed.parsed(json.loads(json.dumps({**one.document(), **changes})))


def test_a_manifest_is_the_same_after_a_trip_through_json() -> None:
    one = signed()
    assert reread(one) == one
    assert reread(one).holds_for(KEY)


def test_the_signed_text_can_be_read() -> None:
    assert signed().manifest.text == (
        "mylist manifest, version 1\nserver: https://files.example.org\nflist: alice/site\nrevision: 7\n"
        "committed: 1000000000000000000\nentries: 4\nsize_bytes: 7\n"
        f"root: {roots(*TREE).full}\ncontent_root: {roots(*TREE).content}\n"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("server", "https://other.example.org"),
        ("flist", "alice/other"),
        ("revision", 8),
        ("committed", 1),
        ("entries", 5),
        ("size_bytes", 8),
        ("root", "0" * 64),
        ("content_root", "0" * 64),
        ("signature", "0" * 128),
    ],
)
def test_a_manifest_of_which_anything_was_changed_does_not_hold(name: str, value: object) -> None:
    assert not reread(signed(), **{name: value}).holds_for(KEY)


def test_a_manifest_of_another_key_does_not_hold_even_if_it_names_it_itself() -> None:
    other = SigningKey(bytes(32))
    other_key = PublicKey(bytes(other.verify_key))
    one = signed()
    forged = Signed(one.manifest, other_key, other.sign(one.manifest.text.encode()).signature)
    assert forged.holds_for(other_key)
    assert not reread(forged).holds_for(KEY)
    assert not reread(forged, key=str(KEY)).holds_for(KEY)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": True},
        {"server": "a\nflist: x"},
        {"server": 1},
        {"flist": "alice"},
        {"flist": "alice/a\nb"},
        {"revision": -1},
        {"revision": 1.5},
        {"revision": True},
        {"revision": "7"},
        {"entries": 2**63},
        {"root": "0" * 63},
        {"root": "A" * 64},
        {"key": "0" * 64},
        {"signature": "0" * 127},
        {"signature": "G" * 128},
        {"more": 1},
    ],
    ids=str,
)
def test_what_is_not_exactly_a_manifest_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        reread(signed(), **changes)


@pytest.mark.parametrize("document", [None, [], "text", 1, {}, {"version": 1}])
def test_other_json_is_refused(document: object) -> None:
    with pytest.raises(Invalid):
        Signed.parsed(document)


@given(
    st.dictionaries(
        st.sampled_from(sorted(signed().document())), st.none() | st.integers() | st.text(), max_size=4
    )
)
def test_nothing_else_than_invalid_is_raised(changes: dict[str, object]) -> None:
    with contextlib.suppress(Invalid):
        reread(signed(), **changes)
