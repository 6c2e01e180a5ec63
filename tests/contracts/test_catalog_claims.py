"""What the catalog promises of naming contents and blocks: who may, and what becomes of blocks that are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import OPERATOR, Reach, Role
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef, Recipe
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog import Catalog, Draft, NewEntry
from tests.shelf import Clock

OPEN, HIDDEN = FlistName("anna", "open"), FlistName("anna", "hidden")
HALVES = (BlockRef(Digest.of(b"1"), WHOLE_BYTES_MAX), BlockRef(Digest.of(b"2"), WHOLE_BYTES_MAX))
LARGE = Recipe(Digest.of(b"large"), 2 * WHOLE_BYTES_MAX, "x", HALVES)
SMALL = BlockRef(Digest.of(b"small"), 5)
LOOSE = BlockRef(Digest.of(b"loose"), 5)
ULLA = Reach("ulla", False)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path / "catalog.sqlite", clock=Clock(), durability="os")
    made.change(fill)
    yield made
    made.close()


def fill(draft: Draft) -> None:
    """anna/open is empty; anna/hidden has a small and a large file; a loose block is in neither."""
    for account in ("anna", "ulla"):
        draft.add_account(account, Role.USER)
    for name in (OPEN, HIDDEN):
        draft.add_flist(name, OPERATOR)
    hidden = draft.flist(HIDDEN)
    draft.set_private(hidden.flist_id, True)
    draft.register(LARGE)
    draft.register_blocks([SMALL, LOOSE])
    tree = draft.draft_tree(hidden, OPERATOR)
    for ref in (SMALL, BlockRef(LARGE.digest, LARGE.size_bytes)):
        new = NewEntry(Kind.FILE, 0o644, 1, 1, ref.size_bytes, ref.digest)
        tree.insert(tree.root().entry_id, str(ref.digest), new)


def named(catalog: Catalog, reach: Reach, now_ns: int = 0) -> set[str]:
    """Which of all that there is somebody may name."""
    digests = {"small": SMALL.digest, "half": HALVES[1].digest, "loose": LOOSE.digest}
    with catalog.view() as view:
        claims = view.claims(reach, now_ns)
        blocks = claims.blocks_named(list(digests.values()))
        found = {name for name, digest in digests.items() if digest in blocks}
        return found | ({"large"} if claims.may_name_content(LARGE.digest) else set())


ALL = {"small", "half", "large"}


def test_what_readable_flists_hold_may_be_named(catalog: Catalog) -> None:
    assert named(catalog, ULLA) == set()
    assert named(catalog, Reach("nobody", False)) == set()
    assert named(catalog, Reach("anna", False)) == ALL
    assert named(catalog, Reach("anna", False, OPEN)) == set()
    assert named(catalog, Reach("anna", False, HIDDEN)) == ALL
    assert named(catalog, Reach("anna", False, FlistName("anna", "none"))) == set()
    catalog.change(lambda draft: draft.set_grant(draft.flist(HIDDEN).flist_id, "ulla", Right.READ))
    assert named(catalog, ULLA) == ALL
    assert named(catalog, ULLA._replace(flist_name=OPEN)) == set()


def test_what_is_not_private_may_be_named_by_all(catalog: Catalog) -> None:
    catalog.change(lambda draft: draft.set_private(draft.flist(HIDDEN).flist_id, False))
    assert named(catalog, ULLA) == ALL


def test_who_reads_everything_names_what_no_flist_holds_too(catalog: Catalog) -> None:
    assert named(catalog, Reach("", True)) == ALL | {"loose"}
    assert named(catalog, Reach("", True, HIDDEN)) == ALL
    assert named(catalog, Reach("", True, OPEN)) == set()


def test_a_flist_that_is_gone_lets_nobody_name_anything(catalog: Catalog) -> None:
    catalog.change(lambda draft: draft.remove_flist(draft.flist(HIDDEN)))
    assert named(catalog, Reach("anna", False)) == set()


def test_past_revisions_count(catalog: Catalog) -> None:
    def empty(draft: Draft) -> None:
        tree = draft.draft_tree(draft.flist(HIDDEN), OPERATOR)
        for entry in tree.children(tree.root().entry_id):
            tree.remove(entry)

    catalog.change(empty)
    assert named(catalog, Reach("anna", False)) == ALL


def test_an_upload_may_be_named_by_its_account_until_it_expires(catalog: Catalog) -> None:
    def upload(draft: Draft) -> None:
        draft._sql.execute(
            "INSERT INTO upload SELECT account_id, ?, 5, 100 FROM account WHERE name = 'ulla'",
            (LOOSE.digest,),
        )

    catalog.change(upload)
    assert named(catalog, ULLA, 99) == {"loose"}
    assert named(catalog, ULLA._replace(flist_name=OPEN), 99) == {"loose"}
    assert named(catalog, ULLA, 100) == set()
    assert named(catalog, Reach("anna", False), 99) == ALL


def test_each_question_is_answered_by_keys_alone(catalog: Catalog) -> None:
    with catalog.view() as view:
        statements: list[str] = []
        connection = view._sql
        connection.exec_trace = lambda _, sql, __: statements.append(sql) or True  # type: ignore[attr-defined]
        claims = view.claims(ULLA._replace(flist_name=OPEN), 0)
        claims.blocks_named([SMALL.digest])
        claims.may_name_content(SMALL.digest)
        connection.exec_trace = None  # type: ignore[attr-defined]
        assert len(statements) == 4
        for statement in statements:
            plan = connection.execute(
                f"EXPLAIN QUERY PLAN {statement}",
                (b"",) * 5 if "?5" in statement else (b"",) * statement.count("?"),
            )
            steps = [row[3] for row in plan]
            scanned = [step for step in steps if step.startswith("SCAN") and "CONSTANT" not in step]
            assert [step for step in scanned if not step.startswith("SCAN i VIRTUAL TABLE")] == [], (
                steps
            )  # i: the ids


# -- blocks that are named -------------------------------------------------------------------------------------


def states(catalog: Catalog) -> dict[Digest, tuple[str, int | None]]:
    with catalog.view() as view:
        rows = view._sql.execute("SELECT digest, state, since_ns FROM block")
        return {Digest(row[0]): row[1:] for row in rows}


def test_condemned_blocks_are_revived_and_those_that_go_are_missing(catalog: Catalog) -> None:
    def condemn(draft: Draft) -> None:
        for ref, state in ((SMALL, "condemned"), (LOOSE, "deleting")):
            draft._sql.execute(
                "UPDATE block SET state = ?, since_ns = 7 WHERE digest = ?", (state, ref.digest)
            )

    catalog.change(condemn)
    unknown, other_size = BlockRef(Digest.of(b"?"), 5), HALVES[0]._replace(size_bytes=3)
    missing = catalog.change(
        lambda draft: draft.revive_blocks([SMALL, LOOSE, unknown, other_size, HALVES[1]])
    )
    assert missing == [LOOSE, unknown, other_size]
    assert states(catalog)[SMALL.digest] == ("stored", None)
    assert states(catalog)[LOOSE.digest] == ("deleting", 7)


def test_a_content_has_one_recipe_the_newest(catalog: Catalog) -> None:
    other = LARGE._replace(blocks=(BlockRef(Digest.of(b"3"), 2 * WHOLE_BYTES_MAX),), chunker="y")
    catalog.change(lambda draft: draft.register(other))
    with catalog.view() as view:
        assert view.recipe(LARGE.digest, LARGE.size_bytes) == other
        users = view._sql.execute("SELECT block_digest FROM recipe_block").fetchall()
    assert users == [(other.blocks[0].digest,)]
