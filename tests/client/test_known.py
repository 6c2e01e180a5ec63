"""What is remembered of servers in the user's folder."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from mylist_dav.client.logins.known import KnownServers, Login, Tokens
from mylist_dav.errors import MylistError
from mylist_dav.model.keys import PublicKey

KEY = PublicKey(bytes(SigningKey(bytes([7]) * 32).verify_key))


def _remember(folder: Path, who: int, times: int) -> None:
    for number in range(times):
        server = f"https://{who}-{number}.example"
        KnownServers(folder).remember(server, KEY)
        Tokens(folder).keep(server, Login("token", "alice", "user", "2026-01-31T12:00:00Z"))


def test_of_commands_that_run_at_once_none_loses_what_another_has_kept(tmp_path: Path) -> None:
    spawned = multiprocessing.get_context("spawn")
    processes = [spawned.Process(target=_remember, args=(tmp_path / "mylist", who, 10)) for who in range(3)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    for who in range(3):
        for number in range(10):
            server = f"https://{who}-{number}.example"
            assert KnownServers(tmp_path / "mylist").key_of(server) == KEY
            assert Tokens(tmp_path / "mylist").get(server).account == "alice"
    assert sorted(path.name for path in (tmp_path / "mylist").iterdir()) == ["servers.json", "tokens.json"]


def test_a_folder_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    (tmp_path / "mylist").write_text("a file")
    with pytest.raises(MylistError, match="mylist"):
        KnownServers(tmp_path / "mylist").remember("https://a.example", KEY)
