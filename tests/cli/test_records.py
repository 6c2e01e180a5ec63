"""mylist audit and mylist verify-manifest, as one calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mylist_dav.cli.group import mylist
from mylist_dav.errors import Corrupt, Invalid
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from tests.shelf import Clock


def run(*arguments: str) -> Result:
    return CliRunner().invoke(mylist, list(arguments))


@pytest.fixture
def data(tmp_path: Path) -> str:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "a").write_text("1")
    (folder / "b").write_text("2")
    made = str(tmp_path / "data")
    assert run("import", str(folder), "alice/site", "--data", made).exit_code == 0
    return made


def audit(data: str, *arguments: str) -> list[dict[str, object]]:
    found = run("audit", "--json", *arguments, "--data", data)
    assert found.exception is None, found.output
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_the_audit_is_printed_newest_first_and_as_json_lines(data: str) -> None:
    assert [row["action"] for row in audit(data)] == ["import", "create", "account-add"]
    assert [row["action"] for row in audit(data, "--flist", "alice/site", "--limit", "1")] == ["import"]
    assert [row["action"] for row in audit(data, "--action", "create", "--since", "1h")] == ["create"]
    assert audit(data, "--until", "2020-01-01") == []
    assert audit(data, "--since", "2999-01-01T00:00") == []
    assert audit(data, "--account", "alice") == []
    lines = run("audit", "--data", data).stdout.splitlines()
    assert "import          owner  -  alice/site  jid=2  note=import  2 bytes" in lines[0]


def test_a_time_that_is_none_is_refused(data: str) -> None:
    found = run("audit", "--since", "yesterday", "--data", data)
    assert (found.exit_code, "is no time" in found.output) == (2, True)


@pytest.fixture
def manifest(data: str, tmp_path: Path) -> tuple[str, str]:
    """A file with a manifest, and the key."""
    library = Library(load(given={"store.data": data}), Clock())
    signed = library.manifests.manifest(OPERATOR, FlistName("alice", "site"))
    library.close()
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(signed.document()))
    return str(path), str(signed.key)


def test_a_download_is_held_against_a_manifest(data: str, manifest: tuple[str, str], tmp_path: Path) -> None:
    path, key = manifest
    for name in ("site.tar.gz", "site.zip"):
        archive = str(tmp_path / name)
        assert run("export", "alice/site", "-o", archive, "--data", data).exit_code == 0
        found = run("verify-manifest", path, "--server-key", key, "--tree", archive)
        assert found.exit_code == 0, found.output
        assert "alice/site, revision 2" in found.stdout
    folder = tmp_path / "site"
    found = run("verify-manifest", path, "--server-key", key, "--tree", str(folder), "--exact")
    assert "names, contents, modes and times" in found.stdout
    (folder / "a").chmod(0o600)
    assert run("verify-manifest", path, "--server-key", key, "--tree", str(folder)).exit_code == 0
    exact = run("verify-manifest", path, "--server-key", key, "--tree", str(folder), "--exact")
    assert isinstance(exact.exception, Corrupt)
    (folder / "a").write_text("x")
    changed = run("verify-manifest", path, "--server-key", key, "--tree", str(folder))
    assert isinstance(changed.exception, Corrupt)


def test_a_manifest_of_another_key_or_a_changed_one_is_refused(
    manifest: tuple[str, str], tmp_path: Path
) -> None:
    path, key = manifest
    other = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert isinstance(run("verify-manifest", path, "--server-key", other).exception, Corrupt)
    document = json.loads(Path(path).read_text())
    Path(path).write_text(json.dumps({**document, "revision": 3}))
    assert isinstance(run("verify-manifest", path, "--server-key", key).exception, Corrupt)
    for text in ("{", "[]", "x" * 10_000):
        Path(path).write_text(text)
        assert isinstance(run("verify-manifest", path, "--server-key", key).exception, Invalid)
