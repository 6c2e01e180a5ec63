"""Proofs that whoever adds a key to an account has its private half: a signature over a text of the server.

Nothing is kept of a text: it is known again by its mac, and names the account, so that using it twice does nothing new.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NamedTuple

from mylist_dav.errors import Invalid
from mylist_dav.model.key_text import KeyText
from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.services.accounts.server_key import ServerKey

SIGNING_SECONDS = 600
_SECOND_NS = 1_000_000_000


class Proof(NamedTuple):
    """A text of ours, and what a key has made of it."""

    text: str
    signature: bytes


class KeyProofs:
    """Makes the texts and looks at the signatures."""

    def __init__(
        self,
        server_key: ServerKey,
        clock: Callable[[], int],
        new_nonce: Callable[[], bytes] = lambda: secrets.token_bytes(32),
    ) -> None:
        self._server_key = server_key
        self._clock = clock
        self._new_nonce = new_nonce

    def text(self, account: str) -> str:
        """What a key signs to be added to an account, within some minutes."""
        ends = self._clock() // _SECOND_NS + SIGNING_SECONDS
        bare = KeyText(self._server_key.public, account, self._new_nonce(), ends)
        return bare._replace(mac=self._server_key.mac(bare.text.encode())).text

    def check(self, account: str, key: PublicKey, proof: Proof) -> None:
        """Raises Invalid unless the key has signed a text of ours for this account."""
        parsed = KeyText.parse(proof.text)
        ours = self._server_key.has_made(parsed._replace(mac=b"").text.encode(), parsed.mac)
        if not ours or parsed.account != account:
            raise Invalid("what was signed is not of this server, or not for this account: ask for it again")
        if parsed.expires_seconds * _SECOND_NS <= self._clock():
            raise Invalid("what was signed is too old: ask for it again")
        if not verify(key, proof.text.encode(), proof.signature):
            raise Invalid("the signature is not of this key")
