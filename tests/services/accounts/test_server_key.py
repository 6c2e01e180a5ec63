"""The server's own key: one for all processes, private, and followed from one to the next."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from mylist_dav.errors import Corrupt, Forbidden
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.model.server_keys import CHANGES_MAX, KeyChange, leads_to
from mylist_dav.services.accounts.server_key import MAC_OVERLAP_SECONDS, SERVER_KEY_FILE, ServerKey
from mylist_dav.store.secrets import SecretFile
from tests.shelf import USER, Clock


def opened(folder: Path, clock: Clock | None = None) -> ServerKey:
    return ServerKey(SecretFile(folder, SERVER_KEY_FILE), clock or Clock())


def test_the_key_is_made_once_and_its_owner_alone_may_read_it(tmp_path: Path) -> None:
    public = opened(tmp_path).public
    assert opened(tmp_path).public == public
    assert [path.name for path in tmp_path.iterdir()] == [SERVER_KEY_FILE]
    assert (tmp_path / SERVER_KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_of_two_processes_that_make_it_at_once_one_wins_for_both(tmp_path: Path) -> None:
    late = opened(tmp_path)
    first: list[PublicKey] = []

    def while_making() -> bytes:
        first.append(opened(tmp_path).public)
        return b"\7" * 32

    late._new_seed = while_making
    assert late.public == first[0] != PublicKey(bytes(SigningKey(b"\7" * 32).verify_key))


def test_it_signs_and_its_macs_are_its_own(tmp_path: Path) -> None:
    key, other = opened(tmp_path), tmp_path / "other"
    other.mkdir()
    assert verify(key.public, b"message", key.sign(b"message"))
    assert key.mac(b"a") == opened(tmp_path).mac(b"a") != key.mac(b"b")
    assert key.mac(b"a") != opened(other).mac(b"a")
    assert (tmp_path / SERVER_KEY_FILE).read_text().split("seed ")[1].split()[0] not in repr(key._ring())


def test_a_change_is_seen_by_all_processes_and_the_old_key_signs_for_it(tmp_path: Path) -> None:
    clock = Clock()
    here, there = opened(tmp_path, clock), opened(tmp_path, clock)
    keys = [there.public]
    for _ in range(3):
        keys.append(here.rotate(OPERATOR))
        assert there.public == keys[-1]
    assert leads_to(keys[0], keys[3], there.changes)
    assert leads_to(keys[1], keys[3], there.changes)
    assert not leads_to(keys[3], keys[0], there.changes)
    assert there.accepted == keys[::-1]
    assert len((tmp_path / SERVER_KEY_FILE).read_text().split("seed")) == 2  # old seeds are not kept


def test_what_was_made_just_before_a_change_is_known_for_two_minutes_and_by_nobody_else(
    tmp_path: Path,
) -> None:
    clock = Clock()
    key, other = opened(tmp_path, clock), tmp_path / "other"
    other.mkdir()
    macs = [key.mac(b"a")]
    for _ in range(2):
        key.rotate(OPERATOR)
        macs.append(key.mac(b"a"))
    assert [key.has_made(b"a", mac) for mac in macs] == [True, True, True]
    assert not key.has_made(b"b", macs[0])
    assert not opened(other, clock).has_made(b"a", macs[0])
    clock.advance(MAC_OVERLAP_SECONDS + 1)
    assert [opened(tmp_path, clock).has_made(b"a", mac) for mac in macs] == [False, False, True]
    key.rotate(OPERATOR)
    assert (tmp_path / SERVER_KEY_FILE).read_text().count("mac ") == 1
    assert macs[2].hex() not in repr(key._ring())


def _rotate(folder: Path, times: int) -> None:
    key = opened(folder)
    for _ in range(times):
        key.rotate(OPERATOR)


def test_of_changes_that_are_made_at_once_none_is_lost(tmp_path: Path) -> None:
    first = opened(tmp_path).public
    spawned = multiprocessing.get_context("spawn")
    processes = [spawned.Process(target=_rotate, args=(tmp_path, 4)) for _ in range(3)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    key = opened(tmp_path)
    assert len(key.changes) == 12
    assert leads_to(first, key.public, key.changes)


def test_only_an_admin_changes_it(tmp_path: Path) -> None:
    key = opened(tmp_path)
    before = key.public
    with pytest.raises(Forbidden):
        key.rotate(USER)
    assert key.public == before


def test_the_changes_that_are_remembered_are_bounded(tmp_path: Path) -> None:
    key = opened(tmp_path)
    for _ in range(CHANGES_MAX + 3):
        key.rotate(OPERATOR)
    assert len(key.changes) == CHANGES_MAX
    assert len(opened(tmp_path).changes) == CHANGES_MAX


def test_a_change_that_the_old_key_did_not_sign_leads_nowhere(tmp_path: Path) -> None:
    key = opened(tmp_path)
    old, new = key.public, PublicKey(bytes(SigningKey(b"\1" * 32).verify_key))
    assert not leads_to(old, new, [KeyChange(old, new, 1, bytes(64))])
    assert not leads_to(old, new, [KeyChange(new, old, 1, bytes(64)), KeyChange(old, old, 1, bytes(64))])
    key.rotate(OPERATOR)
    assert not leads_to(old, key.public, [key.changes[0]._replace(seconds=0)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "seed\n",
        "seed zz\n",
        "seed 00\n",
        "seed " + "0" * 64 + "\nchange a\n",
        "seed " + "0" * 64 + "\nmac 00 1\n",
        "\xff",
    ],
)
def test_a_damaged_file_is_never_replaced_by_a_new_key(tmp_path: Path, text: str) -> None:
    (tmp_path / SERVER_KEY_FILE).write_text(text, "latin-1")
    with pytest.raises(Corrupt, match="backup"):
        _ = opened(tmp_path).public
    assert (tmp_path / SERVER_KEY_FILE).read_text("latin-1") == text


def test_what_others_may_read_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _ = opened(tmp_path).public
    (tmp_path / SERVER_KEY_FILE).chmod(0o644)
    _ = opened(tmp_path).public
    assert "chmod 600" in caplog.text


def test_a_link_or_a_folder_is_no_key(tmp_path: Path) -> None:
    (tmp_path / SERVER_KEY_FILE).mkdir()
    with pytest.raises(Corrupt):
        _ = opened(tmp_path).public
