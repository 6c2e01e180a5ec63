"""How often one may ask: a bucket of tries for each key, filled again with time. Memory is bounded."""

from __future__ import annotations

import ipaddress
import math
import threading
from collections import OrderedDict
from collections.abc import Callable

from mylist_dav.errors import TooMany
from mylist_dav.settings import RateSettings

KEYS_MAX = 10_000
_MINUTE_SECONDS = 60


class Rate:
    """`tries` at once for every key, and as many more in each `seconds`. Thread-safe; of one process alone.

    When keys_max are known, the one that asked longest ago is forgotten. clock: nanoseconds.
    """

    def __init__(
        self, tries: int, seconds: float, clock: Callable[[], int], what: str, keys_max: int = KEYS_MAX
    ) -> None:
        """what: the beginning of the sentence that refuses."""
        self._tries = tries
        self._each_ns = int(seconds * 1e9) // tries
        self._clock = clock
        self._what = what
        self._keys_max = keys_max
        self._full_at_ns: OrderedDict[str | bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str | bytes) -> None:
        """Use one try. Raises TooMany, with when to come back, when there is none; that costs nothing more."""
        now_ns = self._clock()
        span_ns = self._each_ns * self._tries
        with self._lock:
            full_at_ns = max(self._full_at_ns.get(key, now_ns), now_ns)
            if full_at_ns > now_ns + span_ns:  # the clock was set back: that must lock nobody out
                full_at_ns = now_ns
            over_ns = full_at_ns + self._each_ns - now_ns - span_ns
            self._full_at_ns[key] = full_at_ns + (self._each_ns if over_ns <= 0 else 0)
            self._full_at_ns.move_to_end(key)
            if len(self._full_at_ns) > self._keys_max:
                self._full_at_ns.popitem(last=False)
        if over_ns > 0:
            wait_seconds = max(1, math.ceil(over_ns / 1e9))
            raise TooMany(f"{self._what}: try again in {wait_seconds} s", wait_seconds)


class Throttle:
    """How often one may call what programs call: of each address, each account, and without saying who one is.

    Each worker counts what comes to it. What has no address is of this machine, and free.
    """

    def __init__(self, settings: RateSettings, clock: Callable[[], int]) -> None:
        self._of_address = _rate(settings.address_requests, clock, "too many requests come from here")
        self._of_guest = _rate(
            settings.guest_requests, clock, "too many requests without a login come from here"
        )
        self._of_account = _rate(settings.account_requests, clock, "too many requests of this account")

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


def _rate(requests: int, clock: Callable[[], int], what: str) -> Rate | None:
    return Rate(requests, _MINUTE_SECONDS, clock, what) if requests else None


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
