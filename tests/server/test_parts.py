"""The parts of the engines that need no socket."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import Corrupt, TooSlow
from mylist_dav.model.contents import BlockSlice
from mylist_dav.server.exchanges.body_out import BodyReader
from mylist_dav.server.exchanges.budget import BodyBudget, HeldBytes
from mylist_dav.server.exchanges.heads import encode_headers
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.server.exchanges.streams import Pace
from mylist_dav.server.watching.access_log import AccessLog, Visit
from mylist_dav.wire.messages import Piece
from tests.server.fake_app import NumberedBlocks, block_bytes

VISIT = Visit("10.0.0.1", "", "GET", "/a", "h", "1.1", 200, 5, 1.25, "0123", "", "")


class CountingBlocks(NumberedBlocks):
    """Counts how often blocks are asked for."""

    reads = 0

    def get(self, digest: bytes) -> bytes:  # type: ignore[override]
        self.reads += 1
        return super().get(digest)  # type: ignore[arg-type]


def slices_of(reader: BodyReader, let_go: bool = False) -> list[bytes]:
    """All slices of a body."""
    found = []
    while piece := reader.at_hand() or reader.next_slice():
        found.append(piece)
        if let_go:
            reader.let_go()
    return found


@given(
    pieces=st.lists(st.binary(max_size=40) | st.tuples(st.integers(0, 64), st.integers(0, 64)), max_size=6),
    slice_bytes=st.integers(1, 50),
    room=st.sampled_from([0, 64, 1000]),
    let_go=st.booleans(),
)
def test_slices_make_up_the_pieces_whatever_is_held(
    pieces: list[bytes | tuple[int, int]], slice_bytes: int, room: int, let_go: bool
) -> None:
    blocks, held = NumberedBlocks(64), HeldBytes(room)
    body, expected = [], b""
    for number, piece in enumerate(pieces):
        if isinstance(piece, bytes):
            body.append(piece)
            expected += piece
        else:
            start, end = min(piece), max(piece)
            body.append(BlockSlice(blocks.digest(number), start, end - start))
            expected += block_bytes(number, 64)[start:end]
    reader = BodyReader(body, blocks, held, slice_bytes)
    found = slices_of(reader, let_go)
    reader.close()
    assert b"".join(found) == expected
    assert all(0 < len(piece) <= slice_bytes for piece in found)
    assert held.try_take(room)


def test_a_block_is_read_once_while_it_may_be_held_and_again_once_it_was_let_go() -> None:
    for room, let_go, reads in ((1000, False, 1), (1000, True, 8), (0, False, 8)):
        blocks = CountingBlocks(64)
        reader = BodyReader([BlockSlice(blocks.digest(1), 0, 64)], blocks, HeldBytes(room), 8)
        assert len(slices_of(reader, let_go)) == 8
        assert blocks.reads == reads


def test_a_slice_that_is_put_back_comes_again() -> None:
    blocks = NumberedBlocks(64)
    body: list[Piece] = [b"0123456789", BlockSlice(blocks.digest(1), 4, 16)]
    reader = BodyReader(body, blocks, HeldBytes(64), 8)
    found = []
    while piece := reader.next_slice():
        reader.put_back(piece)
        reader.let_go()
        assert reader.next_slice() == piece
        found.append(piece)
    assert found == [b"01234567", b"89", block_bytes(1, 64)[4:12], block_bytes(1, 64)[12:20]]


def test_the_first_slice_is_at_hand_once_a_body_was_begun() -> None:
    blocks = CountingBlocks(64)
    reader = BodyReader([BlockSlice(blocks.digest(1), 0, 64)], blocks, HeldBytes(0), 32)
    assert reader.at_hand() == b""
    reader.begin()
    assert (reader.at_hand(), reader.at_hand()) == (block_bytes(1, 64)[:32], b"")
    assert (reader.next_slice(), reader.next_slice()) == (block_bytes(1, 64)[32:], b"")
    assert blocks.reads == 2


def test_a_slice_outside_of_its_block_is_corrupt() -> None:
    blocks = NumberedBlocks(64)
    with pytest.raises(Corrupt):
        BodyReader([BlockSlice(blocks.digest(1), 60, 8)], blocks, HeldBytes(0), 8).next_slice()


def test_a_body_is_closed_even_when_it_was_never_begun() -> None:
    class Pieces:
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            return iter((b"",))

        def close(self) -> None:
            self.closed = True

    pieces = Pieces()
    BodyReader(pieces, NumberedBlocks(8), HeldBytes(0), 8).close()
    assert pieces.closed


def test_who_waits_for_room_makes_the_largest_holder_pass_its_bytes_on() -> None:
    class Holding:
        def __init__(self, budget: BodyBudget, held_bytes: int) -> None:
            self.budget, self.held_bytes, self.hurried = budget, held_bytes, 0
            budget.enter(self)
            budget.take(held_bytes)

        def hurry(self) -> None:
            self.hurried += 1
            self.budget.give_back(self.held_bytes)

    async def scene() -> tuple[int, int, int]:
        budget = BodyBudget(100)
        small, large = Holding(budget, 30), Holding(budget, 80)
        await asyncio.wait_for(budget.room(), 5)
        return small.hurried, large.hurried, budget.used_bytes

    assert asyncio.run(scene()) == (0, 1, 30)


def test_only_the_time_in_which_the_server_waits_counts_against_a_client() -> None:
    pace = Pace(EngineLimits(body_idle_seconds=10, body_window_seconds=20, body_rate_bytes=10))
    for start in range(0, 1000, 100):
        pace.wait(float(start))
        pace.arrived(50, start + 4.0)
        pace.check(start + 99.0)
    pace.wait(1000.0)
    with pytest.raises(TooSlow, match="stopped"):
        pace.check(1010.5)


def test_a_client_below_the_least_rate_is_too_slow() -> None:
    pace = Pace(EngineLimits(body_idle_seconds=10, body_window_seconds=20, body_rate_bytes=10))
    with pytest.raises(TooSlow, match="less than 10 bytes"):
        for second in range(0, 100, 5):
            pace.wait(float(second))
            pace.arrived(20, second + 5.0)
            pace.check(second + 5.0)


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\rb", "a\0b"])
def test_a_field_with_a_line_break_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        encode_headers([("X-A", "1"), ("X-B", value)])


def test_a_line_of_the_combined_log_cannot_be_broken(tmp_path: Path) -> None:
    path = tmp_path / "log"
    access_log = AccessLog("combined", path, lambda: 0.0)
    access_log.add(VISIT._replace(agent='a" 200\n\x1b[2J\\', account="anna"))
    access_log.close()
    assert path.read_text() == (
        '10.0.0.1 - anna [01/Jan/1970:00:00:00 +0000] "GET /a HTTP/1.1" 200 5'
        ' "-" "a\\" 200\\x0a\\x1b[2J\\\\" 0123 1.2\n'
    )


def test_a_log_that_falls_behind_tells_how_many_lines_it_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log"
    access_log = AccessLog("json", path, lambda: 0.0)
    with access_log._lock:  # as while a slow disk holds up the writer
        access_log._waiting_bytes = 5 * 1024 * 1024
    access_log.add(VISIT)
    access_log.close()
    assert "1 lines were dropped" in path.read_text()


def test_a_line_of_the_json_log_is_json(tmp_path: Path) -> None:
    path = tmp_path / "log"
    access_log = AccessLog("json", path, lambda: 0.0)
    access_log.add(VISIT._replace(target="/" + "x" * 1000))
    access_log.close()
    fields = json.loads(path.read_text())
    assert fields["time"] == "1970-01-01T00:00:00Z"
    assert len(fields["target"]) == 515


def test_an_access_log_that_cannot_be_opened_anew_goes_on_in_the_old_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, moved = tmp_path / "access.log", tmp_path / "moved.log"
    access_log = AccessLog("json", path, lambda: 0.0)
    path.rename(moved)
    path.mkdir()
    access_log.reopen_soon()
    end = time.monotonic() + 20
    while "access log" not in caplog.text:
        assert time.monotonic() < end
        access_log.add(VISIT)
    access_log.add(VISIT._replace(target="/last"))
    access_log.close()
    assert json.loads(moved.read_text().splitlines()[-1])["target"] == "/last"


def test_the_access_log_holds_no_ids_of_jobs(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    access_log = AccessLog("json", path, lambda: 0.0)
    access_log.add(VISIT._replace(target="/api/v1/jobs/" + "5f" * 16, referer="/api/v1/jobs/" + "5f" * 16))
    access_log.add(VISIT._replace(target="/api/v1/jobs"))
    access_log.close()
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(each["target"], each["referer"]) for each in found] == [
        ("/api/v1/jobs/...", "/api/v1/jobs/..."),
        ("/api/v1/jobs", ""),
    ]
