import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import Misdirected
from mylist_dav.wire.hosts import parse_host


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("site.example", "site.example"),
        ("Site.EXAMPLE:8080", "site.example"),
        ("localhost", "localhost"),
        ("site.example.", "site.example"),
        ("site.example.:80", "site.example"),
        ("site.example:", "site.example"),
        ("site.example:00080", "site.example"),
        ("site.example:65535", "site.example"),
        ("my_host-1", "my_host-1"),
        ("192.0.2.7:80", "192.0.2.7"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        ("[::1]:8080", "[::1]"),
        ("[::ffff:192.0.2.7]", "[::ffff:192.0.2.7]"),
    ],
)
def test_the_host_is_lower_case_without_port_and_the_authority_stays(authority: str, host: str) -> None:
    assert parse_host([authority]) == (host, authority)


def test_white_space_around_the_value_is_not_part_of_it() -> None:
    assert parse_host([" site.example:80\t"]) == ("site.example", "site.example:80")


@pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        ["site.example", "site.example"],
        ["site.example", "other.example"],
        ["bad host"],
        ["a/b"],
        ["a\\b"],
        ["a,b"],
        ["user@site.example"],
        ["site.example:80:80"],
        ["site.example:x"],
        ["site.example:65536"],
        ["site.example:٣"],
        [":80"],
        ["."],
        [".."],
        ["site..example"],
        [".site.example"],
        ["site.example.."],
        ["s%69te.example"],
        ["sité.example"],
        ["site.example\n"],
        ["site.example\0"],
        ["[]"],
        ["[::1"],
        ["::1"],
        ["[1:2]"],
        ["[::1]x"],
        ["[fe80::1%eth0]"],
        ["[v1.x]"],
        ["a" * 300],
    ],
)
def test_a_missing_repeated_or_malformed_host_is_misdirected(values: list[str]) -> None:
    with pytest.raises(Misdirected):
        parse_host(values)


@given(st.lists(st.text(max_size=300), max_size=2))
def test_any_value_is_read_or_misdirected(values: list[str]) -> None:
    try:
        host, authority = parse_host(values)
    except Misdirected:
        return
    assert authority == values[0].strip(" \t")
    assert host == host.lower() and authority.lower().startswith(host) and "/" not in host
