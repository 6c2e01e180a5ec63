"""Commits that name contents by their digests, and the collector between naming and committing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import OutOfQuota, Refused
from mylist_dav.model.actors import Actor, Role
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.operations import Put
from mylist_dav.model.paths import TreePath
from mylist_dav.services.contents.holdings import Offered
from tests.services.libraries import GRACE_HOURS, OTHER, SITE, Store, store_at

ROOT = Actor("root", Role.ADMIN)
LONG = random.Random(8).randbytes(3 * 1024 * 1024)
BROUGHT = b"a block that was brought"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_at(tmp_path / "data") as made:
        made.library.catalog.change(lambda draft: draft.add_account("root", Role.ADMIN))
        yield made


def bring(store: Store, data: bytes) -> BlockRef:
    list(store.library.holdings.upload(ROOT, [Offered(str(Digest.of(data)), data)]))
    return BlockRef(Digest.of(data), len(data))


def commit(store: Store, data: bytes, blocks: tuple[BlockRef, ...] | None = None) -> None:
    put = Put(path=TreePath.parse("named"), digest=Digest.of(data), size_bytes=len(data), blocks=blocks)
    store.library.changes.commit(ROOT, OTHER, None, (put,))


def test_a_commit_revives_condemned_blocks_that_it_names(store: Store) -> None:
    ref = bring(store, BROUGHT)
    store.clock.pass_hours(GRACE_HOURS + 1)
    store.collect()
    assert store.state(ref.digest) == "condemned"
    bring(store, BROUGHT)
    commit(store, BROUGHT)
    assert store.state(ref.digest) == "stored"
    store.collect_until_gone()
    assert store.read("named", OTHER) == BROUGHT


def test_a_commit_that_names_what_has_gone_is_refused_and_says_what(store: Store) -> None:
    ref = bring(store, BROUGHT)
    store.clock.pass_hours(GRACE_HOURS + 1)
    store.collect_until_gone()
    with pytest.raises(Refused) as raised:
        commit(store, BROUGHT)
    assert raised.value.missing == (ref.digest,)
    bring(store, BROUGHT)
    commit(store, BROUGHT)
    assert store.read("named", OTHER) == BROUGHT


@pytest.mark.parametrize("told", [False, True], ids=["a known content", "a content and its blocks"])
def test_a_content_whose_last_flist_goes_while_it_is_named_stays_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    refs = tuple(store.put("long", LONG))
    store.clock.pass_hours(GRACE_HOURS + 1)
    prove = store.library.changes._proven

    def collecting_first(*arguments: object) -> object:
        proven = prove(*arguments)  # type: ignore[arg-type]
        store.delete_flist(SITE)
        assert store.collect().recipes == 1
        return proven

    monkeypatch.setattr(store.library.changes, "_proven", collecting_first)
    commit(store, LONG, refs if told else None)
    assert store.read("named", OTHER) == LONG
    store.collect_until_gone()
    assert store.read("named", OTHER) == LONG


def test_what_was_committed_counts_to_the_quota_of_its_flist_alone(store: Store) -> None:
    store.library.catalog.change(lambda draft: draft.set_quota("root", 100))
    bring(store, b"x" * 90)
    with pytest.raises(OutOfQuota):
        bring(store, b"y" * 90)
    commit(store, b"x" * 90)
    bring(store, b"y" * 90)
