"""Bodies that are kept in a file until all of them is here: archives and trees."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import BinaryIO

from mylist_dav.api.operations import Call
from mylist_dav.api.waiting import Waiters
from mylist_dav.services.limits.quotas import Require, any_size
from mylist_dav.wire.messages import Response

PIECE_BYTES = 1024 * 1024


class SpooledSink:
    """A BodySink. One that breaks off costs nobody anything, and what is read can be read from any place."""

    piece_bytes = PIECE_BYTES

    def __init__(
        self, call: Call, use: Callable[[BinaryIO], Response], limit_bytes: int, require: Require = any_size
    ) -> None:
        """use: is called with all of it, again when it raises Queued. require: with the size of what has come.

        Raises TooMany, OutOfSpace.
        """
        self.limit_bytes = min(limit_bytes, call.library.settings.limits.body_bytes_max)
        self._account = call.actor.account
        self._use = use
        self._require = require
        self._spool = call.library.imports.arriving(call.actor.account)
        weakref.finalize(self, self._spool.close)  # for an engine that asks no more whose turn it is

    def write(self, piece: bytes) -> None:
        """Raises OutOfQuota, TooLarge, OutOfSpace."""
        self._require(self._spool.size_bytes + len(piece))
        self._spool.write(piece)

    def finish(self) -> Response:
        """Raises Queued when it was not the turn of this account for too long, and what use raises."""
        try:
            return Waiters().until_its_turn(self._account, self._used)  # so many as arrive may wait
        except BaseException:
            self.abort()
            raise

    def _used(self) -> Response:
        response = self._use(self._spool.file())
        self._spool.close()
        return response

    def abort(self) -> None:
        self._spool.close()
