"""A tar whose bytes are pushed: in pieces of any size it gives the same members; what is no small file is told."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import BadArchive, Incomplete, LimitExceeded, MylistError
from mylist_dav.model.archives.tar_out import tar_end, tar_file_header, tar_header, tar_padding
from mylist_dav.model.archives.tar_push import SmallMember, SmallMembers
from mylist_dav.model.entries import Entry, Kind
from mylist_dav.model.paths import TreePath

SIZE_MAX = 3000


def packed(members: list[tuple[str, bytes, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of (name, content, type)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for name, content, kind in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.mtime = kind, len(content), 1.5  # type: ignore[assignment]
            member.linkname = "elsewhere" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def read(data: bytes, piece_bytes: int = 100_000, members_max: int = 1000) -> list[SmallMember]:
    members, found = SmallMembers(SIZE_MAX, members_max), []
    for start in range(0, len(data), piece_bytes):
        found += members.feed(data[start : start + piece_bytes])
    members.finish()
    return found


@given(
    st.lists(
        st.tuples(st.text("abä", min_size=1, max_size=120), st.binary(max_size=2000), st.just(b"0")),
        max_size=8,
    ),
    st.integers(1, 5000),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_in_pieces_of_any_size_it_gives_what_was_packed(
    members: list[tuple[str, bytes, bytes]], piece_bytes: int, form: int
) -> None:
    found = read(packed(members, form), piece_bytes)
    assert found == [SmallMember(name[:200], content) for name, content, _ in members]


def test_what_is_no_small_file_is_told_and_the_rest_is_read_on() -> None:
    kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
    odd = [(f"odd{number}", b"", kind) for number, kind in enumerate(kinds)]
    large, small = ("large", bytes(SIZE_MAX + 1), b"0"), ("small", b"small", b"0")
    found = read(packed([*odd, ("folder", b"", tarfile.DIRTYPE), large, small]))
    assert [one.name for one in found] == ["odd0", "odd1", "odd2", "odd3", "large", "small"]
    assert all(one.problem and not one.content for one in found[:-1])
    assert found[-1] == SmallMember("small", b"small")


@given(st.integers(0, 4000))
def test_one_that_is_cut_off_is_incomplete_or_was_at_its_end(length: int) -> None:
    data = packed([("a", b"a" * 700, b"0"), ("b", b"b", b"0")])
    whole = len(data.rstrip(b"\0")) // 512 * 512 + 1024
    try:
        found = read(data[:length])
    except Incomplete:
        assert length < whole
    else:
        assert len(found) == 2


@given(st.binary(max_size=5000))
def test_anything_else_is_refused(data: bytes) -> None:
    try:
        read(data)
    except MylistError:
        return
    assert not any(data[:512])
    assert len(data) >= 512


def test_a_damaged_header_is_refused_by_the_name_before_it() -> None:
    data = bytearray(packed([("a", b"a", b"0"), ("b", b"b", b"0")], tarfile.USTAR_FORMAT))
    data[1024] ^= 1
    with pytest.raises(BadArchive, match="damaged after a"):
        read(bytes(data))


def test_more_members_than_are_allowed_are_refused() -> None:
    data = packed([(f"{number}", b"", b"0") for number in range(5)])
    assert len(read(data, members_max=5)) == 5
    with pytest.raises(LimitExceeded):
        read(data, members_max=4)


def test_what_follows_the_end_is_bounded() -> None:
    members = SmallMembers(SIZE_MAX, 10)
    members.feed(packed([]))
    with pytest.raises(BadArchive, match="follow the end"):
        for _ in range(100):
            members.feed(bytes(1024 * 1024))


def test_extended_headers_in_a_row_are_bounded() -> None:
    header = packed([("x" * 300, b"", b"0")])[: 512 * 2]
    with pytest.raises(BadArchive, match="too many"):
        read(header * 20)


@given(
    st.lists(
        st.tuples(st.text("abä", min_size=1, max_size=110), st.binary(max_size=1500), st.booleans()),
        max_size=8,
    ),
    st.integers(1, 5000),
    st.integers(1, 9),
)
def test_members_as_bundles_have_them_are_read_as_all_others(
    members: list[tuple[str, bytes, bool]], piece_bytes: int, members_max: int
) -> None:
    data = b""
    for name, content, plain in members:
        if plain:
            data += tar_file_header(name, len(content)) + content + tar_padding(len(content))
        else:
            data += _member(name, content)
    data += tar_end(len(data))
    files = [(name, content) for name, content, _ in members]
    if len(files) > members_max:
        with pytest.raises(LimitExceeded):
            read(data, piece_bytes, members_max)
    else:
        assert [(one.name, one.content) for one in read(data, piece_bytes, members_max)] == files


def _member(name: str, content: bytes) -> bytes:
    """One that has a time, as those of bundles have not."""
    entry = Entry(1, 0, name, Kind.FILE, 0o600, 7, 0, len(content), None, None, None, 1)
    return tar_header(TreePath((name,)), entry) + content + tar_padding(len(content))


def test_a_plain_member_that_is_too_large_is_told() -> None:
    large, small = bytes(SIZE_MAX + 1), b"small"
    data = tar_file_header("large", len(large)) + large + tar_padding(len(large))
    data += tar_file_header("small", len(small)) + small + tar_padding(len(small)) + tar_end(0)
    found = read(data)
    assert [(one.name, bool(one.problem)) for one in found] == [("large", True), ("small", False)]


def test_a_name_ends_at_its_first_nul_wherever_the_bytes_are_cut() -> None:
    data = tar_file_header("name\0more", 1) + b"x" + tar_padding(1) + tar_end(0)
    for piece_bytes in (len(data), 600, 7):
        assert read(data, piece_bytes) == [SmallMember("name", b"x")]


def test_too_many_members_stay_too_many() -> None:
    members = SmallMembers(SIZE_MAX, 1)
    one = tar_file_header("a", 0)
    with pytest.raises(LimitExceeded):
        members.feed(one + one)
    with pytest.raises(MylistError):
        members.feed(one * 3)


@given(st.text("a./ ~ä中", max_size=120).map("n".__add__), st.integers(0, 2**36))
def test_the_header_of_a_file_is_that_of_an_entry_like_it(name: str, size_bytes: int) -> None:
    entry = Entry(1, 0, name, Kind.FILE, 0o644, 0, 0, size_bytes, None, None, None, 1)
    assert tar_file_header(name, size_bytes) == tar_header(TreePath((name,)), entry)
