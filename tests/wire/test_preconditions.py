import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import Invalid
from mylist_dav.model.conditions import EntityTags
from mylist_dav.wire.dates import http_date
from mylist_dav.wire.preconditions import (
    Preconditions,
    Verdict,
    evaluate,
    parse_entity_tags,
    preconditions_of,
    range_holds,
)

ETAG = '"abc"'
AT_S = 1_700_000_000
AT, BEFORE, AFTER = http_date(AT_S), http_date(AT_S - 1), http_date(AT_S + 1)
GO, SAME, NO = Verdict.PROCEED, Verdict.NOT_MODIFIED, Verdict.FAILED


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ("*", EntityTags(any_tag=True)),
        (" * ", EntityTags(any_tag=True)),
        ('"a"', EntityTags(('"a"',))),
        ('W/"a"', EntityTags(('W/"a"',))),
        ('"a", W/"b","c"', EntityTags(('"a"', 'W/"b"', '"c"'))),
        (', "a",, "b" ,', EntityTags(('"a"', '"b"'))),
        ('"a,b", "*"', EntityTags(('"a,b"', '"*"'))),
        ('""', EntityTags(('""',))),
        ('"\xe9"', EntityTags(('"\xe9"',))),
    ],
)
def test_entity_tags_are_read_as_sent(value: str, tags: EntityTags) -> None:
    assert parse_entity_tags(value) == tags


@pytest.mark.parametrize(
    "value",
    [
        "",
        ",",
        "abc",
        '"a',
        'a"',
        'w/"a"',
        '"a" "b"',
        '*, "a"',
        "**",
        '"a"b',
        'W/ "a"',
        '"' + "a" * 9000 + '"',
    ],
)
def test_what_is_no_list_of_entity_tags_is_invalid(value: str) -> None:
    with pytest.raises(Invalid):
        parse_entity_tags(value)


@given(st.lists(st.tuples(st.booleans(), st.text("abc,*/W", max_size=5)), min_size=1, max_size=6))
def test_a_list_of_entity_tags_is_read_back(parts: list[tuple[bool, str]]) -> None:
    tags = tuple(f'{"W/" if weak else ""}"{text}"' for weak, text in parts)
    assert parse_entity_tags(", ".join(tags)).tags == tags


@given(st.text(' ,"W/*a\t', max_size=40))
def test_any_text_is_a_list_of_entity_tags_or_invalid(value: str) -> None:
    try:
        tags = parse_entity_tags(value)
    except Invalid:
        return
    assert tags.any_tag or tags.tags


def test_repeated_headers_are_joined_and_others_are_left_out() -> None:
    headers = [("host", "h"), ("if-none-match", '"a"'), ("accept", "*/*"), ("if-none-match", '"b"')]
    assert preconditions_of(headers) == Preconditions(if_none_match='"a", "b"')
    assert preconditions_of([("host", "h"), ("accept", "*/*")]) is None


def test_every_conditional_header_has_its_place() -> None:
    headers = [
        (name, f"value of {name}")
        for name in (
            "if-match",
            "if-none-match",
            "if-modified-since",
            "if-unmodified-since",
            "if-range",
            "range",
        )
    ]
    assert preconditions_of(headers) == Preconditions(*(value for _, value in headers))


@pytest.mark.parametrize(
    ("asked", "read", "write"),
    [
        (Preconditions(), GO, GO),
        (Preconditions(if_match=ETAG), GO, GO),
        (Preconditions(if_match="*"), GO, GO),
        (Preconditions(if_match='"x"'), NO, NO),
        (Preconditions(if_match=f"W/{ETAG}"), NO, NO),
        (Preconditions(if_unmodified_since=AT), GO, GO),
        (Preconditions(if_unmodified_since=BEFORE), NO, NO),
        (Preconditions(if_unmodified_since="soon"), GO, GO),
        (Preconditions(if_match=ETAG, if_unmodified_since=BEFORE), GO, GO),
        (Preconditions(if_match='"x"', if_unmodified_since=AFTER), NO, NO),
        (Preconditions(if_none_match=ETAG), SAME, NO),
        (Preconditions(if_none_match=f"W/{ETAG}"), SAME, NO),
        (Preconditions(if_none_match="*"), SAME, NO),
        (Preconditions(if_none_match='"x"'), GO, GO),
        (Preconditions(if_none_match='"x"', if_modified_since=AFTER), GO, GO),
        (Preconditions(if_modified_since=AT), SAME, GO),
        (Preconditions(if_modified_since=AFTER), SAME, GO),
        (Preconditions(if_modified_since=BEFORE), GO, GO),
        (Preconditions(if_modified_since="soon"), GO, GO),
        (Preconditions(if_match='"x"', if_none_match=ETAG), NO, NO),
        (Preconditions(if_match=ETAG, if_none_match=ETAG), SAME, NO),
        (Preconditions(if_unmodified_since=BEFORE, if_none_match=ETAG), NO, NO),
        (Preconditions(if_unmodified_since=AT, if_modified_since=AT), SAME, GO),
    ],
)
def test_conditions_count_in_the_order_of_the_rfc(
    asked: Preconditions, read: Verdict, write: Verdict
) -> None:
    for method in ("GET", "HEAD"):
        assert evaluate(method, asked, ETAG, AT_S) is read
    for method in ("PUT", "DELETE"):
        assert evaluate(method, asked, ETAG, AT_S) is write


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        (Preconditions(if_match="*"), NO),
        (Preconditions(if_match=ETAG), NO),
        (Preconditions(if_none_match="*"), GO),
        (Preconditions(if_none_match=ETAG), GO),
        (Preconditions(if_unmodified_since=BEFORE), GO),
    ],
)
def test_conditions_of_a_write_hold_of_nothing_as_they_should(asked: Preconditions, verdict: Verdict) -> None:
    assert evaluate("PUT", asked, None, None, exists=False) is verdict


def test_a_malformed_list_lets_a_read_happen_but_no_write() -> None:
    assert evaluate("GET", Preconditions(if_none_match="abc"), ETAG, AT_S) is GO
    assert evaluate("GET", Preconditions(if_match="abc"), ETAG, AT_S) is NO
    for asked in (Preconditions(if_none_match="abc"), Preconditions(if_match="abc")):
        with pytest.raises(Invalid):
            evaluate("PUT", asked, ETAG, AT_S)


def test_a_file_of_before_the_epoch_is_compared_by_the_date_it_is_shown_with() -> None:
    assert evaluate("GET", Preconditions(if_modified_since=http_date(-5)), ETAG, -5) is SAME
    assert range_holds(http_date(-5), ETAG, -5)


@pytest.mark.parametrize(
    ("if_range", "etag", "holds"),
    [
        (None, ETAG, True),
        (ETAG, ETAG, True),
        ('"x"', ETAG, False),
        (f"W/{ETAG}", ETAG, False),
        (f"W/{ETAG}", f"W/{ETAG}", False),
        (ETAG, f"W/{ETAG}", False),
        (ETAG, None, False),
        (f"{ETAG}, {ETAG}", ETAG, False),
        ("*", ETAG, False),
        (AT, ETAG, True),
        (BEFORE, ETAG, False),
        (AFTER, ETAG, False),
        ("soon", ETAG, False),
    ],
)
def test_a_range_holds_for_the_strong_tag_or_the_very_date(
    if_range: str | None, etag: str, holds: bool
) -> None:
    assert range_holds(if_range, etag, AT_S) is holds
    if if_range == AT:
        assert not range_holds(if_range, etag, None)
