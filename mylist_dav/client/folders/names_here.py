"""Which names of a flist this machine cannot take: they mean something else here, or two of them fall together."""

from __future__ import annotations

import contextlib
import os
import secrets
import unicodedata

from mylist_dav.client.folders.inside import Inside
from mylist_dav.client.folders.nodes import Tree, above, in_order
from mylist_dav.client.folders.walking import TEMPORARY, is_temporary


def temporary_name() -> str:
    """A name that nothing else has."""
    return f"{TEMPORARY}{secrets.token_hex(8)}.part"


def refused_names(tree: Tree, inside: Inside | None) -> dict[str, str]:
    """Why, by path: what may not be written into a folder. inside: None for one that is not there yet."""
    refused = {
        path: "its name is that of an unfinished pull"
        for path in tree
        if is_temporary(path.rpartition("/")[2])
    }
    collisions = _falling_together(tree)
    if collisions and inside is not None and _folds_case(inside):
        refused |= {path: f"here it is the same name as {other!r}" for path, other in collisions.items()}
    return refused


def without(tree: Tree, refused: dict[str, str]) -> Tree:
    """A tree without some paths, and what is below them."""
    if not refused:
        return tree
    return {
        path: node
        for path, node in tree.items()
        if path not in refused and not any(folder in refused for folder in above(path))
    }


def _falling_together(tree: Tree) -> dict[str, str]:
    """Paths that differ from an earlier one in case or Unicode form alone."""
    first: dict[str, str] = {}
    later = {}
    for path in in_order(tree):
        folded = unicodedata.normalize("NFC", path.casefold())
        if (other := first.setdefault(folded, path)) != path:
            later[path] = other
    return later


def _folds_case(inside: Inside) -> bool:
    """Whether the file system takes two names for one that differ in case: tried with a file that nobody else has."""
    name = temporary_name()
    with inside.folder("") as descriptor:
        os.close(
            os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=descriptor)
        )
        try:
            return inside.stat(name.upper()) is not None
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=descriptor)
