"""One world for all tests of a module: what one request has left behind the next one meets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.rig import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.close()
    made.hold()
