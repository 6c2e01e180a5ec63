"""MKCOL, DELETE, COPY and MOVE (RFC 4918, 9.3, 9.6, 9.8, 9.9): each is one commit, however much lies below."""

from __future__ import annotations

from mylist_dav.dav.calls import Call
from mylist_dav.dav.conditions import conditions_of
from mylist_dav.dav.following import following
from mylist_dav.dav.locations import Level
from mylist_dav.dav.putting import MTIME_ACCEPTED, parse_mtime_ns
from mylist_dav.dav.refusals import bad_gateway, locked, locked_member
from mylist_dav.errors import Conflict, Invalid, Locked, NotFound, UnsupportedMedia
from mylist_dav.model.conditions import Place
from mylist_dav.model.paths import TreePath
from mylist_dav.services.tree.trees import Moved
from mylist_dav.wire.davheaders import Depth, parse_depth, parse_destination, parse_overwrite
from mylist_dav.wire.messages import Response


def mkcol(call: Call) -> Response:
    """A folder; right below an account, a flist."""
    if call.body:
        raise UnsupportedMedia("MKCOL takes no body here")
    place = call.location.place
    if call.location.level is Level.FLIST and call.mount.flist_name is None:
        call.library.flists.create(call.actor, place.flist_name)
        return Response(201)
    conditions = conditions_of(call.request, call.mount)
    trees = call.library.trees
    following(call, place, lambda at: trees.make_directory(call.actor, at, conditions), last=False)
    return Response(201)


def delete(call: Call) -> Response:
    """An entry with all that is below it, or nothing; a link itself, not what it leads to."""
    place = call.location.place
    _refuse_shallow(call, place)
    conditions = conditions_of(call.request, call.mount)
    trees = call.library.trees
    try:
        following(call, place, lambda at: trees.delete(call.actor, at, conditions), last=False)
    except Locked as error:
        return _locked(call, error, [place])
    return Response(204)


def copy(call: Call) -> Response:
    """Raises Invalid for a Depth other than 0 and infinity."""
    depth = parse_depth(call.header("depth"), Depth.INFINITY)
    if depth is Depth.ONE:
        raise Invalid("the Depth of COPY is 0 or infinity")
    return _copy_or_move(call, members=depth is Depth.INFINITY, move=False)


def move(call: Call) -> Response:
    """Of a collection always with all its members."""
    _refuse_shallow(call, call.location.place)
    return _copy_or_move(call, members=True, move=True)


def _copy_or_move(call: Call, *, members: bool, move: bool) -> Response:
    destination = parse_destination(call.header("destination"), call.request.host)
    if destination.foreign:
        return bad_gateway()
    source = call.location.place
    target = call.mount.destination(destination.path)
    overwrite = parse_overwrite(call.header("overwrite"))
    conditions = conditions_of(call.request, call.mount)
    trees = call.library.trees

    def act(source: Place, target: Place) -> Moved:
        if move:
            return trees.move(call.actor, source, target, overwrite=overwrite, conditions=conditions)
        return trees.copy(
            call.actor, source, target, overwrite=overwrite, members=members, conditions=conditions
        )

    try:
        moved = following(
            call,
            source,
            lambda at: following(call, target, lambda to: act(at, to), last=False),
            last=False,
        )
    except Locked as error:
        return _locked(call, error, [target, source])
    except NotFound:
        _refuse_missing_flist(call, target)
        raise
    return Response(201 if moved.created else 204, _mtime_headers(call, moved))


def _mtime_headers(call: Call, moved: Moved) -> list[tuple[str, str]]:
    """A copy and a moved file keep their modification time; if that is the one a client asks for, it is told so."""
    wanted = call.header("x-oc-mtime")
    if wanted is None:
        return []
    same = parse_mtime_ns(wanted) // 1_000_000_000 == moved.entry.mtime_ns // 1_000_000_000
    return [MTIME_ACCEPTED] if same else []


def _refuse_shallow(call: Call, place: Place) -> None:
    """DELETE and MOVE of a collection take all of it: another Depth is a mistake (RFC 4918, 9.6.1 and 9.9.2)."""
    if parse_depth(call.header("depth"), Depth.INFINITY) is not Depth.INFINITY:
        _, entry = call.library.trees.resolve(call.actor, place, last=False)
        if entry is not None and entry.is_directory:
            raise Invalid(f"the Depth of {call.request.method} of a collection is infinity")


def _refuse_missing_flist(call: Call, target: Place) -> None:
    """A Destination in a flist that is not there has no parent (RFC 4918, 9.8.5: 409). Raises Conflict."""
    try:
        call.library.flists.get(call.actor, target.flist_name)
    except NotFound as error:
        raise Conflict(f"there is no flist {target.flist_name} to put it in") from error


def _locked(call: Call, error: Locked, places: list[Place]) -> Response:
    """423 for a lock on the way, 207 for one on a member: nothing was done in either case. places: of the request."""
    if error.path is None:
        raise error
    path = TreePath.parse(error.path)
    around = next((place for place in places if path.is_within(place.path)), places[-1])
    place = Place(around.flist_name, path)
    if len(path) > len(around.path):
        return locked_member(call.mount, place)
    return locked(call.request, call.mount, place)
