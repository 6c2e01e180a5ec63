"""The files of the project, as the checks see them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "mylist_dav"
NOT_SOURCES = ("store/", "certs/", "build/", "dist/", "bench/results/")
"""Folders of data and of results, from the root; their README pages are read all the same."""


class Source(NamedTuple):
    """A Python file: its path from the root, its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def part(self) -> str:
        """The layer it belongs to: 'store' for mylist_dav/store/x.py, 'errors' for mylist_dav/errors.py."""
        names = self.path.removesuffix(".py").split("/")
        return names[1] if len(names) > 1 else ""


def python_files(*folders: str) -> list[Source]:
    """The Python files below these folders, in order."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in found]


def text_files() -> Iterator[tuple[str, str]]:
    """Path and text of every file of the project that is text, but for the licence, which is not ours."""
    for path in sorted(ROOT.rglob("*")):
        inner = path.relative_to(ROOT).as_posix()
        if not _is_source(inner) or not path.is_file():
            continue
        try:
            yield inner, path.read_text("utf-8")
        except UnicodeDecodeError:  # a picture, an archive
            continue


def _is_source(inner: str) -> bool:
    if inner.endswith("/README.md"):
        return True
    hidden = any(name.startswith(".") for name in inner.removeprefix(".ci/").split("/"))
    return not (hidden or inner == "LICENSE" or "__pycache__" in inner or inner.startswith(NOT_SOURCES))
