"""Limits on guessing hold for all processes on a data directory together, however many there are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from mylist_dav.errors import TooMany, Unauthenticated
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.exposures import Mode
from mylist_dav.model.keys import PublicKey
from mylist_dav.model.names import FlistName
from mylist_dav.services.accounts.logins import CHALLENGES_A_MINUTE
from mylist_dav.services.exposing.phrases import RUNS_MAX
from mylist_dav.services.limits.attempts import BURST
from mylist_dav.services.opening import Library
from mylist_dav.settings import load

SITE, ADDRESS = FlistName("anna", "site"), "192.0.2.1"


@pytest.fixture
def libraries(tmp_path: Path) -> Iterator[list[Library]]:
    """One data directory, opened as by three processes."""
    now_ns = time.time_ns()
    settings = load(given={"store.data": str(tmp_path / "data")})
    with ExitStack() as opened:
        made = [Library(settings, lambda: now_ns) for _ in range(3)]
        for each in made:
            opened.callback(each.close)
        made[0].flists.create(OPERATOR, SITE, make_account=True)
        yield made


def test_challenges(libraries: list[Library]) -> None:
    key = PublicKey(bytes(SigningKey(b"\1" * 32).verify_key))
    for _, library in zip(range(CHALLENGES_A_MINUTE), cycle(libraries), strict=False):
        library.logins.challenge(key, address=ADDRESS)
    for library in libraries:
        with pytest.raises(TooMany):
            library.logins.challenge(key, address=ADDRESS)
        library.logins.challenge(key, address="192.0.2.2")


def test_pass_phrases(libraries: list[Library]) -> None:
    exposure = libraries[0].exposures.expose(
        OPERATOR, SITE, host="site.example", mode=Mode.SECRET, secret="correct horse battery"
    )
    for _, library in zip(range(BURST), cycle(libraries), strict=False):
        with pytest.raises(Unauthenticated):
            library.gates.admit_password(exposure, None, "a wrong guess", ADDRESS)
    for library in libraries:
        with pytest.raises(TooMany):
            library.gates.admit_password(exposure, None, "correct horse battery", ADDRESS)


def test_hashes_at_once(libraries: list[Library]) -> None:
    exposure = libraries[0].exposures.expose(
        OPERATOR, SITE, host="site.example", mode=Mode.SECRET, secret="correct horse battery"
    )
    with ExitStack() as taken:
        for library in libraries[:RUNS_MAX]:
            assert taken.enter_context(library.gates._phrases.places.tried())
        with pytest.raises(TooMany, match="just now"):
            libraries[2].exposures.expose(
                OPERATOR, SITE, host="more.example", mode=Mode.SECRET, secret="another phrase"
            )
        with pytest.raises(TooMany, match="just now"):
            libraries[2].gates.admit_password(exposure, None, "correct horse battery", ADDRESS)
    libraries[2].gates.admit_password(exposure, None, "correct horse battery", ADDRESS)


def test_requests_of_programs(tmp_path: Path) -> None:
    rates = {"rates.account_requests": 6, "rates.address_requests": 9, "rates.guest_requests": 3}
    settings = load(given={"store.data": str(tmp_path / "data"), **rates})
    with ExitStack() as opened:
        made = [Library(settings, lambda: 10**18) for _ in range(3)]
        for each in made:
            opened.callback(each.close)
        for library in made:
            library.throttle.come(ADDRESS, guest=True)
            library.throttle.come(ADDRESS, guest=False)
            library.throttle.come(ADDRESS, guest=False)
            library.throttle.known("anna")
            library.throttle.known("anna")
        for library in made:
            with pytest.raises(TooMany, match="come from here"):
                library.throttle.come(ADDRESS, guest=False)
            with pytest.raises(TooMany, match="account"):
                library.throttle.known("anna")
            library.throttle.known("bert")
