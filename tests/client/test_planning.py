"""What has to be done so that one tree becomes as another is, held against a tree that is changed step by step."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mylist_dav.client.folders.nodes import DIRECTORY, FILE, SYMLINK, Block, Node, Tree, above, parent_of
from mylist_dav.client.folders.operations import (
    COMMIT_BYTES_MAX,
    COMMIT_STEPS_MAX,
    is_large,
    operations,
    tree_lines,
)
from mylist_dav.client.folders.planning import (
    Plan,
    Step,
    changed_between,
    plan,
    refuse_what_lies_in_links,
    touching,
)
from mylist_dav.client.folders.racing import carried_out
from mylist_dav.errors import Conflict
from mylist_dav.model.contents import WHOLE_BYTES_MAX

FOLDER = Node(DIRECTORY, 0, 0o755, 1)
A, B = Node(FILE, 1, 0o644, 1, "aa" * 32), Node(FILE, 2, 0o644, 1, "bb" * 32)
LINK = Node(SYMLINK, 0, 0, 1, "", "a")


def planned(wanted: Tree, there: Tree, *, delete: bool = False, out: Iterable[str] = ()) -> Plan:
    return plan(wanted, there, delete=delete, is_out=lambda path, _: path in out)


def made(wanted: Tree, there: Tree, *, delete: bool = False, out: Iterable[str] = ()) -> list[str]:
    """The operations in short."""
    found = operations(planned(wanted, there, delete=delete, out=out), {})
    return [f"{each['op']} {each['path']}" for each in found]


def test_like_trees_need_nothing() -> None:
    tree = {"d": FOLDER, "d/a": A, "l": LINK}
    assert not planned(tree, dict(tree), delete=True)
    assert not planned({"l": LINK}, {"l": LINK._replace(mode=0o777)})


@pytest.mark.parametrize(
    ("wanted", "there", "expected"),
    [
        ({"d": FOLDER, "d/e": FOLDER, "d/e/a": A}, {}, ["mkdir d", "mkdir d/e", "put d/e/a"]),
        ({"a": A}, {"a": B}, ["put a"]),
        ({"a": A}, {"a": A._replace(mtime_ns=5)}, ["attributes a"]),
        ({"a": A}, {"a": A._replace(mode=0o600)}, ["attributes a"]),
        ({"d": FOLDER}, {"d": FOLDER._replace(mtime_ns=5)}, ["attributes d"]),
        ({"l": LINK}, {}, ["symlink l"]),
        ({"l": LINK}, {"l": LINK._replace(target="b")}, ["delete l", "symlink l"]),
        ({"l": LINK}, {"l": LINK._replace(mtime_ns=5)}, ["attributes l"]),
        ({"x": FOLDER, "x/a": A}, {"x": A}, ["delete x", "mkdir x", "put x/a"]),
        ({"x": A}, {"x": LINK}, ["delete x", "put x"]),
        ({"x": A}, {"x": FOLDER}, ["delete x", "put x"]),
        ({"a": A}, {"a": A, "b": B}, []),
    ],
)
def test_what_differs_is_done_in_an_order_that_works(wanted: Tree, there: Tree, expected: list[str]) -> None:
    assert made(wanted, there) == expected


def test_what_is_not_wanted_goes_only_when_that_is_asked_for_and_from_the_top() -> None:
    there = {"a": A, "d": FOLDER, "d/e": FOLDER, "d/e/b": B, "f": FOLDER, "f/a": A}
    assert made({"a": A}, there) == []
    assert made({"a": A}, there, delete=True) == ["delete d", "delete f"]
    assert planned({"a": A}, there, delete=True).counts == (0, 0, 2)


def test_what_is_left_alone_stays_with_the_folders_above_it() -> None:
    there = {"d": FOLDER, "d/a": A, "d/e": FOLDER, "d/e/kept": B, "d/e/gone": B}
    assert made({}, there, delete=True, out=["d/e/kept"]) == ["delete d/a", "delete d/e/gone"]


def test_a_folder_with_members_gives_way_only_with_delete() -> None:
    there = {"x": FOLDER, "x/a": A}
    with pytest.raises(Conflict, match="with --delete they go:\n  x"):
        planned({"x": A}, there)
    assert made({"x": A}, there, delete=True) == ["delete x/a", "delete x", "put x"]
    with pytest.raises(Conflict, match="hold what is left alone:\n  x"):
        planned({"x": A}, there, delete=True, out=["x/a"])


def test_a_put_brings_its_recipe_if_the_content_is_not_always_one_block() -> None:
    blocks = (Block("11" * 32, 3), Block("22" * 32, 4))
    long = A._replace(size_bytes=WHOLE_BYTES_MAX + 1)
    made = operations(planned({"a": long}, {}), {A.digest: blocks})[0]
    assert made["blocks"] == [{"id": "11" * 32, "size_bytes": 3}, {"id": "22" * 32, "size_bytes": 4}]
    assert (made["mode"], made["mtime_ns"], made["size_bytes"]) == (0o644, 1, WHOLE_BYTES_MAX + 1)
    assert len(operations(planned({"a": long}, {}), {A.digest: blocks[:1]})[0]["blocks"]) == 1
    assert "blocks" not in operations(planned({"a": A}, {}), {A.digest: blocks[:1]})[0]


def test_changes_touch_when_one_path_is_another_or_lies_above_or_below_it() -> None:
    assert touching({"a/b"}, {"a", "a/b", "a/b/c", "a/c", "x"}) == ["a", "a/b", "a/b/c"]
    assert touching(changed_between({"a": A, "b": A}, {"a": B, "c": A}), {"a", "b", "c", "d"}) == [
        "a",
        "b",
        "c",
    ]


def test_a_tree_in_which_something_lies_in_no_folder_is_refused() -> None:
    for tree in ({"l": LINK, "l/a": A}, {"f": A, "f/a": A}, {"no/a": A}):
        with pytest.raises(Conflict, match="lies in no folder"):
            refuse_what_lies_in_links(tree)
    refuse_what_lies_in_links({"d": FOLDER, "d/a": A})


def test_a_plan_is_large_by_its_number_or_by_what_it_says() -> None:
    tree = {str(number): A for number in range(COMMIT_STEPS_MAX + 1)}
    assert is_large(planned(tree, {}), {})
    assert not is_large(planned(tree, {"0": A}), {})
    many = (Block("11" * 32, 3),) * (COMMIT_BYTES_MAX // 100)
    assert is_large(planned({"a": A}, {}), {A.digest: many})
    assert not is_large(planned({"a": A}, {}), {A.digest: many[:100]})
    assert is_large(planned({str(n): LINK._replace(target="x" * 4000) for n in range(1000)}, {}), {})


@settings(max_examples=20)
@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 40))
def test_what_operations_take_as_json_is_not_underestimated(path: str, target: str, blocks: int) -> None:
    node = A._replace(size_bytes=WHOLE_BYTES_MAX + 1, mode=0o777, mtime_ns=-(2**63) + 1)
    recipes = {A.digest: (Block("11" * 32, 4 * 1024 * 1024),) * blocks}
    plan = Plan([], [Step(path, None, node), Step(path, None, LINK._replace(target=target))])
    told = len(json.dumps(operations(plan, recipes)))
    assert told <= 2 * 250 + 6 * (2 * len(path) + len(target)) + 110 * blocks


def test_lines_say_what_is_to_be_at_each_path() -> None:
    there = {"gone": FOLDER, "gone/a": A, "was": LINK, "f": A, "d": FOLDER, "new": FOLDER, "l": LINK}
    long = A._replace(size_bytes=WHOLE_BYTES_MAX + 1)
    wanted = {
        "was": FOLDER, "f": A._replace(mode=0o600), "d": FOLDER._replace(mode=0o700), "new": long,
        "l": LINK._replace(target="elsewhere"),
    }  # fmt: skip
    plan = planned(wanted, there, delete=True)
    lines = b"".join(tree_lines(plan, {A.digest: (Block("11" * 32, 3), Block("22" * 32, 4))})).splitlines()
    found = {line["path"]: line for line in map(json.loads, lines)}
    assert len(found) == len(lines) == 6
    assert found["gone"] == {"kind": "absent", "path": "gone"}
    assert found["f"] == {
        "kind": "file", "path": "f", "mode": 0o600, "mtime_ns": 1, "digest": A.digest, "size_bytes": A.size_bytes
    }  # fmt: skip
    assert found["new"]["blocks"] == [{"id": "11" * 32, "size_bytes": 3}, {"id": "22" * 32, "size_bytes": 4}]
    assert found["d"] == {"kind": "directory", "path": "d", "mode": 0o700, "mtime_ns": FOLDER.mtime_ns}
    assert found["l"] == {"kind": "symlink", "path": "l", "target": "elsewhere", "mtime_ns": LINK.mtime_ns}
    assert found["was"]["kind"] == "directory"


# -- any two trees ---------------------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "a-b", "c"])
nodes = st.sampled_from([FOLDER, A, B, LINK, A._replace(mtime_ns=9), FOLDER._replace(mode=0o700)])


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    tree: Tree = {}
    for path in draw(st.lists(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=8)):
        if all(tree.setdefault(folder, FOLDER).kind == DIRECTORY for folder in reversed(above(path))):
            tree.setdefault(path, draw(nodes))
    return tree


def applied(done: list[dict[str, object]], there: Tree) -> Tree:
    """The tree as a server would leave it, which takes nothing that is out of order."""
    tree = dict(there)
    for each in done:
        path = str(each["path"])
        if each["op"] == "delete":
            assert path in tree
            tree = {other: node for other, node in tree.items() if path not in (other, *above(other))}
            continue
        assert not parent_of(path) or tree[parent_of(path)].kind == DIRECTORY
        assert (path in tree) is (each["op"] == "attributes" or tree.get(path, LINK).kind == FILE)
        tree[path] = FOLDER
    return tree


@given(trees(), trees())
def test_any_tree_becomes_any_other(wanted: Tree, there: Tree) -> None:
    todo = planned(wanted, there, delete=True)
    assert applied(operations(todo, {}), there).keys() == wanted.keys()
    assert carried_out(todo, there) == wanted
    assert bool(todo) == (wanted != there)


@given(trees(), trees())
def test_without_delete_nothing_that_is_not_wanted_goes(wanted: Tree, there: Tree) -> None:
    try:
        todo = planned(wanted, there)
    except Conflict:
        return
    after = carried_out(todo, there)
    assert after.keys() == wanted.keys() | there.keys()
    assert {path: after[path] for path in wanted} == wanted
