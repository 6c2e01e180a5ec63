"""What has to be done so that one tree becomes as another is, held against a tree that is changed step by step."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.client.nodes import DIRECTORY, FILE, SYMLINK, Block, Node, Tree, above, parent_of
from mylist_dav.client.operations import operations, refuse_too_much
from mylist_dav.client.planning import Plan, changed_between, plan, refuse_what_lies_in_links, touching
from mylist_dav.client.pushing import carried_out
from mylist_dav.errors import Conflict, LimitExceeded
from mylist_dav.model.contents import WHOLE_BYTES_MAX
from mylist_dav.model.operations import OPERATIONS_MAX

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


def test_more_than_a_commit_holds_is_refused_before_anything_is_sent() -> None:
    tree = {str(number): A for number in range(OPERATIONS_MAX + 1)}
    with pytest.raises(LimitExceeded, match="50001 entries are new"):
        refuse_too_much(tree, {})
    refuse_too_much(tree, {"0": A})


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
