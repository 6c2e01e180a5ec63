"""block.*, collect.run: blocks by their ids, and what becomes of those that nobody needs."""

from __future__ import annotations

from itertools import islice

from mylist_dav.model.actors import Actor
from mylist_dav.model.digest import Digest
from mylist_dav.rpc.methods import AnyMethod, Method
from mylist_dav.services.contents.holdings import Reread
from mylist_dav.services.opening import Library
from mylist_dav.wire.documents.blocks import (
    BlocksAsked,
    CollectTold,
    DeleteTold,
    ExistTold,
    RefusedBlock,
    VerifiedBlock,
    VerifiedBlocks,
)
from mylist_dav.wire.documents.calls import BlockVerify, CollectRun


def exist(library: Library, actor: Actor, asked: BlocksAsked) -> ExistTold:
    """Which of these blocks need not be uploaded. What is present stays for hours."""
    found = library.holdings.exists(actor, _digests(asked.ids))
    return ExistTold(present=list(map(str, found.present)), missing=list(map(str, found.missing)))


def verify(library: Library, actor: Actor, asked: BlockVerify) -> VerifiedBlocks:
    """Read these blocks from disk and hash them. For admins."""
    reread = library.holdings.verify(actor, _digests(asked.ids))
    return VerifiedBlocks(blocks=[_verified(one) for one in islice(reread, len(asked.ids))])


def delete(library: Library, actor: Actor, asked: BlocksAsked) -> DeleteTold:
    """Delete blocks that nothing refers to. For admins. The others are refused, each with the reason."""
    found = library.holdings.delete(actor, _digests(asked.ids))
    refused = [RefusedBlock(id=str(digest), reason=reason) for digest, reason in found.refused]
    return DeleteTold(
        deleted=list(map(str, found.deleted)), missing=list(map(str, found.missing)), refused=refused
    )


def collect(library: Library, actor: Actor, asked: CollectRun) -> CollectTold:
    """Condemn blocks that nothing refers to any more, and delete those whose grace is over. For admins.

    wholly: also go through all entries and all files, which takes a while. A server that runs does all this by itself.
    """
    done = library.collector.run(actor, dry_run=asked.dry_run, wholly=asked.wholly)
    return CollectTold(**done._asdict())


METHODS: list[AnyMethod] = [
    Method("block.exists", BlocksAsked, ExistTold, exist),
    Method("block.verify", BlockVerify, VerifiedBlocks, verify),
    Method("block.delete", BlocksAsked, DeleteTold, delete),
    Method("collect.run", CollectRun, CollectTold, collect),
]


def _digests(texts: list[str]) -> list[Digest]:
    return [Digest(bytes.fromhex(text)) for text in texts]


def _verified(one: Reread) -> VerifiedBlock:
    return VerifiedBlock.model_validate({"id": str(one.digest), "state": one.state.value})
