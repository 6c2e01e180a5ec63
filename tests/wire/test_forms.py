"""Bodies of HTML forms: fields, and files as a stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import Invalid, UnsupportedMedia
from mylist_dav.wire.forms import PART_HEADER_BYTES_MAX, PARTS_MAX, FormReader, boundary_of, parse_form

Seen = list[tuple[str, str | None, bytes | None]]
"""Name, filename, content of each part; None for one that was aborted."""


class Kept:
    """A part that keeps what it gets."""

    def __init__(self, seen: Seen, name: str, filename: str | None) -> None:
        self._seen, self._name, self._filename = seen, name, filename
        self._content = b""

    def write(self, piece: bytes) -> None:
        assert piece
        self._content += piece

    def finish(self) -> None:
        self._seen.append((self._name, self._filename, self._content))

    def abort(self) -> None:
        self._seen.append((self._name, self._filename, None))


def read(body: bytes, piece_bytes: int = 1 << 20, boundary: bytes = b"XX") -> Seen:
    seen: Seen = []
    reader = FormReader(boundary, lambda name, filename: Kept(seen, name, filename))
    for start in range(0, len(body), piece_bytes):
        reader.write(body[start : start + piece_bytes])
    reader.finish()
    return seen


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    more = f'; filename="{filename}"\r\nContent-Type: text/plain' if filename is not None else ""
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


BODY = (
    part("replace", b"1")
    + part("file", b"hello\r\n--X", "a.txt")
    + part("file", b"", "empty")
    + b"--XX--\r\n"
)
PARTS: Seen = [("replace", None, b"1"), ("file", "a.txt", b"hello\r\n--X"), ("file", "empty", b"")]


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7, 16, 1000])
def test_the_parts_of_a_form_are_the_same_however_it_is_cut(piece_bytes: int) -> None:
    assert read(BODY, piece_bytes) == PARTS


@given(
    contents=st.lists(
        st.binary(max_size=60) | st.sampled_from([b"\r\n--X", b"\r\n", b"--", b"\r\n--XY"]), max_size=4
    ),
    piece_bytes=st.integers(1, 50),
)
def test_any_content_comes_through(contents: list[bytes], piece_bytes: int) -> None:
    contents = [content for content in contents if b"--XX" not in content]
    body = b"".join(part("f", content, "n") for content in contents) + b"--XX--"
    if contents:
        assert read(body, piece_bytes) == [("f", "n", content) for content in contents]


def test_names_are_unicode_with_three_characters_escaped_as_browsers_do() -> None:
    assert read(part("f", b"", "größe %22x%22 100%25.txt") + b"--XX--")[0][1] == 'größe "x" 100%25.txt'


def test_what_stands_before_and_after_the_parts_is_nothing() -> None:
    assert read(b"preamble\r\n" + BODY + b"epilogue\r\n--XX\r\n") == PARTS


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(BODY[:-6], id="no end"),
        pytest.param(part("f", b"x" * 100, "n"), id="no last boundary"),
        pytest.param(b"--XXsomething", id="a boundary that goes on"),
        pytest.param(b"--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n--XX--", id="a part without a name"),
        pytest.param(
            b'--XX\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--XX--', id="not UTF-8"
        ),
        pytest.param(
            b"--XX\r\nX: " + b"x" * PART_HEADER_BYTES_MAX + b"\r\n\r\n\r\n--XX--", id="a long header"
        ),
        pytest.param(part("f", b"") * (PARTS_MAX + 1) + b"--XX--", id="too many parts"),
    ],
)
def test_a_malformed_form_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        read(body, 4096)


def test_a_header_without_an_end_is_not_gathered_for_ever() -> None:
    reader = FormReader(b"XX", lambda name, filename: Kept([], name, filename))
    reader.write(b"--XX\r\n")
    with pytest.raises(Invalid):
        for _ in range(100):
            reader.write(b"x" * 1024)


def test_a_part_that_is_cut_off_is_aborted_once() -> None:
    seen: Seen = []
    reader = FormReader(b"XX", lambda name, filename: Kept(seen, name, filename))
    reader.write(part("a", b"whole", "a") + part("b", b"cut off", "b")[:-2])
    reader.abort()
    reader.abort()
    assert seen == [("a", "a", b"whole"), ("b", "b", None)]


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/form-data; boundary=----WebKitFormBoundaryAbC1", b"----WebKitFormBoundaryAbC1"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
    ],
)
def test_the_boundary_is_read(header: str, boundary: bytes) -> None:
    assert boundary_of(header) == boundary


@pytest.mark.parametrize("header", [None, "text/plain", "multipart/mixed; boundary=x"])
def test_another_type_is_no_form_with_files(header: str | None) -> None:
    with pytest.raises(UnsupportedMedia):
        boundary_of(header)


def test_a_form_without_a_boundary_is_refused() -> None:
    with pytest.raises(Invalid):
        boundary_of("multipart/form-data")


def test_fields_are_read_and_the_last_of_a_name_counts() -> None:
    assert parse_form(b"a=1&b=gr%C3%B6%C3%9Fe+x&a=2&c=") == {"a": "2", "b": "größe x", "c": ""}


@pytest.mark.parametrize("body", [b"a=%ff", b"\xff", b"&".join(b"a=1" for _ in range(101))])
def test_a_form_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        parse_form(body)
