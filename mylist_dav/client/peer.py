"""A link to a peer: pinned to where it may be, and logged in with this server's own key.

Nothing is asked twice here: whoever copies begins again with what is still missing, which costs a question.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

from mylist_dav.client.dialling import PINNED_RATE_BYTES_MIN, Patience, Pinned
from mylist_dav.client.direct import DirectHttp
from mylist_dav.client.link import Link
from mylist_dav.client.proving import Signer, log_in
from mylist_dav.errors import Forbidden, MylistError
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.peers import Peer

_LOGOUT_SECONDS = 10.0
_ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""A page of a tree with paths of the greatest length."""


@contextlib.contextmanager
def logged_in(peer: Peer, dial: Pinned, signer: Signer, patience: Patience | None = None) -> Iterator[Link]:
    """A session with a peer. Raises Forbidden (not the key that is set, not to be connected to), Unreachable, ..."""
    name = f"the peer {peer.name}"
    http = DirectHttp(peer.url, dial, patience or Patience(rate_bytes_min=PINNED_RATE_BYTES_MIN))
    with contextlib.closing(
        Link(http, peer.url, where=name, speaker=f"{name}: ", answer_bytes_max=_ANSWER_BYTES_MAX)
    ) as link:
        link.token = log_in(link, signer, partial(_accept, peer)).text("token")
        try:
            yield link
        finally:
            with contextlib.suppress(MylistError):  # the token expires by itself
                link.json("POST", "/api/v1/logout", timeout_seconds=_LOGOUT_SECONDS)


def _accept(peer: Peer, key: PublicKey) -> None:
    if peer.key not in (None, key):
        raise Forbidden(
            f"{peer.url} has the key {key}, which is not the one that is set for this peer; nothing was sent"
        )
