"""What an exchange keeps while a client takes its time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from mylist_dav.model.digest import Digest
from mylist_dav.server.app import App
from mylist_dav.server.exchanges.body_out import Slice
from mylist_dav.server.exchanges.exchange import Exchanges
from mylist_dav.server.exchanges.heads import Framing
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.server.exchanges.runtime import Runtime
from mylist_dav.wire.messages import Request, Response
from tests.server.fake_app import MIB, FakeFrontEnd, NumberedBlocks, block_bytes

SLICE_BYTES = 100_000
LIMITS = replace(EngineLimits(), slice_bytes=SLICE_BYTES, threads=2)


class Block(bytes):
    """Bytes that are counted as long as anything keeps them."""

    alive = 0

    def __new__(cls, data: bytes) -> Block:
        cls.alive += 1
        return super().__new__(cls, data)

    def __del__(self) -> None:
        Block.alive -= 1


class CountedBlocks(NumberedBlocks):
    def get(self, digest: Digest) -> bytes:
        return Block(super().get(digest))


class SlowStream:
    """A client that takes what is sent, each time after longer than one that is quick."""

    def __init__(self) -> None:
        self.body = b""
        self.kept: list[int] = []
        self.ended = False

    async def read(self) -> bytes:
        return b""

    def begin(self, response: Response, framing: Framing) -> None:
        pass

    def send(self, piece: Slice) -> int:
        self.body += bytes(piece[:60_000])
        return min(len(piece), 60_000)

    async def flushed(self, within_seconds: float | None) -> bool:
        if within_seconds is not None:
            return False
        turns = 2000
        while Block.alive and (turns := turns - 1):  # a thread may still be letting go of what it returned
            await asyncio.sleep(0.001)
        self.kept.append(Block.alive)
        return True

    async def end(self) -> None:
        self.ended = True

    def abort(self) -> None:
        pass


def test_no_block_is_kept_while_a_slow_client_takes_a_slice() -> None:
    blocks = CountedBlocks(MIB)
    stream = SlowStream()

    async def scene() -> None:
        exchanges = Exchanges(Runtime(App(FakeFrontEnd(blocks), blocks), LIMITS))
        await exchanges.run(Request("GET", "/block-list/1/2", "1.1", [], "h", "http"), stream)
        exchanges.close()

    asyncio.run(scene())
    assert stream.ended
    assert stream.body == b"".join(block_bytes(number, MIB)[8:-8] for number in (1, 2))
    assert len(stream.kept) > 2 * MIB // SLICE_BYTES
    assert set(stream.kept) == {0}
