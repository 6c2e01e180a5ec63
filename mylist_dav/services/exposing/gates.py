"""Who is let in to an exposure: everybody, those who know its pass phrase, those on its list. And who sees all of it.

                                  public   secret                keys
  without credentials                x       -                    -
  with the pass phrase               x       x                    -
  a key or an account on its list,   x       -                    x
  or the account of such a key
  a token that may write here        x       x (dav rw)           x (dav rw)
  an admin who may read the flist    x       x                    x

Of those who come with a token, whoever may read the flist itself sees hidden names too where there is WebDAV: at /dav/
they see them anyway. A token that is limited to another flist opens nothing here.

A visit is what a browser keeps as a cookie after it has been let in: not the phrase or the token, but who came, under a
MAC over the exposure as it is attached now. So it dies when the phrase or the list changes; and the token or key that
opened it is looked up anew each time, so it dies with that too.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from blake3 import blake3

from mylist_dav.errors import Forbidden, Unauthenticated
from mylist_dav.model.actors import GUEST, Actor, Role
from mylist_dav.model.exposures import Exposure, Mode, is_key_visitor
from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.model.visit_text import VisitText
from mylist_dav.services.accounts.identity import Identity
from mylist_dav.services.accounts.tokens import TOKEN_PREFIX, token_hash
from mylist_dav.services.exposing.phrases import Phrases, Secret
from mylist_dav.services.limits.rates import Rate, origin
from mylist_dav.services.rights import may_read, may_write
from mylist_dav.store.catalog import Catalog, View
from mylist_dav.store.processes.places import Places
from mylist_dav.store.processes.tries import Tries

VISIT_CHARS_MAX = 300
SIGNING_SECONDS = 600
"""How long a page with a text to sign is good for."""

SIGNATURES_A_MINUTE = 60
KEPT_SECONDS = 600
_SECOND_NS = 1_000_000_000
_VISIT = re.compile(r"([0-9]{1,12})\.(|[kt][0-9a-f]{64})\.([0-9a-f]{64})")


class Admission(NamedTuple):
    """Somebody was let in to an exposure as it was attached at changed_ns.

    who: what a visit remembers: '' (the pass phrase), 'k' and a public key, 't' and the hash of a token.
    sees_all: may read the flist itself, and so what the exposure hides.
    """

    exposure_id: int
    changed_ns: int
    actor: Actor
    who: str = ""
    sees_all: bool = False

    def is_for(self, exposure: Exposure) -> bool:
        """Whether it was given for this exposure, as it is."""
        return (self.exposure_id, self.changed_ns) == (exposure.exposure_id, exposure.changed_ns)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a browser is to keep. value: printable ASCII without spaces, quotes, commas and semicolons."""

    value: str
    seconds: int

    def __repr__(self) -> str:
        return f"Visit(…, {self.seconds} s)"


class Gates:
    """The gate of every exposure."""

    def __init__(
        self,
        catalog: Catalog,
        identity: Identity,
        clock: Callable[[], int],
        mac: Callable[[bytes], bytes],
        visit_seconds: int,
        new_nonce: Callable[[], bytes] = lambda: secrets.token_bytes(32),
        *,
        counted: Tries | None = None,
        places: Places | None = None,
    ) -> None:
        """mac: 32 bytes for a message, under a key that all processes share and that is not in the catalog; the first
        line of a message says what it is for. visit_seconds: how long a visit lasts. counted, places: see Phrases."""
        self._catalog = catalog
        self._identity = identity
        self._clock = clock
        self._new_mac = mac
        self._visit_seconds = visit_seconds
        self._new_nonce = new_nonce
        self._phrases = Phrases(clock, counted=counted, places=places)
        self._signed = Rate(
            "visit", SIGNATURES_A_MINUTE, 60, clock, "too many visitors came from here", counted
        )

    def admit_guest(self, exposure: Exposure) -> Admission:
        """Raises Unauthenticated unless everybody may look."""
        if exposure.mode is not Mode.PUBLIC:
            raise _closed()
        return _admission(exposure, GUEST)

    def admit_token(
        self, exposure: Exposure, token: str, account: str | None = None, *, address: str = ""
    ) -> Admission:
        """account: the user name that came with the token, if one did. address: where it came from.

        Raises Unauthenticated (the token does not hold, or a pass phrase is asked for), Forbidden (not on the list).
        """
        actor = self._identity.actor_for(token, account, address=address)
        with self._catalog.view() as view:
            return self._weigh(view, exposure, actor, f"t{token_hash(token).hex()}")

    def admit_password(
        self, exposure: Exposure, account: str | None, password: str, address: str
    ) -> Admission:
        """What somebody typed: a token, or the pass phrase, with which any account goes.

        Raises Unauthenticated, Forbidden, TooMany.
        """
        if exposure.mode is not Mode.SECRET or password.startswith(TOKEN_PREFIX):
            return self.admit_token(exposure, password, account, address=address)
        with self._catalog.glance() as view:
            phrase_hash = view.secret_hash(exposure.exposure_id, exposure.changed_ns)
        secret = Secret(exposure.exposure_id, exposure.changed_ns, phrase_hash or "")
        if not phrase_hash or not self._phrases.is_right(secret, password, address):
            self._identity.note_failure(address)
            raise _closed()
        return _admission(exposure, GUEST)

    def admit_visit(self, exposure: Exposure, value: str) -> Admission:
        """Whoever was let in before. Raises Unauthenticated, Forbidden."""
        found = _VISIT.fullmatch(value) if len(value) <= VISIT_CHARS_MAX else None
        if found is None:
            raise _closed()
        ends, who, mac = found.groups()
        wanted = self._mac(exposure, ends, who)
        if not hmac.compare_digest(mac, wanted) or int(ends) * _SECOND_NS <= self._clock():
            raise _closed()
        if not who:
            if exposure.mode is not Mode.SECRET:
                raise _closed()
            return _admission(exposure, GUEST)
        with self._catalog.view() as view:
            if who[0] == "t":
                holder = view.token_holder(bytes.fromhex(who[1:]), self._clock())
                if holder is None:
                    raise _closed()
                return self._weigh(view, exposure, holder.actor, who)
            return self._weigh_key(view, exposure, PublicKey(bytes.fromhex(who[1:])))

    def admit_key(self, exposure: Exposure, key: PublicKey) -> Admission:
        """Who has proved to have the private half. Raises Forbidden, Unauthenticated."""
        with self._catalog.view() as view:
            return self._weigh_key(view, exposure, key)

    def text_to_sign(self, exposure: Exposure) -> str:
        """What a visitor signs to come in by key, within some minutes. Nothing is kept of it."""
        ends = self._clock() // _SECOND_NS + SIGNING_SECONDS
        bare = VisitText(exposure.host, self._new_nonce(), ends)
        return bare._replace(mac=self._text_mac(exposure, bare)).text

    def admit_signature(
        self, exposure: Exposure, key: PublicKey, text: str, signature: bytes, address: str
    ) -> Admission:
        """Who has signed a text of ours. Each text counts once, in all processes; only one that lets in is kept.

        Raises Forbidden, in the same words for an unknown key and a wrong signature; Unauthenticated when the text
        is not of this exposure or over; TooMany, Invalid.
        """
        self._signed.take(origin(address))
        parsed = VisitText.parse(text)
        mac = self._text_mac(exposure, parsed._replace(mac=b""))
        ends_ns = parsed.expires_seconds * _SECOND_NS
        if not hmac.compare_digest(mac, parsed.mac) or ends_ns <= self._clock():
            raise _closed()
        if not verify(key, text.encode(), signature):
            raise _unlisted()
        try:
            admission = self.admit_key(exposure, key)
        except Unauthenticated as error:
            raise _unlisted() from error
        used = blake3(text.encode()).digest()
        forget_ns = self._clock() - KEPT_SECONDS * _SECOND_NS
        if not self._catalog.change(lambda draft: draft.use_nonce(used, ends_ns, forget_ns)):
            raise _closed()
        return admission

    def visit(self, exposure: Exposure, admission: Admission) -> Visit:
        """What lets the same visitor in again for a while."""
        ends = str(self._clock() // _SECOND_NS + self._visit_seconds)
        who = admission.who
        return Visit(f"{ends}.{who}.{self._mac(exposure, ends, who)}", self._visit_seconds)

    # -- inside ------------------------------------------------------------------------------------------------

    def _weigh_key(self, view: View, exposure: Exposure, key: PublicKey) -> Admission:
        who = f"k{key.hex()}"
        if exposure.mode is Mode.KEYS and key.hex() in view.visitors(exposure.exposure_id):
            return _admission(exposure, GUEST, who)
        owner = view.key_actor(key)
        if owner is None:
            raise _unlisted() if exposure.mode is Mode.KEYS else _closed()
        return self._weigh(view, exposure, owner, who)

    def _weigh(self, view: View, exposure: Exposure, actor: Actor, who: str) -> Admission:
        """The table above, for somebody who is known."""
        flist = view.flist_by_id(exposure.flist_id)
        sees_all = may_read(view, actor, flist)
        admission = _admission(exposure, actor, who, sees_all)
        if exposure.mode is Mode.PUBLIC:
            return admission
        if sees_all and (actor.role is Role.ADMIN or (exposure.dav_writes and may_write(view, actor, flist))):
            return admission
        if exposure.mode is not Mode.KEYS:
            raise _closed()
        if not self._is_listed(view, exposure, actor):
            raise _unlisted()
        return admission

    def _is_listed(self, view: View, exposure: Exposure, actor: Actor) -> bool:
        only = actor.scope.flist_name
        in_scope = only is None or only == exposure.flist_name
        if not in_scope or is_key_visitor(actor.account):  # whoever is called like a key is meant by no list
            return False
        listed = view.visitors(exposure.exposure_id)
        return actor.account in listed or any(each.key.hex() in listed for each in view.keys(actor.account))

    def _text_mac(self, exposure: Exposure, bare: VisitText) -> bytes:
        about = f"mylist visit text 1\n{exposure.exposure_id}\n{exposure.changed_ns}\n{bare.text}"
        return self._new_mac(about.encode())

    def _mac(self, exposure: Exposure, ends: str, who: str) -> str:
        text = (
            f"mylist visit 1\n{exposure.exposure_id}\n{exposure.changed_ns}\n{exposure.host}\n{ends}\n{who}"
        )
        return self._new_mac(text.encode()).hex()


def _admission(exposure: Exposure, actor: Actor, who: str = "", sees_all: bool = False) -> Admission:
    return Admission(exposure.exposure_id, exposure.changed_ns, actor, who, sees_all)


def _closed() -> Unauthenticated:
    """One wording, whatever is wrong."""
    return Unauthenticated("this site is not open to everybody, and what was sent does not open it")


def _unlisted() -> Forbidden:
    return Forbidden("this site is open to those on its list, and you are not on it")
