"""What is recorded of an event is JSON, whatever it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.model.actors import Actor, Role
from mylist_dav.model.audit import Action
from mylist_dav.store.catalog.records import Detail, Recorder


class Noting:
    """Statements that keep what they were given."""

    def __init__(self) -> None:
        self.bindings: tuple[object, ...] = ()

    def execute(self, statements: str, bindings: tuple[object, ...] = ()) -> None:
        self.bindings = bindings


def detail_of(detail: Detail) -> str:
    noting = Noting()
    recorder = Recorder(noting, 1)  # type: ignore[arg-type]
    recorder.record(Actor("anna", Role.ADMIN), Action.UPLOAD, "anna/photos", detail)
    text = noting.bindings[6]
    assert isinstance(text, str)
    return text


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none()))
def test_a_detail_is_read_as_it_was_given(detail: dict[str, str | int | bool | None]) -> None:
    assert json.loads(detail_of(detail)) == detail


@pytest.mark.parametrize("value", [True, False, None, 0, 1, -5, "", 'a "b" \\ \n\x00 \u2028 ü 😀'])
def test_a_detail_is_what_the_library_would_write(value: str | int | bool | None) -> None:
    wanted = json.dumps({"a": 1, "value": value}, ensure_ascii=False, separators=(",", ":"))
    assert detail_of({"a": 1, "value": value}) == wanted
