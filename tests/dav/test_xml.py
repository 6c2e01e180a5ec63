"""XML from strangers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from mylist_dav.dav.xml import empty_element, escape, parse_body
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
