"""Collecting: what nobody needs goes, after a grace; what anybody needs stays, whoever comes in between."""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mylist_dav.errors import BlocksGone, Busy, Forbidden, MylistError, PreconditionFailed
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.audit import Action, Wanted
from mylist_dav.model.conditions import Conditions, Place
from mylist_dav.model.contents import BlockRef
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.services.contents.holdings import Offered
from mylist_dav.services.upkeep.collecting import Collected
from mylist_dav.services.upkeep.collecting_turns import CollectingTurns
from mylist_dav.services.upkeep.leases import Lease
from mylist_dav.services.upkeep.releasing import release_unheld
from mylist_dav.store.catalog import Draft
from mylist_dav.store.marking import Marks
from mylist_dav.store.pacing import Pace
from tests.services.libraries import GRACE_HOURS, HOUR_NS, OTHER, SITE, MovedClock, Store, no_rest, store_at

T = TypeVar("T")
LONG = random.Random(1).randbytes(3 * 1024 * 1024)
"""Cut into several blocks: it has a recipe."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_at(tmp_path / "data") as made:
        yield made


def test_the_blocks_of_a_deleted_flist_go_after_the_grace(store: Store) -> None:
    refs = [*store.put("small", b"small"), *store.put("long", LONG)]
    store.delete_flist(SITE)
    store.clock.pass_hours(GRACE_HOURS + 1)
    done = store.collect()
    assert (done.condemned, done.deleted, done.waiting) == (len(refs), 0, len(refs))
    assert all(store.has_file(ref.digest) for ref in refs)
    store.clock.pass_hours(GRACE_HOURS - 1)
    assert store.collect().deleted == 0
    store.clock.pass_hours(2)
    done = store.collect()
    assert (done.deleted, done.deleted_bytes) == (len(refs), sum(ref.size_bytes for ref in refs))
    assert not any(store.has_file(ref.digest) for ref in refs)
    assert (store.rows("block"), store.rows("recipe"), store.rows("recipe_block")) == (0, 0, 0)


def test_the_last_run_is_noted_with_what_it_did_for_those_who_watch(store: Store) -> None:
    refs = store.put("small", b"small")
    store.delete_flist(SITE)
    store.clock.pass_hours(GRACE_HOURS + 1)
    store.collect()
    noted = store.library.watch.health().upkept["collect"]
    assert (noted.found["condemned"], noted.found["deleted"], noted.found["busy"]) == (len(refs), 0, 0)


def test_a_block_younger_than_the_grace_is_never_condemned(store: Store) -> None:
    (ref,) = store.put("f", b"f")
    store.delete_flist(SITE)
    store.clock.pass_hours(GRACE_HOURS - 1)
    assert store.collect().condemned == 0
    assert store.state(ref.digest) == "stored"


def test_what_another_flist_holds_stays(store: Store) -> None:
    refs = [*store.put("a", b"shared"), *store.put("b", LONG)]
    store.put("c", b"shared", OTHER)
    store.put("d", LONG, OTHER)
    store.delete_flist(SITE)
    assert store.collect_until_gone().deleted == 0
    assert all(store.state(ref.digest) == "stored" for ref in refs)
    assert store.read("d", OTHER) == LONG


def test_what_only_an_old_revision_has_stays(store: Store) -> None:
    store.put("f", b"old")
    jid = store.library.flists.get(OPERATOR, SITE).head_jid
    store.put("f", b"new")
    store.delete("f")
    assert store.collect_until_gone() == Collected()
    assert store.read("f", at_jid=jid) == b"old"


def test_a_commit_revives_what_is_condemned(store: Store) -> None:
    (ref,) = store.put("f", b"again")
    store.delete_flist(SITE)
    store.clock.pass_hours(GRACE_HOURS + 1)
    store.collect()
    assert store.state(ref.digest) == "condemned"
    store.put("f", b"again", OTHER)
    assert store.state(ref.digest) == "stored"
    assert store.collect_until_gone().deleted == 0
    assert store.read("f", OTHER) == b"again"


def test_a_copy_made_after_the_look_keeps_the_block(store: Store) -> None:
    store.put("f", b"copied")
    store.clock.pass_hours(GRACE_HOURS + 1)
    store.collect()
    trees = store.library.trees
    trees.copy(
        OPERATOR,
        Place(SITE, TreePath.parse("f")),
        Place(OTHER, TreePath.parse("f")),
        overwrite=False,
        members=True,
    )
    store.delete_flist(SITE)
    store.collect_until_gone()
    assert store.read("f", OTHER) == b"copied"


def test_what_was_brought_and_not_committed_stays_until_it_expires(store: Store) -> None:
    digest = store.library.blocks.put(b"brought")
    expires_ns = store.clock() + 100 * HOUR_NS
    store.library.catalog.change(
        lambda draft: (
            draft.register_blocks([BlockRef(digest, 7)]),
            draft.add_uploads("anna", [BlockRef(digest, 7)], expires_ns),
        )
    )
    store.clock.pass_hours(99)
    assert store.collect().condemned == 0
    store.clock.pass_hours(2)
    assert store.collect().condemned == 1
    assert store.rows("upload") == 0


def test_what_was_brought_when_the_clock_was_wrong_does_not_count_for_years(store: Store) -> None:
    store.library.identity.add_account(OPERATOR, "root", Role.ADMIN)
    store.clock.pass_hours(100_000)
    name = str(Digest.of(b"brought"))
    list(store.library.holdings.upload(Actor("root", Role.ADMIN), [Offered(name, b"brought")]))
    store.clock.pass_hours(-100_000)
    store.collect()
    assert store.rows("upload") == 1
    store.clock.pass_hours(GRACE_HOURS + 1)
    store.collect()
    assert store.rows("upload") == 0


def test_nothing_goes_while_anybody_has_a_lease(store: Store) -> None:
    store.put("f", b"f")
    store.delete_flist(SITE)
    store.clock.pass_hours(GRACE_HOURS + 1)
    with Lease(store.library.catalog, store.clock, "import", OPERATOR):
        done = store.collect()
        assert done.busy
        assert done.condemned == 0
    assert store.collect().condemned == 1


def test_who_stood_still_for_longer_than_a_lease_cannot_commit(store: Store) -> None:
    lease = Lease(store.library.catalog, store.clock, "import", OPERATOR)
    lease.keep()
    store.clock.pass_hours(2)
    store.library.catalog.change(lease.require)  # nobody was at work meanwhile: nothing is lost
    store.clock.pass_hours(2)
    store.collect()
    with pytest.raises(Busy, match="stood still"):
        store.library.catalog.change(lease.require)
    with pytest.raises(Busy, match="stood still"):
        store.clock.pass_hours(1)
        lease.keep()
    lease.end()


def test_who_stood_still_for_too_long_cannot_commit_on_the_lease_of_another(store: Store) -> None:
    catalog, digest = store.library.catalog, Digest.of(LONG)
    mine = Lease(catalog, store.clock, "import", OPERATOR)
    store.put("long", LONG)
    recipe = catalog.change(lambda draft: draft.known_recipe(digest))
    assert recipe is not None
    store.delete_flist(SITE)
    store.clock.pass_hours(2)
    store.collect()
    other = Lease(catalog, store.clock, "import", OPERATOR)
    assert store.rows("recipe") == 0, "what was brought under the first lease is gone"
    with pytest.raises(Busy, match="stood still"):
        catalog.change(mine.require)
    mine.end()
    catalog.change(other.require)


def test_a_lease_of_a_time_when_the_clock_was_wrong_does_not_keep_the_collector_away(store: Store) -> None:
    store.put("f", b"f")
    store.delete_flist(SITE)
    store.clock.pass_hours(10_000)
    Lease(store.library.catalog, store.clock, "import", OPERATOR)  # of a process that was killed
    living = Lease(store.library.catalog, store.clock, "import", OPERATOR)
    store.clock.pass_hours(GRACE_HOURS + 1 - 10_000)
    assert store.collect().busy
    for _ in range(8):  # who lives keeps its own
        store.clock.pass_hours(0.25)
        living.keep()
    assert store.collect().busy
    living.end()
    assert store.collect().condemned == 1


def test_an_import_has_a_lease_until_it_ends(store: Store) -> None:
    seen = []
    folder = store.path.parent / "folder"
    folder.mkdir()
    (folder / "f").write_bytes(b"f")
    imports = store.library.imports
    imports.run(
        OPERATOR, SITE, imports.folder(folder), progress=lambda progress: seen.append(store.rows("session_"))
    )
    assert set(seen) == {1}
    assert store.rows("session_") == 0


def test_an_import_that_failed_leaves_no_lease_and_its_blocks_go(store: Store) -> None:
    with pytest.raises(PreconditionFailed):
        store.import_tree({f"{n}": b"%d" % n for n in range(9)}, conditions=Conditions(base_jid=99))
    assert store.rows("session_") == 0
    assert store.rows("block") > 0
    store.collect_until_gone()
    assert store.rows("block") == 0


def test_a_content_that_was_staged_and_dropped_is_held_no_longer(store: Store) -> None:
    store.put("kept", b"kept")
    catalog = store.library.catalog
    flist = store.library.flists.get(OPERATOR, SITE)
    digest = store.library.blocks.put(b"dropped")
    catalog.change(lambda draft: draft.register_blocks([BlockRef(digest, 7)]))
    catalog._writer.execute("INSERT INTO held VALUES (?, ?)", (digest, flist.flist_id))
    catalog._writer.execute("INSERT INTO held VALUES (?, ?)", (digest, 4711))
    store.clock.pass_hours(GRACE_HOURS + 1)
    assert store.collect(wholly=False).condemned == 0
    done = store.collect()
    assert (done.released, done.condemned) == (2, 1)
    assert store.rows("held") == 1
    assert store.read("kept") == b"kept"


def test_what_is_written_between_looking_and_releasing_stays_held(store: Store) -> None:
    """The flist gets, in between, the very content that it was noted to hold and did not."""
    catalog = store.library.catalog
    flist = store.library.flists.get(OPERATOR, SITE)
    wanted, dropped = Digest.of(b"wanted"), Digest.of(b"dropped")
    for digest in (wanted, dropped):
        catalog._writer.execute("INSERT INTO held VALUES (?, ?)", (digest, flist.flist_id))
    change = catalog.change
    late = iter([lambda: store.put("late", b"wanted")])

    def changing(make: Callable[[Draft], T]) -> T:
        for write in late:
            write()
        return change(make)

    collector = store.library.collector
    with contextlib.closing(Marks(collector._scratch, collector._disk)) as marks:
        released = sum(release_unheld(catalog, marks, changing, Pace(wait=no_rest)))
    assert released == 1
    assert store.rows("held") == 1
    store.collect_until_gone()
    assert store.read("late") == b"wanted"


def test_files_that_the_catalog_does_not_know_go_when_they_are_old(store: Store) -> None:
    old, young = store.library.files.put(b"old"), store.library.files.put(b"young")
    (known,) = store.put("f", b"known")
    store.clock.pass_hours(GRACE_HOURS + 2)
    for digest, hours in ((old, GRACE_HOURS + 1), (young, 1), (known.digest, GRACE_HOURS + 1)):
        store.age_file(digest, hours)
    assert store.collect(dry_run=True).orphans == 1
    done = store.collect()
    assert (done.orphans, done.orphan_bytes) == (1, 3)
    assert [store.has_file(digest) for digest in (old, young, known.digest)] == [False, True, True]


def test_a_file_that_a_flist_needs_stays_also_when_the_catalog_has_lost_its_row(store: Store) -> None:
    (ref,) = store.put("f", b"needed")
    parts = store.put("long", LONG)
    store.library.catalog._writer.execute("DELETE FROM block")
    store.clock.pass_hours(GRACE_HOURS + 2)
    for each in (ref, *parts):
        store.age_file(each.digest, GRACE_HOURS + 1)
    assert store.collect().orphans == 0
    assert store.read("long") == LONG


def test_registering_a_block_whose_file_was_deleted_fails_and_names_it(store: Store) -> None:
    digest = store.library.blocks.put(b"gone in between")
    store.library.files.delete(digest)
    with pytest.raises(BlocksGone, match=str(digest)) as raised:
        store.library.catalog.change(lambda draft: draft.register_blocks([BlockRef(digest, 15)]))
    assert raised.value.digests == (digest,)
    assert store.rows("block") == 0


@pytest.mark.parametrize("removed", [False, True])
def test_a_crash_between_letting_go_and_removing_loses_nothing_that_is_used_again(
    store: Store, removed: bool
) -> None:
    """The state is 'deleting', and the file is there still or not: either way a commit after it is whole, or fails."""
    (ref,) = store.put("f", b"content")
    store.delete_flist(SITE)
    store.collect()
    store.library.catalog.change(lambda draft: draft.reaper.mark_deleting([ref.digest]))
    if removed:
        store.library.files.delete(ref.digest)
        with pytest.raises(BlocksGone):
            store.library.catalog.change(lambda draft: draft.register_blocks([ref]))
    store.put("f", b"content", OTHER)
    assert store.read("f", OTHER) == b"content"
    store.collect_until_gone()
    assert store.read("f", OTHER) == b"content"


def test_a_round_after_a_crash_ends_what_was_begun(store: Store) -> None:
    (ref,) = store.put("f", b"content")
    store.delete_flist(SITE)
    store.library.catalog.change(lambda draft: draft.reaper.mark_deleting([ref.digest]))
    store.library.files.delete(ref.digest)
    assert store.collect().deleted == 1
    assert store.state(ref.digest) == ""


def test_a_disk_that_refuses_leaves_the_block_to_the_next_round(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ref,) = store.put("f", b"content")
    store.delete_flist(SITE)
    store.clock.pass_hours(GRACE_HOURS + 1)
    store.collect()
    store.clock.pass_hours(GRACE_HOURS + 1)

    def refuse(path: str) -> None:
        raise PermissionError(13, "no")

    with monkeypatch.context() as patch:
        patch.setattr(store.library.files._disk, "unlink", refuse)
        with pytest.raises(MylistError):
            store.collect()
    assert store.state(ref.digest) == "deleting"
    assert store.collect().deleted == 1
    assert not store.has_file(ref.digest)


def test_a_file_that_the_disk_does_not_let_go_of_keeps_no_other_from_going(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [ref for n in range(5) for ref in store.put(f"{n}", b"content %d" % n)]
    orphans = [store.library.files.put(b"orphan %d" % n) for n in range(3)]
    store.delete_flist(SITE)
    for hours in (1, GRACE_HOURS + 1):
        store.clock.pass_hours(hours)
    store.collect(wholly=False)
    store.clock.pass_hours(GRACE_HOURS + 1)
    stuck = {min(ref.digest for ref in refs), orphans[0]}
    paths, unlink = {store.library.files._filing.folders.path(digest) for digest in stuck}, os.unlink

    def refuse(path: str) -> None:
        if path in paths:
            raise PermissionError(1, "immutable")
        unlink(path)

    monkeypatch.setattr(store.library.files._disk, "unlink", refuse)
    with pytest.raises(MylistError, match="could not delete block"):
        store.collect()
    assert set(store.library.files.digests()) == stuck
    assert store.library.collector.last_ns(wholly=True) == store.clock(), "it is not begun again every minute"


def test_a_block_that_is_still_in_the_intake_goes_too(store: Store) -> None:
    store.library.intake.open(lambda size_bytes: None)
    (ref,) = store.put("f", b"taken in")
    assert store.rows("intake") == 1
    store.delete_flist(SITE)
    assert store.collect_until_gone().deleted == 1
    assert store.rows("intake") == 0
    assert store.state(ref.digest) == ""


def test_a_dry_run_says_what_would_be_done_and_does_nothing(store: Store) -> None:
    store.put("f", b"content")
    store.put("long", LONG)
    store.delete_flist(SITE)
    store.clock.pass_hours(GRACE_HOURS + 1)
    told = store.collect(dry_run=True)
    assert store.collect(dry_run=True) == told
    done = store.collect()
    assert told == done
    assert told.condemned > 1
    assert told.recipes == 1
    store.clock.pass_hours(GRACE_HOURS + 1)
    assert store.collect(dry_run=True).deleted == store.collect().deleted == done.condemned


def test_only_an_admin_collects(store: Store) -> None:
    with pytest.raises(Forbidden):
        store.library.collector.run(Actor("anna", Role.USER))


def test_only_one_at_a_time_collects(store: Store) -> None:
    with store.library.collector._alone():
        with pytest.raises(Busy):
            store.collect()
        other = Store(store.path, store.clock)
        with pytest.raises(Busy):
            other.collect()
        other.close()
    store.collect()


def test_a_round_that_did_something_is_recorded(store: Store) -> None:
    store.put("f", b"content")
    store.collect()
    store.delete_flist(SITE)
    store.collect_until_gone()
    rows = store.library.audit.rows(OPERATOR, Wanted(action=Action.COLLECT))
    assert len(rows) == 2
    assert rows[0].size_bytes == len(b"content")


def test_a_server_collects_by_itself_and_once_for_all_of_its_processes(tmp_path: Path) -> None:
    with store_at(tmp_path / "data") as store:
        (ref,) = store.put("f", b"content")
        store.delete_flist(SITE)
        store.clock.pass_hours(GRACE_HOURS + 1)
        turns = [
            CollectingTurns(store.library.collector, store.clock, HOUR_NS, look_seconds=0.001)
            for _ in range(2)
        ]
        for each in turns:
            each.start()
        try:
            _wait_for(lambda: store.library.collector.last_ns(wholly=True) == store.clock())
            assert store.state(ref.digest) == "condemned"
            store.clock.pass_hours(GRACE_HOURS + 1)
            _wait_for(lambda: store.library.collector.last_ns(wholly=False) == store.clock())
        finally:
            for each in turns:
                each.close()
        assert store.state(ref.digest) == ""


def test_a_server_collects_also_after_its_clock_was_wrong(tmp_path: Path) -> None:
    with store_at(tmp_path / "data") as store:
        store.clock.pass_hours(10_000)
        store.collect()
        store.clock.pass_hours(-10_000)
        with turning(store):
            _wait_for(lambda: store.library.collector.last_ns(wholly=True) == store.clock())


def test_a_server_that_had_to_wait_for_a_lease_collects_as_soon_as_that_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store_at(tmp_path / "data") as store:
        collector, rounds = store.library.collector, list[Collected]()
        run = collector.run

        def noting(*asked: Any, **more: Any) -> Collected:
            rounds.append(run(*asked, **more))
            return rounds[-1]

        monkeypatch.setattr(collector, "run", noting)
        lease = Lease(store.library.catalog, store.clock, "import", OPERATOR)
        with turning(store):
            _wait_for(lambda: len(rounds) > 1)
            assert all(each.busy for each in rounds)
            with store.library.catalog.view() as view:
                assert "collect" not in view.figures.upkept(), "it has not come to its end"
            lease.end()
            _wait_for(lambda: collector.last_ns(wholly=False) == store.clock())


@contextlib.contextmanager
def turning(store: Store) -> Iterator[None]:
    """A server that looks all the time whether it is to collect."""
    turns = CollectingTurns(store.library.collector, store.clock, HOUR_NS, look_seconds=0.001)
    turns.start()
    try:
        yield
    finally:
        turns.close()


def _wait_for(true: Callable[[], bool]) -> None:
    patience = threading.Event()
    for _ in range(10_000):
        if true():
            return
        patience.wait(0.002)
    raise AssertionError("it never came true")


# -- properties -------------------------------------------------------------------------------------------------

_CONTENTS = [b"", b"a", b"bb", LONG, LONG[1:], LONG + b"tail"]
_NAMES = [SITE, OTHER, FlistName("anna", "third")]
_steps = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(_NAMES), st.sampled_from("fgh"), st.integers(0, 5)),
    st.tuples(st.just("delete"), st.sampled_from(_NAMES), st.sampled_from("fgh")),
    st.tuples(st.just("copy"), st.sampled_from(_NAMES), st.sampled_from("fgh"), st.sampled_from(_NAMES)),
    st.tuples(st.just("rollback"), st.sampled_from(_NAMES), st.integers(1, 5)),
    st.tuples(st.just("delete flist"), st.sampled_from(_NAMES)),
    st.tuples(st.just("import"), st.sampled_from(_NAMES), st.sets(st.integers(0, 5), max_size=3)),
    st.tuples(st.just("bring"), st.integers(1, 2)),
    st.tuples(st.just("hours"), st.sampled_from([1, 12, 25, 49])),
    st.tuples(st.just("collect"), st.booleans()),
)


def _do(store: Store, step: tuple[object, ...]) -> None:
    """One step; what cannot be done is not done."""
    library = store.library
    kind, *rest = step
    with contextlib.suppress(MylistError):
        match kind, rest:
            case "put", [name, path, number]:
                store.put(path, _CONTENTS[number], name)
            case "delete", [name, path]:
                store.delete(path, name)
            case "copy", [name, path, to]:
                library.trees.copy(
                    OPERATOR,
                    Place(name, TreePath.parse(path)),
                    Place(to, TreePath.parse("copy")),
                    overwrite=True,
                    members=True,
                )
            case "rollback", [name, jid]:
                library.flists.rollback(OPERATOR, name, jid)
            case "delete flist", [name]:
                store.delete_flist(name)
            case "import", [name, numbers]:
                store.import_tree({f"i{number}": _CONTENTS[number] for number in numbers}, name)
            case "bring", [number]:
                _bring(store, _CONTENTS[number])
            case "hours", [hours]:
                store.clock.pass_hours(hours)
            case "collect", [wholly]:
                store.collect(wholly=wholly)


def _bring(store: Store, data: bytes) -> None:
    ref = BlockRef(store.library.blocks.put(data), len(data))

    def note(draft: Draft) -> None:
        draft.register_blocks([ref])
        draft.add_uploads("anna", [ref], store.clock() + HOUR_NS)

    store.library.catalog.change(note)


def _needed(store: Store) -> set[Digest]:
    """Reads every file of every revision from disk, compares it with its digest, and returns the blocks of all."""
    needed = set()
    for flist in store.library.flists.list(OPERATOR):
        for jid in range(flist.oldest_jid, flist.head_jid + 1):
            place = Place(flist.flist_name, TreePath.parse(""))
            for _, entry in store.library.trees.walk(OPERATOR, place, jid):
                if entry.digest is None or not entry.size_bytes:
                    continue
                blocks = store.library.trees.recipe(entry).blocks
                content = b"".join(store.library.files.get(ref.digest) for ref in blocks)
                assert Digest.of(content) == entry.digest
                needed.update(ref.digest for ref in blocks)
    return needed


@settings(max_examples=60)
@given(st.lists(_steps, max_size=25))
def test_every_revision_stays_as_it_was_and_in_the_end_nothing_else_is_left(
    steps: list[tuple[object, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, store_at(Path(folder) / "data") as store:
        for step in steps:
            _do(store, step)
            if step[0] == "collect":
                _needed(store)
        store.collect_until_gone()
        store.collect_until_gone()
        for digest in list(store.library.files.digests()):
            if not store.state(digest):
                store.age_file(digest, GRACE_HOURS + 1)
        store.collect()
        assert set(store.library.files.digests()) == _needed(store)
        assert store.rows("block") == len(_needed(store))


def test_the_clock_of_these_tests_moves() -> None:
    clock = MovedClock()
    before = clock()
    clock.pass_hours(1)
    assert clock() == before + HOUR_NS
