"""Every error class has an outcome, and stands in the drawing at the head of errors.py, below its parent."""

from __future__ import annotations

import inspect
import re
import textwrap
from types import ModuleType

import pytest

from mylist_dav import errors
from mylist_dav.errors import MylistError
from mylist_dav.outcomes import OUTCOMES


def classes_of(module: ModuleType) -> dict[str, type[MylistError]]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, MylistError) and value.__module__ == module.__name__
    }


def drawn(docstring: str) -> dict[str, str]:
    """Name and parent of each class of a drawing, which indents by four columns a level; the root's parent is ''.

    The margin does not count: from Python 3.13 on the compiler takes it away.
    """
    root = re.search(r"^( *)MylistError$", docstring, re.MULTILINE)
    assert root is not None
    above, parents = ["MylistError"], {"MylistError": ""}
    for line in docstring[root.end() :].splitlines():
        branch, mark, rest = line.removeprefix(root[1]).partition("── ")
        if mark:
            name, depth = rest.split()[0], len(branch) // 4 + 1
            parents[name] = above[depth - 1]
            above[depth:] = [name]
    return parents


def test_every_error_has_an_outcome_and_nothing_else_has() -> None:
    assert set(OUTCOMES) == set(classes_of(errors).values())


def test_every_error_stands_in_the_drawing_below_its_parent() -> None:
    root_parent = {"MylistError": ""}
    real = {name: cls.__bases__[0].__name__ for name, cls in classes_of(errors).items()} | root_parent
    assert drawn(errors.__doc__ or "") == real


@pytest.mark.parametrize("margin", ["", "    "])
def test_a_drawing_is_read_level_by_level(margin: str) -> None:
    text = """Some words.

MylistError
├── Invalid       bad
│   └── BadName   worse
└── NotFound      none
"""
    text = textwrap.indent(text, margin)
    assert drawn(text) == {
        "MylistError": "",
        "Invalid": "MylistError",
        "BadName": "Invalid",
        "NotFound": "MylistError",
    }


def test_a_class_without_an_outcome_is_seen() -> None:
    module = ModuleType("module")
    module.Lost = type("Lost", (MylistError,), {"__module__": "module"})  # type: ignore[attr-defined]
    assert set(classes_of(module)) == {"Lost"}
    assert not set(classes_of(module).values()) <= set(OUTCOMES)


def test_every_error_says_what_it_means() -> None:
    assert [name for name, cls in classes_of(errors).items() if not (cls.__doc__ or "").strip()] == []
