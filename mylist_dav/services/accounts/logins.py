"""Logging in with a key: a signature over a text of ours gives a token.

Challenges are not kept: a challenge is known again by its mac, so that a flood of requests writes nothing. Only a text
that came with a valid signature of a known key is remembered, until it would be refused for its age; that and the new
token are one transaction, so that a text counts once in all processes.

Who has no valid signature learns nothing: an unknown key, a disabled account and a bad signature cost the same work and
give the same answer.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from blake3 import blake3

from mylist_dav.errors import BadSettings, Invalid, LimitExceeded, Unauthenticated, Unsupported
from mylist_dav.model.actors import Role
from mylist_dav.model.audit import Action
from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.model.login_text import NONCE_BYTES, Challenge, one_shot_text
from mylist_dav.model.server_address import canonical_server
from mylist_dav.model.server_keys import offer_text
from mylist_dav.services.accounts.server_key import ServerKey
from mylist_dav.services.accounts.tokens import TOKENS_MAX, new_secret, token_hash, token_id
from mylist_dav.services.ledger import Ledger
from mylist_dav.services.limits.rates import Rate, origin
from mylist_dav.store.catalog import Catalog, Draft
from mylist_dav.store.processes.tries import Tries

CHALLENGE_SECONDS = 120
SKEW_SECONDS = 60
KEPT_SECONDS = 600
"""How much longer than needed a used text is remembered: a clock may be set back a little."""

CHALLENGES_A_MINUTE = 120
LOGINS_A_MINUTE = 60
LOGINS_OF_A_KEY_A_MINUTE = 30
LABEL = "login with a key"

_SECOND_NS = 1_000_000_000
_NOBODY = PublicKey(bytes(32))
"""A point of small order: it is refused as anybody's key."""

_REFUSAL = "no login: the key is unknown or its account disabled, or the signature does not hold"
_USED = "no login: this signature was used before; sign a new text"


class Offer(NamedTuple):
    """A challenge to be signed. signature: of the server, over offer_text(text). expires_ns: since the epoch."""

    text: str
    expires_ns: int
    signature: bytes


class Issued(NamedTuple):
    """A token, and whose it is."""

    token: str
    expires_ns: int
    account: str
    role: Role

    def __repr__(self) -> str:
        return f"Issued(…, {self.expires_ns}, {self.account!r}, {self.role!r})"


class _Caller(NamedTuple):
    """Where a login comes from, for the record."""

    address: str
    request_id: str


class Logins:
    """The verbs of logging in. addresses: what the server is called, canonical; the first is the one it says itself.

    life_seconds: of the tokens. clock: nanoseconds since the epoch. new_nonce: 32 random bytes. counted: where tries
    are, in this process by default.
    """

    def __init__(
        self,
        catalog: Catalog,
        server_key: ServerKey,
        clock: Callable[[], int],
        addresses: Sequence[str],
        *,
        life_seconds: int,
        new_nonce: Callable[[], bytes] = lambda: secrets.token_bytes(NONCE_BYTES),
        ledger: Ledger | None = None,
        counted: Tries | None = None,
    ) -> None:
        self._catalog = catalog
        self._server_key = server_key
        self._clock = clock
        self.addresses = tuple(addresses)
        self._life_seconds = life_seconds
        self._new_nonce = new_nonce
        self._ledger = ledger

        def rate(name: str, tries: int, what: str) -> Rate:
            return Rate(name, tries, 60, clock, what, counted)

        self._asked = rate("challenge", CHALLENGES_A_MINUTE, "too many challenges were asked for from here")
        self._tried = rate("login", LOGINS_A_MINUTE, "too many logins were tried from here")
        # Two, or who knows a public key could lock its owner out by failing with it.
        self._failed = rate("failed", LOGINS_OF_A_KEY_A_MINUTE, "too many logins with this key have failed")
        self._done = rate("done", LOGINS_OF_A_KEY_A_MINUTE, "too many logins with this key")

    def challenge(self, key: PublicKey, server: str = "", *, address: str = "") -> Offer:
        """A text for this key to sign within two minutes. Writes nothing, and does not look whether the key is known.

        server: what the client knows this server as; the text names it if that is so, else what the server says of
        itself, and it is for the client to refuse. Raises TooMany; Unsupported when the server has no public address.
        """
        self._asked.take(origin(address))
        if not self.addresses:
            raise Unsupported(
                "logging in with a key needs [server] public_url, which is not set on this server"
            )
        expires_seconds = self._clock() // _SECOND_NS + CHALLENGE_SECONDS
        name = server if server in self.addresses else self.addresses[0]
        bare = Challenge(name, self._server_key.public, key, self._new_nonce(), expires_seconds)
        text = bare._replace(mac=self._server_key.mac(bare.text.encode())).text
        signature = self._server_key.sign(offer_text(text).encode())
        return Offer(text, expires_seconds * _SECOND_NS, signature)

    def login(
        self, key: PublicKey, text: str, signature: bytes, *, address: str = "", request_id: str = ""
    ) -> Issued:
        """A token for a signed challenge. Raises Unauthenticated, Invalid (no such text), TooMany."""
        self._tried.take(origin(address))
        challenge = Challenge.parse(text)
        with self._counted(key, address):
            return self._login(key, text, challenge, signature, _Caller(address, request_id))

    def _login(
        self, key: PublicKey, text: str, challenge: Challenge, signature: bytes, caller: _Caller
    ) -> Issued:
        if not self._server_key.has_made(challenge._replace(mac=b"").text.encode(), challenge.mac):
            raise Unauthenticated("no login: the challenge is not of this server; ask for a new one")
        if challenge.server not in self.addresses:
            raise Unauthenticated("no login: the challenge names another address; ask for a new one")
        expires_ns = challenge.expires_seconds * _SECOND_NS
        if self._clock() > expires_ns:
            raise Unauthenticated("no login: the challenge has expired; ask for a new one")
        holds = verify(key, text.encode(), signature) and key == challenge.key
        return self._finish(key, text, holds, expires_ns, caller)

    def login_at(
        self,
        key: PublicKey,
        server_url: str,
        epoch_seconds: int,
        nonce: bytes,
        signature: bytes,
        *,
        address: str = "",
        request_id: str = "",
    ) -> Issued:
        """A token for a signed text that the client made itself, at most a minute ago (or ahead).

        Raises Unauthenticated, Invalid, TooMany.
        """
        self._tried.take(origin(address))
        server = canonical_server(server_url)
        with self._counted(key, address):
            caller = _Caller(address, request_id)
            return self._login_at(key, server, epoch_seconds, nonce, signature, caller)

    def _login_at(
        self, key: PublicKey, server: str, epoch_seconds: int, nonce: bytes, signature: bytes, caller: _Caller
    ) -> Issued:
        if server not in self.addresses:
            raise Unauthenticated("no login: the text names another server than this one")
        accepted = self._server_key.accepted
        texts = [one_shot_text(server, each, key, nonce, epoch_seconds) for each in accepted]
        skew_ns = abs(self._clock() - epoch_seconds * _SECOND_NS)
        if skew_ns > SKEW_SECONDS * _SECOND_NS:
            raise Unauthenticated(
                f"no login: the signed time is more than {SKEW_SECONDS} s off; set the clock"
            )
        held = [text for text in texts if verify(key, text.encode(), signature)]
        expires_ns = (epoch_seconds + SKEW_SECONDS) * _SECOND_NS
        return self._finish(key, (held or texts)[0], bool(held), expires_ns, caller)

    @contextmanager
    def _counted(self, key: PublicKey, address: str) -> Iterator[None]:
        """Count a refusal, whatever it was for."""
        try:
            yield
        except Unauthenticated:
            if self._ledger is not None:
                self._ledger.login_failed(address, key=str(key))
            raise

    def _finish(self, key: PublicKey, text: str, holds: bool, expires_ns: int, caller: _Caller) -> Issued:
        """Look for the owner of the key; then refuse, or issue.

        A key whose signature does not hold is not looked for: finding a row costs 3 µs more than finding none, which
        would tell who is known here. Looked for is then a key that nobody has: as when an unknown key signs well.
        """
        with self._catalog.glance() as view:
            owner = view.key_actor(key if holds else _NOBODY)
        if owner is None or not holds:
            self._failed.take(bytes(key))
            raise Unauthenticated(_REFUSAL)
        self._done.take(bytes(key))
        used = blake3(text.encode()).digest()
        return self._catalog.change(lambda draft: self._issue(draft, key, used, expires_ns, caller))

    def _issue(
        self, draft: Draft, key: PublicKey, used: bytes, text_expires_ns: int, caller: _Caller
    ) -> Issued:
        owner = draft.key_actor(key)  # once more: what held before may not hold any longer
        if owner is None:
            raise Unauthenticated(_REFUSAL)
        if draft.now_ns > text_expires_ns or not draft.use_nonce(
            used, text_expires_ns, draft.now_ns - KEPT_SECONDS * _SECOND_NS
        ):
            raise Unauthenticated(_USED)
        secret = new_secret()
        expires_ns = draft.now_ns + self._life_seconds * _SECOND_NS
        draft.add_token(token_hash(secret), owner.account, LABEL, expires_ns)
        if draft.count_tokens(owner.account) > TOKENS_MAX:
            raise LimitExceeded(
                f"no login: the account has {TOKENS_MAX} tokens; log out somewhere, or wait for a day"
            )
        draft.note_key_use(key)
        detail = {"key": str(key), "token": token_id(token_hash(secret))}
        draft.record(owner._replace(**caller._asdict()), Action.LOGIN, "", detail)
        return Issued(secret, expires_ns, owner.account, owner.role)


def own_addresses(public_url: str, listen: Sequence[str]) -> tuple[str, ...]:
    """What a server is called in logins: its public_url, else where it listens on loopback; at worst nothing.

    Never what a Host header says, nor an address that others can reach: many machines have the same one in their own
    networks. listen: HOST:PORT each, as bound. Raises BadSettings.
    """
    if public_url:
        try:
            return (canonical_server(public_url),)
        except Invalid as error:
            raise BadSettings(f"[server] public_url is refused: {error}") from error
    places = [(each, *each.rpartition(":")[::2]) for each in listen]
    local = [(each, port) for each, host, port in places if _is_loopback(host)]
    urls = [f"http://{each}" for each, _ in local] + [f"http://localhost:{port}" for _, port in local]
    return tuple(dict.fromkeys(map(canonical_server, urls)))


def own_hosts(public_url: str, hosts: Iterable[str]) -> frozenset[str]:
    """The names that a server itself has, without ports. hosts: those it is told."""
    public = urlsplit(public_url).hostname
    return frozenset([*hosts, public] if public else hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
