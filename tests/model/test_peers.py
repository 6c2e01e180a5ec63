"""Which peers there are, and which addresses of theirs may be connected to."""

from __future__ import annotations

import pytest

from mylist_dav.errors import Forbidden, Invalid
from mylist_dav.model.peers import Peer, peer_called, refuse_private

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822", "2002:5db8:d822::1"]
NOT_PUBLIC = [
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2002:7f00:1::1", "2002:a00:1::1", "400:aaaa::1", "200::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_may_be_connected_to(address: str) -> None:
    refuse_private("peer.example", [address])


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_any_other_address_is_refused_whatever_it_is_written_as(address: str) -> None:
    with pytest.raises(Forbidden, match="private = true"):
        refuse_private("peer.example", [address])
    with pytest.raises(Forbidden):
        refuse_private("peer.example", [PUBLIC[0], address])


def test_a_peer_is_found_by_its_name_or_exactly_its_address() -> None:
    peers = [Peer.checked("a", "https://A.example:443/"), Peer.checked("b", "https://b.example:8443")]
    assert peer_called(peers, "a") is peers[0]
    assert peer_called(peers, "https://a.example") is peers[0]
    for other in ("https://a.example/x", "https://b.example", "http://a.example", "A", ""):
        with pytest.raises(Forbidden):
            peer_called(peers, other)


def test_plain_http_is_for_private_networks() -> None:
    with pytest.raises(Invalid, match="plain HTTP"):
        Peer.checked("a", "http://a.example")
    assert Peer.checked("a", "http://a.example", private=True).url == "http://a.example"


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "a.example", "https://a.example/path", "https://u@a.example"]
)
def test_what_is_no_address_of_a_server_is_no_peer(url: str) -> None:
    with pytest.raises(Invalid):
        Peer.checked("a", url)


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid):
        Peer.checked("a", "https://a.example", "00")
