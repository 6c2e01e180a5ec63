from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mylist_dav.errors import Invalid, UriTooLong
from mylist_dav.wire.targets import (
    DecodedPath,
    Target,
    decode_path,
    quote_name,
    quote_path,
    relative_redirect,
    split_target,
)

NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", ".."))


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("/", Target("/", "", None)),
        ("/a/b?x=1?y", Target("/a/b", "x=1?y", None)),
        ("/a?", Target("/a", "", None)),
        ("//other.example/x", Target("//other.example/x", "", None)),
        ("/http://x/", Target("/http://x/", "", None)),
        ("*", Target("*", "", None)),
        ("http://site.example/a/b?x", Target("/a/b", "x", "site.example")),
        ("HTTP://site.example:80", Target("/", "", "site.example:80")),
        ("https://[::1]:443?x", Target("/", "x", "[::1]:443")),
        ("/%zz", Target("/%zz", "", None)),
    ],
)
def test_a_target_is_split_and_left_as_it_was_sent(target: str, parts: Target) -> None:
    assert split_target(target) == parts


@pytest.mark.parametrize(
    "target",
    [
        "",
        "a",
        "site.example:443",
        "http:/x",
        "?x",
        "/a b",
        "/a#b",
        "/a?b#c",
        "/é",
        "/a\r\nX: y",
        "/\x7f",
        "**",
    ],
)
def test_a_target_of_no_known_form_is_invalid(target: str) -> None:
    with pytest.raises(Invalid):
        split_target(target)


@pytest.mark.parametrize("read", [split_target, decode_path])
def test_a_target_past_the_limit_is_too_long(read: object) -> None:
    assert callable(read)
    read("/" + "a" * 7999)
    read("/abc", 4)
    for arguments in (("/" + "a" * 8000,), ("/abcd", 4)):
        with pytest.raises(UriTooLong):
            read(*arguments)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", DecodedPath((), True)),
        ("/a", DecodedPath(("a",), False)),
        ("/a/b/", DecodedPath(("a", "b"), True)),
        ("//", DecodedPath((), True, empty_segments=True)),
        ("//a", DecodedPath(("a",), False, empty_segments=True)),
        ("/a//b", DecodedPath(("a", "b"), False, empty_segments=True)),
        ("/a//", DecodedPath(("a",), True, empty_segments=True)),
        ("/a%2Fb", DecodedPath(("a/b",), False, encoded_slash=True)),
        ("/a%2f/b", DecodedPath(("a/", "b"), False, encoded_slash=True)),
        ("/%2f", DecodedPath(("/",), False, encoded_slash=True)),
        ("/a%20b/%C3%A9", DecodedPath(("a b", "é"), False)),
        ("/%2541", DecodedPath(("%41",), False)),
        ("/a+b", DecodedPath(("a+b",), False)),
        ("/a%5cb/c\\d", DecodedPath(("a\\b", "c\\d"), False)),
        ("/.env/..a/a../...", DecodedPath((".env", "..a", "a..", "..."), False)),
        ("/%0A%7f", DecodedPath(("\n\x7f",), False)),
        ("/a;b=c,d&e'f(g)", DecodedPath(("a;b=c,d&e'f(g)",), False)),
    ],
)
def test_a_path_is_decoded_segment_by_segment_and_once(target: str, path: DecodedPath) -> None:
    assert decode_path(target) == path


@pytest.mark.parametrize(
    "target",
    [
        "",
        "a",
        "*",
        "/%zz",
        "/%",
        "/%4",
        "/a%4/b",
        "/%00",
        "/a%00b",
        "/%ff",
        "/%c3/%a9",
        "/%C0%AF",
        "/%ed%a0%80",
        "/.",
        "/..",
        "/a/./b",
        "/a/../b",
        "/a/..",
        "/../etc/hostname",
        "/%2e%2e/etc",
        "/.%2E/etc",
        "/%2e/",
        "/..%2fetc",
        "/a%2f..",
        "/a%2f.%2fb",
        "/a b",
        "/a\tb",
        "/é",
        "/a?b",
        "/a#b",
        "/\x00",
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_invalid(target: str) -> None:
    with pytest.raises(Invalid):
        decode_path(target)


@given(st.one_of(st.text(max_size=60), st.text("/.%2eEfF0cC3aA9\\a", max_size=30).map("/{}".format)))
def test_any_path_is_decoded_or_invalid(target: str) -> None:
    try:
        path = decode_path(target)
    except Invalid:
        return
    assert all(name and "\0" not in name for name in path.names)
    parts = [part for name in path.names for part in name.split("/")]
    assert "." not in parts and ".." not in parts
    if not path.encoded_slash:
        assert decode_path(quote_path(path.names, path.directory)) == path._replace(empty_segments=False)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("plain-Name_1.txt~", "plain-Name_1.txt~"),
        ("!$&'()*+,;=:@", "!$&'()*+,;=:@"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("a?b#c", "a%3Fb%23c"),
        ('"<>\\^`{|}[]', "%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D"),
        ("é", "%C3%A9"),
        ("a/b", "a%2Fb"),
        ("\n", "%0A"),
        ("😀", "%F0%9F%98%80"),
    ],
)
def test_a_name_is_quoted_but_for_pchar_in_upper_case(name: str, quoted: str) -> None:
    assert quote_name(name) == quoted


@given(st.lists(NAMES, max_size=5), st.booleans())
@example(["a\n"], False)
def test_a_quoted_path_decodes_to_the_same_names(names: list[str], directory: bool) -> None:
    path = decode_path(quote_path(names, directory))
    assert path == DecodedPath(tuple(names), directory or not names)


def test_the_root_has_one_slash() -> None:
    assert quote_path((), True) == quote_path((), False) == "/"


@pytest.mark.parametrize(
    ("target", "query", "directory", "location"),
    [
        ("/dir", "", True, "/dir/"),
        ("/dir", "x=1&y=%20", True, "/dir/?x=1&y=%20"),
        ("//dir", "", True, "/dir/"),
        ("//other.example//x", "", False, "/other.example/x"),
        ("/dir//index.html", "", False, "/dir/index.html"),
        ("/a%20b/", "", False, "/a%20b"),
        ("/%5Cother.example", "", True, "/%5Cother.example/"),
        ("/\\other.example", "", True, "/%5Cother.example/"),
        ("/%09/other.example", "", True, "/%09/other.example/"),
        ("//", "", True, "/"),
    ],
)
def test_a_redirect_is_one_canonical_path_and_keeps_the_query(
    target: str, query: str, directory: bool, location: str
) -> None:
    assert relative_redirect(decode_path(target).names, directory, query) == location


@given(
    st.lists(st.text(max_size=20).filter(lambda t: t.isprintable()), max_size=4),
    st.booleans(),
    st.text(max_size=20),
)
def test_a_redirect_never_leaves_the_host(names: list[str], directory: bool, query: str) -> None:
    try:
        location = relative_redirect(names, directory, query)
    except UnicodeEncodeError:  # lone surrogates come from no decoded path
        return
    assert location.startswith("/") and location[1:2] not in ("/", "\\")
    assert location.isascii() and location.isprintable() and " " not in location
    assert urlsplit(urljoin("http://site.example/x", location)).netloc == "site.example"
