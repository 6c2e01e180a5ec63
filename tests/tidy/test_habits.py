"""The sources keep the habits of the house."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.tidy import habits
from tests.tidy.sources import PACKAGE, Source, python_files, text_files


def none(complaints: Iterable[str]) -> None:
    """Fail with all of the complaints, one a line."""
    found = list(complaints)
    assert not found, "\n".join(["", *found])


def test_no_banned_call_stands_in_the_package() -> None:
    none(line for source in python_files(PACKAGE) for line in habits.banned(source))


def test_files_and_functions_are_short_or_say_why() -> None:
    none(line for source in python_files(PACKAGE) for line in habits.oversized(source))


def test_every_module_says_what_it_is_for() -> None:
    none(line for source in python_files(PACKAGE, "bench") for line in habits.undocumented(source))


def test_the_project_speaks_of_itself_alone() -> None:
    none(line for path, text in text_files() for line in habits.foreign_words(path, text))


def test_tests_do_not_sleep() -> None:
    none(
        f"{source.path}:{use.line}"
        for source in python_files("tests")
        for use in habits.names_used(source)
        if use.name == "time.sleep"
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("services/trees.py", "import time\nnow = time.time()"),
        ("services/trees.py", "from time import time_ns as t\nnow = t()"),
        ("services/trees.py", "import time\nclock = time.time"),
        ("web/pages.py", "from datetime import datetime\nnow = datetime.now()"),
        ("web/pages.py", "print(1)"),
        ("store/files.py", "import os\nos.rename('a', 'b')"),
        ("store/files.py", "from os import replace\nreplace('a', 'b')"),
        ("services/trees.py", "with open('a') as f: ..."),
    ],
)
def test_a_banned_call_is_found(path: str, text: str) -> None:
    assert len(list(habits.banned(Source(f"{PACKAGE}/{path}", text)))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("server/clock.py", "import time\nnow = time.time()"),
        ("services/trees.py", "import time\ndef f(clock=time.time, *, clock_ns=time.time_ns): ..."),
        ("model/clock.py", "import time\nnow = time.time()"),
        ("cli/ls.py", "print(open('a'))"),
        ("store/disk.py", "import os\nos.rename('a', 'b')"),
        ("services/trees.py", "import time\ntime.monotonic()\nstore.open('a')\nself.print(1)"),
    ],
)
def test_a_call_in_its_place_passes(path: str, text: str) -> None:
    assert list(habits.banned(Source(f"{PACKAGE}/{path}", text))) == []


def test_a_long_file_needs_a_reason() -> None:
    body = "x = 1\n" * 600
    assert len(list(habits.oversized(Source("a.py", '"""One table."""\n' + body)))) == 1
    assert (
        list(habits.oversized(Source("a.py", '"""One table. Long because it is one table."""\n' + body)))
        == []
    )


def test_a_long_function_is_found() -> None:
    assert len(list(habits.oversized(Source("a.py", "def f():\n" + "    x = 1\n" * 60)))) == 1
    assert list(habits.oversized(Source("a.py", "def f():\n" + "    x = 1\n" * 59))) == []


def test_a_file_without_a_docstring_is_found() -> None:
    assert len(list(habits.undocumented(Source("a.py", "x = 1\n")))) == 1


BROKEN_BY = "|"
"""Stands in the middle of the examples below, or this file would be found too."""


@pytest.mark.parametrize(
    "text",
    [
        "see /Us|ers/alice/README.md",
        "cd /ro|ot/x",
        "open('/t|mp/x')",
        "/ho|me/alice/site",
        "from files.python|hosted.org",
        "https://py|pi.org/simple",
        "as in issue| 12",
        "fixed (|#7)",
        "# TO|DO later",
    ],
)
def test_a_foreign_word_is_found(text: str) -> None:
    assert len(list(habits.foreign_words("a.md", text.replace(BROKEN_BY, "")))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "/network/",
        "the root/leaf path",
        "<a href=#12>",
        "frameworks /workers/",
        "a/works/b",
        "$HOME/site",
        "tmp/x",
    ],
)
def test_an_innocent_word_passes(text: str) -> None:
    assert list(habits.foreign_words("a.md", text)) == []
