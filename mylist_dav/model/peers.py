"""Peers: other servers that this one copies to. Which address of theirs may be connected to is decided here."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple, Self

from mylist_dav.errors import Forbidden, Invalid
from mylist_dav.model.keys import PublicKey, parse_public_key
from mylist_dav.model.server_address import canonical_server

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Peer(NamedTuple):
    """One peer. url: its address as it knows it itself, as canonical_server gives it.

    key: what its key must be; None: whatever it shows. private: its host may be in a network that is not the internet.
    """

    name: str
    url: str
    key: PublicKey | None
    private: bool

    @classmethod
    def checked(cls, name: str, url: str, key: str = "", *, private: bool = False) -> Self:
        """From texts. Raises Invalid: no address of a server, no key, or plain HTTP over the internet."""
        address = canonical_server(url)
        if address.startswith("http://") and not private:
            raise Invalid(f"the peer {name} is reached over plain HTTP: that is for private networks only")
        return cls(name, address, parse_public_key(key) if key else None, private)


def peer_called(peers: Iterable[Peer], named: str) -> Peer:
    """The peer of a name or of exactly this address. Raises Forbidden: nothing is sent to anybody else."""
    for peer in peers:
        if named in (peer.name, peer.url):
            return peer
    raise Forbidden(f"{named[:80]!r} is no peer that this server is set up with")


def refuse_private(host: str, addresses: Iterable[str]) -> None:
    """Raise Forbidden if any of the addresses of a host is not one of the public internet.

    So a name cannot lead to this machine, to its network, or to what answers about it at 169.254.169.254.
    """
    for address in addresses:
        if not all(_is_public(each) for each in _meant(ipaddress.ip_address(address.partition("%")[0]))):
            raise Forbidden(
                f"{host} is at {address}, which is not on the public internet;"
                " if it is meant to be there, say private = true for this peer"
            )


def _meant(address: _Address) -> list[_Address]:
    """An address, and those of IPv4 that it may stand for."""
    found: list[_Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        inner = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
        found += [each for each in inner if each is not None]
        if address in _NAT64:
            found.append(ipaddress.IPv4Address(address.packed[-4:]))
    return found


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address in _NAT64:
        return True  # what it stands for is looked at beside it
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )
