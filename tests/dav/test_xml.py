"""XML from strangers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from mylist_dav.dav.xml import (
    KEPT_DEPTH_MAX,
    LANG_CHARS_MAX,
    NAMESPACES_MAX,
    empty_element,
    escape,
    parse_body,
    serialised,
)
from mylist_dav.errors import Invalid
from tests.dav.driver import Driver

DOCTYPES = [
    '<!DOCTYPE a><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>',
    '<!DOCTYPE a [<!ENTITY e "x">]><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>',
    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><D:propfind xmlns:D="DAV:">&e;</D:propfind>',
    '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>',
]
LAUGHS = (
    "<!DOCTYPE a ["
    + '<!ENTITY l0 "ha">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    + ']><a b="&l11;">&l11;</a>'
)


@pytest.mark.parametrize("body", [*DOCTYPES, LAUGHS, LAUGHS.replace("<!DOCTYPE", "<?x?><!DOCTYPE")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused(body: str, encoding: str, dav: Driver) -> None:
    for method in ("PROPFIND", "PROPPATCH", "LOCK"):
        assert dav.send(method, headers={"Depth": "0"}, body=body.encode(encoding)).status == 400


def test_utf_16_is_read(dav: Driver) -> None:
    body = '<?xml version="1.0" encoding="utf-16"?><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>'
    assert dav.send("PROPFIND", headers={"Depth": "0"}, body=body.encode("utf-16")).status == 207


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(Invalid):
        parse_body(b"<a>" * 300 + b"</a>" * 300)


@pytest.mark.parametrize("body", [b"", b"  \r\n"])
def test_an_empty_body_is_none(body: bytes) -> None:
    assert parse_body(body) is None


@given(st.text())
def test_whatever_is_escaped_parses_back_but_for_what_xml_cannot_hold(text: str) -> None:
    parsed = etree.fromstring(f'<a b="{escape(text)}">{escape(text)}</a>'.encode())
    expected = "".join(c if c in "\t\n\r" or is_xml_character(c) else "\ufffd" for c in text)
    assert (parsed.text or "") == expected


def is_xml_character(character: str) -> bool:
    """Char of XML 1.0, 2.2, without DEL, which may be written but is discouraged there."""
    code = ord(character)
    return (0x20 <= code <= 0xD7FF and code != 0x7F) or 0xE000 <= code <= 0xFFFD or code >= 0x10000


@pytest.mark.parametrize("name", ["{DAV:}a", "{http://x/?a=1&b=2}c", "plain"])
def test_an_empty_element_has_its_name(name: str) -> None:
    assert etree.fromstring(empty_element(name)).tag == name


def test_an_element_of_the_xml_namespace_keeps_its_prefix() -> None:
    name = "{http://www.w3.org/XML/1998/namespace}space"
    assert etree.fromstring(empty_element(name)).tag == name


def kept(body: str) -> str:
    """The first element below the first element of the root, as it is kept."""
    root = parse_body(body.encode())
    assert root is not None
    return serialised(root[0])


def test_namespaces_do_not_multiply_with_the_elements_that_stand_under_them() -> None:
    spaces = " ".join(f'xmlns:n{number}="urn:{number}"' for number in range(NAMESPACES_MAX + 1))
    with pytest.raises(Invalid):
        kept(f"<a {spaces}><b/></a>")


def test_an_endless_language_is_not_inherited() -> None:
    assert kept(f'<a xml:lang="{"x" * LANG_CHARS_MAX}"><b/></a>')
    with pytest.raises(Invalid):
        kept(f'<a xml:lang="{"x" * (LANG_CHARS_MAX + 1)}"><b/></a>')


def test_what_is_kept_can_be_parsed_deeper_down_in_an_answer() -> None:
    deep = "<b>" * KEPT_DEPTH_MAX + "</b>" * KEPT_DEPTH_MAX
    assert etree.fromstring("<c>" * 20 + kept(f"<a>{deep}</a>") + "</c>" * 20) is not None
    with pytest.raises(Invalid):
        kept(f"<a><b>{deep}</b></a>")


def test_a_body_of_many_namespaces_is_refused_at_once(dav: Driver) -> None:
    spaces = " ".join(f'xmlns:n{number}="urn:{number}"' for number in range(10_000))
    properties = "".join(f"<n{number}:p/>" for number in range(200))
    body = f'<propertyupdate xmlns="DAV:" {spaces}><set><prop>{properties}</prop></set></propertyupdate>'
    assert dav.send("PROPPATCH", body=body.encode()).status == 400
