"""What every catalog promises of changes, views, accounts, contents, locks, properties and exposures.

Of trees: test_catalog_trees.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from mylist_dav.errors import Busy, Corrupt, Exists, Invalid, MylistError, NotFound, WritesStopped
from mylist_dav.model.accounts import AccountFacts, GrantFacts, KeyFacts, Right, TokenHolder
from mylist_dav.model.actors import EVERYTHING, OPERATOR, Actor, Role
from mylist_dav.model.actors import Scope as TokenScope
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef, Recipe
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.model.entries import Kind
from mylist_dav.model.exposures import Exposure, Mode
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.locks import Lock, Scope
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog import Cached, Catalog, Draft, NewEntry, View
from tests.shelf import Clock, hold_invariants

Open = Callable[[], Catalog]

KEY = PublicKey(b"k" * 32)
A = FlistName("anna", "a")
B = FlistName("anna", "b")
FOLDER = NewEntry(Kind.DIRECTORY, 0o755, 1, 2)


def add_flists(draft: Draft) -> None:
    draft.add_account("anna", Role.USER)
    draft.add_flist(B, OPERATOR)
    draft.add_flist(A, OPERATOR)


def mkdir(draft: Draft, name: str, flist_name: FlistName = A) -> None:
    tree = draft.draft_tree(draft.flist(flist_name), OPERATOR)
    tree.insert(tree.root().entry_id, name, FOLDER)


def lock_on(entry_id: int, token: str = "urn:uuid:1", expires_ns: int = 2**60) -> Lock:
    return Lock(token, entry_id, Scope.EXCLUSIVE, True, "<owner/>", "anna", 60, expires_ns)


class CatalogContract:
    """From changes and views to each kind of thing that is kept."""

    @pytest.fixture
    def open_catalog(self) -> Iterator[Open]:
        """Opens the same catalog once more, as another process would."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def catalog(self, open_catalog: Open) -> Iterator[Catalog]:
        made = open_catalog()
        made.change(add_flists)
        yield made
        with open_catalog().view() as view:
            hold_invariants(view)

    # -- changes -----------------------------------------------------------------------------------------------

    def test_a_change_returns_what_its_function_returns(self, catalog: Catalog) -> None:
        assert catalog.change(lambda draft: draft.accounts()) == ["anna"]

    def test_a_change_is_visible_to_all_who_look_afterwards(
        self, catalog: Catalog, open_catalog: Open
    ) -> None:
        other = open_catalog()
        catalog.change(lambda draft: draft.add_account("otto", Role.USER))
        for one in (catalog, other):
            with one.view() as view:
                assert view.accounts() == ["anna", "otto"]

    def test_a_change_that_fails_leaves_nothing_and_raises_what_it_raised(self, catalog: Catalog) -> None:
        class Oops(Exception):
            pass

        def make(draft: Draft) -> None:
            draft.add_account("otto", Role.USER)
            mkdir(draft, "x")
            raise Oops

        with pytest.raises(Oops):
            catalog.change(make)
        with catalog.view() as view:
            assert view.accounts() == ["anna"]
            assert view.flist(A).head_jid == 1

    def test_the_next_change_after_one_that_failed_works(self, catalog: Catalog) -> None:
        with pytest.raises(Exists):
            catalog.change(lambda draft: draft.add_account("anna", Role.USER))
        catalog.change(lambda draft: draft.add_account("otto", Role.USER))

    def test_a_change_inside_of_a_change_fails_and_does_not_hang(self, catalog: Catalog) -> None:
        with pytest.raises(AssertionError, match="inside"):
            catalog.change(lambda draft: catalog.change(lambda inner: None))
        catalog.change(lambda draft: mkdir(draft, "x"))

    def test_changes_of_many_threads_are_all_made_and_each_has_its_own_outcome(
        self, catalog: Catalog
    ) -> None:
        outcomes: list[object] = []

        def make(draft: Draft, name: str, fails: bool) -> None:
            mkdir(draft, name)
            if fails:
                draft.flist(FlistName("no", "such"))

        def work(number: int) -> None:
            for step in range(20):
                name = f"{number}-{step}"
                fails = step % 4 == 3
                try:
                    catalog.change(partial(make, name=name, fails=fails))
                    outcomes.append(name)
                except NotFound:
                    outcomes.append(None)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes.count(None) == 8 * 5
        with catalog.view() as view:
            flist = view.flist(A)
            names = {entry.name for entry in view.tree(flist).children(view.tree(flist).root().entry_id)}
            assert names == {name for name in outcomes if name is not None}
            assert flist.head_jid == 1 + len(names)

    def test_values_that_cannot_be_kept_are_refused_as_invalid(self, catalog: Catalog) -> None:
        with pytest.raises(Invalid, match="Unicode"):
            catalog.change(lambda draft: draft.add_account("\ud800", Role.USER))
        with pytest.raises(Invalid, match="64 bits"):
            catalog.change(lambda draft: draft.add_token(b"x", "anna", "", 2**63))
        with pytest.raises(Invalid, match="Unicode"), catalog.view() as view:
            view.flist(FlistName("anna", "\udfff"))

    def test_a_closed_catalog_is_busy(self, catalog: Catalog) -> None:
        catalog.close()
        catalog.close()
        with pytest.raises(Busy):
            catalog.change(lambda draft: None)
        with pytest.raises(Busy), catalog.view():
            pass
        with pytest.raises(Busy):
            catalog.pulse()

    # -- views -------------------------------------------------------------------------------------------------

    def test_a_view_sees_one_state_whatever_is_committed_meanwhile(self, catalog: Catalog) -> None:
        with catalog.view() as view:
            before = view.flist(A)
            thread = threading.Thread(target=lambda: catalog.change(lambda draft: mkdir(draft, "x")))
            thread.start()
            thread.join()
            assert view.flist(A) == before
            assert view.tree(before).children(view.tree(before).root().entry_id) == []
        with catalog.view() as view:
            assert view.flist(A).head_jid == before.head_jid + 1

    def test_a_view_inside_of_a_view_sees_the_same(self, catalog: Catalog) -> None:
        with catalog.view() as outer:
            assert outer.accounts() == ["anna"]
            catalog.change(lambda draft: draft.add_account("otto", Role.USER))
            with catalog.view() as inner:
                assert inner.accounts() == ["anna"]
            assert outer.accounts() == ["anna"]
        with catalog.view() as view:
            assert view.accounts() == ["anna", "otto"]

    def test_an_error_inside_of_a_nested_view_ends_both(self, catalog: Catalog) -> None:
        with pytest.raises(NotFound), catalog.view(), catalog.view() as inner:
            inner.flist(FlistName("no", "such"))
        catalog.change(lambda draft: draft.add_account("otto", Role.USER))
        with catalog.view() as view:
            assert view.accounts() == ["anna", "otto"]

    def test_views_that_end_in_another_order_than_they_began_leave_nothing_open(
        self, catalog: Catalog
    ) -> None:
        first, second = catalog.view(), catalog.view()
        first.__enter__().accounts()
        view = second.__enter__()
        first.__exit__(None, None, None)
        assert view.accounts() == ["anna"]
        second.__exit__(None, None, None)
        catalog.change(lambda draft: draft.add_account("otto", Role.USER))
        with catalog.view() as fresh:
            assert fresh.accounts() == ["anna", "otto"]

    def test_a_view_waits_for_no_writer(self, catalog: Catalog, open_catalog: Open) -> None:
        seen: list[list[str]] = []

        def look(view: View) -> None:
            seen.append(view.accounts())

        def make(draft: Draft) -> None:
            draft.add_account("otto", Role.USER)
            for one in (catalog, open_catalog()):
                with one.view(wait=False) as view:
                    look(view)

        catalog.change(make)
        assert seen == [["anna"], ["anna"]]

    def test_a_draft_reads_its_own_writes(self, catalog: Catalog) -> None:
        def make(draft: Draft) -> list[str]:
            mkdir(draft, "x")
            tree = draft.tree(draft.flist(A))
            return [entry.name for entry in tree.children(tree.root().entry_id)]

        assert catalog.change(make) == ["x"]

    def test_a_pulse_moves_with_every_commit_of_anybody(self, catalog: Catalog, open_catalog: Open) -> None:
        pulse, other = catalog.pulse(), open_catalog()
        assert pulse.moved()
        assert not pulse.moved()
        catalog.change(lambda draft: mkdir(draft, "x"))
        assert pulse.moved()
        other.change(lambda draft: mkdir(draft, "y"))
        assert pulse.moved()
        assert not pulse.moved()

    # -- accounts, tokens --------------------------------------------------------------------------------------

    def test_a_token_stands_for_its_account_until_it_expires(self, catalog: Catalog) -> None:
        catalog.change(lambda draft: draft.add_token(b"hash", "anna", "laptop", 100 + draft.now_ns))
        with catalog.view() as view:
            [(token_hash, known)] = view.tokens()
            assert (token_hash, known.account, known.label, known.scope) == (
                b"hash",
                "anna",
                "laptop",
                EVERYTHING,
            )
            expires_ns, created_ns = known.expires_ns, known.created_ns
            holder = TokenHolder(b"hash", Actor("anna", Role.USER), 0, expires_ns)
            assert view.token_holder(b"hash", created_ns) == holder
            assert view.token_holder(b"hash", expires_ns - 1) == holder
            assert view.token_holder(b"hash", expires_ns) is None
            assert view.token_holder(b"other", created_ns) is None

    def test_a_removed_token_stands_for_nobody_and_the_rights_have_moved(self, catalog: Catalog) -> None:
        catalog.change(lambda draft: draft.add_token(b"hash", "anna", "", 100 + draft.now_ns))
        with catalog.view() as view:
            before = view.generation(Cached.RIGHTS)
        assert catalog.change(lambda draft: draft.remove_token(b"hash"))
        assert not catalog.change(lambda draft: draft.remove_token(b"hash"))
        with catalog.view() as view:
            assert view.tokens() == []
            assert view.generation(Cached.RIGHTS) > before

    def test_expired_tokens_go_when_a_new_one_comes(self, catalog: Catalog, clock: Clock) -> None:
        catalog.change(lambda draft: draft.add_token(b"old", "anna", "", clock.now_ns + 1))
        clock.advance(1)
        catalog.change(lambda draft: draft.add_token(b"new", "anna", "", clock.now_ns + 1))
        with catalog.view() as view:
            assert [token[0] for token in view.tokens()] == [b"new"]

    def test_a_token_knows_its_scope_and_goes_with_the_flist_it_is_for(self, catalog: Catalog) -> None:
        scopes = [TokenScope(A, True), TokenScope(A, False), TokenScope(None, True), EVERYTHING]
        for number, scope in enumerate(scopes):
            catalog.change(lambda draft, n=number, s=scope: draft.add_token(bytes([n]), "anna", "", 2**60, s))
        with catalog.view() as view:
            for number, scope in enumerate(scopes):
                holder = TokenHolder(bytes([number]), Actor("anna", Role.USER, scope), 0, 2**60)
                assert view.token_holder(bytes([number]), 0) == holder
            assert [known.scope for _, known in view.tokens("anna")] == scopes
            assert view.tokens("otto") == []
            assert view.count_tokens("anna") == 4
        catalog.change(lambda draft: draft.remove_flist(draft.flist(A)))
        catalog.change(lambda draft: draft.add_flist(A, OPERATOR))
        with catalog.view() as view:
            held = [view.token_holder(bytes([number]), 0) is not None for number in range(4)]
            assert held == [False, False, True, True]
        with pytest.raises(NotFound, match="flist"):
            catalog.change(
                lambda draft: draft.add_token(b"x", "anna", "", 2**60, TokenScope(FlistName("anna", "no")))
            )

    def test_the_use_of_a_token_is_noted_once_in_a_while(self, catalog: Catalog) -> None:
        catalog.change(lambda draft: draft.add_token(b"hash", "anna", "", 2**60))
        for now_ns, noted_ns in ((1000, 1000), (1099, 1000), (1100, 1100)):
            catalog.change(lambda draft, ns=now_ns: draft.note_token_uses({b"hash": ns, b"none": ns}, 100))
            with catalog.view() as view:
                holder = view.token_holder(b"hash", 0)
                assert holder is not None and holder.used_ns == noted_ns

    def test_a_disabled_account_has_keys_tokens_and_grants_that_do_not_hold(self, catalog: Catalog) -> None:
        def fill(draft: Draft) -> None:
            draft.add_account("otto", Role.ADMIN, 1000)
            draft.add_token(b"hash", "otto", "", 2**60)
            draft.add_key("otto", KEY, "desk")
            draft.set_grant(draft.flist(A).flist_id, "otto", Right.WRITE)

        catalog.change(fill)
        for disabled in (False, True, False):
            catalog.change(lambda draft, d=disabled: draft.set_disabled("otto", d))
            with catalog.view() as view:
                flist = view.flist(A)
                assert (view.token_holder(b"hash", 0) is None) == disabled
                assert (view.key_actor(KEY) is None) == disabled
                assert (view.granted(flist.flist_id, "otto") is Right.NONE) == disabled
                assert (view.granted_to("otto") == {}) == disabled
                assert view.account_facts() == [
                    AccountFacts("anna", Role.USER),
                    AccountFacts("otto", Role.ADMIN, disabled, 1000, 1),
                ]
                assert view.grants_on(flist.flist_id) == [GrantFacts("otto", Right.WRITE)]
        with pytest.raises(NotFound):
            catalog.change(lambda draft: draft.set_disabled("nobody", True))

    def test_a_key_belongs_to_one_account(self, catalog: Catalog, clock: Clock) -> None:
        catalog.change(lambda draft: draft.add_account("otto", Role.USER))
        catalog.change(lambda draft: draft.add_key("anna", KEY, "desk"))
        for account in ("anna", "otto"):
            with pytest.raises(Exists):
                catalog.change(lambda draft, a=account: draft.add_key(a, KEY, ""))
        with pytest.raises(NotFound):
            catalog.change(lambda draft: draft.add_key("nobody", PublicKey(bytes(32)), ""))
        with catalog.view() as view:
            assert view.keys() == view.keys("anna") == [KeyFacts(KEY, "anna", "desk", clock.now_ns, 0)]
            assert view.keys("otto") == []
            assert view.key_actor(KEY) == Actor("anna", Role.USER)
        clock.advance(1)
        catalog.change(lambda draft: draft.note_key_use(KEY))
        with catalog.view() as view:
            assert view.keys()[0].used_ns == clock.now_ns
        assert catalog.change(lambda draft: draft.remove_key(KEY))
        assert not catalog.change(lambda draft: draft.remove_key(KEY))

    def test_a_grant_takes_the_place_of_the_one_before_and_goes_with_its_flist(
        self, catalog: Catalog
    ) -> None:
        def granted() -> Right:
            with catalog.view() as view:
                return view.granted(view.flist(A).flist_id, "anna")

        for right in (Right.READ, Right.WRITE, Right.READ, Right.NONE, Right.NONE, Right.WRITE):
            with catalog.view() as view:
                before = view.generation(Cached.RIGHTS)
            catalog.change(lambda draft, r=right: draft.set_grant(draft.flist(A).flist_id, "anna", r))
            assert granted() is right
            with catalog.view() as view:
                assert view.generation(Cached.RIGHTS) > before
        catalog.change(lambda draft: draft.remove_flist(draft.flist(A)))
        with catalog.view() as view:
            assert view._sql.execute("SELECT * FROM grant_").fetchall() == []

    def test_a_flist_is_private_or_not(self, catalog: Catalog) -> None:
        for private in (True, False):
            catalog.change(lambda draft, p=private: draft.set_private(draft.flist(A).flist_id, p))
            with catalog.view() as view:
                assert view.flist(A).private is private
                assert not view.flist(B).private
            assert catalog.change(lambda draft: draft.flist(A).private) is private

    def test_an_unknown_account_has_no_role_no_token_and_no_flist(self, catalog: Catalog) -> None:
        with catalog.view() as view:
            assert view.account_role("otto") is None
            assert view.account_role("anna") is Role.USER
        with pytest.raises(NotFound, match="otto"):
            catalog.change(lambda draft: draft.add_token(b"hash", "otto", "", 2**60))
        with pytest.raises(NotFound, match="otto"):
            catalog.change(lambda draft: draft.add_flist(FlistName("otto", "x"), OPERATOR))

    # -- contents ----------------------------------------------------------------------------------------------

    def test_a_long_content_has_the_recipe_that_was_registered(self, catalog: Catalog) -> None:
        blocks = tuple(BlockRef(Digest.of(bytes([n])), 700_000 + n) for n in range(5))
        recipe = Recipe(Digest.of(b"whole"), sum(ref.size_bytes for ref in blocks), "chunker", blocks)
        catalog.change(lambda draft: draft.register(recipe))
        catalog.change(lambda draft: draft.register(recipe))
        with catalog.view() as view:
            assert view.recipe(recipe.digest, recipe.size_bytes) == recipe
            assert set(view.blocks_registered()) == set(blocks)
            assert view.totals()["block_bytes"] == recipe.size_bytes

    def test_a_content_of_one_block_needs_no_recipe(self, catalog: Catalog) -> None:
        digest = Digest.of(b"x")
        with catalog.view() as view:
            assert view.recipe(digest, 1).blocks == (BlockRef(digest, 1),)
            assert view.recipe(EMPTY, 0).blocks == ()

    def test_a_long_content_that_was_not_cut_keeps_its_recipe(self, catalog: Catalog) -> None:
        size_bytes = WHOLE_BYTES_MAX + 1
        block = BlockRef(Digest.of(b"even"), size_bytes)
        recipe = Recipe(block.digest, size_bytes, "chunker", (block,))
        catalog.change(lambda draft: draft.register(recipe))
        with catalog.view() as view:
            assert view.recipe(recipe.digest, size_bytes) == recipe

    def test_a_recipe_that_is_lost_or_of_another_size_is_corrupt(self, catalog: Catalog) -> None:
        with catalog.view() as view, pytest.raises(Corrupt):
            view.recipe(Digest.of(b"lost"), WHOLE_BYTES_MAX + 1)

    def test_registered_blocks_are_read_in_pages(self, catalog: Catalog) -> None:
        refs = sorted(BlockRef(Digest.of(bytes([n])), n) for n in range(10))
        catalog.change(lambda draft: draft.register_blocks(refs))
        with catalog.view() as view:
            assert view.blocks_registered(limit=4) == refs[:4]
            assert view.blocks_registered(after=refs[3].digest, limit=100) == refs[4:]

    # -- locks, properties -------------------------------------------------------------------------------------

    def test_a_lock_is_there_until_it_expires_or_is_removed(self, catalog: Catalog) -> None:
        catalog.change(lambda draft: mkdir(draft, "entry 2"))
        with catalog.view() as view:
            flist_id = view.flist(A).flist_id
        one, two = lock_on(1, "one", 2**60), lock_on(2, "two", 2**59)
        for lock in (one, two):
            catalog.change(partial(Draft.add_lock, flist_id=flist_id, lock=lock))
        with catalog.view() as view:
            assert sorted(view.locks(flist_id, 2**58)) == sorted([one, two])
            assert view.locks(flist_id, 2**59) == [one]
            assert view.locks_on(flist_id, [2, 3], 2**58) == [two]
            assert view.lock_count(flist_id, 2**58) == 2
            assert view.lock_count(flist_id, 2**59) == 1
            assert view.has_locks(flist_id, 2**59)
            assert not view.has_locks(flist_id, 2**60)
            assert view.locks(flist_id + 1, 0) == []
        catalog.change(lambda draft: draft.refresh_lock("two", 5, 2**61))
        catalog.change(lambda draft: draft.remove_lock("one"))
        with catalog.view() as view:
            assert view.locks(flist_id, 2**60) == [two._replace(timeout_seconds=5, expires_ns=2**61)]

    def test_expired_locks_go_when_a_new_one_comes(self, catalog: Catalog, clock: Clock) -> None:
        with catalog.view() as view:
            flist_id = view.flist(A).flist_id
        catalog.change(lambda draft: draft.add_lock(flist_id, lock_on(1, "old", clock.now_ns + 1)))
        clock.advance(1)
        catalog.change(lambda draft: draft.add_lock(flist_id, lock_on(1, "new", clock.now_ns + 1)))
        with catalog.view() as view:
            assert [lock.token for lock in view.locks(flist_id, 0)] == ["new"]

    def test_properties_are_set_replaced_removed_and_copied(self, catalog: Catalog) -> None:
        with catalog.view() as view:
            flist_id = view.flist(A).flist_id

        def make(draft: Draft) -> None:
            draft.set_property(flist_id, 1, "{n}a", "<a/>")
            draft.set_property(flist_id, 1, "{n}b", "<b/>")
            draft.set_property(flist_id, 1, "{n}a", "<a>2</a>")
            draft.remove_property(flist_id, 1, "{n}no")
            draft.set_property(flist_id, 2, "{n}other", "<x/>")
            draft.copy_properties(flist_id, 1, flist_id, 2)
            draft.remove_property(flist_id, 1, "{n}b")

        catalog.change(make)
        with catalog.view() as view:
            assert view.properties(flist_id, 1) == {"{n}a": "<a>2</a>"}
            assert view.properties(flist_id, 2) == {"{n}a": "<a>2</a>", "{n}b": "<b/>"}
            assert view.entries_with_properties(flist_id) == [1, 2]
            assert view.entries_with_properties(flist_id, after_id=1) == [2]

    # -- exposures, flists -------------------------------------------------------------------------------------

    def test_an_exposure_replaces_the_one_at_its_place_and_raises_the_generation(
        self, catalog: Catalog
    ) -> None:
        with catalog.view() as view:
            a, b = view.flist(A), view.flist(B)
            before = view.generation(Cached.EXPOSURES), view.generation(Cached.RIGHTS)
        one = Exposure(0, "", "/x", A, a.flist_id, None, Mode.PUBLIC, True, "off")
        two = one._replace(flist_name=B, flist_id=b.flist_id, at_jid=1, listing=False)
        for exposure in (one, two):
            catalog.change(partial(Draft.put_exposure, exposure=exposure))
        with catalog.view() as view:
            [found] = view.exposures()
            assert found._replace(exposure_id=0, changed_ns=0) == two and found.changed_ns > 0
            after = view.generation(Cached.EXPOSURES), view.generation(Cached.RIGHTS)
            assert after == (before[0] + 2, before[1])
        assert catalog.change(lambda draft: draft.remove_exposure("", "/x"))
        assert not catalog.change(lambda draft: draft.remove_exposure("", "/x"))
        with catalog.view() as view:
            assert view.exposures() == []
            assert view.generation(Cached.EXPOSURES) > after[0]

    def test_a_removed_flist_takes_everything_with_it(self, catalog: Catalog) -> None:
        with catalog.view() as view:
            flist = view.flist(A)

        def fill(draft: Draft) -> None:
            mkdir(draft, "x")
            draft.set_property(flist.flist_id, 1, "{n}a", "<a/>")
            draft.add_lock(flist.flist_id, lock_on(1))
            draft.put_exposure(Exposure(0, "h", "", A, flist.flist_id, None, Mode.PUBLIC, True, "off"))

        catalog.change(fill)
        with catalog.view() as view:
            before = view.generation(Cached.EXPOSURES)
        catalog.change(lambda draft: draft.remove_flist(draft.flist(A)))
        with catalog.view() as view:
            assert [one.flist_name for one in view.flists()] == [B]
            with pytest.raises(NotFound):
                view.flist(A)
            with pytest.raises(NotFound):
                view.flist_by_id(flist.flist_id)
            with pytest.raises(NotFound):
                view.tree(flist).root()
            assert view.head_jid(flist.flist_id) is None
            assert view.commits(flist) == []
            assert view.locks(flist.flist_id, 0) == []
            assert view.properties(flist.flist_id, 1) == {}
            assert view.exposures() == []
            assert view.generation(Cached.EXPOSURES) > before

    def test_a_flist_of_a_name_that_was_deleted_is_another_one(self, catalog: Catalog) -> None:
        with catalog.view() as view:
            before = view.flist(A)
        catalog.change(lambda draft: draft.remove_flist(draft.flist(A)))
        again = catalog.change(lambda draft: draft.add_flist(A, OPERATOR))
        assert again.flist_id > before.flist_id
        assert (again.head_jid, again.entries, again.size_bytes) == (1, 0, 0)

    def test_a_flist_can_be_removed_and_made_again_in_one_change(self, catalog: Catalog) -> None:
        def make(draft: Draft) -> None:
            mkdir(draft, "x")
            draft.remove_flist(draft.flist(A))
            draft.add_flist(A, OPERATOR)
            mkdir(draft, "y")

        catalog.change(make)
        with catalog.view() as view:
            flist = view.flist(A)
            assert [entry.name for entry in view.tree(flist).children(view.tree(flist).root().entry_id)] == [
                "y"
            ]
            assert flist.head_jid == 2

    def test_nothing_is_acknowledged_once_writes_are_stopped(
        self, open_catalog: Open, tmp_path: Path
    ) -> None:
        catalog = open_catalog()
        stopped = False

        def may_write() -> None:
            if stopped:
                raise WritesStopped("stopped")

        catalog._may_write = may_write
        catalog.change(add_flists)
        stopped = True
        with pytest.raises(WritesStopped):
            catalog.change(lambda draft: mkdir(draft, "x"))
        with catalog.view() as view:
            assert view.flist(A).head_jid == 1


class TestSqlite(CatalogContract):
    """Joins with the catalog in SQLite."""

    @pytest.fixture
    def open_catalog(self, tmp_path: Path, clock: Clock) -> Iterator[Open]:
        opened: list[Catalog] = []

        def open_one() -> Catalog:
            opened.append(Catalog(tmp_path / "catalog.sqlite", clock=clock, durability="os"))
            return opened[-1]

        yield open_one
        for catalog in opened:
            catalog.close()

    def test_every_error_of_a_catalog_is_one_of_ours(self, tmp_path: Path, clock: Clock) -> None:
        (tmp_path / "text").write_text("this is no database, and long enough to be sure of it" * 100)
        with pytest.raises(Corrupt):
            Catalog(tmp_path / "text", clock=clock)
        with pytest.raises(MylistError):
            Catalog(tmp_path / "no folder" / "catalog.sqlite", clock=clock)
