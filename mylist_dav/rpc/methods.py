"""What a method of JSON-RPC is: a name, two models, and a function that makes one call of a service."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mylist_dav.model.actors import Actor
from mylist_dav.services.opening import Library
from mylist_dav.wire.documents import Asked, Told

P = TypeVar("P", bound=Asked)
R = TypeVar("R", bound=Told)


@dataclass(frozen=True, slots=True)
class Method(Generic[P, R]):
    """A method. Its summary is the first sentence of the function's docstring, its description the rest."""

    name: str
    params: type[P]
    result: type[R]
    call: Callable[[Library, Actor, P], R]

    @property
    def summary(self) -> str:
        return _documentation(self.call)[0]

    @property
    def description(self) -> str:
        return _documentation(self.call)[1]

    @property
    def param_names(self) -> list[str]:
        """In the order of params by position."""
        return list(self.params.model_fields)


AnyMethod = Method[Any, Any]
Table = dict[str, AnyMethod]


def table_of(methods: Iterable[AnyMethod]) -> Table:
    """Methods by name, in order of name."""
    found = sorted(methods, key=lambda method: method.name)
    table = {method.name: method for method in found}
    assert len(table) == len(found), "each method has a name of its own"
    return table


def _documentation(call: Callable[..., object]) -> tuple[str, str]:
    text = " ".join((inspect.getdoc(call) or "").split())
    summary, stop, rest = text.partition(". ")
    return (summary if stop else summary.removesuffix(".")), rest
