"""Who may read and write a flist, for admins: grants, private or not, and its end."""

from __future__ import annotations

from mylist_dav.errors import Invalid, NotFound
from mylist_dav.model.accounts import Right
from mylist_dav.model.names import FlistName
from mylist_dav.web.console.visits import Visit, console_href, flist_href
from mylist_dav.wire.forms import Form
from mylist_dav.wire.messages import Response


def show(visit: Visit, problem: str = "", status: int = 200) -> Response:
    """The page."""
    name = _name(visit)
    library = visit.library
    flist = library.flists.get(visit.actor, name)
    return visit.page(
        "rights",
        here="flists",
        problem=problem,
        status=status,
        flist_name=str(name),
        owner=name.account,
        flist_href=flist_href(name),
        private=flist.private,
        grants=[(grant.account, grant.right.value) for grant in library.grants.grants(visit.actor, name)],
        accounts=[facts.name for facts in library.identity.accounts(visit.actor)],
    )


def act(visit: Visit, form: Form) -> str:
    """Grant, take back, make private or not, delete."""
    name = _name(visit)
    library, what = visit.library, form.get("do")
    if what == "grant":
        library.grants.grant(visit.actor, form.get("account", ""), name, _right(form.get("right", "")))
    elif what == "private":
        library.grants.set_private(visit.actor, name, form.get("private") == "yes")
    elif what == "end":
        return end(visit, name, form)
    else:
        raise Invalid("the form does not say what to do")
    return console_href("rights", *name)


def end(visit: Visit, name: FlistName, form: Form) -> str:
    """Delete a flist, for who has written its name; leads to the first page."""
    if form.get("name", "").strip() != str(name):
        raise Invalid(f"to delete the flist, write its name: {name}")
    visit.library.flists.delete(visit.actor, name)
    return "/"


def _name(visit: Visit) -> FlistName:
    if len(visit.names) != 3:
        raise NotFound("there is no such page")
    return FlistName(visit.names[1], visit.names[2])


def _right(text: str) -> Right:
    try:
        return Right(text)
    except ValueError as error:
        raise Invalid("a right is read, write or none") from error
