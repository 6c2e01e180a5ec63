"""What an installation consists of."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tidy.sources import PACKAGE, ROOT


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The paths in a wheel of this tree, built with the pinned tools and without the network."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def members(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_wheel_holds_every_file_of_the_package(wheel_names: set[str]) -> None:
    assert {f"{PACKAGE}/{name}" for name in members(ROOT / PACKAGE)} <= wheel_names


def test_a_wheel_holds_the_welcome_site(wheel_names: set[str]) -> None:
    site = {f"{PACKAGE}/web/welcome/{name}" for name in members(ROOT / "sites" / "welcome")}
    assert f"{PACKAGE}/web/welcome/index.html" in site
    assert site <= wheel_names


def test_a_wheel_holds_nothing_of_the_checkout_around_it(wheel_names: set[str]) -> None:
    assert {name.partition("/")[0] for name in wheel_names if ".dist-info/" not in name} == {PACKAGE}


def test_the_welcome_site_needs_nothing_from_elsewhere() -> None:
    site = ROOT / "sites" / "welcome"
    for path in site.iterdir():
        text = path.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        for outside in ('src="http', 'href="http', 'src="//', 'href="//', "url(", "@import", "<script"):
            assert outside not in text, f"{path.name} holds {outside}"
