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

NAMESPACES_MAX = 64
"""Namespaces that an element which is kept may stand under: each is written out with it."""

LANG_CHARS_MAX = 256
KEPT_DEPTH_MAX = 200
"""Levels of an element that is kept. An answer holds it further down than it came, and parsers stop at 256."""

_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
_LANG = f"{{{_XML_NAMESPACE}}}lang"
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
    """An element by itself, with the namespaces and the xml:lang it stands under (RFC 4918, 4.3).

    Raises Invalid where it stands under so much that a short body would become a long text, and for one too deep.
    """
    if len(element.nsmap) > NAMESPACES_MAX:
        raise Invalid(f"an element that is kept may stand under {NAMESPACES_MAX} namespaces, and not more")
    if _is_deep(element):
        raise Invalid(f"an element that is kept may have {KEPT_DEPTH_MAX} levels, and not more")
    if element.get(_LANG) is None:
        _inherit_lang(element)
    return etree.tostring(element, encoding="unicode", with_tail=False)


def _is_deep(element: etree._Element) -> bool:
    depth = 0
    for event, _ in etree.iterwalk(element, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > KEPT_DEPTH_MAX:
            return True
    return False


def _inherit_lang(element: etree._Element) -> None:
    for ancestor in element.iterancestors():
        lang = ancestor.get(_LANG)
        if lang is not None:
            if len(lang) > LANG_CHARS_MAX:
                raise Invalid(f"an xml:lang may have {LANG_CHARS_MAX} characters, and this one has more")
            element.set(_LANG, lang)
            return


def escape(text: str) -> str:
    """Text for element content or an attribute in double quotes; what XML 1.0 cannot hold becomes U+FFFD."""
    return (
        _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], "\ufffd"), text) if _SPECIAL.search(text) else text
    )


def empty_element(name: str) -> str:
    """An empty element of a name in Clark notation; one without a namespace says so."""
    namespace, _, local = name[1:].rpartition("}") if name.startswith("{") else ("", "", name)
    if namespace == _XML_NAMESPACE:
        return (
            f"<xml:{local}/>"  # it has its prefix for good, and may not be the default (Namespaces in XML, 3)
        )
    return f'<{local} xmlns="{escape(namespace)}"/>'


def xml_response(status: int, xml: str) -> Response:
    """An XML document as an answer."""
    return Response(status, [CONTENT_TYPE], (DECLARATION + xml).encode())
