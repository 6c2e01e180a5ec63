"""Dates on the wire: HTTP-date (RFC 9110, 5.6.7) and RFC 3339 for WebDAV; seconds since the epoch inside."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from time import gmtime

LAST_SECOND = 253_402_300_799
"""The last second of the year 9999: no format here can go further."""

_DATE_CHARS_MAX = 64
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBER = {name: number for number, name in enumerate(_MONTHS, 1)}
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        rf"{_DAY} {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    """IMF-fixdate, as in 'Sun, 06 Nov 1994 08:49:37 GMT'.

    What is before the epoch becomes the epoch: Finder gives up a mount that shows an earlier date.
    """
    t = gmtime(min(max(seconds, 0), LAST_SECOND))
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04}"
        f" {t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"
    )


def parse_http_date(text: str) -> int | None:
    """Seconds since the epoch (negative before it) from any of the three forms of HTTP-date, or None.

    A year of two digits lies in 1970 to 2069: until then never more than 50 years ahead, as the RFC asks.
    """
    return _parse(text) if len(text) <= _DATE_CHARS_MAX else None


@lru_cache(maxsize=1024)
def _parse(text: str) -> int | None:
    found = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
    if found is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    if hour > 23 or minute > 59 or second > 60:  # 60 is a leap second
        return None
    try:
        day = date(year, _MONTH_NUMBER[found["month"]], int(found["day"]))
    except ValueError:
        return None
    return timegm((day.year, day.month, day.day, hour, minute, second))


@lru_cache(maxsize=4096)
def rfc3339(seconds: int) -> str:
    """The form of DAV:creationdate (RFC 4918, 15.1), as in '1997-12-01T17:42:21Z'. Clamped like http_date."""
    t = gmtime(min(max(seconds, 0), LAST_SECOND))
    return f"{t.tm_year:04}-{t.tm_mon:02}-{t.tm_mday:02}T{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}Z"


class DateHeader:
    """The value of the Date header now, formatted once a second. clock gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._latest = (-1, b"")

    def encoded(self) -> bytes:
        """The value as bytes."""
        second = int(self._clock())
        latest = self._latest
        if latest[0] != second:
            # One assignment of one tuple: another thread sees the old or the new, never half of each.
            self._latest = latest = (second, http_date(second).encode())
        return latest[1]
