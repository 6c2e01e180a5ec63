"""The layers of the package, and who may import what from outside."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.sources import PACKAGE, Source

LAYERS = [
    ["errors"],
    ["settings"],
    ["outcomes"],
    ["model"],
    ["store"],
    ["services"],
    ["wire"],
    ["dav", "web", "api", "rpc", "client"],
    ["server"],
    ["cli"],
    ["__main__"],
]
"""Lowest first. A part imports itself and what lies lower; parts of one layer never import each other."""

RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}

ONLY = {"client": {"client", "errors", "model", "wire"}}
"""Parts that may import less than their layer allows: the client lives without a server."""

HOMES = {
    "cheroot": {"server"},
    "uvloop": {"server"},
    "httptools": {"server", "client"},
    "wsgidav": {"dav"},
    "apsw": {"store"},
    "sqlite3": set[str](),
}
"""Foreign packages that one part alone may import. The sqlite3 of Python is as old as the system it runs on."""


def complaints(source: Source) -> Iterator[str]:
    """What the imports of a file, inside functions too, do against the layers."""
    if source.part == "__init__":
        return
    if source.part not in RANK:
        yield f"{source.path}: {source.part} stands in no layer; give it one in tests/tidy/layers.py"
        return
    for name in imported(source):
        top, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if top == PACKAGE and other in RANK and not _may_import(source.part, other):
            yield f"{source.path}: {source.part} may not import {other}"
        if top in HOMES and source.part not in HOMES[top]:
            yield f"{source.path}: {source.part} may not import {top}"


def _may_import(part: str, other: str) -> bool:
    if part in ONLY:
        return other in ONLY[part]
    return part == other or RANK[other] < RANK[part]


def imported(source: Source) -> Iterator[str]:
    """The full dotted name of everything that is imported; 'from a import b' gives a.b."""
    package = source.path.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            stem = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)
