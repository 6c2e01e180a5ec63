"""A running server of each engine, shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.raw_http import Server, running

ENGINES = ("uvloop", "cheroot")

TIGHT = {
    "header_timeout_seconds": 1.0,
    "idle_timeout_seconds": 1.0,
    "body_idle_seconds": 0.5,
    "body_window_seconds": 1.0,
    "body_rate_bytes": 100_000,
    "write_stall_seconds": 1.0,
    "sweep_seconds": 0.1,
    "linger_seconds": 1.0,
}
"""Limits for tests that run into them."""


@pytest.fixture(scope="module", params=ENGINES)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with the default limits, of each engine in turn."""
    with running(engine=request.param) as started:
        yield started


@pytest.fixture(scope="module", params=ENGINES)
def tight(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with short patience, of each engine in turn."""
    with running(engine=request.param, limits=TIGHT) as started:
        yield started
