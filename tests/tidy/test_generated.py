"""What is made from the sources is up to date, and the pins fit what the package asks for."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from mylist_dav import settings
from tests.tidy.generated import BEGIN, END, between_marks, generated
from tests.tidy.sources import ROOT

PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.MULTILINE)


def test_conf_and_docs_hold_every_setting() -> None:
    stale = [path.name for path, text in generated().items() if path.read_text("utf-8") != text]
    assert stale == [], "run: make reference"


def test_text_between_the_marks_is_replaced_and_the_rest_kept() -> None:
    page = f"before\n{BEGIN}old\n{END}after\n"
    assert between_marks(page, "new") == f"before\n{BEGIN}\nnew\n{END}after\n"


@pytest.mark.parametrize("page", ["no marks", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_its_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="marks"):
        between_marks(page, "new")


def test_the_reference_holds_each_default_and_nothing_else() -> None:
    uncommented = re.sub(r"^#(?=\w)", "", settings.reference(), flags=re.MULTILINE)
    tables = tomllib.loads(uncommented)
    assert {name: set(keys) for name, keys in tables.items()} == {
        name: {each.name for each in cls.declared()} for name, cls in settings.SECTIONS.items()
    }
    assert settings.load(uncommented) == settings.Settings()


@pytest.mark.parametrize(
    ("lock", "groups"), [("requirements.lock", ["build"]), ("requirements-dev.lock", ["build", "dev"])]
)
def test_the_lock_pins_what_the_package_asks_for(lock: str, groups: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    asked = list(project["project"]["dependencies"])
    for group in groups:
        asked += project["dependency-groups"][group]
    pins = dict(PIN.findall((ROOT / lock).read_text("utf-8")))
    assert [text for text in asked if not satisfied(text, pins)] == [], "run: make lock"


def satisfied(text: str, pins: dict[str, str]) -> bool:
    need = Requirement(text)
    return need.name in pins and need.specifier.contains(pins[need.name])


@pytest.mark.parametrize("text", ["lxml>=7", "lxml", "absent"])
def test_a_requirement_without_its_pin_is_seen(text: str) -> None:
    assert satisfied(text, {"lxml": "6.1"}) == (text == "lxml")


def test_both_locks_pin_the_same_versions_by_hash() -> None:
    served, all_pins = (
        dict(PIN.findall((ROOT / name).read_text("utf-8")))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert served.items() <= all_pins.items()
    for name in ("requirements.lock", "requirements-dev.lock"):
        entries = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text("utf-8").strip())
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
