"""One server for all client programs; each test has a flist of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.serving import ENGINES, Served, serving

EACH_ENGINE = [
    pytest.param(name, marks=() if name == ENGINES[0] else pytest.mark.slow, id=name) for name in ENGINES
]
"""The default engine in every run of the tests; the others speak the same HTTP, and take as long again."""


@pytest.fixture(scope="session", params=EACH_ENGINE)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp(f"clients-{request.param}"), engine=request.param) as running:
        yield running


@pytest.fixture
def flist(served: Served, request: pytest.FixtureRequest) -> str:
    """ACCOUNT/NAME of a new flist."""
    name = "admin/" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    with served.client() as client:
        assert client.request("MKCOL", f"/dav/{name}").status_code == 201
    return name
