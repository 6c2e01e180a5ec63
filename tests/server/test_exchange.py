"""What an exchange keeps while a client takes its time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mylist_dav.model.digest import Digest
from mylist_dav.server.app import App
from mylist_dav.server.exchanges.body_out import Slice
from mylist_dav.server.exchanges.exchange import Exchanges
from mylist_dav.server.exchanges.heads import Framing
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.server.exchanges.runtime import Runtime
from mylist_dav.server.exchanges.streams import Pouring
from mylist_dav.wire.messages import BodySink, Request, Response
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

    def pouring(self) -> Pouring | None:
        return None

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


class Poured:
    """Takes what is poured, but for what does not fit any more in `room_bytes`."""

    def __init__(self, stream: QuickStream) -> None:
        self._stream = stream
        stream.open += 1

    def pour(self, piece: Slice) -> int:
        taken = bytes(piece[: self._stream.room_bytes - self._stream.poured_bytes % self._stream.room_bytes])
        self._stream.poured_bytes += len(taken)
        self._stream.body += taken
        return len(taken)

    def close(self) -> None:
        self._stream.open -= 1


class QuickStream(SlowStream):
    """A client that takes what is sent at once."""

    def __init__(self, room_bytes: int) -> None:
        super().__init__()
        self.room_bytes = room_bytes
        self.poured_bytes = self.open = self.sent_bytes = 0

    def send(self, piece: Slice) -> int:
        self.body += bytes(piece)
        self.sent_bytes += len(piece)
        return len(piece)

    def pouring(self) -> Pouring | None:
        return Poured(self)

    async def flushed(self, within_seconds: float | None) -> bool:
        return True


def run(target: str, stream: SlowStream, front_end: FakeFrontEnd, blocks: NumberedBlocks) -> None:
    async def scene() -> None:
        exchanges = Exchanges(Runtime(App(front_end, blocks), LIMITS))
        await exchanges.run(Request("GET", target, "1.1", [], "h", "http"), stream)
        exchanges.close()

    asyncio.run(scene())


@pytest.mark.parametrize(("room_bytes", "poured_part"), [(70_000, 0.05), (1_500_000, 0.4), (1 << 40, 0.8)])
def test_what_a_quick_client_takes_goes_out_from_the_thread_that_reads_it(
    room_bytes: int, poured_part: float
) -> None:
    blocks = CountedBlocks(MIB)
    stream = QuickStream(room_bytes)
    run("/block-list/1/29", stream, FakeFrontEnd(blocks), blocks)
    assert stream.ended
    assert stream.body == b"".join(block_bytes(number, MIB)[8:-8] for number in range(1, 30))
    assert stream.open == 0
    assert stream.poured_bytes > poured_part * len(stream.body)
    assert Block.alive == 0


def test_nothing_is_poured_past_the_length_that_was_announced(caplog: pytest.LogCaptureFixture) -> None:
    class Lying(FakeFrontEnd):
        def respond(self, request: Request) -> Response | BodySink:
            found = super().respond(request)
            assert isinstance(found, Response)
            return replace(found, content_length=MIB + 5)

    class Cut(QuickStream):
        cut = False

        def abort(self) -> None:
            self.cut = True

    blocks = CountedBlocks(MIB)
    stream = Cut(1 << 40)
    run("/block-list/1/3", stream, Lying(blocks), blocks)
    assert (stream.cut, stream.ended, stream.open) == (True, False, 0)
    assert MIB // 2 < len(stream.body) <= MIB + 5
    assert "broke off" in caplog.text


def test_no_block_is_kept_while_a_slow_client_takes_a_slice() -> None:
    blocks = CountedBlocks(MIB)
    stream = SlowStream()
    run("/block-list/1/2", stream, FakeFrontEnd(blocks), blocks)
    assert stream.ended
    assert stream.body == b"".join(block_bytes(number, MIB)[8:-8] for number in (1, 2))
    assert len(stream.kept) > 2 * MIB // SLICE_BYTES
    assert set(stream.kept) == {0}
