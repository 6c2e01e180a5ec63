"""What tests of pushes and pulls work with: folders with something in them, and desks in front of a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mylist_dav.client.calls import Calls
from mylist_dav.client.folders.nodes import Tree
from mylist_dav.client.folders.pushing import Push, Pushed, Wishes
from mylist_dav.client.link import Link
from mylist_dav.model.chunking import Chunker
from mylist_dav.model.names import FlistName
from tests.serving import Served


def write(folder: Path, *paths: str, content: bytes = b"x") -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def of_several_blocks(size_bytes: int) -> bytes:
    """Random bytes that no test has stored before; now and then the chunker cuts such into one block only."""
    while True:
        content, chunker = os.urandom(size_bytes), Chunker()
        if len([*chunker.feed(content), *chunker.finish()]) > 1:
            return content


def plant(folder: Path) -> None:
    """Some of everything."""
    hello = os.urandom(5)
    write(folder, "a/b/file", content=hello)
    write(folder, "empty", content=b"")
    write(folder, "long", content=of_several_blocks(3_000_000))
    write(folder, "a/twin", content=hello)
    (folder / "none").mkdir(mode=0o700)
    (folder / "a" / "link").symlink_to("b/file")
    (folder / "a" / "b" / "file").chmod(0o600)
    os.utime(folder / "a" / "b" / "file", ns=(1, 1_234_567_890_123_456_789))
    os.utime(folder / "a", ns=(1, 987_654_321))


class Desk:
    """A folder to push, a cache, and a flist of its own on the server."""

    def __init__(self, served: Served, tmp_path: Path, calls: type[Calls] = Calls) -> None:
        self.served = served
        self.folder = tmp_path / "folder"
        self.cache = tmp_path / "cache"
        self.flist = FlistName("admin", f"push-{tmp_path.name}")
        self.folder.mkdir(exist_ok=True)
        self._calls = calls

    def calls(self, kind: type[Calls] | None = None, token: str = "") -> Calls:
        link = Link.plain(self.served.url, token or self.served.token, sleep=lambda _: None)
        return (kind or self._calls)(link, self.flist)

    def push(self, kind: type[Calls] | None = None, *, token: str = "", **wishes: Any) -> Pushed:
        calls = self.calls(kind, token)
        try:
            return Push(self.folder, calls, self.cache, Wishes(**wishes)).run()
        finally:
            calls.close()

    def there(self, jid: int | None = None) -> Tree:
        """The tree on the server."""
        calls = self.calls(Calls)
        try:
            details = calls.details()
            assert details is not None
            return calls.tree(details.head_jid if jid is None else jid)
        finally:
            calls.close()

    def head(self) -> int | None:
        calls = self.calls(Calls)
        try:
            details = calls.details()
            return details.head_jid if details else None
        finally:
            calls.close()

    def content(self, path: str) -> bytes:
        with self.served.client() as client:
            found = client.get(f"/dav/{self.flist}/{path}")
            assert found.status_code == 200
            return found.content
