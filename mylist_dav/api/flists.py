"""Flists as a whole: find them, make, name and delete them, and labels for their revisions."""

from __future__ import annotations

from itertools import groupby
from urllib.parse import quote

from mylist_dav.api.bodies import model_response
from mylist_dav.api.conditions import require_none
from mylist_dav.api.operations import Call, Operation
from mylist_dav.model.entries import Flist
from mylist_dav.model.names import FlistName
from mylist_dav.services.tree.flists import Wanted
from mylist_dav.wire.cursors import cursor, read_cursor
from mylist_dav.wire.documents import flists as documents
from mylist_dav.wire.messages import Response

ADDRESS = "/api/v1/flists/{account}/{name}"
_TAG = "Flists"


def operations() -> list[Operation]:
    """Creating, renaming and deleting are for admins, and for users where self-service is on."""
    return [
        Operation(
            "GET", "/api/v1/flists", "listFlists", _TAG,
            "The flists that one may see, by account", found,
            query=documents.FlistsAsked, told=documents.FlistsFound,
        ),
        Operation(
            "POST", "/api/v1/flists", "makeFlist", _TAG, "Make an empty flist", make,
            body=documents.NewFlist, told=documents.FlistDetails, status=201,
        ),
        Operation(
            "GET", ADDRESS, "getFlist", _TAG, "A flist: its size, revisions, exposures and labels", get,
            told=documents.FlistDetails,
        ),
        Operation(
            "PATCH", ADDRESS, "changeFlist", _TAG, "Rename a flist, or change who may read it", change,
            body=documents.FlistSettings, told=documents.FlistDetails,
        ),
        Operation(
            "DELETE", ADDRESS, "deleteFlist", _TAG, "Delete a flist and all its revisions", delete, status=204
        ),
        Operation(
            "DELETE", "/flist/{account}/{name}", "deleteFlistShortly", _TAG,
            "The same, at the address of its archives", delete, status=204,
        ),
        Operation(
            "GET", f"{ADDRESS}/labels", "listLabels", _TAG, "The named revisions of a flist", labels,
            told=documents.LabelsTold,
        ),
        Operation(
            "PUT", f"{ADDRESS}/labels/{{label}}", "setLabel", _TAG,
            "Name a revision, which is kept from then on; a label that is there moves", set_label,
            body=documents.RevisionAsked, told=documents.LabelTold,
        ),
        Operation(
            "DELETE", f"{ADDRESS}/labels/{{label}}", "removeLabel", _TAG, "Forget a label", remove_label,
            status=204,
        ),
    ]  # fmt: skip


def found(call: Call) -> documents.FlistsFound:
    """One page."""
    asked: documents.FlistsAsked = call.query
    wanted = Wanted(asked.account, asked.name_contains or "", _flag(asked.private), _flag(asked.exposed))
    after = None
    if asked.after is not None:
        account, name = read_cursor(asked.after, str, str)
        after = FlistName(str(account), str(name))
    page = call.library.flists.page(call.actor, wanted, after, asked.limit)
    groups = groupby(page.flists, lambda flist: flist.flist_name.account)
    return documents.FlistsFound(
        accounts=[
            documents.AccountFlists(account=account, flists=list(map(documents.Flist.of, some)))
            for account, some in groups
        ],
        next=None if page.next is None else cursor(*page.next),
    )


def make(call: Call) -> Response:
    """201 with the address of the flist."""
    asked: documents.NewFlist = call.body
    flist = call.library.flists.create(call.actor, FlistName.parse(asked.name), private=asked.private)
    return model_response(_details(call, flist), 201, ("location", address_of(flist.flist_name)))


def get(call: Call) -> documents.FlistDetails:
    return _details(call, call.library.flists.get(call.actor, call.flist_name))


def change(call: Call) -> documents.FlistDetails:
    """Both settings at once, or neither."""
    require_none(call.request)
    asked: documents.FlistSettings = call.body
    name = call.flist_name
    new_name = name if asked.name is None else FlistName.parse(asked.name)
    if new_name != name:
        name = call.library.flists.rename(call.actor, name, new_name, private=asked.private).flist_name
    elif asked.private is not None:
        call.library.grants.set_private(call.actor, name, asked.private)
    return _details(call, call.library.flists.get(call.actor, name))


def delete(call: Call) -> Response:
    require_none(call.request)
    call.library.flists.delete(call.actor, call.flist_name)
    return empty()


def labels(call: Call) -> documents.LabelsTold:
    kept = call.library.labels.list(call.actor, call.flist_name)
    return documents.LabelsTold(labels=list(map(documents.LabelTold.of, kept)))


def set_label(call: Call) -> documents.LabelTold:
    require_none(call.request)
    asked: documents.RevisionAsked = call.body
    label = call.library.labels.set(call.actor, call.flist_name, call.names["label"], asked.jid)
    return documents.LabelTold.of(label)


def remove_label(call: Call) -> Response:
    require_none(call.request)
    call.library.labels.remove(call.actor, call.flist_name, call.names["label"])
    return empty()


def empty() -> Response:
    """204."""
    return Response(204, [("cache-control", "no-store")])


def address_of(name: FlistName) -> str:
    """Where the API has a flist."""
    return f"/api/v1/flists/{quote(name.account, safe='')}/{quote(name.name, safe='')}"


def _details(call: Call, flist: Flist) -> documents.FlistDetails:
    library, actor, name = call.library, call.actor, flist.flist_name
    return documents.FlistDetails(
        **documents.flist_fields(flist),
        may_write=library.flists.may_write(actor, name),
        exposures=list(map(documents.ExposureTold.of, library.exposures.of_flist(actor, name))),
        labels=list(map(documents.LabelTold.of, library.labels.list(actor, name))),
    )


def _flag(text: str | None) -> bool | None:
    return None if text is None else text == "1"
