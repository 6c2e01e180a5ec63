"""Pass phrases: how they are kept, how often they are hashed, what is remembered."""

from __future__ import annotations

import threading

import pytest
from nacl.exceptions import InvalidkeyError

from mylist_dav.errors import Invalid, TooMany
from mylist_dav.services.exposing.phrases import (
    PHRASE_CHARS_MAX,
    REMEMBERED_MAX,
    REMEMBERED_SECONDS,
    RUNS_MAX,
    Phrases,
    Secret,
    hash_phrase,
)
from mylist_dav.services.limits.attempts import BURST, SECONDS_EACH
from tests.shelf import Clock

PHRASE = "correct horse battery"
ADDRESS = "192.0.2.1"
SECRET = Secret(1, 10, "kept")


class Hashing:
    """Stands for argon2id, which is slow: only PHRASE is right. Counts, and waits when it is told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.inside = threading.Semaphore(0)

    def __call__(self, phrase_hash: bytes, phrase: bytes) -> bool:
        self.runs += 1
        self.inside.release()
        assert self.go_on.wait(10)
        if phrase != PHRASE.encode():
            raise InvalidkeyError("no")
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hashing() -> Hashing:
    return Hashing()


@pytest.fixture
def phrases(clock: Clock, hashing: Hashing) -> Phrases:
    return Phrases(clock, hashing)


def test_a_phrase_is_kept_as_argon2id_and_known_again() -> None:
    kept = hash_phrase(PHRASE)
    assert kept.startswith("$argon2id$v=19$m=65536,t=2,p=1$")
    assert kept != hash_phrase(PHRASE), "each has a salt of its own"
    phrases = Phrases(Clock())
    assert phrases.is_right(Secret(1, 1, kept), PHRASE, ADDRESS)
    assert not phrases.is_right(Secret(1, 1, kept), PHRASE + "x", ADDRESS)
    assert kept not in repr(Secret(1, 1, kept))


def test_the_same_letters_count_whichever_way_they_are_composed() -> None:
    kept = hash_phrase("caf\u00e9 au lait\n")
    assert Phrases(Clock()).is_right(Secret(1, 1, kept), "cafe\u0301 au lait", ADDRESS)


@pytest.mark.parametrize(
    "phrase", ["", "short", "x" * 7, "x" * (PHRASE_CHARS_MAX + 1), "two\nlines here", "mylist_xxxx"]
)
def test_a_phrase_that_is_no_good_is_not_taken(phrase: str) -> None:
    with pytest.raises(Invalid):
        hash_phrase(phrase, "mylist_")


def test_a_right_phrase_is_hashed_once_in_some_minutes(
    phrases: Phrases, hashing: Hashing, clock: Clock
) -> None:
    for _ in range(20):
        assert phrases.is_right(SECRET, PHRASE, ADDRESS)
    assert hashing.runs == 1
    clock.advance(REMEMBERED_SECONDS)
    assert phrases.is_right(SECRET, PHRASE, ADDRESS)
    assert hashing.runs == 2


@pytest.mark.parametrize(
    ("secret", "address"),
    [
        (SECRET._replace(changed_ns=11), ADDRESS),
        (SECRET._replace(exposure_id=2), ADDRESS),
        (SECRET, "192.0.2.2"),
    ],
    ids=["another phrase since", "another exposure", "another address"],
)
def test_what_is_remembered_counts_for_nothing_else(
    phrases: Phrases, hashing: Hashing, secret: Secret, address: str
) -> None:
    assert phrases.is_right(SECRET, PHRASE, ADDRESS)
    assert phrases.is_right(secret, PHRASE, address)
    assert hashing.runs == 2


def test_a_wrong_phrase_is_not_remembered_and_guessing_is_slowed(
    phrases: Phrases, hashing: Hashing, clock: Clock
) -> None:
    for _ in range(BURST):
        assert not phrases.is_right(SECRET, "a wrong phrase", ADDRESS)
    with pytest.raises(TooMany):
        phrases.is_right(SECRET, "a wrong phrase", ADDRESS)
    assert hashing.runs == BURST
    clock.advance(SECONDS_EACH)
    assert not phrases.is_right(SECRET, "a wrong phrase", ADDRESS)
    with pytest.raises(TooMany):
        phrases.is_right(SECRET, "a wrong phrase", ADDRESS)


def test_who_guessed_too_often_learns_nothing_even_from_what_is_remembered(phrases: Phrases) -> None:
    assert phrases.is_right(SECRET, PHRASE, ADDRESS)
    for _ in range(BURST):
        assert not phrases.is_right(SECRET, "a wrong phrase", ADDRESS)
    with pytest.raises(TooMany):
        phrases.is_right(SECRET, PHRASE, ADDRESS)
    assert phrases.is_right(SECRET, PHRASE, "192.0.2.2"), "others are not held up"


def test_no_more_hashes_run_at_once_than_allowed_and_the_rest_is_told_to_come_again(
    phrases: Phrases, hashing: Hashing
) -> None:
    hashing.go_on.clear()
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.append(phrases.is_right(SECRET, PHRASE, ADDRESS)))
        for _ in range(RUNS_MAX)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert hashing.inside.acquire(timeout=10)
    for _ in range(2 * BURST):
        with pytest.raises(TooMany) as refused:
            phrases.is_right(SECRET, "a wrong phrase", "192.0.2.3")
        assert refused.value.retry_after_seconds == 1
    hashing.go_on.set()
    for thread in threads:
        thread.join(10)
    assert found == [True] * RUNS_MAX
    assert not phrases.is_right(SECRET, "a wrong phrase", "192.0.2.3"), "being turned away was not counted"


def test_memory_is_bounded(phrases: Phrases) -> None:
    for number in range(REMEMBERED_MAX + 10):
        assert phrases.is_right(SECRET, PHRASE, f"10.0.{number // 256}.{number % 256}")
    assert len(phrases._remembered) == REMEMBERED_MAX


def test_a_phrase_of_any_length_and_any_characters_is_only_wrong(phrases: Phrases, hashing: Hashing) -> None:
    for phrase in ("", "\ud800", "x" * 100_000, "\0" * 20):
        assert not phrases.is_right(SECRET, phrase, ADDRESS)
    assert hashing.runs == 3, "what is too long is not hashed"
