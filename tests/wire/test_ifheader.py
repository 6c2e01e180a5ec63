import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import Invalid
from mylist_dav.model.conditions import StateTest
from mylist_dav.wire.ifheader import TaggedList, parse_if, submitted_tokens

TOKENS = st.text("abc:-/1", min_size=1, max_size=8)
ETAGS = st.builds('{}"{}"'.format, st.sampled_from(["", "W/"]), st.text("ab ()<>[]", max_size=5))
TESTS = st.one_of(
    st.builds(lambda token, negated: StateTest(token, None, negated), TOKENS, st.booleans()),
    st.builds(lambda etag, negated: StateTest(None, etag, negated), ETAGS, st.booleans()),
)
LISTS = st.lists(st.lists(TESTS, min_size=1, max_size=4), min_size=1, max_size=4)


def token(text: str, negated: bool = False) -> StateTest:
    return StateTest(text, None, negated)


def etag(text: str, negated: bool = False) -> StateTest:
    return StateTest(None, text, negated)


@pytest.mark.parametrize(
    ("header", "lists"),
    [
        ("(<urn:uuid:1>)", [(None, (token("urn:uuid:1"),))]),
        ("( <urn:uuid:1> )", [(None, (token("urn:uuid:1"),))]),
        ('(["a"])', [(None, (etag('"a"'),))]),
        ('([W/"a b"])', [(None, (etag('W/"a b"'),))]),
        ('([ "a" ])', [(None, (etag('"a"'),))]),
        (
            '(<urn:uuid:1> ["I am an ETag"]) (["I am another ETag"])',
            [(None, (token("urn:uuid:1"), etag('"I am an ETag"'))), (None, (etag('"I am another ETag"'),))],
        ),
        (
            "(Not <urn:uuid:1> <urn:uuid:2>)",
            [(None, (token("urn:uuid:1", negated=True), token("urn:uuid:2")))],
        ),
        (
            "(<urn:uuid:1>)(Not <DAV:no-lock>)",
            [(None, (token("urn:uuid:1"),)), (None, (token("DAV:no-lock", True),))],
        ),
        ('(not["a"]NOT<b:c>)', [(None, (etag('"a"', True), token("b:c", True)))]),
        (
            '</resource1> (<urn:uuid:1> [W/"A weak ETag"]) (["strong ETag"])',
            [
                ("/resource1", (token("urn:uuid:1"), etag('W/"A weak ETag"'))),
                ("/resource1", (etag('"strong ETag"'),)),
            ],
        ),
        (
            '<http://site.example/a%20b>(<u:1>)</b>(["x"])',
            [("http://site.example/a%20b", (token("u:1"),)), ("/b", (etag('"x"'),))],
        ),
        ('(["a)("])', [(None, (etag('"a)("'),))]),
        ("\t(<u:1>) ", [(None, (token("u:1"),))]),
    ],
)
def test_the_lists_of_an_if_header_are_read_with_their_tags(
    header: str, lists: list[tuple[str | None, tuple[StateTest, ...]]]
) -> None:
    assert parse_if(header) == tuple(TaggedList(*one) for one in lists)


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "()",
        "(",
        ")",
        "(<u:1>",
        "<u:1>",
        "(<>)",
        "(<u 1>)",
        "(<u:1)",
        '(["a])',
        "([a])",
        '(w/["a"])',
        '("a")',
        "(Not)",
        "(Not Not <u:1>)",
        "(NotX<u:1>)",
        "((<u:1>))",
        ")<u:1>)",
        "(<u:1>(",
        "</a>",
        "</a></b>(<u:1>)",
        "</a>(<u:1>)</b>",
        "(<u:1>) </a> (<u:2>)",
        "(<u:1>), (<u:2>)",
        "(<u:1>)x",
        "Not (<u:1>)",
        "(<\u00e9>)",
        "(<u:1>)\n",
        "(<u:1>)" + " " * 8192,
        "(<u:1>)" * 65,
        "(" + "<u:1>" * 65 + ")",
    ],
)
def test_a_malformed_or_endless_if_header_is_invalid(header: str) -> None:
    with pytest.raises(Invalid):
        parse_if(header)


def test_sixty_four_conditions_are_allowed() -> None:
    assert len(parse_if("(<u:1>)" * 64)) == 64


def test_every_token_that_is_named_is_submitted() -> None:
    lists = parse_if('</a>(<u:1> ["e"])(Not <u:2>)</b>(<u:1>)')
    assert submitted_tokens(lists) == {"u:1", "u:2"}


def written(test: StateTest) -> str:
    return ("Not " if test.negated else "") + (f"<{test.token}>" if test.token else f"[{test.etag}]")


@given(LISTS, st.sampled_from(["", "/tag", "http://h/%20"]))
def test_a_written_if_header_is_read_back(lists: list[list[StateTest]], tag: str) -> None:
    header = (f"<{tag}>" if tag else "") + " ".join(f"({' '.join(map(written, tests))})" for tests in lists)
    assert parse_if(header) == tuple(TaggedList(tag or None, tuple(tests)) for tests in lists)


@given(st.one_of(st.text(max_size=60), st.text('()<>[]"W/Not u:1', max_size=60)))
def test_any_if_header_is_read_or_invalid(header: str) -> None:
    try:
        lists = parse_if(header)
    except Invalid:
        return
    assert lists and all(one.tests for one in lists)
    assert len({one.tag is None for one in lists}) == 1
    assert all((test.token is None) != (test.etag is None) for one in lists for test in one.tests)
