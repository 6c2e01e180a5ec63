"""Imports too large for one transaction: built out of sight, attached at once, and what may happen meanwhile."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mylist_dav.errors import Busy, LimitExceeded, Locked, MylistError, NotFound
from mylist_dav.model.actors import OPERATOR, Reach, Role
from mylist_dav.model.conditions import Conditions, Place
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.locks import Scope
from mylist_dav.model.paths import TreePath
from mylist_dav.services.archives.imports import Imported, Progress
from mylist_dav.services.tree.locks import Locks
from mylist_dav.services.tree.properties import Properties, PropertyChange
from mylist_dav.services.upkeep.collecting import Collector
from mylist_dav.store.blockstore.files import FileBlocks
from tests.services.archives.test_import import SMALL, trees
from tests.services.trees_in_memory import NAME, Lab, Tree, counts_of, file, folder, tar_of

ROOT_OF_TESTS = Path(__file__).parents[3]
LARGE: Tree = {"kept": file(), "one": folder()} | {
    f"one/{n}": folder() if n % 3 == 0 else file(b"%d" % n) for n in range(30)
}


@pytest.fixture(params=[0, 3, 20, 20_000], ids=["all aside", "nearly all aside", "some aside", "at once"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "data", rows_at_once_max=request.param)
    yield lab
    lab.close()


@pytest.fixture(scope="module", params=[0, 2, 5])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("tiny"), rows_at_once_max=request.param)
    yield lab
    lab.close()


def merged(before: Tree, after: Tree) -> Tree:
    """What merging makes: nothing goes, but what is in the place of something of another kind."""
    tree = dict(before)
    for name, thing in after.items():
        if name in before and before[name].kind is Kind.DIRECTORY and thing.kind is not Kind.DIRECTORY:
            tree = {other: kept for other, kept in tree.items() if not other.startswith(f"{name}/")}
        tree[name] = thing
    return {name: tree[name] for name in sorted(tree)}


@settings(max_examples=40)
@given(before=trees(), after=trees(), merge=st.booleans())
def test_large_imports_do_what_small_ones_do(tiny: Lab, before: Tree, after: Tree, merge: bool) -> None:
    tiny.take(tar_of(before))
    jid = tiny.head_jid
    wanted = merged(before, after) if merge else after
    done = tiny.take(tar_of(after), merge=merge)
    assert tiny.tree() == wanted
    assert tiny.counted() == counts_of(wanted)
    assert tiny.tree(at_jid=jid) == before
    assert (done.jid is None) == (wanted == before)
    assert done.added - done.removed == len(wanted) - len(before)
    assert tiny.staged() == 0
    assert tiny.take(tar_of(after), merge=merge).jid is None
    tiny.flists.rollback(OPERATOR, NAME, jid)
    assert tiny.tree() == before


def test_what_is_not_touched_keeps_its_ids_when_new_folders_are_attached(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "data", rows_at_once_max=5)
    lab.take(tar_of({"a": file(), "b": folder(), "b/c": file()}))
    before = lab.ids()
    lab.take(tar_of({"a": file(b"changed"), "b": folder(), "b/c": file(), **LARGE}))
    assert {name: lab.ids()[name] for name in before} == before
    lab.close()


def test_an_entry_that_stays_keeps_when_it_was_made_and_its_properties(lab: Lab) -> None:
    lab.take(tar_of({"x": file(), "d": folder(), "d/y": file()}))
    properties = Properties(lab.catalog)
    place = Place(NAME, TreePath.parse("d/y"))
    properties.change(OPERATOR, place, [PropertyChange("{u:}color", "<x/>")])
    before = lab.trees.stat(OPERATOR, place)
    lab.take(tar_of({"x": file(), "d": folder(), "d/y": file(b"new"), **LARGE}))
    lab.take(
        tar_of({"x": file(b"2"), "d": folder(), "d/y": file(b"newer"), **{n: file() for n in "hijklmno"}})
    )
    assert lab.trees.stat(OPERATOR, place).created_ns == before.created_ns
    assert properties.get(OPERATOR, place) == {"{u:}color": "<x/>"}


def test_too_many_entries_leave_the_head_as_it_was(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "data", rows_at_once_max=0, entries_max=40)
    lab.take(tar_of({f"old{n}": file() for n in range(20)}))
    with pytest.raises(LimitExceeded):
        lab.take(tar_of({f"new{n}": file() for n in range(30)}), merge=True)
    assert len(lab.tree()) == 20
    assert lab.staged() == 0
    lab.close()


# -- others write meanwhile ------------------------------------------------------------------------------------


def during(lab: Lab, archive: bytes, phase: str, *actions: object, merge: bool = False) -> Imported:
    """Import, and let others act: one action each time the phase begins."""
    left = list(actions)

    def act(progress: Progress) -> None:
        if progress.phase == phase and left:
            left.pop(0)()  # type: ignore[operator]

    source = lab.imports.archive(io.BytesIO(archive))
    return lab.imports.run(OPERATOR, NAME, source, merge=merge, make=True, progress=act)


@pytest.mark.parametrize("phase", ["comparing", "writing"])
def test_a_file_that_is_put_meanwhile_is_replaced_or_merged_with(lab: Lab, phase: str) -> None:
    lab.take(tar_of(SMALL))
    during(lab, tar_of(LARGE), phase, lambda: lab.put("late", b"1"), lambda: lab.put("later", b"2"))
    assert lab.tree() == LARGE
    during(lab, tar_of(SMALL), phase, lambda: lab.put("late", b"1"), merge=True)
    assert {name: thing.content for name, thing in lab.tree().items()} == {
        name: thing.content for name, thing in {**LARGE, **SMALL, "late": file(b"1")}.items()
    }
    assert lab.counted() == counts_of({**LARGE, **SMALL, "late": file(b"1")})
    assert lab.staged() == 0


def test_what_is_deleted_meanwhile_does_not_come_back_by_merging(lab: Lab) -> None:
    lab.take(tar_of(LARGE))
    place = Place(NAME, TreePath.parse("one/5"))
    during(lab, tar_of(SMALL), "writing", lambda: lab.trees.delete(OPERATOR, place), merge=True)
    assert set(lab.tree()) == (set(LARGE) | set(SMALL)) - {"one/5"}


DEEP: Tree = (
    {"x": folder(), "x/y": folder()}
    | {f"x/{n}": file() for n in range(9)}
    | {f"x/y/{n}": file() for n in range(25)}
)


@pytest.mark.parametrize("made", [["x"], ["x", "x/y"]])
def test_folders_that_somebody_else_makes_meanwhile_are_filled(lab: Lab, made: list[str]) -> None:
    """What was built for them out of sight must not be used a second time."""
    lab.take(tar_of(SMALL))

    def make() -> None:
        for path in made:
            lab.trees.make_directory(OPERATOR, Place(NAME, TreePath.parse(path)))

    during(lab, tar_of(DEEP), "writing", make)
    assert lab.tree() == DEEP
    assert lab.counted() == counts_of(DEEP)
    assert lab.staged() == 0


def test_a_whole_tree_that_was_built_in_vain_is_built_anew_in_parts(lab: Lab) -> None:
    old = {f"f{n}": file(b"old") for n in range(30)}
    new = {f"f{n}": file(b"new") for n in range(30)}
    lab.take(tar_of(old))
    during(lab, tar_of({**new, **DEEP}), "writing", lambda: lab.take(tar_of(new)))
    assert lab.tree() == {**new, **DEEP}
    assert lab.staged() == 0


def test_a_rollback_meanwhile_does_not_harm_the_import(lab: Lab) -> None:
    lab.take(tar_of(SMALL))
    lab.take(tar_of({**SMALL, "more": file()}))
    during(lab, tar_of(LARGE), "writing", lambda: lab.flists.rollback(OPERATOR, NAME, 2))
    assert lab.tree() == LARGE
    assert lab.counted() == counts_of(LARGE)
    assert lab.tree(at_jid=2) == SMALL


def test_a_rollback_takes_away_what_was_built_out_of_sight_and_it_is_built_again(lab: Lab) -> None:
    lab.take(tar_of(SMALL))
    lab.take(tar_of({**SMALL, "more": file()}))
    left = {"writing": lambda: lab.put("x", b"the first attempt fails")}
    left["comparing"] = lambda: lab.flists.rollback(OPERATOR, NAME, 2)  # type: ignore[assignment, return-value]

    def act(progress: Progress) -> None:
        if progress.phase == "writing" or (progress.phase == "comparing" and "writing" not in left):
            left.pop(progress.phase, lambda: None)()  # type: ignore[arg-type, return-value]

    lab.imports.run(OPERATOR, NAME, lab.imports.archive(io.BytesIO(tar_of(LARGE))), progress=act)
    assert lab.tree() == LARGE
    assert lab.counted() == counts_of(LARGE)
    assert lab.staged() == 0


def test_a_flist_that_is_written_to_all_the_time_is_not_fought_for_ever(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "data", rows_at_once_max=3)
    lab.take(tar_of(SMALL))
    with pytest.raises(Busy):
        during(lab, tar_of(LARGE), "writing", *[lambda n=n: lab.put("x", b"%d" % n) for n in range(20)])
    assert lab.tree().keys() == {*SMALL, "x"}
    assert lab.staged() == 0
    lab.close()


def test_a_flist_that_is_deleted_meanwhile_is_not_found(lab: Lab) -> None:
    lab.take(tar_of(SMALL))
    with pytest.raises(NotFound):
        during(lab, tar_of(LARGE), "comparing", lambda: lab.flists.delete(OPERATOR, NAME))
    assert lab.staged() == 0


def test_an_import_that_is_interrupted_leaves_nothing(lab: Lab) -> None:
    lab.take(tar_of(SMALL))

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        during(lab, tar_of(LARGE), "comparing", interrupt)
    assert lab.tree() == SMALL
    assert lab.staged() == 0
    assert not [path for path in (lab.data / "tmp").rglob("*") if path.is_file()]


def test_what_an_import_has_built_and_given_up_may_be_named_by_nobody(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "data", rows_at_once_max=3)
    lab.take(tar_of(SMALL))
    lab.catalog.change(lambda draft: draft.add_account("bert", Role.USER))

    def named(*contents: bytes) -> list[bytes]:
        reach = Reach("bert", False, None)
        with lab.catalog.view() as view:
            return [one for one in contents if view.claims(reach, 0).may_name_content(Digest.of(one))]

    lab.put("x", b"28")
    lab.put("x", b"x")
    lock(lab, "x")
    with pytest.raises(Locked):
        lab.take(tar_of(LARGE))
    assert named(b"29", b"28", b"x") == [b"28", b"x"]  # 28 is in a revision
    lab.take(tar_of(LARGE), merge=True)
    assert named(b"29", b"28", b"x") == [b"29", b"28", b"x"]
    lab.close()


# -- locks -----------------------------------------------------------------------------------------------------

BASE: Tree = {"d": folder(), "d/e": folder(), "d/e/f": file(), "g": file()}


def lock(lab: Lab, path: str, *, infinite: bool = False) -> str:
    locks = Locks(lab.catalog, lab.clock, 3600)
    return locks.take(
        OPERATOR, Place(NAME, TreePath.parse(path)), scope=Scope.EXCLUSIVE, infinite=infinite, owner_xml="",
        timeout_seconds=3600,
    ).lock.token  # fmt: skip


def locked_ids(lab: Lab) -> set[int]:
    with lab.catalog.view() as view:
        return {lock.entry_id for lock in view.locks(view.flist(NAME).flist_id, lab.clock())}


@pytest.mark.parametrize(
    ("path", "infinite", "after"),
    [
        ("g", False, {**BASE, "g": file(b"changed")}),
        ("g", False, {name: BASE[name] for name in ("d", "d/e", "d/e/f")}),
        ("g", False, {**BASE, "g": folder()}),
        ("d/e/f", False, {"g": BASE["g"]}),
        ("d/e", False, {**BASE, "d/e/new": file()}),
        ("d", True, {**BASE, "d/e/f": file(b"changed")}),
        ("d", True, {**BASE, "d/e/new": file()}),
        ("", False, {**BASE, "new": file()}),
    ],
)
def test_a_lock_in_the_way_refuses_the_import(lab: Lab, path: str, infinite: bool, after: Tree) -> None:
    lab.take(tar_of(BASE))
    token = lock(lab, path, infinite=infinite)
    with pytest.raises(Locked):
        lab.take(tar_of(after))
    assert lab.tree() == BASE
    assert lab.staged() == 0
    source = lab.imports.archive(io.BytesIO(tar_of(after)))
    lab.imports.run(OPERATOR, NAME, source, conditions=Conditions(lock_tokens=frozenset([token])))
    assert lab.tree() == after


@pytest.mark.parametrize(
    ("path", "infinite", "after"),
    [
        ("g", False, {**BASE, **LARGE}),
        ("d/e", False, {**BASE, "d/e/f": file(b"changed"), **LARGE}),
        ("d", True, {**BASE, **LARGE}),
        ("", False, {**BASE, "d/e/f": file(b"changed"), "g": file(b"2")}),
    ],
)
def test_a_lock_that_is_not_touched_stays_on_its_entry(
    lab: Lab, path: str, infinite: bool, after: Tree
) -> None:
    lab.take(tar_of(BASE))
    lock(lab, path, infinite=infinite)
    lab.take(tar_of(after))
    assert lab.tree() == after
    assert locked_ids(lab) == {lab.trees.stat(OPERATOR, Place(NAME, TreePath.parse(path))).entry_id}


# -- other processes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_before", [0, 1, 2, 3])
def test_a_killed_import_leaves_the_old_tree_and_the_next_one_cleans_up(
    tmp_path: Path, stop_before: int
) -> None:
    archive = tmp_path / "large.tar"
    archive.write_bytes(
        tar_of({f"{d}": folder() for d in "ab"} | {f"{d}/{n}": file() for d in "ab" for n in range(400)})
    )
    lab = Lab(tmp_path / "data", rows_at_once_max=3, on_disk=True)
    lab.take(tar_of(SMALL))
    command = [sys.executable, "-m", "tests.services.killed_import", lab.data, archive, str(stop_before)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, cwd=ROOT_OF_TESTS) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "stopped\n"
        assert lab.imports.remove_leftovers(OPERATOR) == 0, "the import still lives"
        child.kill()
    assert lab.tree() == SMALL
    assert (lab.staged() > 0) == (stop_before > 0)
    assert lab.imports.remove_leftovers(OPERATOR) == (1 if stop_before > 1 else 0)
    assert lab.imports.remove_leftovers(OPERATOR) == 0
    assert lab.staged() == (1 if stop_before else 0), "a folder tells the collector what is to be let go"
    lab.take(archive.read_bytes())
    assert len(lab.tree()) == 802
    lab.close()


def test_what_a_killed_import_has_built_is_let_go_as_soon_as_there_is_collecting(tmp_path: Path) -> None:
    archive = tmp_path / "large.tar"
    archive.write_bytes(tar_of({"a": folder()} | {f"a/{n}": file(b"%d" % n) for n in range(400)}))
    lab = Lab(tmp_path / "data", rows_at_once_max=3, on_disk=True)
    lab.take(tar_of(SMALL))
    held = lab.held()
    command = [sys.executable, "-m", "tests.services.killed_import", lab.data, archive, "3"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, cwd=ROOT_OF_TESTS) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "stopped\n"
        child.kill()
    lab.take(tar_of({**SMALL, "more": file(b"more")}))  # which clears away what can be seen of it
    assert len(lab.held()) > len(held) + 1
    collector = Collector(lab.catalog, FileBlocks(lab.data), time.time_ns, lab.data, grace_ns=0)
    assert collector.run(OPERATOR, wholly=False).busy, "the lease of the killed one lasts an hour"
    assert len(lab.held()) > len(held) + 1
    lab.catalog.change(lambda draft: draft._sql.execute("DELETE FROM session_"))
    assert collector.run(OPERATOR, wholly=False).released > 0
    assert len(lab.held()) == len(held) + 1
    assert lab.staged() == 0
    collector.close()
    lab.close()


WRITER = """
import sys
from pathlib import Path
from tests.services.trees_in_memory import Lab
lab = Lab(Path(sys.argv[1]), on_disk=True)
print("ready", flush=True)
for number in range(60):
    lab.put(f"put{number % 5}", b"%d" % number)
lab.close()
"""


def test_imports_and_writes_of_another_process_follow_one_another(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "data", rows_at_once_max=20, on_disk=True)
    lab.take(tar_of(SMALL))
    versions = [
        {**SMALL, f"v{n}": folder(), f"v{n}/x": file(b"%d" % n)} | {f"{n}-{m}": file() for m in range(25)}
        for n in range(6)
    ]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, lab.data], stdout=-1, text=True, cwd=ROOT_OF_TESTS
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        for version in versions:
            try:
                lab.take(tar_of(version))
            except Busy:
                continue
    assert child.returncode == 0
    imported = 0
    previous: Tree = {}
    for commit in reversed(lab.flists.log(OPERATOR, NAME, limit=500)):
        tree = lab.tree(at_jid=commit.jid)
        if commit.note == "import":
            assert tree in [SMALL, *versions]
            imported += 1
        elif commit.note.startswith("put /"):
            name = commit.note.removeprefix("put /")
            assert {**previous, name: tree[name]} == tree
        previous = tree
    assert imported > 1
    assert lab.tree() == previous
    assert lab.staged() == 0
    lab.close()


def test_two_imports_into_one_flist_at_once_follow_one_another(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "data", rows_at_once_max=20, on_disk=True)
    lab.take(tar_of({}))
    failed: list[MylistError] = []

    def work(letter: str) -> None:
        for number in range(4):
            try:
                lab.take(
                    tar_of({letter: folder()} | {f"{letter}/{n}": file(b"%d" % number) for n in range(40)})
                )
            except MylistError as error:
                failed.append(error)

    threads = [threading.Thread(target=work, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [error for error in failed if not isinstance(error, Busy)] == []
    assert len(lab.tree()) == 41
    assert lab.staged() == 0
    lab.close()
