import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import RangeNotSatisfiable
from mylist_dav.wire.ranges import ByteRange, Multipart, parse_range

NUMBERS = st.one_of(st.integers(0, 40), st.integers(0, 10**25))
SPECS = st.one_of(
    st.builds("{}-{}".format, NUMBERS, NUMBERS),
    st.builds("{}-".format, NUMBERS),
    st.builds("-{}".format, NUMBERS),
    st.text("0123456789- ", max_size=5),
)
HEADERS = st.one_of(
    st.text(max_size=40), st.lists(SPECS, max_size=70).map(lambda specs: f"bytes={','.join(specs)}")
)


def spans(header: str, size_bytes: int = 31) -> list[tuple[int, int]] | None:
    """First and last byte of each range."""
    ranges = parse_range(header, size_bytes)
    return None if ranges is None else [(one.offset, one.end - 1) for one in ranges]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-4", [(0, 4)]),
        ("BYTES=0-4", [(0, 4)]),
        ("bytes=30-", [(30, 30)]),
        ("bytes=-1", [(30, 30)]),
        ("bytes=-99999999999999999999", [(0, 30)]),
        ("bytes=0-99999999999999999999", [(0, 30)]),
        ("bytes=0-1,5-6", [(0, 1), (5, 6)]),
        ("bytes=5-6,0-1", [(5, 6), (0, 1)]),
        ("bytes=0-1,2-3", [(0, 3)]),
        ("bytes=20-22,0-1,21-30", [(20, 30), (0, 1)]),
        ("bytes=10-12,0-30", [(0, 30)]),
        ("bytes=0-1,99-100,5-6", [(0, 1), (5, 6)]),
        ("bytes=0-1,-0", [(0, 1)]),
        ("bytes= 0-1 ,\t, 5-6,", [(0, 1), (5, 6)]),
    ],
)
def test_ranges_are_cut_to_the_size_and_joined_where_they_touch(
    header: str, expected: list[tuple[int, int]]
) -> None:
    assert spans(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=abc",
        "bytes=5-2",
        "bytes=0-4,5-2",
        "bytes=1-2-3",
        "bytes=0 - 4",
        "bytes=+1-2",
        "bytes=--1",
        "bytes=٠-٤",
        "bytes=0x0-4",
        "bytes=0-4;5-6",
        "items=0-4",
        "0-4",
        "bytes=0-" + "9" * 5000,
        "bytes=0-4" + " " * 5000,
    ],
)
def test_a_malformed_range_or_another_unit_means_the_whole(header: str) -> None:
    assert spans(header) is None


@pytest.mark.parametrize(
    "header", ["bytes=31-", "bytes=40-50", "bytes=-0", "bytes=99-100,200-", "bytes=-0,31-31"]
)
def test_ranges_past_the_end_are_not_satisfiable(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(header, 31)
    assert caught.value.size_bytes == 31


def test_of_an_empty_file_the_last_bytes_are_the_whole_and_the_first_are_none() -> None:
    assert parse_range("bytes=-5", 0) is None
    for header in ("bytes=0-", "bytes=0-0", "bytes=-0"):
        with pytest.raises(RangeNotSatisfiable):
            parse_range(header, 0)


def test_sixteen_ranges_are_sent_and_seventeen_mean_the_whole() -> None:
    apart = [f"{at}-{at}" for at in range(0, 200, 2)]
    assert len(spans("bytes=" + ",".join(apart[:16]), 1000) or ()) == 16
    assert spans("bytes=" + ",".join(apart[:17]), 1000) is None


def test_sixty_four_ranges_may_be_given_that_join_to_few() -> None:
    assert spans("bytes=" + ",".join(["0-9"] * 64)) == [(0, 9)]
    assert spans("bytes=" + ",".join(["0-9"] * 65)) is None


@given(HEADERS, st.integers(0, 50))
def test_any_answer_lies_within_the_file_and_overlaps_nothing(header: str, size_bytes: int) -> None:
    try:
        ranges = parse_range(header, size_bytes)
    except RangeNotSatisfiable:
        return
    if ranges is None:
        return
    assert 1 <= len(ranges) <= 16
    covered = [at for one in ranges for at in range(one.offset, one.end)]
    assert all(one.length >= 1 for one in ranges)
    assert len(covered) == len(set(covered)) and set(covered) <= set(range(size_bytes))


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=16))
def test_the_bytes_sent_are_just_the_bytes_asked(pairs: list[tuple[int, int]]) -> None:
    asked = [(min(pair), max(pair)) for pair in pairs]
    wanted = {at for first, last in asked for at in range(first, last + 1) if at < 31}
    header = "bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
    if not wanted:
        with pytest.raises(RangeNotSatisfiable):
            parse_range(header, 31)
        return
    got = {at for one in parse_range(header, 31) or () for at in range(one.offset, one.end)}
    assert got == wanted


def test_several_ranges_are_framed_as_in_the_rfc_and_counted_beforehand() -> None:
    content = b"0123456789"
    parts = Multipart("SEP", "text/plain", 10, (ByteRange(0, 2), ByteRange(5, 3)))
    body = b"".join(
        piece
        for piece in parts.body(lambda offset, length: [content[offset : offset + length]])
        if isinstance(piece, bytes)
    )
    assert parts.media_type == "multipart/byteranges; boundary=SEP"
    assert body == (
        b"\r\n--SEP\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01"
        b"\r\n--SEP\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-7/10\r\n\r\n567"
        b"\r\n--SEP--\r\n"
    )
    assert parts.length_bytes() == len(body)
