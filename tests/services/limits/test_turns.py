"""Heavy work of which a process does only so much at once, each account one thing at a time."""

from __future__ import annotations

import pytest

from mylist_dav.errors import LimitExceeded, Queued
from mylist_dav.services.limits.turns import (
    HASHED_AT_ONCE,
    HASHED_BYTES_MAX,
    HASHED_FREELY_BYTES,
    PATIENCE_SECONDS,
    Hashing,
    Turns,
)

MUCH = HASHED_FREELY_BYTES + 1


class Time:
    """Says how late it is."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_more_is_under_way_than_there_is_room_for() -> None:
    turns = Turns(10, Time())
    assert [turns.take("a", 6), turns.take("b", 4), turns.take("c", 1)] == [True, True, False]
    turns.give_back("b")
    assert turns.take("c", 4)


def test_what_is_larger_than_the_room_goes_alone() -> None:
    turns = Turns(10, Time())
    assert turns.take("a", 1)
    assert not turns.take("b", 50)
    turns.give_back("a")
    assert turns.take("b", 50)
    assert not turns.take("c", 1)


def test_an_account_does_one_thing_at_a_time() -> None:
    turns = Turns(10, Time())
    assert [turns.take("a", 1), turns.take("a", 1), turns.take("b", 1)] == [True, False, True]
    turns.give_back("a")
    turns.give_back("a")
    assert turns.take("a", 1)


def test_who_has_asked_first_comes_first_however_little_the_others_want() -> None:
    turns = Turns(10, Time())
    turns.take("a", 8)
    assert [turns.take("large", 9), turns.take("small", 1), turns.take("small", 1)] == [False] * 3
    turns.give_back("a")
    assert [turns.take("small", 1), turns.take("large", 9), turns.take("small", 1)] == [False, True, True]


def test_an_account_that_asks_for_ever_more_does_not_keep_others_waiting() -> None:
    turns = Turns(1, Time())
    turns.take("greedy", 1)
    assert not turns.take("b", 1)
    assert not turns.take("greedy", 1)
    turns.give_back("greedy")
    assert not turns.take("greedy", 1)
    assert turns.take("b", 1)


def test_who_does_not_ask_any_more_is_not_waited_for() -> None:
    time = Time()
    turns = Turns(1, time)
    turns.take("a", 1)
    turns.take("gone", 1)
    turns.give_back("a")
    assert not turns.take("b", 1)
    time.now += PATIENCE_SECONDS
    assert turns.take("b", 1)


def test_who_waits_is_told_so_without_a_turn_and_who_has_not_asked_is_not() -> None:
    turns = Turns(1, Time())
    assert not turns.must_wait("a", 1)
    turns.take("a", 1)
    assert [turns.must_wait("a", 1), turns.must_wait("b", 1)] == [True, False]
    turns.take("b", 1)
    assert turns.must_wait("b", 1)
    turns.give_back("a")
    assert [turns.must_wait("b", 1), turns.must_wait("a", 1), turns.take("b", 1)] == [False, False, True]


def test_so_many_accounts_have_contents_hashed_at_once() -> None:
    hashing = Hashing()
    with hashing.turn("a", MUCH), hashing.turn("b", MUCH):
        assert HASHED_AT_ONCE == 2
        with pytest.raises(Queued), hashing.turn("c", MUCH):
            raise AssertionError("it was not its turn")
        hashing.require_no_wait("d", MUCH)
        hashing.require_no_wait("c", HASHED_FREELY_BYTES)
        for waits in ("a", "c"):
            with pytest.raises(Queued):
                hashing.require_no_wait(waits, MUCH)
        with hashing.turn("c", HASHED_FREELY_BYTES), hashing.turn("a", HASHED_FREELY_BYTES):
            pass
    with pytest.raises(KeyError), hashing.turn("c", MUCH):
        raise KeyError
    with hashing.turn("c", MUCH):
        pass
    with pytest.raises(LimitExceeded), hashing.turn("c", HASHED_BYTES_MAX + 1):
        raise AssertionError("it is too much")
