"""XML in and out. In: no DTD, no entities, bounded depth. Out: text that is put together and escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from mylist_dav.errors import Invalid
from mylist_dav.wire.messages import Response

CONTENT_TYPE = ("Content-Type", "application/xml; charset=utf-8")
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_SPECIAL = re.compile(r'[&<>"\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


def parse_body(body: bytes) -> etree._Element | None:
    """The root element of a request body; None for an empty one. Raises Invalid.

    A document type is refused outright, so no entity is ever expanded (RFC 4918, 20.6). libxml2 itself refuses more
    than 256 levels.
    """
    if not body.strip():
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Invalid("the body is not well-formed XML, or too deep") from error
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype or docinfo.internalDTD is not None:
        raise Invalid("a document type declaration is not accepted here")
    return root


def elements(parent: etree._Element) -> Iterator[etree._Element]:
    """The child elements, without comments and processing instructions."""
    return parent.iterchildren("*")


def serialised(element: etree._Element) -> str:
    """An element by itself, with the namespaces and the xml:lang it stands under (RFC 4918, 4.3)."""
    if element.get(_LANG) is None:
        for ancestor in element.iterancestors():
            lang = ancestor.get(_LANG)
            if lang is not None:
                element.set(_LANG, lang)
                break
    return etree.tostring(element, encoding="unicode", with_tail=False)


def escape(text: str) -> str:
    """Text for element content or an attribute in double quotes; what XML 1.0 cannot hold becomes U+FFFD."""
    return (
        _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], "\ufffd"), text) if _SPECIAL.search(text) else text
    )


def empty_element(name: str) -> str:
    """An empty element of a name in Clark notation; one without a namespace says so."""
    namespace, _, local = name[1:].rpartition("}") if name.startswith("{") else ("", "", name)
    return f'<{local} xmlns="{escape(namespace)}"/>'


def xml_response(status: int, xml: str) -> Response:
    """An XML document as an answer."""
    return Response(status, [CONTENT_TYPE], (DECLARATION + xml).encode())
