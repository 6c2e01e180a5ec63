"""The rule for programs that are missing."""

from __future__ import annotations

import pytest

from tests.programs import all_are_required, require, require_program

ABSENT = "mylist-no-such-program"


def test_a_program_that_is_there_is_given_by_its_path() -> None:
    assert require_program("sh").endswith("/sh")


def test_a_missing_program_skips_the_test_and_is_named() -> None:
    with pytest.raises(pytest.skip.Exception, match=ABSENT):
        require_program(ABSENT, {})


@pytest.mark.parametrize("environ", [{"CI": "true"}, {"MYLIST_REQUIRE_PROGRAMS": "1"}])
def test_a_missing_program_fails_the_test_where_all_must_run(environ: dict[str, str]) -> None:
    with pytest.raises(pytest.fail.Exception, match=ABSENT):
        require_program(ABSENT, environ)


def test_a_condition_that_holds_lets_the_test_go_on() -> None:
    require(True, "nothing is missing", {"CI": "true"})


@pytest.mark.parametrize("environ", [{}, {"CI": "false"}, {"CI": ""}, {"MYLIST_REQUIRE_PROGRAMS": "0"}])
def test_nothing_is_required_unless_asked(environ: dict[str, str]) -> None:
    assert not all_are_required(environ)
