"""Manifests: what a revision of a flist holds, in two digests that a server signs and anybody can check.

A folder is digested over its members in order of name (by their UTF-8 bytes); a member that is a folder stands there
with its own digest. So a tree is digested in one pass, depth first, and in the memory of one branch. docs/format.md has
the encoding, byte for byte. Pure: no I/O, no clock.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple, Self

from blake3 import blake3

from mylist_dav.errors import BadName, Invalid
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.keys import SIGNATURE_BYTES, PublicKey, parse_public_key, verify
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import DEPTH_MAX

VERSION = 1
FULL_CONTEXT = "mylist-dav 2026-11 manifest, folder with attributes, version 1"
CONTENT_CONTEXT = "mylist-dav 2026-11 manifest, folder without attributes, version 1"
HEAD = "mylist manifest, version 1"
JSON_CHARS_MAX = 8_192
_NUMBER_MAX = 2**63 - 1

_FRONT = struct.Struct(">BH")
_ATTRIBUTES = struct.Struct(">Iq")
_SIZE = struct.Struct(">Q")
_TARGET = struct.Struct(">H")
_SERVER = re.compile(r"[!-~]{0,300}")


class Part(NamedTuple):
    """A node of a tree, as far as a manifest says anything of it. digest: of a file. target: of a symlink."""

    name: str
    kind: Kind
    mode: int
    mtime_ns: int
    size_bytes: int
    digest: Digest | None
    target: str | None


class Roots(NamedTuple):
    """full: over names, kinds, sizes, contents, modes and times. content: the same without modes and times."""

    full: Digest
    content: Digest
    entries: int
    size_bytes: int


class _Folder:
    """A folder whose members are coming in."""

    __slots__ = ("content", "full", "last", "part")

    def __init__(self, part: Part | None) -> None:
        self.part = part
        self.last = b""
        self.full = blake3(derive_key_context=FULL_CONTEXT)
        self.content = blake3(derive_key_context=CONTENT_CONTEXT)

    def add(self, part: Part, full: bytes, content: bytes) -> None:
        """A member; full and content: what stands for its bytes in each of the two digests."""
        name = part.name.encode()
        if name <= self.last:
            raise Invalid(f"{part.name!r} is out of order, or there twice")
        self.last = name
        front = _FRONT.pack(part.kind, len(name)) + name
        self.full.update(front + _ATTRIBUTES.pack(part.mode, part.mtime_ns) + full)
        self.content.update(front + content)


class TreeDigest:
    """Takes every node of a tree, depth first: a folder, then what is in it, members in order of their UTF-8 bytes."""

    def __init__(self) -> None:
        self._way = [_Folder(None)]
        self.entries = 0
        self.size_bytes = 0

    def add(self, depth: int, part: Part) -> None:
        """The next node; depth: 1 for a member of the root. Raises Invalid when it is not the next one's turn."""
        if not 1 <= depth <= min(len(self._way), DEPTH_MAX):
            raise Invalid(f"{part.name!r} is out of order: what it lies in did not come before it")
        while len(self._way) > depth:
            self._close()
        self.entries += 1
        if part.kind is Kind.DIRECTORY:
            self._way.append(_Folder(part))
            return
        if part.kind is Kind.FILE:
            if part.digest is None:
                raise Invalid(f"{part.name!r} has no digest")
            rest = _SIZE.pack(part.size_bytes) + part.digest
            self.size_bytes += part.size_bytes
        else:
            target = (part.target or "").encode()
            rest = _TARGET.pack(len(target)) + target
        self._way[-1].add(part, rest, rest)

    def finish(self) -> Roots:
        """All has come. Nothing can be added any more."""
        while len(self._way) > 1:
            self._close()
        root = self._way.pop()
        return Roots(Digest(root.full.digest()), Digest(root.content.digest()), self.entries, self.size_bytes)

    def _close(self) -> None:
        done = self._way.pop()
        assert done.part is not None, "the root is closed by finish"
        self._way[-1].add(done.part, done.full.digest(), done.content.digest())


class Manifest(NamedTuple):
    """What a server says of one revision. server: the address it calls itself by, '' if it has none.

    at_ns: when the revision was committed. roots: of the whole tree.
    """

    server: str
    flist_name: FlistName
    jid: int
    at_ns: int
    roots: Roots

    @property
    def text(self) -> str:
        """What is signed, and can be read: a line each, the first says what it is for."""
        roots = self.roots
        return (
            f"{HEAD}\n"
            f"server: {self.server}\n"
            f"flist: {self.flist_name}\n"
            f"revision: {self.jid}\n"
            f"committed: {self.at_ns}\n"
            f"entries: {roots.entries}\n"
            f"size_bytes: {roots.size_bytes}\n"
            f"root: {roots.full}\n"
            f"content_root: {roots.content}\n"
        )


class Signed(NamedTuple):
    """A manifest with a signature. It holds when holds_for(key) of a key that one knows to be the server's."""

    manifest: Manifest
    key: PublicKey
    signature: bytes

    def holds_for(self, key: PublicKey) -> bool:
        """Whether this server key has signed it."""
        return key == self.key and verify(key, self.manifest.text.encode(), self.signature)

    def document(self) -> dict[str, str | int]:
        """As JSON has it. What is signed is made of these fields, so there is nothing beside them to disagree."""
        manifest, roots = self.manifest, self.manifest.roots
        return {
            "version": VERSION,
            "server": manifest.server,
            "flist": str(manifest.flist_name),
            "revision": manifest.jid,
            "committed": manifest.at_ns,
            "entries": roots.entries,
            "size_bytes": roots.size_bytes,
            "root": str(roots.full),
            "content_root": str(roots.content),
            "key": str(self.key),
            "signature": self.signature.hex(),
        }

    @classmethod
    def parsed(cls, document: object) -> Self:
        """From JSON that was read. Raises Invalid for whatever is not exactly a manifest of this version."""
        if not isinstance(document, dict) or repr(document.get("version")) != str(VERSION):
            raise Invalid(f"this is no manifest of version {VERSION}")
        if set(document) != _FIELDS:
            raise Invalid(f"a manifest has just these fields: {', '.join(sorted(_FIELDS))}")
        server, signature = _text(document, "server"), _text(document, "signature")
        if not _SERVER.fullmatch(server):
            raise Invalid("the server of the manifest is no address")
        if not re.fullmatch(rf"[0-9a-f]{{{2 * SIGNATURE_BYTES}}}", signature):
            raise Invalid("the signature of the manifest is damaged")
        try:
            name = FlistName.parse(_text(document, "flist"))
        except BadName as error:
            raise Invalid(f"the manifest is damaged: {error}") from error
        roots = Roots(
            Digest.parse(_text(document, "root")),
            Digest.parse(_text(document, "content_root")),
            _number(document, "entries"),
            _number(document, "size_bytes"),
        )
        manifest = Manifest(
            server, name, _number(document, "revision"), _number(document, "committed"), roots
        )
        return cls(manifest, parse_public_key(_text(document, "key")), bytes.fromhex(signature))


_FIELDS = frozenset(
    "version server flist revision committed entries size_bytes root content_root key signature".split()  # noqa: SIM905
)


def _text(document: dict[str, object], name: str) -> str:
    value = document[name]
    if not isinstance(value, str):
        raise Invalid(f"{name!r} of the manifest is no text")
    return value


def _number(document: dict[str, object], name: str) -> int:
    value = document[name]
    if type(value) is not int or not 0 <= value <= _NUMBER_MAX:
        raise Invalid(f"{name!r} of the manifest is no number")
    return value
