"""Who may do what: every verb of the services, by everybody, on a flist that is private or not, against the table."""

from __future__ import annotations

import contextlib
import inspect
import io
from collections.abc import Callable, Iterator
from itertools import count, product
from pathlib import Path
from typing import NamedTuple

import pytest
from nacl.signing import SigningKey

from mylist_dav.errors import Forbidden, MylistError, NotFound, PreconditionFailed, Unauthenticated
from mylist_dav.model.accounts import Right
from mylist_dav.model.actors import EVERYTHING, GUEST, OPERATOR, Actor, Role, Scope
from mylist_dav.model.audit import Wanted
from mylist_dav.model.conditions import Conditions, Place, StateList, StateTest
from mylist_dav.model.digest import Digest
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.locks import Scope as LockScope
from mylist_dav.model.names import FlistName
from mylist_dav.model.operations import MakeDirectory
from mylist_dav.model.paths import TreePath
from mylist_dav.services.accounts.key_proofs import Proof
from mylist_dav.services.archives.exports import Format
from mylist_dav.services.opening import Library
from mylist_dav.services.rights import reach, readable
from mylist_dav.services.tree.properties import PropertyChange
from mylist_dav.services.tree.trees import Attributes
from mylist_dav.settings import load
from mylist_dav.wire.documents.trees import member_of
from tests.shelf import Clock

# -- the table -------------------------------------------------------------------------------------------------

ROWS = {
    # who            reads      writes     makes, deletes and shows, under the own name
    "stranger": ("public", "", False),
    "reader": ("public private", "", False),
    "writer": ("public private", "public private", False),
    "owner": ("public private", "", False),
    "owner, self-service": ("public private", "public private", True),
    "stranger, self-service": ("public", "", False),
    "reader, self-service": ("public private", "", False),
    "admin": ("public private", "public private", True),
    "operator": ("public private", "public private", True),
}
SCOPES = ("everything", "read only", "this flist", "this flist, read only", "another flist")
ADMINS = ("admin", "operator")


def expected(who: str, scope: str, private: bool, kind: str) -> type[MylistError] | None:
    """What the table says: None for what is allowed."""
    if who == "guest":
        return Unauthenticated
    kept = "private" if private else "public"
    reads, writes, makes = ROWS[who]
    there = kept in reads.split() and scope != "another flist"
    if kind in ("read", "write", "remove") and not there:
        return NotFound
    if kind == "read":
        return None
    if kind == "write":
        return None if kept in writes.split() and "read only" not in scope else Forbidden
    if scope != "everything":
        return Forbidden
    if kind in ("remove", "create", "show"):
        return None if makes else Forbidden
    if kind == "list shown":
        return None if who in ADMINS or "self-service" in who else Forbidden
    if kind == "manage":
        return None if who in ADMINS else Forbidden
    assert kind in ("own", "of owner", "kept by owner")
    if kind == "own" or who in ADMINS or who.startswith("owner"):
        return None
    return NotFound if kind == "kept by owner" else Forbidden


# -- the verbs -------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """A flist in which a verb is tried. key: one of its owner. token_id: of a token of its owner."""

    library: Library
    name: FlistName
    token_id: str
    lock_token: str
    number: int

    def place(self, path: str) -> Place:
        return Place(self.name, TreePath.parse(path))

    @property
    def key(self) -> PublicKey:
        return PublicKey(self.number.to_bytes(32, "big"))


Verb = Callable[[Case, Actor], object]


def _conditions(*lock_tokens: str) -> Conditions:
    return Conditions(lock_tokens=frozenset(lock_tokens))


def _put(case: Case, actor: Actor) -> object:
    upload = case.library.uploads.open(actor, case.place("put"))
    upload.write(b"x")
    return upload.finish()


def _unlabel(case: Case, actor: Actor) -> None:
    with contextlib.suppress(NotFound):
        case.library.labels.set(OPERATOR, case.name, "second", 1)
    case.library.labels.remove(actor, case.name, "second")


def _rename(case: Case, actor: Actor) -> None:
    """There and back."""
    other = FlistName(case.name.account, f"renamed{case.number}")
    case.library.flists.rename(actor, case.name, other)
    case.library.flists.rename(OPERATOR, other, case.name)


def _import(case: Case, actor: Actor, name: FlistName, make: bool) -> object:
    imports = case.library.imports
    folder = Path(case.library.settings.store.data).parent / "site"
    return imports.run(actor, name, imports.folder(folder), merge=True, make=make)


def _add_signed_key(case: Case, actor: Actor) -> object:
    pair = SigningKey((case.number + 2**64).to_bytes(32, "big"))
    text = case.library.key_proofs.text("owner")
    proof = Proof(text, pair.sign(text.encode()).signature)
    return case.library.identity.add_key(actor, "owner", PublicKey(bytes(pair.verify_key)), proof=proof)


READ: dict[str, Verb] = {
    "trees.stat": lambda case, actor: case.library.trees.stat(actor, case.place("f")),
    "trees.resolve": lambda case, actor: case.library.trees.resolve(actor, case.place("none")),
    "trees.list": lambda case, actor: case.library.trees.list(actor, case.place("")),
    "trees.walk": lambda case, actor: list(case.library.trees.walk(actor, case.place(""))),
    "flists.get": lambda case, actor: case.library.flists.get(actor, case.name),
    "flists.may_write": lambda case, actor: case.library.flists.may_write(actor, case.name),
    "flists.room_bytes": lambda case, actor: case.library.flists.room_bytes(actor, case.name),
    "flists.log": lambda case, actor: case.library.flists.log(actor, case.name),
    "differences.page": lambda case, actor: case.library.differences.page(actor, case.name, 1),
    "exposures.of_flist": lambda case, actor: case.library.exposures.of_flist(actor, case.name),
    "trees.page": lambda case, actor: case.library.trees.page(actor, case.name),
    "trees.recipes": lambda case, actor: case.library.trees.recipes(actor, case.name, iter(())),
    "labels.list": lambda case, actor: case.library.labels.list(actor, case.name),
    "properties.get": lambda case, actor: case.library.properties.get(actor, case.place("f")),
    "properties.of_entry": lambda case, actor: case.library.properties.of_entry(
        actor, case.place("f"), case.library.trees.stat(OPERATOR, case.place("f"))
    ),
    "properties.of_members": lambda case, actor: case.library.properties.of_members(
        actor, case.place(""), case.library.trees.stat(OPERATOR, case.place(""))
    ),
    "locks.covering": lambda case, actor: case.library.locks.covering(actor, case.place("f")),
    "locks.all": lambda case, actor: case.library.locks.all(actor, case.place("")),
    "manifests.manifest": lambda case, actor: case.library.manifests.manifest(actor, case.name),
    "exports.open": lambda case, actor: case.library.exports.open(actor, case.name, Format.TAR),
}
WRITE: dict[str, Verb] = {
    "uploads.open": _put,
    "trees.make_directory": lambda case, actor: case.library.trees.make_directory(actor, case.place("made")),
    "trees.set_attributes": lambda case, actor: case.library.trees.set_attributes(
        actor, case.place("f"), Attributes(mode=0o600)
    ),
    "trees.move": lambda case, actor: case.library.trees.move(
        actor, case.place("b.txt"), case.place("moved"), overwrite=False
    ),
    "trees.copy": lambda case, actor: case.library.trees.copy(
        actor, case.place("f"), case.place("copied"), overwrite=False
    ),
    "trees.delete": lambda case, actor: case.library.trees.delete(actor, case.place("a.txt")),
    "properties.change": lambda case, actor: case.library.properties.change(
        actor, case.place("f"), [PropertyChange("{n}a", "<a/>")]
    ),
    "changes.commit": lambda case, actor: case.library.changes.commit(
        actor, case.name, None, [MakeDirectory(path=TreePath.parse("committed"))]
    ),
    "whole_trees.check": lambda case, actor: case.library.whole_trees.check(actor, case.name, None, ""),
    "whole_trees.put": lambda case, actor: case.library.whole_trees.put(
        actor,
        case.name,
        case.library.imports.lines(io.BytesIO(b'{"kind": "directory", "path": "n"}'), member_of),
        merge=True,
    ),
    "labels.set": lambda case, actor: case.library.labels.set(actor, case.name, "first", 1),
    "labels.remove": lambda case, actor: _unlabel(case, actor),
    "locks.take": lambda case, actor: case.library.locks.take(
        actor, case.place("free"), scope=LockScope.SHARED, infinite=False, owner_xml="", timeout_seconds=60
    ),
    "locks.refresh": lambda case, actor: case.library.locks.refresh(
        actor, case.place("held"), 60, _conditions(case.lock_token)
    ),
    "locks.release": lambda case, actor: case.library.locks.release(
        actor, case.place("held"), case.lock_token
    ),
    "imports.check": lambda case, actor: case.library.imports.check(actor, case.name, make=False),
    "imports.check_archive": lambda case, actor: case.library.imports.check_archive(
        actor, case.name, make=False
    ),
    "imports.run": lambda case, actor: _import(case, actor, case.name, False),
    "flists.rollback": lambda case, actor: case.library.flists.rollback(
        actor, case.name, 1, _conditions(*_held(case))
    ),
}
REMOVE: dict[str, Verb] = {
    "flists.rename": lambda case, actor: _rename(case, actor),
    "flists.delete": lambda case, actor: case.library.flists.delete(actor, case.name),
}
CREATE: dict[str, Verb] = {
    "flists.create": lambda case, actor: case.library.flists.create(
        actor, FlistName("owner", f"created{case.number}")
    ),
    "imports.run, a new flist": lambda case, actor: _import(
        case, actor, FlistName("owner", f"imported{case.number}"), True
    ),
}
SHOW: dict[str, Verb] = {
    "exposures.expose, at a host of the owner": lambda case, actor: case.library.exposures.expose(
        actor, case.name, host="x.owner.sites.example"
    ),
    "exposures.expose, at a host of whoever does it": lambda case, actor: case.library.exposures.expose(
        actor, case.name, host=f"{actor.account or 'any'}.sites.example"
    ),
    "exposures.visitors, of the owner": lambda case, actor: case.library.exposures.visitors(
        actor,
        next(one for one in case.library.exposures.list(OPERATOR) if one.host == "kept.owner.sites.example"),
    ),
    "exposures.unexpose, of the owner": lambda case, actor: case.library.exposures.unexpose(
        actor, host="x.owner.sites.example"
    ),
}
LIST_SHOWN: dict[str, Verb] = {
    "exposures.list": lambda case, actor: case.library.exposures.list(actor),
}
MANAGE: dict[str, Verb] = {
    "exposures.expose": lambda case, actor: case.library.exposures.expose(actor, case.name, prefix="/x"),
    "exposures.expose, at any host": lambda case, actor: case.library.exposures.expose(
        actor, case.name, host="www.example.org"
    ),
    "exposures.expose, at the domain itself": lambda case, actor: case.library.exposures.expose(
        actor, case.name, host="sites.example"
    ),
    "exposures.expose, at a host of another user": lambda case, actor: case.library.exposures.expose(
        actor, case.name, host="spare.sites.example"
    ),
    "exposures.visitors": lambda case, actor: case.library.exposures.visitors(
        actor, next(one for one in case.library.exposures.list(OPERATOR) if one.prefix == "/another")
    ),
    "exposures.unexpose": lambda case, actor: case.library.exposures.unexpose(actor, prefix="/x"),
    "grants.grant": lambda case, actor: case.library.grants.grant(actor, "spare", case.name, Right.READ),
    "grants.grants": lambda case, actor: case.library.grants.grants(actor, case.name),
    "grants.set_private": lambda case, actor: case.library.grants.set_private(
        actor, case.name, case.library.flists.get(OPERATOR, case.name).private
    ),
    "identity.add_account": lambda case, actor: case.library.identity.add_account(
        actor, f"new{case.number}", Role.ADMIN
    ),
    "identity.accounts": lambda case, actor: case.library.identity.accounts(actor),
    "identity.set_disabled": lambda case, actor: case.library.identity.set_disabled(actor, "spare", False),
    "identity.set_quota": lambda case, actor: case.library.identity.set_quota(actor, "spare", 5),
    "audit.totals": lambda case, actor: case.library.audit.totals(actor),
    "collector.run": lambda case, actor: case.library.collector.run(actor, dry_run=True),
    "holdings.verify": lambda case, actor: case.library.holdings.verify(actor, []),
    "holdings.delete": lambda case, actor: case.library.holdings.delete(actor, []),
    "imports.remove_leftovers": lambda case, actor: case.library.imports.remove_leftovers(actor),
    "server_key.rotate": lambda case, actor: case.library.server_key.rotate(actor),
    "upkeep.totals": lambda case, actor: case.library.upkeep.totals(actor),
    "upkeep.verify": lambda case, actor: list(case.library.upkeep.verify(actor)),
    "upkeep.check": lambda case, actor: case.library.upkeep.check(actor),
    "watch.details": lambda case, actor: case.library.watch.details(actor),
    "watch.require_reader": lambda case, actor: case.library.watch.require_reader(actor, "", hops=False),
    "upkeep.resume_writes": lambda case, actor: case.library.upkeep.resume_writes(actor),
}
OWN: dict[str, Verb] = {
    "audit.rows": lambda case, actor: case.library.audit.rows(actor, Wanted()),
    "identity.keys": lambda case, actor: case.library.identity.keys(actor),
    "identity.tokens": lambda case, actor: case.library.identity.tokens(actor),
}
OF_OWNER: dict[str, Verb] = {
    "identity.add_key": lambda case, actor: _add_signed_key(case, actor),
    "identity.keys, of an account": lambda case, actor: case.library.identity.keys(actor, "owner"),
    "identity.new_token": lambda case, actor: case.library.identity.new_token(actor, "owner"),
    "identity.tokens, of an account": lambda case, actor: case.library.identity.tokens(actor, "owner"),
}
KEPT_BY_OWNER: dict[str, Verb] = {
    "identity.remove_key": lambda case, actor: case.library.identity.remove_key(actor, case.key),
    "identity.revoke_token": lambda case, actor: case.library.identity.revoke_token(actor, case.token_id),
}
VERBS: dict[str, dict[str, Verb]] = {
    "read": READ,
    "write": WRITE,
    "create": CREATE,
    "show": SHOW,
    "list shown": LIST_SHOWN,
    "manage": MANAGE,
    "own": OWN,
    "of owner": OF_OWNER,
    "kept by owner": KEPT_BY_OWNER,
    "remove": REMOVE,  # the last: nothing is left of the flist
}
LISTINGS = {"flists.list", "flists.page", "flists.accounts", "flists.has_account", "exposures.shown_to"}
"""They refuse nobody but guests, and show what may be read."""

OF_BLOCKS = {"holdings.exists", "holdings.find", "holdings.upload", "holdings.receive"}
"""A block is in any number of flists: test_holdings.py has who may do what with it."""

OF_FILES = {
    "single_files.open", "single_files.require_place", "single_files.check_body", "single_files.find",
    "single_files.check", "single_files.takes_long", "single_files.reread",
}  # fmt: skip
"""So is a content, and each account stores files of its own: api/test_files.py has who may do what."""

OF_JOBS = {"jobs.new_body", "jobs.start", "jobs.list", "jobs.cancel"}
"""A job belongs to who began it: test_jobs.py has who may do what."""


FOR_ALL = {"exposures.own_host", "changes.outdated"}
"""They say what the caller may, or may know, and refuse nobody."""


def _held(case: Case) -> list[str]:
    return [lock.token for lock, _ in case.library.locks.all(OPERATOR, case.place(""))]


def test_every_verb_of_the_services_stands_in_this_table(library: Library) -> None:
    found = {
        f"{attribute}.{name}"
        for attribute, service in vars(library).items()
        if type(service).__module__.startswith("mylist_dav.services.")
        for name, method in inspect.getmembers(type(service), inspect.isfunction)
        if not name.startswith("_") and "actor" in inspect.signature(method).parameters
    }
    listed = {verb.partition(",")[0] for verbs in VERBS.values() for verb in verbs}
    listed |= LISTINGS | FOR_ALL | OF_BLOCKS | OF_FILES | OF_JOBS
    assert found == listed


# -- everybody, on everything ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("rights")
    site = folder / "site"
    site.mkdir()
    for name in ("f", "a.txt", "b.txt", "free", "held"):
        (site / name).write_text(name)
    opened = Library(
        load(
            given={
                "store.data": str(folder / "data"),
                "store.durability": "os",
                "accounts.self_service": True,
                "accounts.base_domain": "sites.example",
            }
        ),
        Clock(),
    )
    for account in ("stranger", "reader", "writer", "owner", "spare"):
        opened.identity.add_account(OPERATOR, account, Role.USER)
    opened.identity.add_account(OPERATOR, "admin", Role.ADMIN)
    opened.flists.create(OPERATOR, FlistName("owner", "another"))
    opened.exposures.expose(OPERATOR, FlistName("owner", "another"), prefix="/another")
    opened.exposures.expose(OPERATOR, FlistName("owner", "another"), host="kept.owner.sites.example")
    yield opened
    opened.close()


_numbers = count(1)


def case_of(library: Library, who: Actor, private: bool) -> Case:
    """A new flist of owner, with grants for reader and writer, and a lock of whoever tries."""
    number = next(_numbers)
    name = FlistName("owner", f"flist{number}")
    case = Case(library, name, "", "", number)
    _import(case, OPERATOR, name, True)
    library.grants.set_private(OPERATOR, name, private)
    library.grants.grant(OPERATOR, "reader", name, Right.READ)
    library.grants.grant(OPERATOR, "writer", name, Right.WRITE)
    for known in library.identity.keys(OPERATOR, "owner"):
        library.identity.remove_key(OPERATOR, known.key)  # of cases before: an account has a bounded number
    library.identity.add_key(OPERATOR, "owner", case.key)
    library.identity.new_token(OPERATOR, "owner", label=str(number))
    token_id = next(one.token_id for one in library.identity.tokens(OPERATOR) if one.label == str(number))
    lock = library.locks.take(
        Actor(who.account, Role.ADMIN),
        case.place("held"),
        scope=LockScope.EXCLUSIVE,
        infinite=False,
        owner_xml="",
        timeout_seconds=600,
    ).lock
    return case._replace(token_id=token_id, lock_token=lock.token)


def actor_of(library: Library, who: str, scope: str, name: FlistName) -> Actor:
    """Who comes with a token of this scope, as the front ends learn it."""
    if who in ("guest", "operator"):
        return GUEST if who == "guest" else OPERATOR
    token_scope = {
        "everything": EVERYTHING,
        "read only": Scope(None, True),
        "this flist": Scope(name),
        "this flist, read only": Scope(name, True),
        "another flist": Scope(FlistName("owner", "another")),
    }[scope]
    account = who.partition(",")[0]
    token = library.identity.new_token(OPERATOR, account, scope=token_scope)
    actor = library.identity.actor_for(token, account)
    return actor if "self-service" in who or account == "admin" else actor._replace(self_service=False)


EVERYBODY = [
    *product([who for who in ROWS if who != "operator"], SCOPES),
    ("operator", "everything"),
    ("guest", "everything"),
]


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
@pytest.mark.parametrize(("who", "scope"), EVERYBODY)
def test_every_verb_does_what_the_table_says(library: Library, who: str, scope: str, private: bool) -> None:
    account = "" if who in ("guest", "operator") else who.partition(",")[0]
    case = case_of(library, Actor(account, Role.ADMIN), private)
    actor = actor_of(library, who, scope, case.name)
    before = library.flists.get(OPERATOR, case.name)
    wrong = []
    for kind, verbs in VERBS.items():
        for name, verb in verbs.items():
            found, wanted = outcome_of(verb, case, actor), expected(who, scope, private, kind)
            if found is not wanted:
                wrong.append(f"{name}: {found and found.__name__}, not {wanted and wanted.__name__}")
    assert wrong == []
    if expected(who, scope, private, "write") is not None and expected(who, scope, private, "remove"):
        assert library.flists.get(OPERATOR, case.name) == before


def outcome_of(verb: Verb, case: Case, actor: Actor) -> type[MylistError] | None:
    try:
        verb(case, actor)
    except MylistError as error:
        return type(error)
    return None


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
@pytest.mark.parametrize(("who", "scope"), EVERYBODY)
def test_what_may_be_read_is_listed_and_nothing_else(
    library: Library, who: str, scope: str, private: bool
) -> None:
    case = case_of(library, GUEST, private)
    actor = actor_of(library, who, scope, case.name)
    if who == "guest":
        for listing in (
            lambda: library.flists.list(actor),
            lambda: library.flists.page(actor),
            lambda: library.flists.accounts(actor),
            lambda: library.exposures.shown_to(actor),
            lambda: library.flists.has_account(actor, "owner"),
        ):
            with pytest.raises(Unauthenticated):
                listing()
        return
    there = expected(who, scope, private, "read") is None
    library.exposures.expose(OPERATOR, case.name, prefix=f"/{case.number}")
    assert (case.name in {one.flist_name for one in library.exposures.shown_to(actor)}) == there
    if there:
        may_write = expected(who, scope, private, "write") is None
        assert library.flists.may_write(actor, case.name) == may_write
    everywhere = [flist.flist_name for flist in library.flists.list(actor)]
    assert (case.name in everywhere) == there
    assert [flist.flist_name for flist in library.flists.page(actor, limit=1000).flists] == everywhere
    if "this flist" in scope:
        assert everywhere == [case.name] * there
    accounts = library.flists.accounts(actor)
    alone = "flist" in scope
    assert ("owner" in accounts) == ("owner" in {name.account for name in everywhere} or (who == "owner"))
    assert (account_of(who) in accounts) == (not alone or account_of(who) == "owner") or who == "operator"
    for account in ("owner", "spare", "nobody"):
        assert library.flists.has_account(actor, account) == (account in accounts)


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
@pytest.mark.parametrize(("who", "scope"), EVERYBODY)
def test_contents_may_be_named_by_those_who_may_read_them(
    library: Library, who: str, scope: str, private: bool
) -> None:
    case = case_of(library, GUEST, private)
    actor = actor_of(library, who, scope, case.name)
    if who == "guest":
        with pytest.raises(Unauthenticated):
            reach(actor)
        return
    content = f"content {case.number}".encode()
    upload = library.uploads.open(OPERATOR, case.place("unique"))
    upload.write(content)
    upload.finish()
    there = expected(who, scope, private, "read") is None
    with library.catalog.view() as view:
        claims = view.claims(reach(actor), library.clock())
        assert claims.may_name_content(Digest.of(content)) == there
        assert list(claims.blocks_named([Digest.of(content)])) == [Digest.of(content)] * there
        assert not claims.may_name_content(Digest.of(b"unknown"))


def account_of(who: str) -> str:
    return who.partition(",")[0]


# -- what cannot be told apart ---------------------------------------------------------------------------------


def unknown(case: Case) -> Case:
    return case._replace(name=FlistName("owner", "unknown"))


def test_what_may_not_be_read_answers_as_what_is_not_there(library: Library) -> None:
    case = case_of(library, OPERATOR, True)
    actor = actor_of(library, "stranger", "everything", case.name)
    for verbs in (READ, WRITE, REMOVE):
        for name, verb in verbs.items():
            said = set()
            for tried in (case, unknown(case)):
                if name in ("properties.of_entry", "properties.of_members") and tried is not case:
                    continue
                with pytest.raises(NotFound) as caught:
                    verb(tried, actor)
                said.add((type(caught.value), str(caught.value).replace(str(tried.name), "...")))
            assert len(said) == 1, name


@pytest.mark.parametrize("scope", ["everything", "another flist"])
def test_as_much_is_looked_up_for_what_is_not_there_as_for_what_may_not_be_read(
    library: Library, scope: str
) -> None:
    case = case_of(library, OPERATOR, True)
    actor = actor_of(library, "stranger", scope, case.name)
    looked_up: list[list[str]] = []
    for tried in (case, unknown(case)):
        statements: list[str] = []
        with library.catalog.view() as view, pytest.raises(NotFound):
            connection = view._sql
            connection.exec_trace = lambda _, sql, __, found=statements: found.append(sql) or True
            try:
                readable(view, actor, tried.name)
            finally:
                connection.exec_trace = None
        looked_up.append(statements)
    assert looked_up[0] == looked_up[1]
    assert bool(looked_up[0]) == (scope == "everything")


def test_a_condition_tells_nothing_of_a_flist_that_may_not_be_read(library: Library) -> None:
    hidden = case_of(library, OPERATOR, True)
    mine = case_of(library, OPERATOR, False)
    actor = actor_of(library, "writer", "this flist", mine.name)
    etag = library.trees.stat(OPERATOR, hidden.place("f")).etag
    seen = Conditions(state_lists=(StateList(hidden.place("f"), (StateTest(None, etag, False),)),))
    with pytest.raises(PreconditionFailed):
        library.trees.make_directory(actor, mine.place("d"), seen)
    lock = Conditions(
        state_lists=(StateList(hidden.place("held"), (StateTest(hidden.lock_token, None, False),)),)
    )
    with pytest.raises(PreconditionFailed):
        library.trees.make_directory(actor, mine.place("d"), lock)
    library.trees.make_directory(OPERATOR, mine.place("d"), seen)


@pytest.mark.parametrize("move", [False, True])
def test_a_copy_reads_its_source_and_writes_its_target(library: Library, move: bool) -> None:
    act = library.trees.move if move else library.trees.copy
    for who, error in (("stranger", NotFound), ("reader", Forbidden), ("guest", Unauthenticated)):
        hidden, mine = case_of(library, OPERATOR, True), case_of(library, OPERATOR, False)
        actor = actor_of(library, who, "everything", mine.name)
        if who != "guest":
            library.grants.grant(OPERATOR, account_of(who), mine.name, Right.WRITE)
        with pytest.raises(error):
            act(actor, mine.place("f"), hidden.place("x"), overwrite=True)
        if who == "reader" and not move:
            act(actor, hidden.place("f"), mine.place("x"), overwrite=True)
            continue
        with pytest.raises(error):
            act(actor, hidden.place("f"), mine.place("x"), overwrite=True)


# -- when rights are taken away --------------------------------------------------------------------------------


def test_a_grant_that_is_taken_away_stops_an_upload_that_is_under_way(library: Library) -> None:
    case = case_of(library, OPERATOR, False)
    actor = actor_of(library, "writer", "everything", case.name)
    upload = library.uploads.open(actor, case.place("new"))
    upload.write(b"x")
    library.grants.grant(OPERATOR, "writer", case.name, Right.NONE)
    with pytest.raises(Forbidden):
        upload.finish()


def test_a_flist_that_becomes_private_ends_a_walk_that_is_under_way(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mylist_dav.services.tree.trees.WALK_PAGE", 1)
    monkeypatch.setattr("mylist_dav.store.catalog.trees.WALK_PAGE", 1)
    case = case_of(library, OPERATOR, False)
    actor = actor_of(library, "stranger", "everything", case.name)
    walk = library.trees.walk(actor, case.place(""))
    next(walk)
    library.grants.set_private(OPERATOR, case.name, True)
    with pytest.raises(NotFound):
        list(walk)


def test_a_small_file_of_somebody_who_may_not_write_leaves_no_block(library: Library) -> None:
    case = case_of(library, OPERATOR, False)
    actor = actor_of(library, "reader", "everything", case.name)
    with pytest.raises(Forbidden):
        library.uploads.open(actor, case.place("new"), check_now=False)
