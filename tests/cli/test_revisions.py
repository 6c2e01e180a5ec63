"""mylist diff, label and rename, as one calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mylist_dav.cli.group import mylist
from mylist_dav.errors import NotFound


def run(*arguments: str) -> Result:
    return CliRunner().invoke(mylist, list(arguments))


@pytest.fixture
def data(tmp_path: Path) -> str:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "a").write_text("1")
    made = str(tmp_path / "data")
    assert run("import", str(folder), "alice/site", "--data", made).exit_code == 0
    (folder / "a").unlink()
    (folder / "b").write_text("2")
    assert run("import", str(folder), "alice/site", "--data", made).exit_code == 0
    return made


def test_what_changed_is_shown_a_line_each_or_as_json(data: str) -> None:
    assert run("diff", "alice/site", "2", "--data", data).stdout == "- a\n+ b\n"
    found = json.loads(run("diff", "alice/site", "3", "2", "--json", "--data", data).stdout)
    assert [(row["change"], row["path"], row["kind"]) for row in found] == [
        ("added", "a", "file"),
        ("removed", "b", "file"),
    ]
    assert isinstance(run("diff", "alice/site", "2", "9", "--data", data).exception, NotFound)


def test_labels_are_set_listed_and_removed(data: str) -> None:
    assert (
        run("label", "set", "alice/site", "v1", "2", "--data", data).stdout
        == "v1 is revision 2 of alice/site\n"
    )
    assert (
        run("label", "set", "alice/site", "now", "--data", data).stdout == "now is revision 3 of alice/site\n"
    )
    found = json.loads(run("label", "list", "alice/site", "--json", "--data", data).stdout)
    assert [(row["label"], row["jid"]) for row in found] == [("now", 3), ("v1", 2)]
    assert run("label", "remove", "alice/site", "now", "--data", data).exit_code == 0
    assert run("label", "list", "alice/site", "--data", data).stdout == "v1  revision 2\n"


def test_a_flist_is_renamed(data: str) -> None:
    assert (
        run("rename", "alice/site", "alice/page", "--data", data).stdout == "alice/site is alice/page now\n"
    )
    assert run("ls", "alice/page", "--data", data).stdout.split()[-1] == "b"
