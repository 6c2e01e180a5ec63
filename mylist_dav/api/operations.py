"""What the API can do: a table of operations. Routing, checks of what is sent, and the OpenAPI document come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel

from mylist_dav.errors import BadName, NotFound
from mylist_dav.model.actors import Actor
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.wire.documents import Asked
from mylist_dav.wire.messages import BodySink, Request, Response

BODY_BYTES_MAX = 16 * 1024

_REST = "..."
"""{path...}: the last of a template, and the rest of the path, of any number of names."""


class NoQuery(Asked):
    """No fields."""


class Media(NamedTuple):
    """A body that is no JSON: its types, and what it is. may_be_empty: no bytes are a body too.

    packable: it may come with a content coding, as JSON may; what is kept as it came may not.
    """

    types: tuple[str, ...]
    what: str
    may_be_empty: bool = False
    packable: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation, checked. names: what stands in the path for each {name} of the template, decoded.

    rest: the names that {path...} stands for. actor: a guest where anybody may ask and nobody said who asks.
    query, body: instances of the models of the operation; body is None where it has no model.
    """

    library: Library
    request: Request
    actor: Actor
    names: Mapping[str, str]
    rest: tuple[str, ...]
    query: Any
    body: Any = None

    @property
    def flist_name(self) -> FlistName:
        """Of {account}/{name}. Raises NotFound: what cannot be a name is none."""
        return flist_name_of(self.names["account"], self.names["name"])


def query_names(model: type[Asked]) -> list[str]:
    """What the fields of a query are called in an address."""
    return [found.alias or name for name, found in model.model_fields.items()]


Answer = BaseModel | Response | BodySink
"""A model is sent as JSON with the status of the operation; a sink is for a body that is no JSON."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address.

    name: the operationId, which never changes. tag: the chapter it stands in. open: anybody may ask, logged in or not.
    body: the model of a JSON body, Media for one that `run` takes as a sink, or None: then a body must be empty.
    told: the model of the answer, Media, or None for an empty one. limit_bytes: of a JSON body.
    also: what other good statuses mean.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    run: Callable[[Call], Answer]
    query: type[Asked] = NoQuery
    body: type[BaseModel] | Media | None = None
    told: type[BaseModel] | Media | None = None
    status: int = 200
    open: bool = False
    limit_bytes: int = BODY_BYTES_MAX
    describes: str = ""
    also: Mapping[int, str] = field(default_factory=dict)


class Found(NamedTuple):
    """The operations at an address by their methods, and what the address says."""

    operations: Mapping[str, Operation]
    names: Mapping[str, str]
    rest: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    any_name: _Node | None = None
    name: str = ""
    rest: _Node | None = None
    operations: dict[str, Operation] = field(default_factory=dict)


class Table:
    """All operations, and the way to them from an address.

    A fixed name goes before {name}, and that before {path...}.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        """Raises ValueError when two have one name, or one method and address."""
        self.operations = tuple(operations)
        self._root = _Node()
        names = set()
        for operation in self.operations:
            if operation.name in names:
                raise ValueError(f"there are two operations {operation.name}")
            names.add(operation.name)
            self._add(operation)

    def find(self, names: tuple[str, ...]) -> Found | None:
        """What is at an address, given by the names of its path."""
        return _find(self._root, names, {})

    def _add(self, operation: Operation) -> None:
        node = self._root
        for part in operation.path.strip("/").split("/"):
            node = _step(node, part)
        if operation.method in node.operations:
            raise ValueError(f"{operation.method} {operation.path} is there twice")
        node.operations[operation.method] = operation


def flist_name_of(account: str, name: str) -> FlistName:
    """The flist of two names of a path. Raises NotFound: what cannot be a name is none."""
    try:
        return FlistName.checked(account, name)
    except BadName as error:
        raise NotFound(f"there is no flist {account}/{name}") from error


def _step(node: _Node, part: str) -> _Node:
    if not part.startswith("{"):
        return node.fixed.setdefault(part, _Node())
    if part.endswith(_REST + "}"):
        node.rest = node.rest or _Node()
        return node.rest
    name = part[1:-1]
    node.any_name = node.any_name or _Node(name=name)
    if node.any_name.name != name:
        raise ValueError(f"one place of an address is called {name} and {node.any_name.name}")
    return node.any_name


def _find(node: _Node, names: tuple[str, ...], said: dict[str, str]) -> Found | None:
    if not names:
        last = node if node.operations else node.rest
        return Found(last.operations, said, ()) if last is not None and last.operations else None
    first, others = names[0], names[1:]
    if first in node.fixed and (found := _find(node.fixed[first], others, said)) is not None:
        return found
    if node.any_name is not None:
        found = _find(node.any_name, others, {**said, node.any_name.name: first})
        if found is not None:
            return found
    return Found(node.rest.operations, said, names) if node.rest is not None else None
