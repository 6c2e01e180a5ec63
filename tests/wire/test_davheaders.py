import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import Invalid, UriTooLong
from mylist_dav.wire.davheaders import (
    Depth,
    Destination,
    parse_depth,
    parse_destination,
    parse_lock_token,
    parse_overwrite,
    parse_timeout,
)
from mylist_dav.wire.targets import DecodedPath, quote_path

NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda name: name not in (".", ".."))


@pytest.mark.parametrize(
    ("value", "depth"),
    [
        (None, Depth.INFINITY),
        ("0", Depth.ZERO),
        ("1", Depth.ONE),
        ("infinity", Depth.INFINITY),
        (" Infinity ", Depth.INFINITY),
    ],
)
def test_depth_is_zero_one_or_infinity(value: str | None, depth: Depth) -> None:
    assert parse_depth(value, Depth.INFINITY) is depth


def test_a_missing_depth_is_the_default_of_the_method() -> None:
    assert parse_depth(None, Depth.ZERO) is Depth.ZERO


@pytest.mark.parametrize("value", ["", "2", "-1", "00", "inf", "0, 0", "1,noroot"])
def test_any_other_depth_is_invalid(value: str) -> None:
    with pytest.raises(Invalid):
        parse_depth(value, Depth.ZERO)


@pytest.mark.parametrize(
    ("value", "answer"), [(None, True), ("T", True), ("F", False), ("t", True), (" f", False)]
)
def test_overwrite_is_true_unless_f(value: str | None, answer: bool) -> None:
    assert parse_overwrite(value) is answer


@pytest.mark.parametrize("value", ["", "true", "0", "T, T"])
def test_any_other_overwrite_is_invalid(value: str) -> None:
    with pytest.raises(Invalid):
        parse_overwrite(value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 600),
        ("", 600),
        ("Second-180", 180),
        ("second-180", 180),
        ("Second-3601", 3600),
        ("Second-4100000000", 3600),
        ("Second-99999999999999999999", 3600),
        ("Second-0", 1),
        ("Infinite", 3600),
        ("Infinite, Second-4100000000", 3600),
        ("Second-60, Infinite", 60),
        ("Extend, Second-60", 60),
        ("Second--5", 600),
        ("Second-" + "9" * 5000, 600),
        ("forever", 600),
    ],
)
def test_a_lock_lasts_for_the_first_wish_that_is_understood_and_never_past_the_cap(
    value: str | None, seconds: int
) -> None:
    assert parse_timeout(value, default_seconds=600, cap_seconds=3600) == seconds


def test_the_cap_holds_for_the_default_too() -> None:
    assert parse_timeout(None, default_seconds=600, cap_seconds=60) == 60


@given(st.text("Second-Ifite,0123456789 ", max_size=60))
def test_any_timeout_lies_between_one_second_and_the_cap(value: str) -> None:
    assert 1 <= parse_timeout(value, default_seconds=600, cap_seconds=3600) <= 3600


@pytest.mark.parametrize("value", ["<urn:uuid:1>", "urn:uuid:1", " <urn:uuid:1> "])
def test_a_lock_token_may_lack_its_brackets(value: str) -> None:
    assert parse_lock_token(value) == "urn:uuid:1"


@pytest.mark.parametrize(
    "value", [None, "", "<>", "<a", "a>", "<a><b>", "a b", "<<a>>", "<a>, <b>", "a" * 1025]
)
def test_what_is_not_one_lock_token_is_invalid(value: str | None) -> None:
    with pytest.raises(Invalid):
        parse_lock_token(value)


@pytest.mark.parametrize(
    ("value", "names", "directory"),
    [
        ("/dav/a", ("dav", "a"), False),
        ("/dav/a/", ("dav", "a"), True),
        ("http://site.example/dav/a", ("dav", "a"), False),
        ("https://SITE.example:8443/dav/a", ("dav", "a"), False),
        ("http://bob:secret@site.example/dav/a", ("dav", "a"), False),
        ("http://site.example", (), True),
        (" /dav/a ", ("dav", "a"), False),
        ("/dav/a%3Fb", ("dav", "a?b"), False),
        ("/dav/p%3Bq", ("dav", "p;q"), False),
        ("/dav/p;q", ("dav", "p;q"), False),
        ("/dav/a%23b", ("dav", "a#b"), False),
        ("/dav/a%2525", ("dav", "a%25"), False),
        ("/dav/a%20b+c", ("dav", "a b+c"), False),
    ],
)
def test_a_destination_is_split_before_it_is_decoded(
    value: str, names: tuple[str, ...], directory: bool
) -> None:
    assert parse_destination(value, "site.example") == Destination(
        DecodedPath(names, directory), foreign=False
    )


def test_an_encoded_slash_and_a_doubled_one_are_told_in_a_destination() -> None:
    assert parse_destination("/dav/a%2Fb", "h").path == DecodedPath(("dav", "a/b"), False, encoded_slash=True)
    assert parse_destination("http://h//dav/a", "h").path == DecodedPath(
        ("dav", "a"), False, empty_segments=True
    )


@pytest.mark.parametrize(
    ("value", "foreign"),
    [
        ("http://other.example/dav/a", True),
        ("http://site.example.evil.example/a", True),
        ("http://site.example@other.example/a", True),
        ("http://[::1]/a", True),
        ("ftp://site.example/a", False),
        ("http://site.example.:80/a", False),
    ],
)
def test_another_host_is_foreign_and_another_port_or_scheme_is_not(value: str, foreign: bool) -> None:
    assert parse_destination(value, "site.example").foreign is foreign


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "a",
        "*",
        "dav/a",
        "//other.example/a",
        "http:///a",
        "http://bad host/a",
        "http://site.example:x/a",
        "/dav/a?b",
        "/dav/a?",
        "/dav/a#b",
        "/dav/é",
        "/dav/a b",
        "/dav/../a",
        "/dav/%2e%2e/a",
        "/dav/%00",
        "/dav/%zz",
    ],
)
def test_a_destination_that_could_be_read_in_two_ways_is_invalid(value: str | None) -> None:
    with pytest.raises(Invalid):
        parse_destination(value, "site.example")


def test_a_destination_past_the_limit_is_too_long() -> None:
    with pytest.raises(UriTooLong):
        parse_destination("/" + "a" * 8000, "site.example")


@given(st.lists(NAMES, max_size=4), st.booleans(), st.sampled_from(["", "http://h", "https://H:1"]))
def test_a_quoted_destination_is_read_back(names: list[str], directory: bool, before: str) -> None:
    found = parse_destination(before + quote_path(names, directory), "h")
    assert found == Destination(DecodedPath(tuple(names), directory or not names), foreign=False)
