"""The key of who starts a server: used if it is there, made where somebody has a home, never a reason to stop."""

from __future__ import annotations

from pathlib import Path

import pytest
from nacl.signing import SigningKey

from mylist_dav.cli.operator import operator_key
from mylist_dav.client.logins.folder import write_private
from mylist_dav.client.logins.key_files import PrivateKey, written
from mylist_dav.model.keys import PublicKey
from mylist_dav.settings import Settings, load

KEY = PrivateKey(SigningKey(b"\1" * 32))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The data lie in tmp_path/data; the home is tmp_path/home, and there."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    return load(given={"store.data": str(tmp_path / "data")})


def test_a_key_is_made_once_for_its_owner_alone(settings: Settings, tmp_path: Path) -> None:
    key = operator_key(settings)
    assert isinstance(key, PublicKey)
    path = tmp_path / "home" / ".config" / "mylist" / "key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert operator_key(settings) == key


@pytest.mark.parametrize("phrase", ["", "horse"])
def test_a_key_that_is_there_is_used_and_no_pass_phrase_asked_for(
    settings: Settings, tmp_path: Path, phrase: str
) -> None:
    write_private(tmp_path / "home/.config/mylist/key", written(KEY, phrase), replace=False)
    assert operator_key(settings) == KEY.public


@pytest.mark.parametrize(
    ("home", "configured"),
    [
        ("", ""),
        ("/nonexistent", ""),
        ("{}/data", ""),  # a container: its home is the data directory
        ("{}/data/home", ""),
        ("{}/home", "{}/data/config"),
        ("{}/alias", ""),  # a link that leads to the data
        ("{}/home", "{}/file"),
    ],
)
def test_where_nobody_has_a_home_no_key_is_made(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str, configured: str
) -> None:
    (tmp_path / "data" / "home").mkdir(parents=True)
    (tmp_path / "alias").symlink_to("data")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HOME", home.format(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", configured.format(tmp_path))
    assert operator_key(settings) is None
    assert list(tmp_path.rglob("key")) == []


def test_a_damaged_key_file_is_neither_used_nor_replaced(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "home/.config/mylist/key"
    write_private(path, "nonsense", replace=False)
    assert operator_key(settings) is None
    assert path.read_text() == "nonsense"
