"""What the rows do not say: headers of each answer, where bytes come from, odd representations."""

from collections.abc import Iterable

import pytest

from mylist_dav.errors import NotAllowed
from mylist_dav.model.contents import BlockSlice
from mylist_dav.model.digest import EMPTY
from mylist_dav.wire.messages import Headers, Piece, Request, Response
from mylist_dav.wire.responder import Representation, file_response

CONTENT = b"0123456789"
EXTRA: Headers = [
    ("Cache-Control", "no-cache"),
    ("Vary", "Cookie"),
    ("Content-Security-Policy", "sandbox"),
    ("Content-Disposition", "attachment"),
]


def untouched(offset: int, length: int) -> Iterable[Piece]:
    raise AssertionError("nobody asked for bytes")


def sliced(offset: int, length: int) -> Iterable[Piece]:
    return [BlockSlice(EMPTY, offset, length)]


def a_file(**changes: object) -> Representation:
    usual = Representation('"e"', 784_111_777, len(CONTENT), "text/plain; charset=utf-8", untouched, CONTENT)
    return usual._replace(**changes)  # type: ignore[arg-type]


def ask(
    representation: Representation, method: str = "GET", extra: Headers = EXTRA, **headers: str
) -> Response:
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    request = Request(method, "/f", "", fields, "site.example", "site.example")
    return file_response(request, representation, extra)


def names(response: Response) -> set[str]:
    return {name for name, _ in response.headers}


def test_a_small_file_is_sent_whole_with_everything_known_of_it() -> None:
    response = ask(a_file())
    assert response == Response(200, response.headers, CONTENT, 10)
    assert dict(response.headers) == {
        "Content-Type": "text/plain; charset=utf-8",
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "ETag": '"e"',
        "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
        **dict(EXTRA),
    }


def test_a_large_file_is_sent_as_the_slices_it_is_made_of() -> None:
    assert ask(a_file(pieces=sliced, small=None)).body == [BlockSlice(EMPTY, 0, 10)]
    assert ask(a_file(pieces=sliced, small=None), range="bytes=2-4").body == [BlockSlice(EMPTY, 2, 3)]


def test_head_gives_the_headers_and_length_of_get_and_touches_no_byte() -> None:
    large = a_file(small=None)
    response = ask(large, "HEAD")
    assert (response.status, response.body, response.content_length) == (200, b"", 10)
    assert response.headers == ask(a_file()).headers
    assert ask(large, "HEAD", range="bytes=0-4") == response


def test_an_empty_file_has_no_pieces() -> None:
    response = ask(a_file(size_bytes=0, small=None))
    assert (response.status, response.body, response.content_length) == (200, b"", 0)


def test_a_not_modified_answer_keeps_policy_and_leaves_out_what_describes_the_bytes() -> None:
    response = ask(a_file(small=None), if_none_match='"e"')
    assert (response.status, response.body, response.content_length) == (304, b"", None)
    assert names(response) == {"Cache-Control", "Vary", "Content-Security-Policy", "ETag", "Last-Modified"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_failed_condition_says_so_and_says_nothing_of_the_file(method: str) -> None:
    response = ask(a_file(small=None), method, if_match='"x"')
    assert response.status == 412
    assert names(response) == {"Content-Type", "X-Content-Type-Options", "Vary", "Content-Security-Policy"}
    assert response.content_length == len(ask(a_file(), if_match='"x"').body)  # type: ignore[arg-type]
    assert (response.body == b"") == (method == "HEAD")


def test_a_range_past_the_end_tells_the_size() -> None:
    response = ask(a_file(small=None), range="bytes=10-")
    assert response.status == 416
    assert ("Content-Range", "bytes */10") in response.headers
    assert not {"ETag", "Cache-Control", "Content-Disposition"} & names(response)


def test_several_ranges_keep_the_headers_of_the_file_and_carry_its_type_in_each_part() -> None:
    response = ask(a_file(pieces=sliced, small=None), range="bytes=0-1,5-6")
    fields = dict(response.headers)
    assert fields["Content-Type"].startswith("multipart/byteranges; boundary=")
    assert fields["ETag"] == '"e"' and fields["Cache-Control"] == "no-cache"
    assert not isinstance(response.body, bytes)
    first, one, second, other, last = response.body
    assert isinstance(first, bytes) and isinstance(second, bytes) and isinstance(last, bytes)
    assert (one, other) == (BlockSlice(EMPTY, 0, 2), BlockSlice(EMPTY, 5, 2))
    assert b"Content-Type: text/plain; charset=utf-8\r\n" in first
    assert response.content_length == len(first) + 2 + len(second) + 2 + len(last)


def test_the_boundary_is_the_same_for_the_same_question_and_another_for_another_file() -> None:
    def boundary(representation: Representation) -> str:
        return dict(ask(representation, range="bytes=0-1,5-6").headers)["Content-Type"]

    assert boundary(a_file()) == boundary(a_file())
    assert boundary(a_file()) != boundary(a_file(etag='"f"'))


def test_what_has_no_tag_and_no_date_is_sent_without_them() -> None:
    nameless = a_file(etag=None, last_modified_s=None)
    assert not {"ETag", "Last-Modified"} & names(ask(nameless))
    assert ask(nameless, if_none_match='"e"', if_modified_since="Sun, 06 Nov 1994 08:49:37 GMT").status == 200
    assert ask(nameless, if_none_match="*").status == 304
    assert ask(nameless, range="bytes=0-1").status == 206
    assert ask(nameless, range="bytes=0-1,5-6").status == 200
    assert ask(nameless, range="bytes=0-1", if_range='"e"').status == 200


def test_a_weak_tag_revalidates_and_resumes_nothing() -> None:
    weak = a_file(etag='W/"e"')
    assert ask(weak, if_none_match='W/"e"').status == ask(weak, if_none_match='"e"').status == 304
    assert ask(weak, if_match='W/"e"').status == 412
    assert ask(weak, range="bytes=0-1", if_range='W/"e"').status == 200
    assert ask(weak, range="bytes=0-1,5-6").status == 200


def test_the_headers_of_the_caller_stay_as_they_were() -> None:
    extra = list(EXTRA)
    for headers in ({}, {"range": "bytes=0-1"}, {"range": "bytes=99-"}, {"if_none_match": '"e"'}):
        ask(a_file(), extra=extra, **headers)
    assert extra == EXTRA


def test_other_methods_do_not_read_a_file() -> None:
    with pytest.raises(NotAllowed):
        ask(a_file(), "POST")
