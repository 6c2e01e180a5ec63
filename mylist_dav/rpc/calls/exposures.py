"""exposure.*: which flist answers for a host name or a prefix."""

from __future__ import annotations

from mylist_dav.model.actors import Actor
from mylist_dav.model.exposures import Exposure as ExposureRow
from mylist_dav.model.exposures import Mode
from mylist_dav.model.names import FlistName
from mylist_dav.rpc.methods import AnyMethod, Method
from mylist_dav.rpc.paging import page
from mylist_dav.services.opening import Library
from mylist_dav.wire.documents.calls import ExposureSet, Paged, Place
from mylist_dav.wire.documents.exposures import Exposure, Exposures
from mylist_dav.wire.documents.upkeep import Done


def list_exposures(library: Library, actor: Actor, asked: Paged) -> Exposures:
    """What is published where, hosts first. For admins."""
    with library.reading():
        found, after = page(library.exposures.list(actor), _order, asked.after, asked.limit)
        return Exposures(exposures=[_exposure(library, actor, one) for one in found], next=after)


def set_exposure(library: Library, actor: Actor, asked: ExposureSet) -> Exposure:
    """Publish a flist on a host name or below a prefix, in place of what was there. For admins.

    Without a secret, or without visitors, those stay that the place has in the same mode.
    """
    made = library.exposures.expose(
        actor,
        FlistName.parse(asked.flist),
        host=asked.host or "",
        prefix=asked.prefix or "",
        at_jid=asked.at_jid,
        mode=Mode(asked.mode),
        listing=asked.listing,
        dav=asked.dav,
        secret=asked.secret,
        visitors=asked.visitors or (),
    )
    return _exposure(library, actor, made)


def remove_exposure(library: Library, actor: Actor, asked: Place) -> Done:
    """Take a website off a host name or prefix. For admins. The flist stays."""
    library.exposures.unexpose(actor, host=asked.host or "", prefix=asked.prefix or "")
    return Done()


METHODS: list[AnyMethod] = [
    Method("exposure.list", Paged, Exposures, list_exposures),
    Method("exposure.set", ExposureSet, Exposure, set_exposure),
    Method("exposure.remove", Place, Done, remove_exposure),
]


def _order(one: ExposureRow) -> str:
    return f"0{one.host}" if one.host else f"1{one.prefix}"


def _exposure(library: Library, actor: Actor, one: ExposureRow) -> Exposure:
    visitors = library.exposures.visitors(actor, one) if one.mode is Mode.KEYS else None
    return Exposure.model_validate(
        {
            "host": one.host or None,
            "prefix": one.prefix or None,
            "flist": str(one.flist_name),
            "at_jid": one.at_jid,
            "mode": one.mode.value,
            "listing": one.listing,
            "dav": one.dav,
            "visitors": visitors,
            "changed_ns": one.changed_ns,
        }
    )
