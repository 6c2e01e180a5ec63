"""Contents that the members of an import name instead of carrying them: what a commit asks of them, a group at a time.

May the actor name them, are they here, are they what was said: as in `naming`. The lease of the import keeps the
collector away from before they are looked up until they are in the tree, so nothing is looked up again at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import NamedTuple

from mylist_dav.errors import LimitExceeded, Refused
from mylist_dav.model.actors import Actor
from mylist_dav.model.archives.members import Member
from mylist_dav.model.contents import WHOLE_BYTES_MAX, BlockRef, Recipe
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import Reason, Refusal
from mylist_dav.model.paths import TreePath
from mylist_dav.services.rights import reach, writable
from mylist_dav.services.tree.naming import Content, Named, look_up, prove
from mylist_dav.services.tree.trees import check_content_type
from mylist_dav.services.upkeep.leases import Lease
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.pacing import Pace

GROUP_CONTENTS_MAX = 1_000
GROUP_BLOCKS_MAX = 4_000
"""What is looked up together, but for a content of more blocks."""

MISSING_MAX = 50_000
"""So many missing blocks are told; then it is enough."""

REFUSALS_MAX = 100
SETTLED_AT_ONCE = 2_000


class _Asked(NamedTuple):
    """number: of the member, from 0."""

    number: int
    path: TreePath
    content: Content


class NamedContents:
    """Takes the contents of one import one after the other; those that came to a good end are kept. For one thread.

    any: whether there were any.
    """

    def __init__(
        self,
        catalog: Catalog,
        blocks: BlockStore,
        clock: Callable[[], int],
        actor: Actor,
        lease: Lease,
        hashed_bytes_max: int,
    ) -> None:
        """lease: held until the import is over. hashed_bytes_max: a few blocks, named again and again, are contents of
        any size."""
        self._catalog = catalog
        self._blocks = blocks
        self._clock = clock
        self._actor = actor
        self._lease = lease
        self._hashed_bytes = 0
        self._hashed_bytes_max = hashed_bytes_max
        self._pace = Pace()
        self.any = False
        self._group: list[_Asked] = []
        self._group_blocks = 0
        self._wrong: list[tuple[_Asked, Reason]] = []
        self._missing: dict[Digest, None] = {}

    def add(self, number: int, member: Member) -> bool:
        """One more. False: enough is wrong, and finish() can be called as well. Raises Invalid, Busy, LimitExceeded."""
        assert member.digest is not None, "it names its content"
        check_content_type(member.content_type)
        self.any = True
        content = Content(member.digest, member.size_bytes, member.blocks)
        self._group.append(_Asked(number, member.path, content))
        self._group_blocks += len(member.blocks or ())
        if len(self._group) >= GROUP_CONTENTS_MAX or self._group_blocks >= GROUP_BLOCKS_MAX:
            self._look()
        return len(self._missing) < MISSING_MAX and len(self._wrong) < REFUSALS_MAX

    def finish(self, flist_name: FlistName) -> None:
        """Raises Refused, with all that is missing and wrong as far as it is told; LimitExceeded."""
        self._look()
        if not self._missing and not self._wrong:
            return
        with self._catalog.view() as view:
            flist = writable(view, self._actor, flist_name)
            tree = view.tree(flist)
            refusals = [
                Refusal(one.number, one.path, reason, tree.find(one.path)) for one, reason in self._wrong
            ]
        missing = list(self._missing)[:MISSING_MAX]
        text = f"nothing was done: {len(missing)} blocks are missing; upload them first"
        if refusals:
            text = (
                f"nothing was done: entry {refusals[0].number} at /{refusals[0].path}: {refusals[0].reason}"
            )
        raise Refused(text, flist.head_jid, refusals[:REFUSALS_MAX], missing)

    def _look(self) -> None:
        """Look a group up, and hash what is to be hashed, unless it is clear that it comes to nothing."""
        group, self._group, self._group_blocks = self._group, [], 0
        if not group:
            return
        with self._catalog.view() as view:
            claims = view.claims(reach(self._actor), self._clock())
            named = look_up(view, claims, (one.content for one in group))
        self._note_missing(named.missing)
        spoiled = self._missing or self._wrong or named.wrong
        hashed = self._prove({} if spoiled else named.unproven)
        self._note_missing(hashed.missing)
        wrong = {**named.wrong, **hashed.wrong}
        self._wrong += [(one, wrong[one.content]) for one in group if one.content in wrong]
        self._keep([*named.recipes.values(), *hashed.recipes.values()])

    def _prove(self, unproven: dict[Content, Recipe]) -> Named:
        self._hashed_bytes += sum(content.size_bytes for content in unproven)
        if self._hashed_bytes > self._hashed_bytes_max:
            raise LimitExceeded(
                f"contents of more than {self._hashed_bytes_max} bytes would have to be hashed: do it in several parts"
            )
        return prove(self._blocks, unproven, self._lease.keep)

    def _note_missing(self, digests: Iterable[Digest]) -> None:
        self._missing.update(dict.fromkeys(digests))

    def _keep(self, recipes: Collection[Recipe]) -> None:
        """Let the blocks of these contents stay, and what says how they make them up; see Changes."""
        refs = dict.fromkeys(ref for recipe in recipes for ref in recipe.blocks)
        for piece in self._pace.slices(refs):
            self._revive(piece)
        for recipe in recipes:
            if recipe.size_bytes > WHOLE_BYTES_MAX:
                self._register(recipe)

    def _revive(self, refs: list[BlockRef]) -> None:
        def revive(draft: Draft) -> list[BlockRef]:
            self._lease.require(draft)
            return draft.revive_blocks(refs)

        self._note_missing(ref.digest for ref in self._catalog.change(revive))

    def _register(self, recipe: Recipe) -> None:
        def register(draft: Draft) -> None:
            self._lease.require(draft)
            draft.register(recipe)

        self._catalog.change(register)


def settle_uploads(catalog: Catalog, actor: Actor, flist_name: FlistName) -> None:
    """What the actor has brought and this flist holds now counts to the quota there, and not beside it any more.

    It follows the commit, in slices: should this be stopped in between, the rest is counted twice until it expires.
    Raises NotFound, Busy, ...
    """
    pace, after = Pace(), b""
    while actor.account:
        began = time.monotonic()
        with catalog.view() as view:
            flist_id = view.flist(flist_name).flist_id
            held, next_after = view.uploads_held(actor.account, flist_id, after, SETTLED_AT_ONCE)
        if held:
            catalog.change(partial(Draft.end_uploads, account=actor.account, digests=held))
        if next_after is None:
            return
        after = next_after
        pace.rest(time.monotonic() - began, SETTLED_AT_ONCE)
