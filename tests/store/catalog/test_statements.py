"""What the statements of the catalog cost: rows written, tables scanned, statements for one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from mylist_dav.errors import LimitExceeded
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.audit import Action, Wanted
from mylist_dav.model.conditions import Place
from mylist_dav.model.entries import Kind
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import Delete, MakeDirectory
from mylist_dav.model.paths import TreePath
from mylist_dav.services.audit import Audit
from mylist_dav.services.ledger import Ledger
from mylist_dav.services.tree.properties import PropertyChange
from mylist_dav.services.tree.trees import Attributes
from mylist_dav.store.catalog import Draft, NewEntry
from tests.shelf import ADMIN, NAME, Shelf, shelf_in, tokens

ROWS = 300
FOLDER = NewEntry(Kind.DIRECTORY, 0o755, 0, 0)
SMALL = {"account", "exposure", "generation", "token", "a", "t", "x", "f", "folder", "ended", "CONSTANT"}
"""What may be read as a whole: small tables, lists of all flists, and what a recursive query has found."""


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_in(tmp_path) as made:
        yield made


@pytest.fixture
def large(shelf: Shelf) -> Shelf:
    """A folder `d` with many files and folders, in several revisions."""
    shelf.mkdir("d")
    shelf.mkdir("d/e")
    for number in range(ROWS):
        shelf.put(f"d/{number}" if number % 2 else f"d/e/{number}", b"%d" % number)
    shelf.mkdir("to")
    return shelf


def written(shelf: Shelf) -> int:
    """How many rows the connection of the writer has written, ever."""
    return shelf.catalog._writer.total_changes()


def test_renaming_and_moving_a_folder_writes_a_few_rows_however_much_it_holds(large: Shelf) -> None:
    before = written(large)
    large.move("d", "renamed")
    assert written(large) - before <= 6
    before = written(large)
    large.move("renamed", "to/moved")
    assert written(large) - before <= 6


def test_deleting_and_replacing_a_folder_writes_a_few_rows_however_much_it_holds(large: Shelf) -> None:
    before = written(large)
    large.delete("d/e")
    assert written(large) - before <= 6
    before = written(large)
    large.move("to", "d", overwrite=True)
    assert written(large) - before <= 8
    assert large.paths() == ["d"]


def test_copying_a_folder_writes_a_row_for_each_entry_and_no_block(large: Shelf) -> None:
    before, blocks = written(large), set(large.blocks.digests())
    large.copy("d", "copy")
    assert ROWS < written(large) - before <= ROWS + 10
    assert set(large.blocks.digests()) == blocks
    with large.catalog.view() as view:
        assert view.totals()["blocks"] == len(blocks)


def test_a_copy_that_is_too_large_is_refused_before_a_row_is_written(tmp_path: Path) -> None:
    with shelf_in(tmp_path, entries_max=20) as shelf:
        shelf.mkdir("d")
        for number in range(10):
            shelf.put(f"d/{number}")
        before = written(shelf)
        with pytest.raises(LimitExceeded):
            shelf.copy("d", "copy")
        assert written(shelf) - before <= 1


def test_a_new_file_takes_few_statements(large: Shelf) -> None:
    upload = large.uploads.open(ADMIN, large.place("d/e/new"))
    upload.write(b"x")
    statements = _traced(large.catalog._writer)
    upload.finish()
    assert len(statements) <= 14, "\n".join(statements)


def test_no_statement_reads_more_of_a_large_table_than_it_needs(large: Shelf) -> None:
    statements = _traced(large.catalog._writer)
    with large.catalog.view() as view:
        reader = view._sql
        assert isinstance(reader, apsw.Connection)
        statements = _traced(reader, statements)
    _use_everything(large)
    assert len(set(statements)) > 60
    scans = {
        (step, statement)
        for statement in set(statements)
        for step in _plan(large.catalog._writer, statement)
        if step.startswith("SCAN ") and step.split()[1] not in SMALL and "(subquery" not in step
    }
    assert not scans, "\n".join(f"{step}: {statement}" for step, statement in scans)


def test_members_and_trees_are_read_in_the_order_of_an_index(large: Shelf) -> None:
    statements: list[str] = []
    with large.catalog.view() as view:
        assert isinstance(view._sql, apsw.Connection)
        _traced(view._sql, statements)
        for jid in (None, 5):
            tree = view.tree(view.flist(NAME), jid)
            tree.children(tree.root().entry_id, "a", 10)
            tree.children_before(tree.root().entry_id, "a", 10)
    listing = [statement for statement in statements if "ORDER BY name" in statement and "entry" in statement]
    assert len(listing) == 4
    for statement in listing:
        plan = _plan(large.catalog._writer, statement)
        assert not any("TEMP B-TREE" in step for step in plan), (statement, plan)


def test_folders_are_found_by_the_index_of_folders(large: Shelf) -> None:
    with large.catalog.view() as view:
        assert isinstance(view._sql, apsw.Connection)
        statements = _traced(view._sql)
        tree = view.tree(view.flist(NAME))
        tree.folders_reach(tree.root())
    [statement] = [one for one in statements if "max(names)" in one]
    plan = _plan(large.catalog._writer, statement)
    assert any("entry_folder" in step for step in plan), plan


def test_entries_are_found_by_their_ids_at_any_revision(large: Shelf) -> None:
    with large.catalog.view() as view:
        assert isinstance(view._sql, apsw.Connection)
        statements = _traced(view._sql)
        assert view.states(view.flist(NAME)).entry(10**9, 1) is None
    used = [step for statement in statements for step in _plan(large.catalog._writer, statement)]
    for index in ("entry_by_id (flist_id=? AND entry_id=?)", "entry_past_by_id (flist_id=? AND entry_id=?"):
        assert any(index in step for step in used), used


def test_what_a_commit_has_made_below_a_folder_that_goes_is_found_below_it_alone(large: Shelf) -> None:
    folder = TreePath.parse("d/e/new")
    statements = _traced(large.catalog._writer)
    large.commit(MakeDirectory(path=folder), MakeDirectory(path=folder.child("in")), Delete(path=folder))
    [statement] = [one for one in statements if "RETURNING entry_id" in one]
    plan = _plan(large.catalog._writer, statement)
    assert not any(step.startswith("SCAN e") for step in plan), plan
    assert any("SEARCH e USING PRIMARY KEY (flist_id=? AND parent_id=?)" in step for step in plan), plan


def _traced(connection: apsw.Connection, statements: list[str] | None = None) -> list[str]:
    """The statements that the connection runs from now on."""
    found: list[str] = [] if statements is None else statements

    def note(cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
        found.append(statement)
        return True

    connection.exec_trace = note
    return found


def _plan(connection: apsw.Connection, statement: str) -> list[str]:
    """The steps of the plan of a statement; none for what has no plan."""
    if not statement.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
        return []
    connection.exec_trace = None
    for length in range(20):
        try:
            rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", (None,) * length).fetchall()
        except apsw.BindingsError:
            continue
        return [str(row[3]) for row in rows]
    raise AssertionError(f"no plan of {statement}")


def _use_everything(shelf: Shelf) -> None:
    """Whatever the services and the catalog offer, once."""
    other = FlistName("anna", "other")
    shelf.flists.create(ADMIN, other)
    shelf.copy("d", "d2", to=other)
    shelf.copy("d", "copy")
    shelf.properties.change(ADMIN, shelf.place("d"), [PropertyChange("{n}a", "<a/>")])
    shelf.properties.change(ADMIN, shelf.place("d"), [PropertyChange("{n}a", None)])
    shelf.properties.change(ADMIN, shelf.place("d"), [PropertyChange("{n}b", "<a/>")])
    shelf.properties.of_members(ADMIN, shelf.place(""), shelf.entry(""))
    shelf.copy("d", "d", to=other)
    locking = shelf.lock("d")
    shelf.locks.refresh(ADMIN, shelf.place("d"), 60, tokens(locking))
    shelf.locks.covering(ADMIN, shelf.place("d/e"))
    shelf.locks.all(ADMIN, shelf.place(""))
    shelf.delete("d/e", tokens(locking))
    shelf.locks.release(ADMIN, shelf.place("d"), locking.lock.token)
    shelf.trees.set_attributes(ADMIN, shelf.place("d"), Attributes(mode=0o700))
    shelf.trees.move(ADMIN, shelf.place("d"), Place(other, TreePath.parse("moved")), overwrite=False)
    shelf.move("copy", "to/a longer name")
    shelf.paths(3)
    shelf.flists.rollback(ADMIN, NAME, 3)
    shelf.flists.log(ADMIN, NAME)
    shelf.exposures.expose(ADMIN, NAME, prefix="/x", at_jid=3)
    shelf.exposures.list(ADMIN)
    _use_records(shelf)
    shelf.identity.revoke_token(ADMIN, _token_id(shelf))
    with shelf.catalog.view() as view:
        flist = view.flist(NAME)
        view.head_jid(flist.flist_id)
        view.committed_ns(flist.flist_id, 2)
        view.stages()
        view.entries_with_properties(flist.flist_id)
        view.blocks_registered()
        tree = view.tree(flist)
        tree.reach(tree.root())
        past = view.tree(flist, 2)
        past.children_before(past.root().entry_id, "z", 3)

    def stage(draft: Draft) -> None:
        tree = draft.draft_tree(draft.flist(NAME), OPERATOR)
        folder = tree.stage_root("stage", FOLDER)
        tree.stage([(folder.entry_id, 0, "x", FOLDER)], tree.take_ids(1))
        tree.unstage(folder, 100)
        draft.put_exposure(
            Exposure(0, "h", "", NAME, draft.flist(NAME).flist_id, None, Mode.PUBLIC, True, "off")
        )

    shelf.catalog.change(stage)
    shelf.flists.delete(ADMIN, other)


def _use_records(shelf: Shelf) -> None:
    audit = Audit(shelf.catalog)
    for wanted in (Wanted(account="anna"), Wanted(flist=str(NAME)), Wanted(since_ns=1, action=Action.MOVE)):
        for before_id in (None, 5):
            audit.rows(ADMIN, wanted._replace(before_id=before_id))
    audit.totals(ADMIN)
    ledger = Ledger(shelf.catalog, shelf.clock, days=30)
    ledger.login_failed("192.0.2.1", account="anna")
    ledger.request(ADMIN, NAME, path="f").sent(200, 1)
    shelf.clock.advance(31 * 86_400)
    ledger.flush()


def _token_id(shelf: Shelf) -> str:
    shelf.identity.add_account(ADMIN, "uwe", Role.USER)
    shelf.identity.new_token(ADMIN, "uwe")
    return shelf.identity.tokens(ADMIN)[0].token_id


def test_no_statement_is_planned_again_for_what_is_bound_to_it(shelf: Shelf) -> None:
    readers = shelf.catalog._readers
    for connection in (shelf.catalog._writer, readers.of_this_thread().connection, readers.connection()):
        assert connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1


def test_a_view_reads_a_flist_and_the_way_to_an_entry_once(large: Shelf) -> None:
    seen: list[str] = []
    with large.catalog.view() as view, large.catalog.view() as inner:
        readers = large.catalog._readers.of_this_thread()
        readers.connection.exec_trace = lambda cursor, sql, bindings: seen.append(sql) or True
        for each in (view, inner, view):
            assert each.tree(each.flist(NAME)).find(TreePath(("d", "e"))) is not None
        readers.connection.exec_trace = None
    assert len(seen) == 2  # the flist, and its root with two names
