"""What every catalog promises of trees: commits, revisions, names, copies, staging."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Conflict, LimitExceeded, NotFound
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry, Flist, Kind
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.store.catalog import WALK_PAGE, Catalog, Draft, NewEntry, TreeDraft
from tests.shelf import Clock, hold_invariants, shown

A = FlistName("anna", "a")
B = FlistName("anna", "b")
FOLDER = NewEntry(Kind.DIRECTORY, 0o755, 1, 2)
NFC = unicodedata.normalize("NFC", "Grün")
NFD = unicodedata.normalize("NFD", "Grün")

Change = Callable[[TreeDraft], object]


def a_file(content: str = "x") -> NewEntry:
    return NewEntry(Kind.FILE, 0o644, 1, 2, len(content), Digest.of(content.encode()), None, "text/plain")


def at(tree: TreeDraft, path: str) -> Entry:
    found = tree.find(TreePath.parse(path))
    assert found is not None, path
    return found


def put(tree: TreeDraft, path: str, new: NewEntry) -> Entry:
    folder, _, name = path.rpartition("/")
    return tree.insert(at(tree, folder).entry_id, name, new)


def commit(catalog: Catalog, *changes: Change, name: FlistName = A, entries_max: int = 1_000_000) -> int:
    """Make all changes as one commit; returns the jid of the head."""

    def make(draft: Draft) -> None:
        tree = draft.draft_tree(draft.flist(name), OPERATOR, entries_max)
        for change in changes:
            change(tree)

    catalog.change(make)
    return head(catalog, name).head_jid


def head(catalog: Catalog, name: FlistName = A) -> Flist:
    with catalog.view() as view:
        return view.flist(name)


def paths(catalog: Catalog, at_jid: int | None = None, name: FlistName = A) -> dict[str, Entry]:
    with catalog.view() as view:
        return shown(view.tree(view.flist(name), at_jid))


def adding(path: str, new: NewEntry = FOLDER) -> Change:
    return lambda tree: put(tree, path, new)


def removing(path: str) -> Change:
    return lambda tree: tree.remove(at(tree, path))


def renaming(path: str, name: str) -> Change:
    def change(tree: TreeDraft) -> Entry:
        entry = at(tree, path)
        return tree.replace(entry, entry._replace(name=name))

    return change


def copying(source: str, target: str) -> Change:
    def change(tree: TreeDraft) -> None:
        entry = at(tree, source)
        tree.copy_members(tree, entry, put(tree, target, FOLDER))

    return change


class TreeContract:
    """From commits over revisions to what is staged."""

    @pytest.fixture
    def empty(self) -> Iterator[Catalog]:
        """A catalog without accounts."""
        raise NotImplementedError

    @pytest.fixture
    def catalog(self, empty: Catalog) -> Iterator[Catalog]:
        def make(draft: Draft) -> None:
            draft.add_account("anna", Role.USER)
            draft.add_flist(A, OPERATOR)
            draft.add_flist(B, OPERATOR)

        empty.change(make)
        yield empty
        with empty.view() as view:
            hold_invariants(view)

    # -- commits -----------------------------------------------------------------------------------------------

    def test_a_new_flist_is_empty_and_at_revision_1(self, catalog: Catalog) -> None:
        assert paths(catalog) == paths(catalog, at_jid=1) == {}
        flist = head(catalog)
        assert (flist.head_jid, flist.oldest_jid, flist.entries, flist.size_bytes) == (1, 1, 0, 0)

    def test_all_changes_of_a_draft_to_a_flist_are_one_commit(self, catalog: Catalog) -> None:
        assert commit(catalog, adding("d"), adding("d/e"), adding("d/e/f", a_file("abc")), adding("g")) == 2
        assert set(paths(catalog)) == {"d", "d/e", "d/e/f", "g"}
        with catalog.view() as view:
            assert [one.jid for one in view.commits(view.flist(A))] == [2, 1]
        assert (head(catalog).entries, head(catalog).size_bytes) == (4, 3)

    def test_each_flist_has_jids_of_its_own_that_grow_by_one(self, catalog: Catalog) -> None:
        assert [commit(catalog, adding(name)) for name in "xyz"] == [2, 3, 4]
        assert commit(catalog, adding("x"), name=B) == 2
        assert head(catalog).head_jid == 4

    def test_one_draft_may_commit_to_two_flists(self, catalog: Catalog) -> None:
        def make(draft: Draft) -> None:
            for name in (A, B):
                put(draft.draft_tree(draft.flist(name), OPERATOR), "x", FOLDER)

        catalog.change(make)
        assert [head(catalog, name).head_jid for name in (A, B)] == [2, 2]

    def test_a_draft_that_changes_nothing_makes_no_commit(self, catalog: Catalog) -> None:
        assert commit(catalog, lambda tree: tree.find(TreePath.parse("x"))) == 1

    def test_a_draft_that_is_touched_makes_a_commit(self, catalog: Catalog) -> None:
        assert commit(catalog, lambda tree: tree.touch()) == 2

    def test_commits_say_who_and_when_and_are_listed_newest_first(self, catalog: Catalog) -> None:
        def noting(tree: TreeDraft) -> None:
            put(tree, "x", FOLDER)
            tree.note = "why"

        commit(catalog, noting)
        commit(catalog, adding("y"))
        with catalog.view() as view:
            flist = view.flist(A)
            newest, middle, oldest = view.commits(flist)
            assert (middle.jid, middle.actor, middle.note) == (2, "admin", "why")
            assert view.commits(flist, limit=1) == [newest]
            assert view.commits(flist, before_jid=2) == [oldest]
            assert view.commits(flist, limit=-1) == [], "no limit is not a limit"
            assert view.committed_ns(flist.flist_id, 2) == middle.at_ns
            assert view.committed_ns(flist.flist_id, 9) == 0

    def test_two_names_can_be_swapped_in_one_commit(self, catalog: Catalog) -> None:
        commit(catalog, adding("a", a_file("1")), adding("b", a_file("2")))
        before = paths(catalog)
        jid = commit(catalog, renaming("a", "t"), renaming("b", "a"), renaming("t", "b"))
        after = paths(catalog)
        assert set(after) == {"a", "b"}
        assert after["a"].entry_id == before["b"].entry_id
        assert after["b"].entry_id == before["a"].entry_id
        assert paths(catalog, jid - 1) == before

    def test_what_begins_and_ends_in_one_commit_was_never_there(self, catalog: Catalog) -> None:
        commit(catalog, adding("x", a_file()), removing("x"), adding("x"), renaming("x", "y"))
        assert paths(catalog, 1) == {}
        assert set(paths(catalog)) == {"y"}

    def test_entry_ids_are_never_used_again(self, catalog: Catalog) -> None:
        seen: set[int] = set()
        for _ in range(3):
            commit(catalog, adding("x"))
            new = paths(catalog)["x"].entry_id
            assert new not in seen
            seen.add(new)
            commit(catalog, removing("x"))

    def test_ids_that_were_taken_without_a_commit_are_not_given_again(self, catalog: Catalog) -> None:
        taken: list[int] = []
        commit(catalog, lambda tree: taken.append(tree.take_ids(10)))
        commit(catalog, lambda tree: taken.append(tree.take_ids(1)))
        assert taken[1] == taken[0] + 10
        assert head(catalog).head_jid == 1

    def test_a_flist_may_not_grow_past_its_limit_but_shrink_to_it(self, catalog: Catalog) -> None:
        commit(catalog, *[adding(name) for name in "abcde"])
        with pytest.raises(LimitExceeded):
            commit(catalog, adding("f"), entries_max=3)
        commit(catalog, removing("a"), entries_max=3)
        commit(catalog, removing("b"), adding("f"), entries_max=3)
        assert set(paths(catalog)) == set("cdef")

    def test_a_copy_past_the_limit_is_refused_before_it_is_made(self, catalog: Catalog) -> None:
        commit(catalog, adding("d"), *[adding(f"d/{n}") for n in range(5)])
        with pytest.raises(LimitExceeded):
            commit(catalog, copying("d", "e"), entries_max=11)
        commit(catalog, copying("d", "e"), entries_max=12)

    # -- revisions ---------------------------------------------------------------------------------------------

    def test_every_revision_can_be_read_after_all_kinds_of_changes(self, catalog: Catalog) -> None:
        steps: list[tuple[Change, ...]] = [
            (adding("d"), adding("d/f", a_file("1"))),
            (adding("d/e"), adding("d/e/g", a_file("2"))),
            (renaming("d", "D"),),
            (removing("D"),),
            (adding("D", a_file("a file now")),),
            (removing("D"), adding("D"), adding("D/f", a_file("3"))),
            (copying("D", "copy"),),
            (renaming("D/f", "g"), adding("D/f", a_file("4"))),
            (lambda tree: tree.restore(3),),
            (copying("d", "again"), removing("d")),
            (lambda tree: tree.restore(9),),
            (lambda tree: tree.restore(1),),
            (lambda tree: tree.restore(11),),
        ]
        remembered = {1: paths(catalog)}
        for step in steps:
            jid = commit(catalog, *step)
            remembered[jid] = paths(catalog)
            assert len(remembered) == jid
            for old_jid, tree in remembered.items():
                assert paths(catalog, old_jid) == tree
        for jid, restored in ((10, 3), (12, 9), (13, 1), (14, 11)):
            assert _states(remembered[jid]) == _states(remembered[restored])

    def test_a_revision_that_is_not_there_is_not_found(self, catalog: Catalog) -> None:
        commit(catalog, adding("x"))
        for jid in (-1, 0, 3):
            with pytest.raises(NotFound):
                paths(catalog, jid)

    def test_members_come_in_binary_order_and_in_pages_at_every_revision(self, catalog: Catalog) -> None:
        names = sorted(["a", "B", "Z", "z", "ä", "é", "1", "10", "2", " ", "~", "日本", "🌍", "a.b", "a-b"])
        commit(catalog, *[adding(name) for name in names])
        commit(catalog, *[removing(name) for name in names[::2]])
        with catalog.view() as view:
            for jid, expected in ((2, names), (3, names[1::2]), (None, names[1::2])):
                tree = view.tree(view.flist(A), jid)
                root_id = tree.root().entry_id
                assert [entry.name for entry in tree.children(root_id)] == expected
                assert [entry.name for entry in tree.children(root_id, expected[2], 3)] == expected[3:6]
                before = tree.children_before(root_id, expected[5], 3)
                assert [entry.name for entry in before] == expected[2:5][::-1]

    def test_a_walk_of_a_large_folder_misses_nothing_and_names_parents_first(self, catalog: Catalog) -> None:
        count = 2 * WALK_PAGE + 7

        def fill(tree: TreeDraft) -> None:
            first = tree.take_ids(count)
            root_id = tree.root().entry_id
            rows = [(root_id, n, f"{n:06}", FOLDER if n % 100 == 0 else a_file()) for n in range(count)]
            tree.graft(rows, first)
            for number in range(0, count, 100):
                put(tree, f"{number:06}/inner", a_file())

        commit(catalog, fill)
        with catalog.view() as view:
            tree = view.tree(view.flist(A))
            walked = [str(path) for path, _ in tree.walk(tree.root())]
            assert len(walked) == len(set(walked)) == count + len(range(0, count, 100))
            assert all(walked.index(f"{n:06}") < walked.index(f"{n:06}/inner") for n in range(0, count, 100))
            assert tree.totals(tree.root()) == (len(walked), head(catalog).size_bytes)

    # -- names -------------------------------------------------------------------------------------------------

    def test_names_are_exact_and_their_case_counts(self, catalog: Catalog) -> None:
        commit(catalog, adding("Readme", a_file("1")), adding("readme", a_file("2")))
        found = paths(catalog)
        assert found["Readme"].digest != found["readme"].digest
        with catalog.view() as view:
            tree = view.tree(view.flist(A))
            assert tree.find(TreePath.parse("README")) is None
            assert tree.find(TreePath.parse("readme ")) is None

    def test_a_name_that_is_not_there_is_found_in_its_other_normal_form(self, catalog: Catalog) -> None:
        commit(catalog, adding(NFC), adding(f"{NFC}/{NFD}", a_file()))
        with catalog.view() as view:
            for jid in (2, None):
                tree = view.tree(view.flist(A), jid)
                found = tree.find(TreePath.of([NFD, NFC]))
                assert found is not None
                assert found.name == NFD

    def test_of_two_normal_forms_that_are_both_there_the_exact_one_is_found(self, catalog: Catalog) -> None:
        def both(tree: TreeDraft) -> None:
            for name in (NFC, NFD):
                tree.insert(tree.root().entry_id, name, a_file(name))

        commit(catalog, both)
        with catalog.view() as view:
            tree = view.tree(view.flist(A))
            for name in (NFC, NFD):
                found = tree.find(TreePath.of([name]))
                assert found is not None
                assert found.name == name

    def test_a_path_is_looked_up_anew_after_each_change(self, catalog: Catalog) -> None:
        path = TreePath.parse("d/f")

        def change(tree: TreeDraft) -> None:
            assert tree.find(path) is None
            folder = put(tree, "d", FOLDER)
            assert tree.chain(path)[-1] == folder
            file = put(tree, "d/f", a_file())
            assert tree.find(path) == file
            moved = tree.replace(folder, folder._replace(name="e"))
            assert tree.find(path) is None
            assert tree.find(TreePath.parse("e/f")) == file
            tree.remove(moved)
            assert tree.find(TreePath.parse("e/f")) is None

        commit(catalog, change)

    def test_an_entry_knows_its_path_as_long_as_something_leads_to_it(self, catalog: Catalog) -> None:
        commit(catalog, adding("d"), adding("d/e"), adding("d/e/f", a_file()))
        file = paths(catalog)["d/e/f"]

        def change(tree: TreeDraft) -> None:
            way = tree.path_of(file.entry_id)
            assert way is not None
            assert way[0] == TreePath.parse("d/e/f")
            assert way[1][0] == tree.root().entry_id
            assert way[1][-1] == file.entry_id
            tree.remove(at(tree, "d"))
            assert tree.path_of(file.entry_id) is None
            assert tree.path_of(999_999) is None

        commit(catalog, change)

    def test_the_longest_path_below_a_folder_is_measured(self, catalog: Catalog) -> None:
        commit(catalog, adding("d"), adding("d/ee"), adding("d/ee/äöü"), adding("d/ee/äöü/f", a_file()))
        with catalog.view() as view:
            tree = view.tree(view.flist(A))
            found = shown(tree)
            assert tree.reach(found["d"]) == (3, len("/ee/äöü/f".encode()), 3)
            assert tree.folders_reach(found["d"]) == (2, len("/ee/äöü".encode()), 2)
            assert tree.reach(found["d/ee/äöü/f"]) == tree.folders_reach(found["d/ee/äöü"]) == (0, 0, 0)

    # -- copies ------------------------------------------------------------------------------------------------

    def test_a_copy_has_new_ids_the_same_contents_and_the_dead_properties(self, catalog: Catalog) -> None:
        commit(catalog, adding("d"), adding("d/e"), adding("d/e/f", a_file("abc")))
        source = paths(catalog)["d/e/f"]
        flist_id = head(catalog).flist_id
        catalog.change(lambda draft: draft.set_property(flist_id, source.entry_id, "{n}a", "<a/>"))
        commit(catalog, copying("d", "copy"))
        found = paths(catalog)
        copied = found["copy/e/f"]
        assert copied[2:11] == source[2:11]
        assert len({entry.entry_id for entry in found.values()}) == 6
        with catalog.view() as view:
            assert view.properties(flist_id, copied.entry_id) == {"{n}a": "<a/>"}

    def test_a_copy_to_another_flist_is_complete(self, catalog: Catalog) -> None:
        commit(catalog, adding("d"), adding("d/e"), adding("d/e/f", a_file("abc")))

        def make(draft: Draft) -> None:
            source = draft.tree(draft.flist(A))
            target = draft.draft_tree(draft.flist(B), OPERATOR)
            folder = source.find(TreePath.parse("d"))
            assert folder is not None
            target.copy_members(source, folder, put(target, "copy", FOLDER))

        catalog.change(make)
        assert set(paths(catalog, name=B)) == {"copy", "copy/e", "copy/e/f"}
        commit(catalog, removing("d"))
        assert set(paths(catalog, name=B)) == {"copy", "copy/e", "copy/e/f"}

    # -- staging -----------------------------------------------------------------------------------------------

    def test_what_is_staged_is_seen_when_it_is_attached_and_not_before(self, catalog: Catalog) -> None:
        commit(catalog, adding("old"))
        stage = _stage(catalog, {"f": a_file("1"), "g": a_file("22")})
        assert set(paths(catalog)) == {"old"}
        assert head(catalog).head_jid == 2
        commit(catalog, adding("meanwhile"))
        jid = commit(catalog, lambda tree: tree.attach(stage, tree.root().entry_id, "new", 2, 3))
        assert set(paths(catalog)) == {"old", "meanwhile", "new", "new/f", "new/g"}
        assert set(paths(catalog, jid - 1)) == {"old", "meanwhile"}
        assert head(catalog).size_bytes == 3

    def test_a_staged_folder_can_take_the_place_of_the_root(self, catalog: Catalog) -> None:
        commit(catalog, adding("old"))
        stage = _stage(catalog, {"f": a_file("1"), "g": a_file("22")})
        commit(catalog, lambda tree: tree.attach_root(stage, 2, 3))
        assert set(paths(catalog)) == {"f", "g"}
        assert set(paths(catalog, 2)) == {"old"}
        commit(catalog, lambda tree: tree.restore(2))
        assert set(paths(catalog)) == {"old"}
        commit(catalog, lambda tree: tree.restore(3))
        assert set(paths(catalog)) == {"f", "g"}

    def test_what_is_staged_can_be_found_and_cleared_in_slices(self, catalog: Catalog) -> None:
        stage = _stage(catalog, {str(number): a_file() for number in range(10)}, folders=5)
        with catalog.view() as view:
            assert [(flist.flist_name, entry.name) for flist, entry in view.stages()] == [(A, "stage")]
        removed: list[int] = []
        while not removed or removed[-1]:
            commit(catalog, lambda tree: removed.append(tree.unstage(stage, 4)))
        assert sum(removed) == 10 + 5 * 2 + 1
        assert all(count <= 4 for count in removed)
        with catalog.view() as view:
            assert view.stages() == []

    def test_a_stage_that_is_not_there_any_more_cannot_be_attached(self, catalog: Catalog) -> None:
        stage = _stage(catalog, {})
        while commit(catalog, lambda tree: tree.unstage(stage, 4)) and _stages(catalog):
            pass
        with pytest.raises(Conflict):
            commit(catalog, lambda tree: tree.attach_root(stage, 0, 0))
        with pytest.raises(Conflict):
            commit(catalog, lambda tree: tree.attach(stage, tree.root().entry_id, "x", 0, 0))
        assert head(catalog).head_jid == 1

    def test_a_stage_can_still_be_found_after_a_rollback(self, catalog: Catalog) -> None:
        commit(catalog, adding("x"))
        _stage(catalog, {"f": a_file()})
        commit(catalog, lambda tree: tree.restore(1))
        assert _stages(catalog) == 1


def _stage(catalog: Catalog, files: dict[str, NewEntry], folders: int = 0) -> Entry:
    """Stage a folder of files, and of folders with a file each."""
    staged: list[Entry] = []

    def make(tree: TreeDraft) -> None:
        root = tree.stage_root("stage", FOLDER)
        staged.append(root)
        rows = [(root.entry_id, number, name, new) for number, (name, new) in enumerate(files.items())]
        for number in range(folders):
            here = len(rows)
            first = tree._next_id
            rows.append((root.entry_id, here, f"folder {number}", FOLDER))
            rows.append((first + here, here + 1, "file", a_file()))
        tree.stage(rows, tree.take_ids(len(rows)))

    commit(catalog, make)
    return staged[0]


def _stages(catalog: Catalog) -> int:
    with catalog.view() as view:
        return len(view.stages())


def _states(tree: dict[str, Entry]) -> dict[str, tuple[object, ...]]:
    """All of the entries but the revision that made them so."""
    return {path: entry[:11] for path, entry in tree.items()}


class TestSqlite(TreeContract):
    """Joins with the catalog in SQLite."""

    @pytest.fixture
    def empty(self, tmp_path: Path) -> Iterator[Catalog]:
        catalog = Catalog(tmp_path / "catalog.sqlite", clock=Clock(), durability="os")
        yield catalog
        catalog.close()
