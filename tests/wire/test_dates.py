import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.wire.dates import LAST_SECOND, DateHeader, http_date, parse_http_date, rfc3339

BIRTH_S = 784_111_777


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (BIRTH_S, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (LAST_SECOND, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (10**15, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_a_date_is_an_imf_fixdate_from_the_epoch_on(seconds: int, text: str) -> None:
    assert http_date(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", BIRTH_S),
        ("Sunday, 06-Nov-94 08:49:37 GMT", BIRTH_S),
        ("Sun Nov  6 08:49:37 1994", BIRTH_S),
        ("Sun Nov 16 08:49:37 1994", BIRTH_S + 864_000),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
        ("Wednesday, 01-Jan-70 00:00:00 GMT", 0),
        ("Tuesday, 31-Dec-69 23:59:59 GMT", 3_155_759_999),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
    ],
)
def test_the_three_forms_of_a_date_are_read(text: str, seconds: int) -> None:
    assert parse_http_date(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a date",
        "0",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun Nov    08:49:37 1994",
        " " * 100_000,
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_http_date(text) is None


def test_a_date_before_the_epoch_is_a_negative_number() -> None:
    assert parse_http_date("Fri, 01 Jan 1960 00:00:00 GMT") == -315_619_200


@given(st.integers(0, LAST_SECOND))
def test_a_date_is_read_back_as_it_was(seconds: int) -> None:
    assert parse_http_date(http_date(seconds)) == seconds


@given(st.text("SunMonday, 06NovFeb1994:0-GMT ", max_size=40))
def test_any_text_is_a_date_or_none(text: str) -> None:
    seconds = parse_http_date(text)
    assert seconds is None or seconds <= LAST_SECOND


def test_a_creation_date_is_in_the_form_of_rfc_3339() -> None:
    assert rfc3339(880_998_141) == "1997-12-01T17:42:21Z"
    assert rfc3339(-5) == "1970-01-01T00:00:00Z"


def test_the_date_header_is_formatted_once_a_second() -> None:
    now = [BIRTH_S + 0.1]
    header = DateHeader(lambda: now[0])
    first = header.encoded()
    now[0] += 0.8
    assert header.encoded() is first
    now[0] += 0.2
    assert header.encoded() == b"Sun, 06 Nov 1994 08:49:38 GMT"
