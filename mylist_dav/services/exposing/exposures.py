"""Exposures: which flist answers for a host name or a URL prefix.

Admins attach anything anywhere but at the server's own names. With self-service and a base domain, users attach and
detach flists of their own at their own host names; what an admin has put there of somebody else's stays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mylist_dav.errors import Forbidden, Invalid, LimitExceeded, NotFound, TooMany
from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action, TallyKind
from mylist_dav.model.exposures import (
    Exposure,
    Mode,
    check_host,
    check_prefix,
    is_host_of,
    is_key_visitor,
)
from mylist_dav.model.keys import parse_public_key
from mylist_dav.model.names import FlistName, check_account_name
from mylist_dav.services.accounts.tokens import TOKEN_PREFIX
from mylist_dav.services.exposing.phrases import RUNS_MAX, hash_phrase
from mylist_dav.services.rights import (
    exposing_host,
    is_admin,
    may_expose,
    readable,
    require_exposing,
    require_known,
    visible,
)
from mylist_dav.store.catalog import Catalog, Detail, Draft, View
from mylist_dav.store.processes.places import MemoryPlaces, Places

VISITORS_MAX = 1000
EXPOSURES_MAX = 100
"""Of the flists of one account, where it is not an admin who adds one."""


class Exposures:
    """Attach, detach and list."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        protected_prefixes: bool = False,
        own_hosts: Collection[str] = (),
        base_domain: str = "",
        hashing: Places | None = None,
    ) -> None:
        """protected_prefixes: other modes than public are taken on prefixes too. own_hosts: names of the server itself.
        base_domain: below it users have host names of their own, with self-service; '' is nowhere. hashing: places for
        as many pass phrases as there is memory for at once."""
        self._catalog = catalog
        self._protected_prefixes = protected_prefixes
        self._own_hosts = frozenset(own_hosts)
        self._base_domain = base_domain
        self._hashing = hashing or MemoryPlaces(RUNS_MAX)

    def expose(
        self,
        actor: Actor,
        name: FlistName,
        *,
        host: str = "",
        prefix: str = "",
        at_jid: int | None = None,
        mode: Mode = Mode.PUBLIC,
        listing: bool = True,
        dav: str = "off",
        secret: str | None = None,
        visitors: Sequence[str] = (),
    ) -> Exposure:
        """Attach a flist to a host or a prefix, in place of what was there; visible with the next request everywhere.

        at_jid: pin a revision; None follows the head. dav: off, ro, rw. secret: the pass phrase of mode secret.
        visitors: for mode keys, names of accounts, and public keys. Without a secret, or without visitors, those stay
        that the exposure of the same mode at this place has. Raises NotFound (flist, revision, account), BadName,
        Invalid, Forbidden (not this flist, not there; a mode that prefixes may not have), LimitExceeded.
        """
        require_known(actor)
        if bool(host) == bool(prefix):
            raise Invalid("give either a host name or a prefix")
        host, prefix = (check_host(host), "") if host else ("", check_prefix(prefix))
        self._require(actor, host, name)
        if host in self._own_hosts:
            raise Invalid(f"{host} is a name of the server itself: its console would be out of reach")
        self._check(prefix, mode, at_jid, dav)
        if (secret is not None) > (mode is Mode.SECRET) or bool(visitors) > (mode is Mode.KEYS):
            raise Invalid(
                "a pass phrase goes with the mode secret, and a list of visitors with the mode keys"
            )
        if len(visitors) > VISITORS_MAX:
            raise Invalid(f"a list has at most {VISITORS_MAX} visitors")
        listed = [parse_visitor(text) for text in visitors]
        phrase_hash = self._hashed(secret)

        def make(draft: Draft) -> Exposure:
            flist = readable(draft, actor, name)
            draft.tree(flist, at_jid)
            there = _at(draft, host, prefix)
            self._check_room(draft, actor, name, there)
            kept_hash = phrase_hash or (_kept_secret(draft, there) if mode is Mode.SECRET else None)
            kept = listed or (_kept_visitors(draft, there) if mode is Mode.KEYS else [])
            if is_admin(actor):  # users are not told who has an account
                _check_accounts(draft, listed)
            exposure = Exposure(0, host, prefix, name, flist.flist_id, at_jid, mode, listing, dav)
            draft.put_exposure(exposure, kept_hash, kept)
            made = _at(draft, host, prefix)
            assert made is not None
            detail: Detail = {"where": made.where, "mode": mode.value, "dav": dav, "revision": at_jid}
            new: Detail = {"new_secret": secret is not None, "visitors": len(kept)}
            draft.record(actor, Action.EXPOSE, str(name), {**detail, **new})
            return made

        return self._catalog.change(make)

    def _check(self, prefix: str, mode: Mode, at_jid: int | None, dav: str) -> None:
        if dav not in ("off", "ro", "rw"):
            raise Invalid("WebDAV at an exposure is off, ro or rw")
        if dav == "rw" and at_jid is not None:
            raise Invalid("a revision that is pinned can only be read: give ro, or do not pin it")
        if prefix and mode is not Mode.PUBLIC and not self._protected_prefixes:
            raise Forbidden(
                "prefixes share one origin, where the browser does not keep sites apart well enough: give the site a"
                " host name, or allow it with the setting sites.protected_prefixes"
            )

    def _hashed(self, secret: str | None) -> str | None:
        """Raises Invalid, TooMany while others are being hashed."""
        if secret is None:
            return None
        with self._hashing.tried() as mine:
            if not mine:
                raise TooMany("other pass phrases are being looked at just now; try again in a moment", 1)
            return hash_phrase(secret, TOKEN_PREFIX)

    def _require(self, actor: Actor, host: str, name: FlistName) -> None:
        """Raises Unauthenticated, Forbidden."""
        require_exposing(actor, host, self._base_domain)
        if not may_expose(actor, name):
            raise Forbidden("only an admin may do this with a flist of another account")

    def _check_room(self, draft: Draft, actor: Actor, name: FlistName, there: Exposure | None) -> None:
        """Raises Forbidden where another's flist is shown, LimitExceeded."""
        if there is not None:
            self._require(actor, there.host, there.flist_name)
        elif not is_admin(actor):
            count = sum(one.flist_name.account == name.account for one in draft.exposures())
            if count >= EXPOSURES_MAX:
                raise LimitExceeded(f"an account shows its flists at {EXPOSURES_MAX} places at most")

    def unexpose(self, actor: Actor, *, host: str = "", prefix: str = "") -> None:
        """Detach. Raises NotFound, Forbidden."""
        require_known(actor)
        where = (check_host(host), "") if host else ("", check_prefix(prefix))
        require_exposing(actor, where[0], self._base_domain)

        def make(draft: Draft) -> None:
            there = _at(draft, *where)
            if there is None:
                raise NotFound(f"nothing is exposed at {host or prefix}")
            self._require(actor, there.host, there.flist_name)
            draft.remove_exposure(*where)
            draft.records.remove_tally(TallyKind.EXPOSURE, there.host or there.prefix)
            draft.record(actor, Action.UNEXPOSE, str(there.flist_name), {"where": there.where})

        self._catalog.change(make)

    def shown_to(self, actor: Actor) -> list[Exposure]:
        """The exposures of the flists that the caller may read, hosts first."""
        require_known(actor)
        with self._catalog.view() as view:
            readable_ids = {flist.flist_id for flist in visible(view, actor, view.flists())}
            return [exposure for exposure in view.exposures() if exposure.flist_id in readable_ids]

    def of_flist(self, actor: Actor, name: FlistName) -> list[Exposure]:
        """The exposures of one flist. Raises NotFound."""
        with self._catalog.view() as view:
            flist = readable(view, actor, name)
            return view.exposures(flist.flist_id)

    def visitors(self, actor: Actor, exposure: Exposure) -> list[str]:
        """Who is on the list of an exposure of mode keys: accounts, and keys as 64 hex digits."""
        self._require(actor, exposure.host, exposure.flist_name)
        with self._catalog.view() as view:
            return view.visitors(exposure.exposure_id)

    def own_host(self, actor: Actor) -> str:
        """The host name at and below which a user shows own flists; '' for who has none, and for admins."""
        return exposing_host(actor, self._base_domain)

    def list(self, actor: Actor) -> list[Exposure]:
        """The exposures that the caller may change, hosts first. Raises Forbidden for who may have none."""
        own_host = self.own_host(actor)
        require_exposing(actor, own_host, self._base_domain)
        with self._catalog.view() as view:
            found = view.exposures()
        return [
            one
            for one in found
            if not own_host or (may_expose(actor, one.flist_name) and is_host_of(own_host, one.host))
        ]


def parse_visitor(text: str) -> str:
    """An account name, or a public key in either form, as a list has it. Raises Invalid, BadName."""
    if is_key_visitor(text.strip().lower()) or " " in text.strip():
        return parse_public_key(text).hex()
    return check_account_name(text)


def _at(view: View, host: str, prefix: str) -> Exposure | None:
    return next((x for x in view.exposures() if (x.host, x.prefix) == (host, prefix)), None)


def _check_accounts(view: View, listed: Sequence[str]) -> None:
    """Raises NotFound for what is neither a key nor an account."""
    for account in listed:
        if not is_key_visitor(account) and not view.has_account(account):
            raise NotFound(f"there is no account {account}")


def _kept_secret(view: View, there: Exposure | None) -> str:
    """Raises Invalid when there is none to keep."""
    if there is not None and there.mode is Mode.SECRET:
        kept = view.secret_hash(there.exposure_id, there.changed_ns)
        if kept:
            return kept
    raise Invalid("the mode secret needs a pass phrase")


def _kept_visitors(view: View, there: Exposure | None) -> list[str]:
    """Raises Invalid when there are none to keep."""
    kept = view.visitors(there.exposure_id) if there is not None and there.mode is Mode.KEYS else []
    if not kept:
        raise Invalid("the mode keys needs a list of visitors: accounts, or public keys")
    return kept
