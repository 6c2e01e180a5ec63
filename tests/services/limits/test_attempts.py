"""How often an address may guess."""

from __future__ import annotations

import pytest

from mylist_dav.errors import TooMany
from mylist_dav.services.limits.attempts import BURST, SECONDS_EACH, Attempts
from mylist_dav.store.processes.tries import MemoryTries
from tests.shelf import Clock

ADDRESS = "192.0.2.1"


def fill(attempts: Attempts, address: str = ADDRESS) -> None:
    for _ in range(BURST):
        attempts.charge(address)


def test_some_guesses_are_free_and_then_one_waits() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    fill(attempts)
    with pytest.raises(TooMany) as refused:
        attempts.charge(ADDRESS)
    assert refused.value.retry_after_seconds == SECONDS_EACH
    with pytest.raises(TooMany):
        attempts.check(ADDRESS)
    clock.advance(SECONDS_EACH)
    attempts.check(ADDRESS)
    attempts.charge(ADDRESS)
    with pytest.raises(TooMany):
        attempts.charge(ADDRESS)


def test_what_was_refused_does_not_count_and_what_was_right_is_given_back() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(10 * BURST):
        attempts.charge(ADDRESS)
        attempts.refund(ADDRESS)
    fill(attempts)
    for _ in range(100):
        with pytest.raises(TooMany):
            attempts.charge(ADDRESS)
    clock.advance(SECONDS_EACH)
    attempts.charge(ADDRESS)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (ADDRESS, "192.0.2.2", False),
        (ADDRESS, "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_each_address_has_a_bucket_of_its_own_and_a_customer_one(one: str, other: str, same: bool) -> None:
    attempts = Attempts(Clock())
    fill(attempts, one)
    if same:
        with pytest.raises(TooMany):
            attempts.check(other)
    else:
        attempts.check(other)


def test_looking_alone_takes_no_place() -> None:
    counted = MemoryTries()
    attempts = Attempts(Clock(), counted)
    attempts.check(ADDRESS)
    assert counted.names == 0


def test_a_clock_that_goes_back_forgives_nothing() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    fill(attempts)
    clock.advance(-3600)
    with pytest.raises(TooMany):
        attempts.check(ADDRESS)


def test_a_clock_that_is_set_back_far_makes_nobody_wait_longer_than_for_one_guess() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    fill(attempts)
    clock.advance(-365 * 86_400)
    with pytest.raises(TooMany) as refused:
        attempts.check(ADDRESS)
    assert refused.value.retry_after_seconds == SECONDS_EACH
