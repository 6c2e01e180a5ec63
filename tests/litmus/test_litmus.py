"""litmus 0.13, all suites, on every engine, over durable writes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import require_program
from tests.serving import ENGINES, Served, serving

pytestmark = pytest.mark.litmus

SUITES = {"basic": 16, "copymove": 13, "props": 30, "locks": 41, "http": 4}
"""The number of tests of each: 104 in all."""


@pytest.fixture(scope="module", params=ENGINES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    require_program("litmus")
    with serving(tmp_path_factory.mktemp(f"litmus-{request.param}"), engine=request.param) as running:
        with running.client() as client:
            assert client.request("MKCOL", "/dav/admin/litmus").status_code == 201
        yield running


@pytest.mark.parametrize("suite", SUITES)
def test_the_suite_passes_without_a_warning(suite: str, served: Served, tmp_path: Path) -> None:
    done = subprocess.run(
        [require_program("litmus"), served.dav("admin/litmus/"), "admin", served.token],
        cwd=tmp_path,
        env={**os.environ, "TESTS": suite},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    total = SUITES[suite]
    expected = f"<- summary for `{suite}': of {total} tests run: {total} passed, 0 failed. 100.0%"
    assert expected in done.stdout, done.stdout[-4000:] + done.stderr
    assert re.findall(r"(\w+)\.* WARNING", done.stdout) == []
