"""Blocks by their ids: to know one is no right to it; what was brought is checked, counted, and waits for a commit."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mylist_dav.errors import (
    BlocksMissing,
    Forbidden,
    LimitExceeded,
    NotFound,
    OutOfQuota,
    Unauthenticated,
)
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import GUEST, OPERATOR, Actor, Role, Scope
from mylist_dav.model.audit import Action, Wanted
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.services.contents.holdings import IDS_MAX, Brought, Offered, State
from mylist_dav.services.rights import may_read
from mylist_dav.services.upkeep.collecting import Collected
from mylist_dav.services.upkeep.leases import Lease
from mylist_dav.store.blocks import BLOCK_BYTES_MAX
from mylist_dav.store.blockstore.filer import Round
from mylist_dav.store.blockstore.intake import INTAKE_BLOCK_BYTES_MAX
from tests.services.libraries import GRACE_HOURS, OTHER, SITE, Store, store_at

LONG = random.Random(5).randbytes(3 * 1024 * 1024)
ANNA = Actor("anna", Role.USER)
BERT = Actor("bert", Role.USER)
ROOT = Actor("root", Role.ADMIN)
UNKNOWN = Digest.of(b"nobody has ever seen this")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_at(tmp_path / "data") as made:
        made.library.catalog.change(lambda draft: draft.add_account("bert", Role.USER))
        made.library.catalog.change(lambda draft: draft.add_account("root", Role.ADMIN))
        yield made


def make_private(store: Store, name: FlistName = SITE) -> None:
    flist_id = store.library.flists.get(OPERATOR, name).flist_id
    store.library.catalog.change(lambda draft: draft.set_private(flist_id, True))


def grant(store: Store, account: str, right: Right, name: FlistName = SITE) -> None:
    flist_id = store.library.flists.get(OPERATOR, name).flist_id
    store.library.catalog.change(lambda draft: draft.set_grant(flist_id, account, right))


def present(store: Store, actor: Actor, *ids: Digest) -> list[Digest]:
    return store.library.holdings.exists(actor, ids).present


def offered(*blocks: bytes) -> list[Offered]:
    return [Offered(str(Digest.of(block)), block) for block in blocks]


def bring(store: Store, actor: Actor, *blocks: bytes) -> list[Brought]:
    return list(store.library.holdings.upload(actor, offered(*blocks)))


# -- what one may know ------------------------------------------------------------------------------------------


def test_blocks_of_a_readable_flist_are_there_whole_contents_and_parts_of_one(store: Store) -> None:
    ids = [ref.digest for ref in (*store.put("f", b"f"), *store.put("long", LONG))]
    assert len(ids) > 2
    found = store.library.holdings.exists(BERT, [*ids, UNKNOWN, ids[0]])
    assert found.present == ids
    assert found.missing == [UNKNOWN]
    assert [ref.digest for ref in store.library.holdings.find(BERT, ids)] == ids


def test_the_digest_of_a_content_of_several_blocks_is_no_block(store: Store) -> None:
    store.put("long", LONG)
    assert present(store, ROOT, Digest.of(LONG)) == []


def test_blocks_of_a_private_flist_are_not_there_without_a_grant(store: Store) -> None:
    ids = [ref.digest for ref in (*store.put("f", b"f"), *store.put("long", LONG))]
    make_private(store)
    assert present(store, BERT, *ids) == []
    with pytest.raises(BlocksMissing) as raised:
        store.library.holdings.find(BERT, [*ids, UNKNOWN])
    assert raised.value.digests == (*ids, UNKNOWN)
    for actor in (ANNA, ROOT):
        assert present(store, actor, *ids) == ids
    grant(store, "bert", Right.READ)
    assert present(store, BERT, *ids) == ids
    grant(store, "bert", Right.NONE)
    assert present(store, BERT, *ids) == []


def test_a_past_revision_is_enough(store: Store) -> None:
    (ref,) = store.put("f", b"past")
    store.put("f", b"now")
    store.delete("f")
    assert present(store, BERT, ref.digest) == [ref.digest]


def test_what_a_deleted_flist_held_is_there_for_an_admin_alone(store: Store) -> None:
    (ref,) = store.put("f", b"f")
    store.delete_flist(SITE)
    assert present(store, BERT, ref.digest) == []
    assert present(store, ANNA, ref.digest) == []
    assert present(store, ROOT, ref.digest) == [ref.digest]


def test_a_token_for_one_flist_knows_the_blocks_of_this_one(store: Store) -> None:
    (here,), (there,) = store.put("f", b"here"), store.put("f", b"there", OTHER)
    for account, role in (("anna", Role.USER), ("bert", Role.USER), ("root", Role.ADMIN)):
        limited = Actor(account, role, Scope(SITE, True))
        assert present(store, limited, here.digest, there.digest) == [here.digest]
    gone = Actor("anna", Role.USER, Scope(FlistName("anna", "gone")))
    assert present(store, gone, here.digest, there.digest) == []


def test_a_token_for_reading_shows_nothing_that_was_only_brought(store: Store) -> None:
    grant(store, "anna", Right.WRITE)
    bring(store, ANNA, b"brought")
    digest = Digest.of(b"brought")
    assert present(store, ANNA, digest) == [digest]
    assert present(store, Actor("anna", Role.USER, Scope(None, True)), digest) == []
    assert present(store, Actor("anna", Role.USER, Scope(SITE)), digest) == [digest]
    assert present(store, BERT, digest) == []


def test_a_guest_knows_nothing(store: Store) -> None:
    with pytest.raises(Unauthenticated):
        store.library.holdings.exists(GUEST, [UNKNOWN])


def test_more_blocks_than_one_call_may_name_are_refused(store: Store) -> None:
    ids = [Digest(number.to_bytes(32, "big")) for number in range(IDS_MAX + 1)]
    assert len(store.library.holdings.exists(ROOT, ids[:-1]).missing) == IDS_MAX
    with pytest.raises(LimitExceeded):
        store.library.holdings.exists(ROOT, ids)
    assert store.library.holdings.exists(ROOT, []) == ([], [])


@settings(max_examples=40)
@given(
    private=st.booleans(),
    right=st.sampled_from(Right),
    role=st.sampled_from([Role.USER, Role.ADMIN]),
    account=st.sampled_from(["anna", "bert"]),
    scope=st.sampled_from([Scope(), Scope(None, True), Scope(SITE), Scope(SITE, True), Scope(OTHER)]),
)
def test_the_catalog_says_of_blocks_what_rights_say_of_their_flist(
    tmp_path_factory: pytest.TempPathFactory,
    private: bool,
    right: Right,
    role: Role,
    account: str,
    scope: Scope,
) -> None:
    with store_at(tmp_path_factory.mktemp("rights") / "data") as store:
        store.library.catalog.change(lambda draft: draft.add_account("bert", Role.USER))
        (ref,) = store.put("f", b"f")
        grant(store, "bert", right)
        if private:
            make_private(store)
        actor = Actor(account, role, scope)
        with store.library.catalog.view() as view:
            readable = may_read(view, actor, view.flist(SITE))
        assert present(store, actor, ref.digest) == ([ref.digest] if readable else [])


def test_a_condemned_block_is_present_while_enough_of_its_grace_is_left(store: Store) -> None:
    bring(store, ROOT, b"f")
    digest = Digest.of(b"f")
    store.clock.pass_hours(GRACE_HOURS + 1)
    store.collect()
    assert store.state(digest) == "condemned"
    store.clock.pass_hours(GRACE_HOURS / 2)
    assert present(store, ROOT, digest) == [digest]
    store.clock.pass_hours(0.1)
    assert present(store, ROOT, digest) == []
    assert [ref.digest for ref in store.library.holdings.find(ROOT, [digest])] == [digest]
    (told,) = bring(store, ROOT, b"f")
    assert told.state is State.PRESENT
    assert present(store, ROOT, digest) == [digest]


def test_asking_changes_nothing(store: Store) -> None:
    (ref,) = store.put("f", b"f")
    before = store.library.catalog._writer.total_changes()
    present(store, BERT, ref.digest)
    assert store.library.catalog._writer.total_changes() == before


# -- bringing ---------------------------------------------------------------------------------------------------


def test_whether_others_have_a_block_shows_only_to_those_who_may_know_it(store: Store) -> None:
    store.put("f", b"a guess")
    make_private(store)
    grant(store, "bert", Right.WRITE, OTHER)
    assert [one.state for one in bring(store, BERT, b"a guess")] == [State.STORED]
    assert [one.state for one in bring(store, ROOT, b"a guess")] == [State.PRESENT]
    rows = store.library.audit.rows(OPERATOR, Wanted(account="bert"))
    assert [json.loads(row.detail)["new"] for row in rows] == [1]


def test_what_was_brought_is_stored_and_known_to_who_has_brought_it_for_a_day(store: Store) -> None:
    grant(store, "bert", Right.WRITE)
    told = bring(store, BERT, b"a", b"bb", b"a")
    assert [one.state for one in told] == [State.STORED, State.STORED, State.STORED]
    assert [one.digest for one in told] == [Digest.of(b"a"), Digest.of(b"bb"), Digest.of(b"a")]
    assert [one.state for one in bring(store, BERT, b"a")] == [State.PRESENT]
    assert present(store, BERT, Digest.of(b"a")) == [Digest.of(b"a")]
    assert present(store, ANNA, Digest.of(b"a")) == []
    store.clock.pass_hours(23)
    bring(store, BERT, b"a")
    store.clock.pass_hours(2)
    assert present(store, BERT, Digest.of(b"a"), Digest.of(b"bb")) == [Digest.of(b"a")]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (Offered(str(UNKNOWN), b"other bytes"), "another digest"),
        (Offered("no-id", b"x"), "another digest"),
        (Offered(str(Digest.of(b"")), b""), "at least one byte"),
        (Offered("0" * 64, bytes(BLOCK_BYTES_MAX + 1)), "at most"),
        (Offered("x", b"", "it is a link"), "it is a link"),
    ],
    ids=["wrong bytes", "no id", "empty", "too long", "no file"],
)
def test_a_bad_block_is_told_and_the_others_are_kept(store: Store, bad: Offered, why: str) -> None:
    first, second, third = store.library.holdings.upload(ROOT, [*offered(b"before"), bad, *offered(b"after")])
    assert (first.state, third.state) == (State.STORED, State.STORED)
    assert (second.name, second.digest, second.state) == (bad.name, None, State.BAD)
    assert why in second.detail
    assert len(present(store, ROOT, Digest.of(b"before"), Digest.of(b"after"))) == 2
    assert store.rows("block") == 2


def test_many_blocks_are_stored_in_groups_and_told_as_they_are(store: Store) -> None:
    blocks = [b"%d" % number for number in range(1200)]
    telling = store.library.holdings.upload(ROOT, offered(*blocks))
    next(telling)
    assert 0 < store.rows("block") < 1200
    assert len(list(telling)) == 1199
    assert store.rows("block") == 1200


def test_who_may_write_nowhere_brings_nothing(store: Store) -> None:
    (ref,) = store.put("f", b"f")
    grant(store, "bert", Right.READ)
    refused = [
        BERT,
        Actor("bert", Role.USER, Scope(SITE)),
        Actor("root", Role.ADMIN, Scope(None, True)),
        Actor("root", Role.ADMIN, Scope(FlistName("anna", "gone"))),
    ]
    for actor in refused:
        with pytest.raises(Forbidden):
            bring(store, actor, b"x")
    with pytest.raises(Unauthenticated):
        bring(store, GUEST, b"x")
    assert store.rows("block") == 1
    for actor in (
        Actor("root", Role.ADMIN, Scope(SITE)),
        Actor("bert", Role.USER, self_service=True),
        OPERATOR,
    ):
        assert bring(store, actor, b"x")[0].digest == Digest.of(b"x")
    assert store.state(ref.digest) == "stored"


def test_what_is_not_committed_counts_to_the_quota_and_nothing_is_stored_past_it(store: Store) -> None:
    grant(store, "bert", Right.WRITE)
    store.library.catalog.change(lambda draft: draft.set_quota("bert", 100))
    store.library.flists.create(OPERATOR, FlistName("bert", "own"))
    store.put("f", bytes(40), FlistName("bert", "own"))
    bring(store, BERT, b"x" * 50)
    bring(store, BERT, b"x" * 50)
    before = set(store.library.files.digests())
    with pytest.raises(OutOfQuota, match="bert"):
        bring(store, BERT, b"y" * 11)
    assert set(store.library.files.digests()) == before
    assert bring(store, BERT, b"y" * 10)[0].state is State.STORED
    store.clock.pass_hours(25)
    assert bring(store, BERT, b"z" * 60)[0].state is State.STORED


def test_past_the_quota_what_was_brought_does_not_last_longer_by_being_brought_again(store: Store) -> None:
    own = FlistName("bert", "own")
    grant(store, "bert", Right.WRITE)
    store.library.catalog.change(lambda draft: draft.set_quota("bert", 100))
    store.library.flists.create(OPERATOR, own)
    bring(store, BERT, b"x" * 60)
    store.put("f", b"y" * 100, own)
    store.clock.pass_hours(23)
    with pytest.raises(OutOfQuota):
        bring(store, BERT, b"x" * 60)
    store.put("f", b"y" * 40, own)
    bring(store, BERT, b"x" * 60)


def test_what_was_committed_counts_once(store: Store) -> None:
    store.library.catalog.change(lambda draft: draft.set_quota("bert", 100))
    grant(store, "bert", Right.WRITE)
    bring(store, BERT, b"x" * 90)
    store.library.catalog.change(lambda draft: draft.end_uploads("bert", [Digest.of(b"x" * 90)]))
    bring(store, BERT, b"y" * 90)
    with pytest.raises(OutOfQuota):
        bring(store, BERT, b"z" * 90)


def test_bringing_is_recorded(store: Store) -> None:
    bring(store, ROOT, b"abc")
    (row,) = store.library.audit.rows(OPERATOR, Wanted(action=Action.UPLOAD_BLOCKS))
    assert (row.account, row.size_bytes) == ("root", 3)


# -- the intake -------------------------------------------------------------------------------------------------

SMALL, ANOTHER = b"small", b"another"
LARGE = LONG[: INTAKE_BLOCK_BYTES_MAX + 1]


@pytest.fixture
def taking(store: Store) -> Store:
    """With an intake that nobody files from."""
    store.library.intake.open(lambda size_bytes: None)
    return store


def has_file(store: Store, data: bytes) -> bool:
    return store.library.files.has(Digest.of(data))


def test_small_blocks_that_are_brought_wait_in_the_intake_and_are_there_at_once(taking: Store) -> None:
    brought = bring(taking, ROOT, SMALL, LARGE, ANOTHER)
    assert [one.state for one in brought] == [State.STORED] * 3
    assert [has_file(taking, data) for data in (SMALL, LARGE, ANOTHER)] == [False, True, False]
    assert present(taking, ROOT, *map(Digest.of, (SMALL, LARGE))) == [Digest.of(SMALL), Digest.of(LARGE)]
    assert taking.library.blocks.get(Digest.of(SMALL)) == SMALL
    assert [one.state for one in taking.library.holdings.verify(ROOT, [Digest.of(ANOTHER)])] == [State.OK]


def test_a_small_block_that_has_a_file_stays_there_and_one_of_the_intake_is_taken_in_once(
    store: Store,
) -> None:
    bring(store, ROOT, SMALL)
    store.library.intake.open(lambda size_bytes: None)
    assert [one.state for one in bring(store, ROOT, SMALL, ANOTHER)] == [State.PRESENT, State.STORED]
    assert [one.state for one in bring(store, ROOT, SMALL, ANOTHER)] == [State.PRESENT, State.PRESENT]
    with store.library.catalog.view() as view:
        assert view.intake_digests() == [Digest.of(ANOTHER)]


def test_what_is_in_the_intake_survives_a_restart_and_is_filed_then(tmp_path: Path) -> None:
    path = tmp_path / "restarted"
    with store_at(path) as before:
        before.library.catalog.change(lambda draft: draft.add_account("root", Role.ADMIN))
        before.library.intake.open(lambda size_bytes: None)
        bring(before, ROOT, SMALL, ANOTHER)
    with store_at(path) as after:
        assert present(after, ROOT, Digest.of(SMALL)) == [Digest.of(SMALL)]
        Round(after.library.catalog, after.library.files).file_slice()
        assert has_file(after, SMALL)
        assert has_file(after, ANOTHER)
        assert after.library.blocks.get(Digest.of(ANOTHER)) == ANOTHER


def test_blocks_of_the_intake_are_collected_and_deleted_like_others(taking: Store) -> None:
    bring(taking, ROOT, SMALL, ANOTHER)
    taking.clock.pass_hours(25)
    assert taking.library.holdings.delete(ROOT, [Digest.of(SMALL)]).deleted == [Digest.of(SMALL)]
    taking.collect()
    taking.clock.pass_hours(GRACE_HOURS + 1)
    taking.collect()
    with taking.library.catalog.view() as view:
        assert view.intake_digests() == []
    assert present(taking, ROOT, Digest.of(SMALL), Digest.of(ANOTHER)) == []


# -- verifying, deleting ----------------------------------------------------------------------------------------


def spoil(store: Store, digest: Digest) -> None:
    path = Path(store.library.files._filing.folders.path(digest))
    path.chmod(0o600)
    path.write_bytes(b"spoilt")


def test_verifying_says_of_each_block_whether_it_is_whole(store: Store) -> None:
    (whole,), (spoilt,), (lost,) = (
        store.put("a", b"whole"),
        store.put("b", b"spoils"),
        store.put("c", b"lost"),
    )
    store.read("a")
    spoil(store, spoilt.digest)
    store.library.files.delete(lost.digest)
    ids = [whole.digest, spoilt.digest, lost.digest, UNKNOWN, whole.digest]
    states = {one.digest: one.state for one in store.library.holdings.verify(ROOT, ids)}
    assert states == {
        whole.digest: State.OK, spoilt.digest: State.CORRUPT, lost.digest: State.MISSING, UNKNOWN: State.MISSING,
    }  # fmt: skip
    again = {one.digest: one.state for one in store.library.holdings.verify(ROOT, ids)}
    assert again == {**states, spoilt.digest: State.MISSING}


@pytest.mark.parametrize("everything", [False, True], ids=["named ones", "all of them"])
def test_a_block_that_was_found_damaged_is_missing_until_it_comes_again(
    store: Store, everything: bool
) -> None:
    (ref,), (other,) = store.put("f", b"spoils"), store.put("g", b"whole")
    spoil(store, ref.digest)
    assert present(store, BERT, ref.digest, other.digest) == [ref.digest, other.digest]
    for _ in range(2):
        if everything:
            found = [one.digest for one in store.library.upkeep.verify(OPERATOR) if one.problem]
        else:
            told = store.library.holdings.verify(OPERATOR, [ref.digest, other.digest])
            found = [one.digest for one in told if one.state is not State.OK]
        assert found == [ref.digest]
    assert present(store, BERT, ref.digest, other.digest) == [other.digest]
    store.collect_until_gone()
    assert store.state(ref.digest) == "deleting"  # a flist needs it: it is not forgotten
    assert store.collect() == Collected()
    bring(store, ROOT, b"spoils")
    assert present(store, BERT, ref.digest) == [ref.digest]
    assert store.read("f") == b"spoils"


def test_a_damaged_file_that_was_put_back_is_found_by_the_collector(store: Store) -> None:
    (ref,) = store.put("f", b"spoils")
    spoil(store, ref.digest)
    list(store.library.holdings.verify(OPERATOR, [ref.digest]))
    store.library.files.put(b"spoils")
    assert present(store, BERT, ref.digest) == []
    store.collect()
    assert present(store, BERT, ref.digest) == [ref.digest]


@pytest.mark.parametrize("verb", ["verify", "delete"])
def test_only_an_admin_verifies_and_deletes(store: Store, verb: str) -> None:
    for actor in (BERT, Actor("root", Role.ADMIN, Scope(SITE))):
        with pytest.raises(Forbidden):
            getattr(store.library.holdings, verb)(actor, [UNKNOWN])


def test_deleting_refuses_what_is_needed_and_says_by_whom(store: Store) -> None:
    grant(store, "bert", Right.WRITE)
    (held,) = store.put("f", b"held")
    part = store.put("long", LONG)[0]
    bring(store, BERT, b"brought")
    (free,) = store.put("g", b"free", OTHER)
    store.delete_flist(OTHER)
    unknown_file = store.library.files.put(b"never registered")
    ids = [held.digest, part.digest, Digest.of(b"brought"), free.digest, unknown_file, UNKNOWN]
    found = store.library.holdings.delete(ROOT, ids)
    assert found.deleted == [free.digest, unknown_file]
    assert found.missing == [UNKNOWN]
    reasons = dict(found.refused)
    assert list(reasons) == ids[:3]
    assert reasons[held.digest] == reasons[part.digest] == "anna/site holds it"
    assert "bert has brought it" in reasons[ids[2]]
    assert [store.has_file(digest) for digest in ids] == [True, True, True, False, False, False]
    assert store.library.holdings.delete(ROOT, ids).deleted == []


def test_nothing_is_deleted_while_somebody_may_need_what_no_flist_has(store: Store) -> None:
    (free,) = store.put("f", b"free")
    store.delete_flist(SITE)
    with Lease(store.library.catalog, store.clock, "import", OPERATOR):
        assert [digest for digest, _ in store.library.holdings.delete(ROOT, [free.digest]).refused] == [
            free.digest
        ]
    assert store.library.holdings.delete(ROOT, [free.digest]).deleted == [free.digest]


def test_a_deleted_block_cannot_be_taken_out(store: Store) -> None:
    (free,) = store.put("f", b"free")
    store.delete_flist(SITE)
    store.library.catalog.change(lambda draft: draft.reaper.mark_deleting([free.digest]))
    with pytest.raises(NotFound):
        store.library.holdings.find(ROOT, [free.digest])
    assert present(store, ROOT, free.digest) == []
