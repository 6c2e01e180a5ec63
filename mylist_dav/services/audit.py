"""Looking at what was recorded: rows of the audit, and sums of traffic. Writing: each change does it for itself."""

from __future__ import annotations

from typing import NamedTuple

from mylist_dav.errors import Forbidden, Invalid
from mylist_dav.model.actors import Actor, Role
from mylist_dav.model.audit import LIMIT_MAX, Audited, Tally, TallyKind, Wanted
from mylist_dav.services.rights import require_admin, require_unlimited
from mylist_dav.store.catalog import Catalog, View


class Total(NamedTuple):
    """Sums since counting began; stored_bytes: what the heads of the flists hold now, 0 for exposures."""

    kind: TallyKind
    name: str
    requests: int
    up_bytes: int
    down_bytes: int
    stored_bytes: int


class Audit:
    """The verbs on records."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rows(self, actor: Actor, wanted: Wanted) -> list[Audited]:
        """The newest rows that are wanted, newest first. Admins see all, users what they did themselves.

        Raises Unauthenticated, Forbidden, Invalid (a limit that is none).
        """
        require_unlimited(actor)
        if not 1 <= wanted.limit <= LIMIT_MAX:
            raise Invalid(f"1 to {LIMIT_MAX} rows can be asked for at once")
        if actor.role is not Role.ADMIN:
            if wanted.account not in (None, actor.account):
                raise Forbidden("only an admin may see what others did")
            wanted = wanted._replace(account=actor.account)
        with self._catalog.view() as view:
            return view.records.audit(wanted)

    def totals(self, actor: Actor) -> list[Total]:
        """Of every account, flist and exposure, in this order and by name."""
        require_admin(actor)
        with self._catalog.view() as view:
            stored: dict[str, int] = dict.fromkeys(view.accounts(), 0)
            flists: dict[str, int] = {}
            for flist in view.flists():
                stored[flist.flist_name.account] += flist.size_bytes
                flists[str(flist.flist_name)] = flist.size_bytes
            return [
                *_totals(view, TallyKind.ACCOUNT, stored),
                *_totals(view, TallyKind.FLIST, flists),
                *_totals(view, TallyKind.EXPOSURE, {}),
            ]


def _totals(view: View, kind: TallyKind, stored: dict[str, int]) -> list[Total]:
    """Of whatever has traffic, or is there."""
    counted = {tally.name: tally for tally in view.records.tallies(kind)}
    nothing = Tally(kind, "", 0, 0, 0)
    return [
        Total(kind, name, *counted.get(name, nothing)[2:], stored.get(name, 0))
        for name in sorted({*counted, *stored})
    ]
