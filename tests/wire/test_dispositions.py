"""Content-Disposition: the name under which something is kept."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.wire.dispositions import attachment


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("site.tar.gz", 'attachment; filename="site.tar.gz"'),
        ("a b.zip", 'attachment; filename="a b.zip"'),
        ('a"b', "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b"),
        ("a\\b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%5Cb"),
        ("100%", "attachment; filename=\"100_\"; filename*=UTF-8''100%25"),
        ("é", "attachment; filename=\"_\"; filename*=UTF-8''%C3%A9"),
    ],
)
def test_a_name_is_sent_so_that_all_programs_understand_it(name: str, value: str) -> None:
    assert attachment(name) == value


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_stays_in_its_header_and_can_be_had_back(name: str) -> None:
    value = attachment(name)
    assert value.isascii()
    assert value.isprintable()
    plain = value.removeprefix('attachment; filename="').partition('"')[0]
    exact = value.partition("filename*=UTF-8''")[2]
    assert unquote(exact) == name if exact else plain == name
