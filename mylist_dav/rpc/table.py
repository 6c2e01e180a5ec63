"""All methods of JSON-RPC. The OpenRPC document, the typed client and the list in docs/rpc.md are made from it."""

from __future__ import annotations

from functools import cache

from mylist_dav.model.actors import Actor
from mylist_dav.rpc.calls import accounts, blocks, exposures, flists, jobs, records, upkeep
from mylist_dav.rpc.discover import document
from mylist_dav.rpc.methods import Method, Table, table_of
from mylist_dav.services.opening import Library
from mylist_dav.wire.documents.calls import Nothing
from mylist_dav.wire.documents.upkeep import OpenRpc


def discover(library: Library, actor: Actor, asked: Nothing) -> OpenRpc:
    """This document. It is made of what the server checks and answers by."""
    return _document()


METHODS: Table = table_of(
    [
        Method("rpc.discover", Nothing, OpenRpc, discover),
        *accounts.METHODS,
        *blocks.METHODS,
        *exposures.METHODS,
        *flists.METHODS,
        *jobs.METHODS,
        *records.METHODS,
        *upkeep.METHODS,
    ]
)


@cache
def _document() -> OpenRpc:
    return OpenRpc.model_validate(document(METHODS))
