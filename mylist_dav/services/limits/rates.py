"""How often one may ask: a bucket of tries for each key, filled again with time."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable

from mylist_dav.errors import MylistError, TooMany
from mylist_dav.settings import RateSettings
from mylist_dav.store.processes.tries import MemoryTries, Step, Tries

_MINUTE_SECONDS = 60


class Rate:
    """`tries` at once for every key, and as many more in each `seconds`. Thread-safe.

    clock: nanoseconds. counted: where tries are counted, shared by all processes or not; what is kept for a key is the
    time at which all its tries are there again.
    """

    def __init__(
        self,
        name: str,
        tries: int,
        seconds: float,
        clock: Callable[[], int],
        what: str,
        counted: Tries | None = None,
    ) -> None:
        """name: tells the keys from those of other rates. what: the beginning of the sentence that refuses."""
        self._name = name.encode()
        self._each_ns = int(seconds * 1e9) // tries
        self._span_ns = self._each_ns * tries
        self._clock = clock
        self._what = what
        self._counted = counted or MemoryTries()

    def take(self, key: str | bytes) -> None:
        """Use one try. Raises TooMany, with when to come back, when there is none; that costs nothing more."""
        raw = key if isinstance(key, bytes) else key.encode(errors="replace")
        self._counted.step(self._name + b"\0" + raw, self._after)

    def _after(self, full_at_ns: int) -> int:
        now_ns = self._clock()
        if not now_ns <= full_at_ns <= now_ns + self._span_ns:
            full_at_ns = now_ns  # past; or the clock was set back, and that must lock nobody out
        over_ns = full_at_ns + self._each_ns - now_ns - self._span_ns
        if over_ns > 0:
            wait_seconds = max(1, math.ceil(over_ns / 1e9))
            raise TooMany(f"{self._what}: try again in {wait_seconds} s", wait_seconds)
        return full_at_ns + self._each_ns


class Throttle:
    """How often one may call what programs call: of each address, each account, and without saying who one is.

    What has no address is of this machine, and free.
    """

    def __init__(
        self,
        settings: RateSettings,
        clock: Callable[[], int],
        *,
        addresses: Tries | None = None,
        accounts: Tries | None = None,
    ) -> None:
        """addresses, accounts: where requests are counted; None: in this process alone. They are two, so that a flood
        from many addresses forgets no account."""
        of_places, of_accounts = _Steady(addresses), _Steady(accounts)
        self._of_address = _rate(
            "address", settings.address_requests, clock, "too many requests come from here", of_places
        )
        self._of_guest = _rate(
            "guest",
            settings.guest_requests,
            clock,
            "too many requests without a login come from here",
            of_places,
        )
        self._of_account = _rate(
            "account", settings.account_requests, clock, "too many requests of this account", of_accounts
        )

    def come(self, address: str, *, guest: bool) -> None:
        """A request has come; guest: without credentials. Raises TooMany."""
        if not address or (self._of_address is None and (self._of_guest is None or not guest)):
            return
        place = origin(address)
        if self._of_address is not None:
            self._of_address.take(place)
        if guest and self._of_guest is not None:
            self._of_guest.take(place)

    def known(self, account: str) -> None:
        """It is one of this account. Raises TooMany."""
        if self._of_account is not None and account:
            self._of_account.take(account)


class _Steady:
    """Tries that are shared as long as that can be, and else counted here: a disk that takes no more writes must not
    keep anybody from reading."""

    def __init__(self, shared: Tries | None) -> None:
        self._own = MemoryTries()
        self._shared = shared or self._own

    def step(self, name: bytes, step: Step) -> None:
        try:
            self._shared.step(name, step)
        except TooMany:
            raise
        except MylistError:
            self._own.step(name, step)


def _rate(name: str, requests: int, clock: Callable[[], int], what: str, counted: Tries) -> Rate | None:
    return Rate(name, requests, _MINUTE_SECONDS, clock, what, counted) if requests else None


def origin(address: str) -> str:
    """What counts as one place for a limit: an IPv4 address, or the /64 of an IPv6 one, which one site has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
