"""How often one may ask."""

from __future__ import annotations

import pytest

from mylist_dav.errors import OutOfSpace, TooMany
from mylist_dav.services.limits.rates import Rate, Throttle, origin
from mylist_dav.settings import RateSettings
from mylist_dav.store.processes.tries import MemoryTries, Step
from tests.shelf import Clock


def taken(rate: Rate, key: str, most: int = 1000) -> int:
    """How many tries there are at once."""
    for number in range(most):
        try:
            rate.take(key)
        except TooMany:
            return number
    return most


def test_tries_come_back_with_time_and_never_more_than_there_were() -> None:
    clock = Clock()
    rate = Rate("r", 10, 60, clock, "too many")
    assert [taken(rate, "a"), taken(rate, "a")] == [10, 0]
    clock.advance(6)
    assert taken(rate, "a") == 1
    clock.advance(31)
    assert taken(rate, "a") == 5
    clock.advance(100_000)
    assert taken(rate, "a") == 10
    assert taken(rate, "b") == 10


def test_a_refusal_says_when_to_come_back_and_costs_nothing() -> None:
    clock = Clock()
    rate = Rate("r", 2, 60, clock, "too many logins")
    taken(rate, "a")
    for _ in range(5):
        with pytest.raises(TooMany, match="too many logins: try again in 30 s") as caught:
            rate.take("a")
        assert caught.value.retry_after_seconds == 30
    clock.advance(30)
    rate.take("a")


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    clock = Clock()
    rate = Rate("r", 10, 60, clock, "too many")
    taken(rate, "a")
    clock.advance(-100_000)
    assert taken(rate, "a") == 10


def test_rates_with_one_memory_count_by_their_names_and_those_of_one_name_together() -> None:
    clock, counted = Clock(), MemoryTries()
    one, again, other = (Rate(name, 3, 60, clock, "too many", counted) for name in ("a", "a", "b"))
    one.take("x")
    assert [taken(again, "x"), taken(one, "x"), taken(other, "x")] == [2, 0, 3]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("x" * 1000, "x" * 100),
    ],
)
def test_a_site_counts_as_one_place(address: str, place: str) -> None:
    assert origin(address) == place


def refused(throttle: Throttle, address: str, *, guest: bool = False, account: str = "") -> bool:
    try:
        throttle.come(address, guest=guest)
        throttle.known(account)
    except TooMany:
        return True
    return False


def test_addresses_guests_and_accounts_each_have_their_own_bound() -> None:
    clock = Clock()
    throttle = Throttle(RateSettings(address_requests=4, guest_requests=2, account_requests=3), clock)
    assert [refused(throttle, "192.0.2.1", guest=True) for _ in range(3)] == [False, False, True]
    assert [refused(throttle, "192.0.2.1") for _ in range(2)] == [False, True]  # those of the guest count too
    assert [refused(throttle, f"192.0.2.{n}", account="anna") for n in range(2, 6)] == [False] * 3 + [True]
    clock.advance(60)
    assert not refused(throttle, "192.0.2.1", guest=True, account="anna")


def test_a_bound_of_0_is_none_and_what_has_no_address_is_free() -> None:
    unbound = Throttle(RateSettings(address_requests=0, guest_requests=0, account_requests=0), Clock())
    assert not any(refused(unbound, "192.0.2.1", guest=True, account="anna") for _ in range(50))
    bound = Throttle(RateSettings(address_requests=1, guest_requests=1, account_requests=0), Clock())
    assert not any(refused(bound, "", guest=True) for _ in range(50))


class _FullDisk:
    """Where nothing can be counted."""

    def step(self, name: bytes, step: Step) -> None:
        raise OutOfSpace("the disk is full")


def test_where_nothing_can_be_shared_a_process_counts_for_itself() -> None:
    settings = RateSettings(address_requests=4, guest_requests=4, account_requests=3)
    throttle = Throttle(settings, Clock(), addresses=_FullDisk(), accounts=_FullDisk())
    assert [refused(throttle, f"192.0.2.{n}", account="anna") for n in range(4)] == [False] * 3 + [True]
    assert [refused(throttle, "192.0.2.9") for n in range(5)] == [False] * 4 + [True]
