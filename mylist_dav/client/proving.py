"""Proving to a server who one is: its challenge is signed, if it is a login here and the server has the key it names.

What is signed is checked before: a text that names another server than the one that was asked for is refused, whoever
hands it on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mylist_dav.client.answers import Fields
from mylist_dav.client.link import Link
from mylist_dav.errors import Forbidden, Invalid
from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.model.login_text import Challenge
from mylist_dav.model.server_keys import offer_text


class Signer(Protocol):
    """Whatever can sign with an Ed25519 key: a PrivateKey, an AgentKey, a server's own key."""

    @property
    def public(self) -> PublicKey: ...

    def sign(self, message: bytes) -> bytes: ...


def log_in(link: Link, signer: Signer, accept: Callable[[PublicKey], object]) -> Fields:
    """The answer to a login, with its token. accept: gets the server's key, and raises if it is not the right one.

    Raises Unauthenticated (the server refuses the key), and Forbidden or what accept raises: then nothing was signed.
    """
    asked = {"key": signer.public.hex(), "server": link.server}
    offer = link.json("POST", "/api/v1/login/challenge", asked)
    text = offer.text("challenge")
    accept(_checked(link.server, text, offer.text("signature"), signer.public))
    proof = {"key": signer.public.hex(), "challenge": text, "signature": signer.sign(text.encode()).hex()}
    return link.json("POST", "/api/v1/login", proof, again=False)


def _checked(server: str, text: str, signature: str, key: PublicKey) -> PublicKey:
    """The key of a server that may be told who one is. Raises Forbidden for a text that must not be signed."""
    try:
        challenge = Challenge.parse(text)
        offered = verify(challenge.server_key, offer_text(text).encode(), bytes.fromhex(signature))
    except (Invalid, ValueError) as error:
        raise Forbidden(f"{server} asks to sign what is no login; nothing was signed") from error
    if challenge.server != server:
        raise Forbidden(
            f"{server} asks to sign a login for {challenge.server}; nothing was signed. If that is the"
            " address you were told, use it. If not, somebody stands between"
        )
    if challenge.key != key or not offered:
        raise Forbidden(f"{server} does not show that it has the key it names; nothing was signed")
    return challenge.server_key
