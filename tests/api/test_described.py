"""Schemathesis sends what the OpenAPI document allows, and what it does not, to a running server.

It is to find nothing: no fault, no answer that is not described, nothing refused that is allowed and the other way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.serving import serving

EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "15")
"""For each operation: more are sent by `make fuzz`."""

_NOT_ASKED = (
    "positive_data_acceptance",  # names of flists that are not there, and rights, are in no schema
    "ignored_auth",  # checked by our own tests, of every verb; operations that are open answer guests
)
_ENVIRON = {
    **os.environ,
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "SCHEMATHESIS_HOOKS": "tests.api.serializers",
}
_LOGS_OUT = ("logOut",)
_REFUSALS = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "414", "415", "422", "428", "429", "5xx"]
"""
"""414 too: what is longer than a field may be is also longer than an address may be."""


def test_what_is_described_is_what_is_answered(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(_REFUSALS)
    with serving(tmp_path / "data") as served:
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {served.token}",
            "--checks", "all", "--exclude-checks", ",".join(_NOT_ASKED),
            "--max-examples", EXAMPLES, "--seed", "1", "--request-timeout", "30", "--continue-on-failure",
            "--phases", "examples,coverage,fuzzing", "--suppress-health-check", "filter_too_much",
            "--warnings", "off", "--no-color",
        ]  # fmt: skip
        for name in _LOGS_OUT:
            command += ["--exclude-operation-id", name]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=600, check=False, cwd=tmp_path, env=_ENVIRON
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
        assert "Traceback" not in served.log.read_text()
