"""How many examples: some in every run of the tests, many more by `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

LONG_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))


def some(examples: int) -> settings:
    """The settings of one test. examples: in a short run, always the same ones; a long one takes others each time."""
    return settings(
        max_examples=max(LONG_EXAMPLES, examples),
        derandomize=not LONG_EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
