"""Exposures: which flist answers for a host name or a URL prefix."""

from __future__ import annotations

from mylist_dav.errors import Invalid, NotFound, Unsupported
from mylist_dav.model.actors import Actor
from mylist_dav.model.exposures import Exposure, Mode, check_host, check_prefix
from mylist_dav.model.names import FlistName
from mylist_dav.services.rights import require_admin, require_known, visible
from mylist_dav.store.catalog import Catalog, Draft


class Exposures:
    """Attach, detach and list."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

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
    ) -> Exposure:
        """Attach a flist to a host or a prefix, in place of what was there; visible with the next request everywhere.

        at_jid: pin a revision; None follows the head. Raises NotFound (flist, revision), BadName, Invalid.
        """
        require_admin(actor)
        if bool(host) == bool(prefix):
            raise Invalid("give either a host name or a prefix")
        if mode is not Mode.PUBLIC or dav != "off":
            raise Unsupported("only public exposures without WebDAV of their own are offered yet")
        host, prefix = (check_host(host), "") if host else ("", check_prefix(prefix))

        def make(draft: Draft) -> Exposure:
            flist = draft.flist(name)
            draft.tree(flist, at_jid)
            draft.put_exposure(Exposure(0, host, prefix, name, flist.flist_id, at_jid, mode, listing, dav))
            return next(x for x in draft.exposures() if (x.host, x.prefix) == (host, prefix))

        return self._catalog.change(make)

    def unexpose(self, actor: Actor, *, host: str = "", prefix: str = "") -> None:
        """Detach. Raises NotFound."""
        require_admin(actor)
        where = (check_host(host), "") if host else ("", check_prefix(prefix))
        if not self._catalog.change(lambda draft: draft.remove_exposure(*where)):
            raise NotFound(f"nothing is exposed at {host or prefix}")

    def shown_to(self, actor: Actor) -> list[Exposure]:
        """The exposures of the flists that the caller may read, hosts first."""
        require_known(actor)
        with self._catalog.view() as view:
            readable_ids = {flist.flist_id for flist in visible(view, actor, view.flists())}
            return [exposure for exposure in view.exposures() if exposure.flist_id in readable_ids]

    def list(self, actor: Actor) -> list[Exposure]:
        """All exposures, hosts first."""
        require_admin(actor)
        with self._catalog.view() as view:
            return view.exposures()
