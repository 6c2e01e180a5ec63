"""All methods of JSON-RPC. The OpenRPC document, the typed client and the list in docs/rpc.md are made from it."""

from __future__ import annotations

from mylist_dav.rpc.calls import accounts, exposures, flists, records, upkeep
from mylist_dav.rpc.methods import Table, table_of

METHODS: Table = table_of(
    [
        *accounts.METHODS,
        *exposures.METHODS,
        *flists.METHODS,
        *records.METHODS,
        *upkeep.METHODS,
    ]
)
