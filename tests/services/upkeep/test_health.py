"""What is looked at to say how a server is, who is told what, and how often it is looked at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mylist_dav.errors import Forbidden, MylistError, Unauthenticated
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.contents import BlockRef
from mylist_dav.services.opening import Library
from mylist_dav.services.upkeep.health import Watch
from mylist_dav.settings import load
from tests.shelf import Clock

PATIENCE_SECONDS = 5.0
USER = Actor("bert", Role.USER)


def opened(folder: Path, clock: Clock, **given: object) -> Library:
    settings = {"store.data": str(folder / "data"), "store.durability": "os", **given}
    return Library(load(given=settings), clock)  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def library(tmp_path: Path, clock: Clock) -> Iterator[Library]:
    made = opened(tmp_path, clock)
    yield made
    made.close()


def test_a_new_library_is_well_and_was_never_verified(library: Library) -> None:
    found = library.watch.health()
    assert (found.status, found.is_ready, found.takes_writes, found.verified) == ("ok", True, True, None)
    assert found.schema_version >= 4
    assert found.room is not None
    assert 0 < found.room.free_bytes <= found.room.total_bytes


def test_stopped_writes_are_seen_at_once(library: Library) -> None:
    assert library.watch.health().takes_writes
    library.stop_sign.stop("the disk failed")
    found = library.watch.health()
    assert (found.status, found.is_ready, found.takes_writes) == ("read-only", True, False)
    assert library.watch.details(OPERATOR).stopped == "the disk failed"
    library.stop_sign.clear()
    assert library.watch.health().status == "ok"


def test_little_room_is_told(tmp_path: Path, clock: Clock) -> None:
    for given in ({"health.free_bytes_min": 2**53}, {"health.free_inodes_min": 2**53}):
        library = opened(tmp_path, clock, **given)
        assert library.watch.health().status == "short-of-room"
        assert library.watch.health().takes_writes
        library.close()


def test_a_run_of_verify_is_noted_with_what_it_found_once_it_has_ended(
    library: Library, clock: Clock, tmp_path: Path
) -> None:
    digests = [library.blocks.put(content) for content in (b"one", b"two")]
    library.catalog.change(lambda draft: draft.register_blocks([BlockRef(one, 3) for one in digests]))
    for _ in library.upkeep.verify(OPERATOR):
        break
    clock.advance(5)
    assert library.watch.health().verified is None
    assert [one.problem for one in library.upkeep.verify(OPERATOR)] == ["", ""]
    clock.advance(5)
    verified = library.watch.health().verified
    assert verified is not None
    assert verified.found == {"blocks": 2, "size_bytes": 6, "bad": 0}
    library.files.delete(digests[0])
    assert len([one for one in library.upkeep.verify(OPERATOR) if one.problem]) == 1
    clock.advance(5)
    assert library.watch.health().status == "damaged"


def test_a_catalog_that_cannot_be_read_is_told(library: Library, clock: Clock) -> None:
    library.catalog.close()
    clock.advance(5)
    found = library.watch.health()
    assert (found.status, found.is_ready, found.takes_writes) == ("unavailable", False, False)


def test_a_look_serves_all_who_ask_within_a_second(library: Library, clock: Clock) -> None:
    first = library.watch.health()
    library.catalog.close()
    clock.advance(0.5)
    assert library.watch.health() == first
    clock.advance(1)
    assert library.watch.health().status == "unavailable"


def test_details_are_for_admins(library: Library) -> None:
    with pytest.raises(Forbidden):
        library.watch.details(USER)
    with pytest.raises(Unauthenticated):
        library.watch.details(Actor("", Role.GUEST))


@pytest.mark.parametrize(
    ("actor", "address", "hops", "allowed"),
    [
        (None, "127.0.0.1", False, True),
        (None, "::1", False, True),
        (None, "::ffff:127.0.0.1", False, True),
        (None, "127.0.0.1", True, False),
        (None, "192.0.2.1", False, False),
        (None, "", False, False),
        (None, "x", False, False),
        (OPERATOR, "192.0.2.1", True, True),
        (USER, "127.0.0.1", False, False),
    ],
)
def test_figures_are_for_admins_and_networks_of_the_settings(
    library: Library, actor: Actor | None, address: str, hops: bool, allowed: bool
) -> None:
    if allowed:
        library.watch.require_reader(actor, address, hops=hops)
    else:
        with pytest.raises(MylistError) as refused:
            library.watch.require_reader(actor, address, hops=hops)
        assert isinstance(refused.value, (Unauthenticated, Forbidden))


def test_figures_count_what_there_is_and_totals_may_be_a_minute_old(library: Library, clock: Clock) -> None:
    before = library.watch.figures()
    assert before.totals["accounts"] == before.counts["locks"] == 0
    library.identity.add_account(OPERATOR, "anna", Role.USER)
    assert library.watch.figures().totals["accounts"] == 0
    clock.advance(61)
    assert library.watch.figures().totals["accounts"] == 1
    assert library.watch.figures().jobs == {}


def test_health_does_not_wait_for_totals(library: Library) -> None:
    asked, answer = threading.Event(), threading.Event()

    class Slow(Watch):
        def _total(self) -> dict[str, int]:
            asked.set()
            answer.wait(PATIENCE_SECONDS)
            return super()._total()

    watch = Slow(
        library.catalog,
        library.stop_sign,
        Path(library.settings.store.data),
        library.settings.health,
        library.clock,
    )
    with ThreadPoolExecutor(2) as threads:
        figures = threads.submit(watch.figures)
        try:
            assert asked.wait(PATIENCE_SECONDS)
            assert threads.submit(watch.health).result(PATIENCE_SECONDS).status == "ok"
            assert not figures.done()
        finally:
            answer.set()
        assert figures.result(PATIENCE_SECONDS).totals["accounts"] == 0
