"""What is asked of many blocks, and what the collector asks, goes by index: also at a million blocks."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.digest import Digest
from mylist_dav.services.contents.holdings import Offered
from tests.services.libraries import GRACE_HOURS, OTHER, SITE, Store, store_at
from tests.store.catalog.test_statements import _plan, _traced

SMALL = {
    "i",
    "f",
    "a",
    "flist",
    "account",
    "session_",
    "mine",
    "generation",
    "exposure",
    "token",
    "carray",
    "CONSTANT",
}
"""What may be read as a whole: the ids that are asked for, lists of all flists, leases; and the index of condemned
blocks."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_at(tmp_path / "data") as made:
        made.library.catalog.change(lambda draft: draft.add_account("bert", Role.USER, 1_000_000))
        yield made


def _use_everything(store: Store) -> None:
    holdings = store.library.holdings
    long = random.Random(7).randbytes(3_000_000)
    ids = [ref.digest for ref in store.put("long", long)]
    store.put("long", long, OTHER)
    store.put("f", b"f")
    store.put("f", b"g")
    bert = Actor("bert", Role.USER, self_service=True)
    list(holdings.upload(bert, [Offered(str(Digest.of(b"b")), b"b")]))
    for actor in (bert, OPERATOR):
        holdings.exists(actor, ids)
    holdings.delete(OPERATOR, [*ids, Digest.of(b"b"), Digest.of(b"unknown")])
    flist_id = store.library.flists.get(OPERATOR, OTHER).flist_id
    for holder in (flist_id, 99):
        store.library.catalog._writer.execute("INSERT INTO held VALUES (x'00', ?)", (holder,))
    store.delete_flist(SITE)
    store.collect()
    store.delete_flist(OTHER)
    store.library.catalog.change(lambda draft: draft.end_uploads("bert", ids))
    store.collect(dry_run=True)
    store.collect_until_gone()
    store.clock.pass_hours(GRACE_HOURS)


def test_no_statement_about_blocks_reads_a_whole_table(store: Store) -> None:
    writer = store.library.catalog._writer
    statements = _traced(writer)
    with store.library.catalog.view() as view:
        assert isinstance(view._sql, apsw.Connection)
        _traced(view._sql, statements)
    _use_everything(store)
    found = set(statements)
    assert len(found) > 50
    scans = {
        (step, statement)
        for statement in found
        for step in _plan(writer, statement)
        if step.startswith("SCAN ") and step.split()[1] not in SMALL and "block_condemned" not in step
    }
    assert not scans, "\n".join(f"{step}: {statement}" for step, statement in scans)


def test_pages_are_read_in_the_order_of_an_index(store: Store) -> None:
    with store.library.catalog.view() as view:
        assert isinstance(view._sql, apsw.Connection)
        statements = _traced(view._sql)
        finder = view.finder
        finder.unneeded_blocks(b"", 10, 0, 0)
        finder.unheld_recipes(b"", 10)
        finder.held_page((b"", 0), 10)
        finder.entry_digests(1, (0, ""), 10)
        finder.past_digests(1, (0, "", 0), 10)
        view._sql.exec_trace = None
    for statement in statements:
        plan = _plan(store.library.catalog._writer, statement)
        assert not any("TEMP B-TREE" in step for step in plan), (statement, plan)
        first = next(step for step in plan if not step.startswith(("CORRELATED", "MATERIALIZE")))
        assert first.startswith("SEARCH"), (statement, plan)


def test_many_ids_are_one_statement(store: Store) -> None:
    store.put("f", b"f")
    with contextlib.ExitStack() as stack:
        view = stack.enter_context(store.library.catalog.view())
        assert isinstance(view._sql, apsw.Connection)
        statements = _traced(view._sql)
        ids = [Digest(number.to_bytes(32, "big")) for number in range(5000)]
        store.library.holdings.exists(Actor("bert", Role.USER), ids)
        view._sql.exec_trace = None
    assert len(statements) == 2  # who asks, and about what
