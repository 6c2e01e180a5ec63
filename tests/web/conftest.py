"""Fixtures of the web tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.publishing import Publisher, publisher_in


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    with publisher_in(tmp_path) as made:
        yield made
