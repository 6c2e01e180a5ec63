"""Bodies that come packed: what comes out is bounded, whole, and just what the frame has promised."""

from __future__ import annotations

import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import Incomplete, Invalid, MylistError, TooLarge, UnsupportedMedia
from mylist_dav.wire.messages import Request, Response
from mylist_dav.wire.packed import WINDOW_BYTES_MAX, coding_of, require_coding, unpacked

TEXT = b"".join(b"line %d\n" % number for number in range(100_000))
MIB = 1024 * 1024


class Gathering:
    """A sink that keeps what comes, and says how it ended."""

    piece_bytes = MIB

    def __init__(self, limit_bytes: int = 100 * MIB) -> None:
        self.limit_bytes = limit_bytes
        self.pieces: list[bytes] = []
        self.ended = ""

    def write(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def finish(self) -> Response:
        self.ended = "finished"
        return Response(200)

    def abort(self) -> None:
        self.ended = "aborted"


def request(coding: str | None = "zstd") -> Request:
    headers = [] if coding is None else [("content-encoding", coding)]
    return Request("POST", "/", "", headers, "example.org", "example.org", has_body=True)


def send(body: bytes, sink: Gathering, step_bytes: int = 60_000) -> bytes:
    """As an engine does: pieces, and then exactly one of finish and abort."""
    before = unpacked(request(), sink)
    try:
        for start in range(0, len(body), step_bytes):
            before.write(body[start : start + step_bytes])
    except MylistError:
        before.abort()
        raise
    before.finish()
    return b"".join(sink.pieces)


@pytest.mark.parametrize("content", [b"", b"a", TEXT, random.Random(1).randbytes(3 * MIB)])
@pytest.mark.parametrize("steps", [1, 3, 1000])
def test_what_was_packed_arrives(content: bytes, steps: int) -> None:
    sink = Gathering()
    packed = zstandard.compress(content)
    assert send(packed, sink, len(packed) // steps + 1) == content
    assert sink.ended == "finished"


@pytest.mark.parametrize("coding", [None, "identity", "Identity"])
def test_a_body_without_a_coding_goes_straight_to_its_sink(coding: str | None) -> None:
    sink = Gathering()
    require_coding(request(coding))
    assert unpacked(request(coding), sink) is sink


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd, zstd", "zstd, gzip", "x"])
def test_other_codings_are_refused(coding: str) -> None:
    with pytest.raises(UnsupportedMedia):
        require_coding(request(coding))
    assert coding_of(request(coding)) == coding


def test_a_few_bytes_that_stand_for_many_come_out_a_bounded_piece_at_a_time() -> None:
    sink = Gathering()
    packed = zstandard.compress(bytes(90 * MIB))
    assert len(packed) < 16 * 1024
    assert len(send(packed, sink)) == 90 * MIB
    assert max(map(len, sink.pieces)) <= MIB


def test_what_is_too_long_is_refused_before_any_of_it_is_unpacked() -> None:
    sink = Gathering(limit_bytes=1000)
    with pytest.raises(TooLarge, match="1001 bytes unpacked: at most 1000"):
        send(zstandard.compress(bytes(1001)), sink)
    assert sink.pieces == []
    assert sink.ended == "aborted"
    assert send(zstandard.compress(bytes(1000)), Gathering(limit_bytes=1000)) == bytes(1000)


def test_a_frame_that_does_not_say_its_size_is_refused() -> None:
    packer = zstandard.ZstdCompressor().compressobj()
    with pytest.raises(Invalid, match="does not say how long"):
        send(packer.compress(TEXT) + packer.flush(), Gathering())


@pytest.mark.parametrize("left_bytes", [0, 1, 5, 10, 17, 18, 1000, -200_000, -4])
def test_a_frame_that_is_cut_off_is_noticed(left_bytes: int) -> None:
    sink = Gathering()
    packed = zstandard.compress(random.Random(2).randbytes(300_000))
    with pytest.raises((Incomplete, Invalid)):
        send(packed[:left_bytes], sink)
    assert sink.ended == "aborted"


def test_a_second_frame_is_refused() -> None:
    sink = Gathering()
    with pytest.raises(Invalid, match="more than one"):
        send(2 * zstandard.compress(TEXT), sink)
    assert sink.ended == "aborted"


def test_a_damaged_frame_is_refused() -> None:
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(TEXT))
    packed[-1] ^= 1
    with pytest.raises(Invalid, match="damaged"):
        send(bytes(packed), Gathering())


def test_a_window_that_needs_more_memory_than_is_given_is_refused() -> None:
    window_log = WINDOW_BYTES_MAX.bit_length()
    found = zstandard.ZstdCompressionParameters.from_level(1, window_log=window_log)
    packer = zstandard.ZstdCompressor(compression_params=found).compressobj(size=4 * WINDOW_BYTES_MAX)
    head = packer.compress(random.Random(3).randbytes(MIB)) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    assert zstandard.get_frame_parameters(head).window_size == 2 * WINDOW_BYTES_MAX
    with pytest.raises(Invalid, match="window"):
        send(head, Gathering())


@given(st.binary(max_size=200), st.integers(1, 50))
def test_whatever_comes_is_refused_or_unpacked_and_never_finished_without_being_whole(
    body: bytes, step_bytes: int
) -> None:
    sink = Gathering(limit_bytes=10_000)
    try:
        found = send(body, sink, step_bytes)
    except MylistError:
        assert sink.ended == "aborted"
    else:
        assert zstandard.decompress(body) == found


def test_what_the_sink_says_is_heard() -> None:
    class Full(Gathering):
        def write(self, piece: bytes) -> None:
            raise TooLarge("full")

    with pytest.raises(TooLarge, match="full"):
        send(zstandard.compress(TEXT), Full())
