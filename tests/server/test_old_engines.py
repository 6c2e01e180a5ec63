"""An engine that is not offered any more: scripts and files that name it go on, with the engine in its place."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx
import pytest

from mylist_dav.server.assembly import service
from mylist_dav.settings import ENGINES, load
from tests.serving import run_mylist, running

SAYS = "the engine granian is not offered any more: uvloop serves in its place"


@pytest.mark.parametrize("named", ["option", "file"])
def test_a_start_with_the_old_name_says_once_what_serves_instead_and_answers(
    named: str, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[server]\nengine = "granian"\n')
    options, engine = ([], "granian") if named == "option" else (["--config", str(settings)], None)
    with running(tmp_path / "data", "", *options, engine=engine, workers=2) as served:
        assert httpx.get(f"{served.url}/healthz").status_code == 200
    assert served.log.read_text().count("granian") == 1
    assert f"WARNING mylist_dav.server {SAYS}" in served.log.read_text()


def test_the_environment_may_have_the_old_name_too(caplog: pytest.LogCaptureFixture) -> None:
    assert service(load(environ={"MYLIST_SERVER_ENGINE": "granian"})).engine == "uvloop"
    assert caplog.messages == [SAYS]


@pytest.mark.parametrize("name", ENGINES)
def test_of_the_engines_there_are_nothing_is_said(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert service(load(given={"server.engine": name})).engine == name
    assert caplog.messages == []


def test_the_help_names_the_engines_there_are() -> None:
    found = run_mylist("serve", "--help").stdout
    assert "--engine [uvloop|cheroot]" in found
    assert "granian" not in found
