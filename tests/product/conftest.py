"""The whole product, as it is started by its users, once for each engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving import ENGINES, Served, serving


@pytest.fixture(scope="session", params=ENGINES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running server with two workers."""
    with serving(tmp_path_factory.mktemp(request.param), engine=request.param, workers=2) as running:
        yield running
