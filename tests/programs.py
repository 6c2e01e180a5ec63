"""What some tests need of the machine beside Python: a missing program skips them, or fails where all must run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

import pytest

ADMIN_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Servers and mount programs lie here, and the search path of a plain user leaves them out."""


def all_are_required(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a test that cannot run counts as failed: in CI (CI=true), or with MYLIST_REQUIRE_PROGRAMS=1."""
    return environ.get("CI", "").lower() in ("true", "1") or environ.get("MYLIST_REQUIRE_PROGRAMS") == "1"


def require(condition: object, what: str, environ: Mapping[str, str] = os.environ) -> None:
    """Go on if condition holds; else skip the test, or fail it where all must run. what: 'litmus is not installed'."""
    if condition:
        return
    if all_are_required(environ):
        pytest.fail(f"{what}, and here every test must run", pytrace=False)
    pytest.skip(what)


def require_program(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """The path of a program; where there is none, the test is skipped or fails."""
    found = shutil.which(name, path=os.pathsep.join([environ.get("PATH", os.defpath), *ADMIN_FOLDERS]))
    require(found, f"{name} is not installed", environ)
    assert found is not None
    return found


def require_network(done: subprocess.CompletedProcess[str], what: str) -> None:
    """Go on if a command that makes a network inside of this machine has worked; else skip, also where all must run.

    No package gives that right to a machine that lacks it.
    """
    if done.returncode:
        pytest.skip(f"{what}: {done.stderr.strip()}")


def require_root(environ: Mapping[str, str] = os.environ) -> None:
    """Go on only as root: mounting, loop devices."""
    require(os.geteuid() == 0, "only root can do this", environ)
