"""A library in a folder, and what one asks of it over JSON-RPC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.model.actors import OPERATOR, Actor
from mylist_dav.rpc.dispatch import Dispatcher
from mylist_dav.rpc.table import METHODS
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from tests.shelf import Clock

CALLS_MAX = 5


class Desk:
    """Asks as the owner of the data directory, if nobody else is named."""

    def __init__(self, library: Library, clock: Clock) -> None:
        self.library = library
        self.clock = clock
        self.dispatcher = Dispatcher(library, METHODS, CALLS_MAX)

    def send(self, message: object, actor: Actor = OPERATOR) -> Any:
        """The answer to a message, as JSON; None where there is none."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        answer = self.dispatcher.answer(actor, body)
        return None if answer is None else json.loads(answer)

    def call(self, method: str, *positional: Any, actor: Actor = OPERATOR, **named: Any) -> Any:
        """The result of a call."""
        answer = self._answer(method, positional, named, actor)
        assert "error" not in answer, answer
        return answer["result"]

    def problem(self, method: str, *positional: Any, actor: Actor = OPERATOR, **named: Any) -> str:
        """The name of the problem that a call ends in."""
        found: str = self._answer(method, positional, named, actor)["error"]["data"]["problem"]
        return found

    def _answer(self, method: str, positional: Any, named: Any, actor: Actor) -> Any:
        assert not (positional and named), "params are given in one way or the other"
        params = list(positional) or named
        return self.send({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}, actor)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    clock = Clock()
    settings = load(given={"store.data": str(tmp_path / "data"), "store.durability": "os"})
    library = Library(settings, clock)
    yield Desk(library, clock)
    library.close()
