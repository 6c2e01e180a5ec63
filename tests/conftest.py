"""Fixtures for every test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator

import hypothesis
import pytest

from tests import programs

# A shared machine makes any one example slow; a deadline would fail tests for what they do not test.
hypothesis.settings.register_profile("project", deadline=None, print_blob=True)
hypothesis.settings.load_profile("project")


@pytest.fixture
def require_program() -> Callable[[str], str]:
    """require_program(name) gives the path of a program, or skips (in CI: fails) the test.

    Also to be had as tests.programs.require_program, for fixtures of a wider scope.
    """
    return programs.require_program


@pytest.fixture(scope="session", autouse=True)
def config_of_nobody() -> Iterator[None]:
    """No test sees, or leaves anything in, the configuration folder or the ssh-agent of who runs it."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", folder)
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        yield
