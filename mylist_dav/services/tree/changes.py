"""One commit of many operations: all of them, or none and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from mylist_dav.errors import Invalid, LimitExceeded, MylistError, Outdated, Refused
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.conditions import UNCONDITIONAL, Conditions
from mylist_dav.model.contents import WHOLE_BYTES_MAX, Recipe
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import (
    NOTE_CHARS_MAX,
    OPERATIONS_MAX,
    MakeDirectory,
    MakeSymlink,
    Operation,
    Operations,
    Put,
    Reason,
    Refusal,
    SetAttributes,
)
from mylist_dav.services.limits.quotas import Allowance, allowance
from mylist_dav.services.limits.turns import Hashing
from mylist_dav.services.rights import reach, require_known, writable
from mylist_dav.services.tree.applying import Applying
from mylist_dav.services.tree.differences import Differences
from mylist_dav.services.tree.naming import Content, Named, look_up, prove
from mylist_dav.services.tree.trees import check_content_type, check_time
from mylist_dav.store.blocks import BlockStore
from mylist_dav.store.catalog import Catalog, Draft, TreeDraft

REFUSALS_MAX = 100
"""So many operations that cannot be done are told; then it is enough."""

CHANGES_TOLD = 100
"""So many differences are told to who is too late."""

TARGET_BYTES_MAX = 4096
_WITH_MODE = (Put, MakeDirectory, SetAttributes)
_WITH_TYPE = (Put, SetAttributes)


class Committed(NamedTuple):
    """What a commit has done. jid: of the head after it. changed: whether that is a new revision."""

    jid: int
    changed: bool


class _Unchanged(Exception):
    """The operations leave the tree as it was: the transaction is dropped. Never leaves this module."""

    def __init__(self, head_jid: int) -> None:
        self.head_jid = head_jid


class _Late(Exception):
    """The head is not the base any more. Never leaves this module."""

    def __init__(self, head_jid: int) -> None:
        self.head_jid = head_jid


class Changes:
    """The verb commit."""

    def __init__(
        self,
        catalog: Catalog,
        blocks: BlockStore,
        clock: Callable[[], int],
        entries_max: int,
        differences: Differences,
        hashing: Hashing,
    ) -> None:
        self._catalog = catalog
        self._blocks = blocks
        self._clock = clock
        self._entries_max = entries_max
        self._differences = differences
        self._hashing = hashing

    def commit(
        self,
        actor: Actor,
        flist_name: FlistName,
        base_jid: int | None,
        operations: Operations,
        note: str = "",
        conditions: Conditions = UNCONDITIONAL,
    ) -> Committed:
        """Do all operations, in order, as one commit; if they leave nothing changed there is none.

        base_jid: the head must be this revision still. conditions: only the lock tokens of it count. Contents are named
        by digests: each must be one that the actor may read, or whose blocks they have uploaded.

        Raises Refused (with every reason), Outdated (the head is another than base_jid, or all that is wrong are
        conditions of operations), NotFound, Forbidden, Invalid, LimitExceeded, OutOfQuota; Queued when contents are to
        be hashed and it is the turn of others.
        """
        require_known(actor)
        _check(operations, note)
        puts = [operation for operation in operations if isinstance(operation, Put)]
        self._hashing.require_no_wait(actor.account, sum(put.size_bytes for put in puts if put.blocks))
        try:
            named = self._named(actor, flist_name, base_jid, puts)
            proven = self._proven(actor, flist_name, operations, named)
            return self._catalog.change(
                lambda draft: self._commit(
                    draft, actor, flist_name, base_jid, operations, note, conditions, named.recipes, proven
                )
            )
        except _Unchanged as unchanged:
            return Committed(unchanged.head_jid, False)
        except _Late as late:
            raise self.outdated(actor, flist_name, base_jid or 0, late.head_jid) from None

    # -- before the transaction --------------------------------------------------------------------------------

    def _named(self, actor: Actor, flist_name: FlistName, base_jid: int | None, puts: Iterable[Put]) -> Named:
        """Look up what is named, if the actor may write here and is not late already. Raises OutOfQuota."""
        with self._catalog.view() as view:
            flist = writable(view, actor, flist_name)
            if base_jid is not None and base_jid != flist.head_jid:
                raise _Late(flist.head_jid)
            named = look_up(view, view.claims(reach(actor), self._clock()), map(Content.of, puts))
            _require_room(allowance(view, flist_name.account, flist), named)
            return named

    def _proven(
        self, actor: Actor, flist_name: FlistName, operations: Operations, named: Named
    ) -> dict[Content, Recipe]:
        """Hash what is to be hashed. Raises Refused when a content is missing or wrong."""
        unproven = {} if named.missing or named.wrong else named.unproven
        with self._hashing.turn(actor.account, sum(content.size_bytes for content in unproven)):
            hashed = prove(self._blocks, unproven)
        wrong, missing = {**named.wrong, **hashed.wrong}, [*named.missing, *hashed.missing]
        if not wrong and not missing:
            return hashed.recipes
        with self._catalog.view() as view:
            flist = writable(view, actor, flist_name)
            tree = view.tree(flist)
            refusals = [
                Refusal(number, one.path, wrong[Content.of(one)], tree.find(one.path))
                for number, one in enumerate(operations)
                if isinstance(one, Put) and Content.of(one) in wrong
            ]
        raise _refused(flist.head_jid, refusals[:REFUSALS_MAX], missing)

    # -- inside of it ------------------------------------------------------------------------------------------

    def _commit(
        self,
        draft: Draft,
        actor: Actor,
        flist_name: FlistName,
        base_jid: int | None,
        operations: Operations,
        note: str,
        conditions: Conditions,
        known: dict[Content, Recipe],
        proven: dict[Content, Recipe],
    ) -> Committed:
        tree = draft.draft_tree(writable(draft, actor, flist_name), actor, self._entries_max)
        if base_jid is not None and base_jid != tree.flist.head_jid:
            raise _Late(tree.flist.head_jid)
        recipes = {**known, **proven}
        self._keep(draft, tree, recipes.values())
        applying = Applying(draft, tree, actor, conditions, recipes)
        refusals: list[Refusal] = []
        for number, operation in enumerate(operations):
            refusal = applying.apply(number, operation)
            if refusal is not None:
                refusals.append(refusal)
                if len(refusals) == REFUSALS_MAX:
                    break
        if refusals:
            raise _refused(tree.flist.head_jid, refusals)
        if not tree.settle():
            raise _Unchanged(tree.flist.head_jid)
        if actor.account:
            draft.end_uploads(actor.account, {ref.digest for one in recipes.values() for ref in one.blocks})
        tree.action, tree.note = Action.COMMIT, note or f"commit of {len(operations)} operations"
        tree.brought_bytes = applying.brought_bytes
        return Committed(tree.jid, True)

    def _keep(self, draft: Draft, tree: TreeDraft, recipes: Collection[Recipe]) -> None:
        """Let the blocks of these contents stay, and what says how they make them up: also of a content that was known
        when it was looked up, for its last flist may be gone since. Raises Refused when some are gone by now.
        """
        refs = dict.fromkeys(ref for recipe in recipes for ref in recipe.blocks)
        missing = draft.revive_blocks(refs)
        if missing:
            raise _refused(tree.flist.head_jid, [], [ref.digest for ref in missing])
        for recipe in recipes:
            if recipe.size_bytes > WHOLE_BYTES_MAX:
                draft.register(recipe)

    # -- afterwards --------------------------------------------------------------------------------------------

    def outdated(self, actor: Actor, flist_name: FlistName, base_jid: int, head_jid: int) -> Outdated:
        """The error for a commit on a revision that is not the head any more, with what has changed since."""
        changes: list[object] = []
        try:
            page = self._differences.page(actor, flist_name, base_jid, head_jid, limit=CHANGES_TOLD)
            changes.extend(page.differences)
        except MylistError:
            pass  # a base that is not there, or too far away: then there is no list, and the answer is the same
        return Outdated(
            f"{flist_name} is at revision {head_jid}, not at {base_jid} any more", head_jid, (), changes
        )


def _require_room(allowed: Allowance | None, named: Named) -> None:
    """Nothing is hashed that there is no room for: a few blocks, named again and again, are a content of any size."""
    if allowed is not None:
        size_bytes = sum(content.size_bytes for content in named.unproven)
        allowed.require(size_bytes, lambda: size_bytes)


def _refused(head_jid: int, refusals: list[Refusal], missing: Iterable[Digest] = ()) -> Refused | Outdated:
    """The error for what cannot be done."""
    lacking = list(missing)
    if not refusals:
        return Refused(
            f"nothing was done: {len(lacking)} blocks are missing; upload them first", head_jid, (), lacking
        )
    first = refusals[0]
    text = f"nothing was done: operation {first.number} on /{first.path}: {first.reason}"
    if not lacking and all(one.reason is Reason.CHANGED for one in refusals):
        return Outdated(text, head_jid, refusals)
    return Refused(text, head_jid, refusals, lacking)


def check_note(note: str) -> None:
    """Raises Invalid for what cannot stand in the log."""
    if len(note) > NOTE_CHARS_MAX or not note.isprintable():
        raise Invalid(f"a note is at most {NOTE_CHARS_MAX} printable characters")


def _check(operations: Operations, note: str) -> None:
    """What can be said of a commit before anything is read."""
    if not operations:
        raise Invalid("a commit has at least one operation")
    if len(operations) > OPERATIONS_MAX:
        raise LimitExceeded(
            f"a commit may have {OPERATIONS_MAX} operations, and this one has {len(operations)}: send a tree"
        )
    check_note(note)
    for number, operation in enumerate(operations):
        try:
            _check_one(operation)
        except Invalid as error:
            raise Invalid(f"operation {number}: {error}") from error


def _check_one(operation: Operation) -> None:
    if isinstance(operation, _WITH_MODE):
        if operation.mode is not None and not 0 <= operation.mode <= 0o7777:
            raise Invalid(f"{operation.mode:o} is not a mode: 0 to 7777 is allowed")
        check_time(operation.mtime_ns)
    if isinstance(operation, _WITH_TYPE):
        check_content_type(operation.content_type)
    if isinstance(operation, Put):
        _check_put(operation)
    if isinstance(operation, MakeSymlink):
        check_time(operation.mtime_ns)
        _check_target(operation.target)


def _check_put(put: Put) -> None:
    if not 0 <= put.size_bytes < 2**63:
        raise Invalid("a size is a whole number from 0 on")
    if put.only_if is not None and put.only_if_absent:
        raise Invalid("a put has one condition: a digest that must be there, or nothing")


def _check_target(target: str) -> None:
    """Raises Invalid for what no symbolic link can hold."""
    try:
        size_bytes = len(target.encode())
    except UnicodeEncodeError as error:
        raise Invalid("the target of a symbolic link must be valid Unicode") from error
    if not target or "\0" in target or size_bytes > TARGET_BYTES_MAX:
        raise Invalid(f"the target of a symbolic link has 1 to {TARGET_BYTES_MAX} bytes, and no NUL")
