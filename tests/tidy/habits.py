"""Habits that a file must keep: banned calls with what to use instead, sizes, a docstring, no foreign words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.tidy.sources import PACKAGE, Source

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
REASON = "long because"
"""A module docstring with these words says why the file is one thing though it is past the limit."""


class Ban(NamedTuple):
    """Names that may not be used outside of some files. allowed: prefixes of paths below the package."""

    names: frozenset[str]
    allowed: tuple[str, ...]
    instead: str


CLOCKS = Ban(
    frozenset(
        {
            "time.time",
            "time.time_ns",
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.date.today",
        }
    ),
    ("server/", "cli/"),
    "take a clock as an argument (a module called clock.py may hold one)",
)
BANS = [
    CLOCKS,
    Ban(frozenset({"time.sleep"}), ("server/", "cli/", "client/", "store/"), "wait for what you wait for"),
    Ban(frozenset({"print"}), ("cli/",), "return it, or log it at the border"),
    Ban(
        frozenset({"os.rename", "os.replace", "os.fsync", "os.unlink", "os.remove"}),
        ("store/disk.py", "store/processes/shared_pages.py", "client/", "cli/"),
        "go through store/disk.py, where faults can be put in; shared pages alone must work without it",
    ),
    Ban(
        frozenset({"open", "io.open", "os.open"}),
        ("store/", "server/", "cli/", "client/"),
        "ask a service or a store",
    ),
]

FOREIGN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:root|tmp|Users|home/\w+)/\w"),
    "the host name of a package index": re.compile(r"\bpypi[.](?:org|python)|\bpythonhosted[.]|\bnpmjs[.]"),
    "an issue by its number": re.compile(r"\b(?:issue|ticket)s? #?\d+|(?<=\s)\(#\d+\)", re.IGNORECASE),
    "work that is left undone": re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b"),
}


def banned(source: Source) -> Iterator[str]:
    """Uses of banned names, be it a call or a reference."""
    inner = source.path.removeprefix(f"{PACKAGE}/")
    for use in names_used(source):
        for ban in BANS:
            is_clock = ban is CLOCKS and (inner.endswith("clock.py") or use.is_default)
            if use.name in ban.names and not inner.startswith(ban.allowed) and not is_clock:
                yield f"{source.path}:{use.line}: {use.name} is not used here: {ban.instead}"


class Use(NamedTuple):
    """A name that is read. is_default: as the default of a parameter, so that callers may give another."""

    line: int
    name: str
    is_default: bool


def names_used(source: Source) -> Iterator[Use]:
    """Every name that is read, imports resolved: 'from time import time as t' gives time.time."""
    tree = source.tree
    full = _imported_as(tree)
    defaults = {
        id(value)
        for node in ast.walk(tree)
        if isinstance(node, ast.arguments)
        for value in (*node.defaults, *node.kw_defaults)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            first, dot, rest = ast.unparse(node).partition(".")
            yield Use(node.lineno, full.get(first, first) + dot + rest, id(node) in defaults)


def _imported_as(tree: ast.Module) -> dict[str, str]:
    """The full name behind each imported one."""
    full: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            full.update({alias.asname: alias.name for alias in node.names if alias.asname})
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            full.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return full


def oversized(source: Source) -> Iterator[str]:
    """Files past 500 lines whose docstring gives no reason, and functions past 60 lines."""
    tree = source.tree
    lines = source.text.count("\n")
    if lines > FILE_LINES_MAX and REASON not in (ast.get_docstring(tree) or "").lower():
        yield f'{source.path}: {lines} lines: split it, or say in the module docstring "{REASON} ..."'
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{source.path}:{node.lineno}: {node.name} has {length} lines: it is almost surely two"


def undocumented(source: Source) -> Iterator[str]:
    """A file without a docstring."""
    if source.text.strip() and not ast.get_docstring(source.tree):
        yield f"{source.path}: begin it with what it is for"


def foreign_words(path: str, text: str) -> Iterator[str]:
    """Words that speak of something else than the project."""
    for what, pattern in FOREIGN.items():
        for found in pattern.finditer(text):
            yield f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {found[0]!r} looks like {what}"
