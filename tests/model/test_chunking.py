"""Cutting into blocks: nothing is lost, and only the bytes decide."""

from __future__ import annotations

import random
import time
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfastcdc import FastCDC

from mylist_dav.model.chunking import CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, CHUNKER, Chunker
from mylist_dav.model.digest import Digest
from mylist_dav.store.blocks import BLOCK_BYTES_MAX

MIB = 1024 * 1024
SAMPLES = {
    "random": random.Random(1).randbytes(20 * MIB),
    "zeros": bytes(19 * MIB + 1),
    "zeros with islands": b"".join(
        bytes(700_001) + random.Random(number).randbytes(5000) for number in range(28)
    ),
    "text": b"".join(b"%d lines of text\n" % number for number in range(1_000_000)),
}


def cut(pieces: list[bytes]) -> list[bytes]:
    chunker = Chunker()
    blocks = [block for piece in pieces for block in chunker.feed(piece)]
    return blocks + chunker.finish()


def split(data: bytes, sizes: list[int]) -> list[bytes]:
    """Pieces of these sizes, again and again, until data is used up."""
    pieces = []
    start = 0
    while start < len(data):
        for size in sizes:
            pieces.append(data[start : start + size])
            start += size
    return pieces


@pytest.mark.parametrize("data", SAMPLES.values(), ids=SAMPLES)
def test_the_blocks_are_the_data_and_their_sizes_are_within_bounds(data: bytes) -> None:
    blocks = cut([data])
    assert b"".join(blocks) == data
    assert all(CHUNK_BYTES_MIN <= len(block) <= CHUNK_BYTES_MAX for block in blocks[:-1])
    assert 0 < len(blocks[-1]) <= CHUNK_BYTES_MAX


@pytest.mark.parametrize("data", SAMPLES.values(), ids=SAMPLES)
def test_the_cuts_are_those_of_the_library_on_the_whole(data: bytes) -> None:
    whole = FastCDC(MIB, min_size=MIB // 4, max_size=4 * MIB, normalized_chunking=1)
    assert [len(block) for block in cut([data])] == [chunk.length for chunk in whole.cut_buf(data)]


@pytest.mark.parametrize("data", SAMPLES.values(), ids=SAMPLES)
@settings(max_examples=12)
@given(sizes=st.lists(st.integers(min_value=1000, max_value=9 * MIB), min_size=1, max_size=8))
def test_the_cuts_do_not_depend_on_how_the_data_came(data: bytes, sizes: list[int]) -> None:
    assert list(map(len, cut(split(data, sizes)))) == list(map(len, cut([data])))


@settings(max_examples=30)
@given(st.integers(min_value=0, max_value=9 * MIB))
def test_data_may_end_anywhere(size: int) -> None:
    data = SAMPLES["random"][:size]
    assert b"".join(cut(split(data, [65536]))) == data


def test_nothing_makes_no_blocks() -> None:
    assert cut([]) == cut([b""]) == []


def test_an_insertion_changes_few_blocks() -> None:
    data = SAMPLES["random"]
    before = set(map(Digest.of, cut([data])))
    after = set(map(Digest.of, cut([data[:5_000_000] + b"inserted" + data[5_000_000:]])))
    assert len(after - before) <= 3


def test_the_cuts_stay_what_they_are() -> None:
    """Stored recipes name this chunker: if this fails, the name must change, not the numbers."""
    assert CHUNKER == "fastcdc2020-256k-1m-4m"
    ends = list(accumulate(len(block) for block in cut([SAMPLES["random"][: 8 * MIB]])))
    assert ends == [1_521_776, 3_351_541, 3_870_365, 5_478_046, 5_965_835, 6_531_021, 7_640_944, 8_388_608]


def test_the_longest_chunk_is_a_block_that_stores_take() -> None:
    assert CHUNK_BYTES_MAX == BLOCK_BYTES_MAX


def test_memory_is_bounded_by_two_of_the_largest_blocks() -> None:
    chunker = Chunker()
    for _ in range(100):
        chunker.feed(bytes(MIB // 2))
        assert len(chunker._buffer) < 2 * CHUNK_BYTES_MAX


def test_sparse_data_is_cut_as_fast_as_any() -> None:
    """A hundred times slower would be a loop in Python over every byte."""
    begin = time.process_time()
    assert {len(block) for block in cut([bytes(64 * MIB)])} == {CHUNK_BYTES_MAX}
    assert time.process_time() - begin < 2
