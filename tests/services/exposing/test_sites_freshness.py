"""Caches that are always right: whoever commits, the next look sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mylist_dav.errors import Busy
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName
from mylist_dav.services.exposing.freshness import Freshness
from mylist_dav.store.catalog import Cached
from tests.web.publishing import HOST, SITE, Publisher

OTHER = FlistName("alice", "other")
CHANGE = """
import sys
from pathlib import Path
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName
from mylist_dav.services.exposing.exposures import Exposures
from mylist_dav.services.tree.flists import Flists
from mylist_dav.store.catalog import Catalog
catalog = Catalog(Path(sys.argv[1]), clock=lambda: 2_000_000_000_000_000_000)
what, where, name = sys.argv[2], sys.argv[3], FlistName.parse(sys.argv[4])
if what == "expose":
    Exposures(catalog).expose(OPERATOR, name, host=where)
elif what == "unexpose":
    Exposures(catalog).unexpose(OPERATOR, host=where)
else:
    Flists(catalog).rollback(OPERATOR, name, int(where))
catalog.close()
"""


def elsewhere(tmp_path: Path, *arguments: str) -> None:
    """Make a change in a process of its own."""
    subprocess.run(
        [sys.executable, "-c", CHANGE, str(tmp_path / "catalog.sqlite"), *arguments], check=True, timeout=60
    )


def test_a_switch_by_another_process_is_seen_by_the_next_request(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.flist(files={"index.html": "first"})
    publisher.flist(OTHER, {"index.html": "second"})
    publisher.expose()
    for _ in range(3):
        assert publisher.text("/") == "first"
    elsewhere(tmp_path, "expose", HOST, str(OTHER))
    assert publisher.text("/") == "second"
    elsewhere(tmp_path, "unexpose", HOST, str(OTHER))
    assert publisher.ask("/").status == 404


def test_a_rollback_by_another_process_is_seen_by_the_next_request(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.flist(files={"index.html": "first"})
    old = publisher.head()
    publisher.write("index.html", "second")
    publisher.write("new.html", "new")
    publisher.expose()
    for _ in range(3):
        assert publisher.text("/") == "second"
        assert publisher.text("/new.html") == "new"
    elsewhere(tmp_path, "rollback", str(old), str(SITE))
    assert publisher.text("/") == "first"
    assert publisher.ask("/new.html").status == 404


def test_own_changes_are_seen_by_the_next_request(publisher: Publisher) -> None:
    publisher.flist(files={"index.html": "first"})
    publisher.flist(OTHER, {"index.html": "second"})
    publisher.expose()
    assert publisher.ask("/later").status == publisher.ask("/later").status == 404
    publisher.write("later", "now there")
    assert publisher.text("/later") == "now there"
    pinned = publisher.head()
    publisher.write("later", "changed")
    assert publisher.text("/later") == "changed"
    publisher.expose(at_jid=pinned)
    assert publisher.text("/later") == "now there"
    publisher.expose(OTHER)
    assert publisher.text("/") == "second"
    publisher.flists.delete(OPERATOR, OTHER)
    assert publisher.ask("/").status == 404


def test_a_new_longer_prefix_takes_its_part_at_once(publisher: Publisher) -> None:
    publisher.flist(files={"v2/a": "short"})
    publisher.flist(OTHER, {"a": "long"})
    publisher.expose(prefix="/docs")
    assert publisher.text("/docs/v2/a") == publisher.text("/docs/v2/a") == "short"
    publisher.expose(OTHER, prefix="/docs/v2")
    assert publisher.text("/docs/v2/a") == "long"


def test_the_map_stays_the_same_while_no_exposure_changes(publisher: Publisher) -> None:
    publisher.flist()
    exposure = publisher.expose()
    fresh = publisher.sites.freshness()
    before = fresh.look()
    jid = fresh.jid(exposure)
    publisher.write("a", "a")
    assert fresh.look() is before
    assert jid is not None and fresh.jid(exposure) == jid + 1


def test_an_error_on_the_way_does_not_let_old_things_pass_for_fresh(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.flist()
    publisher.expose()
    pulse = publisher.catalog.pulse()
    fresh = Freshness(pulse)
    before = fresh.look()
    publisher.expose(prefix="/more")
    reading = pulse.reading
    with monkeypatch.context() as patch:
        patch.setattr(pulse, "reading", _refuse)
        with pytest.raises(Busy):
            fresh.look()
        with pytest.raises(Busy):
            fresh.look()
    assert pulse.reading == reading
    assert len(fresh.look().all()) == len(before.all()) + 1


def test_a_process_that_died_in_a_commit_makes_nothing_stale(publisher: Publisher) -> None:
    """It may have committed and told nobody: the number in the shared memory is odd, and nothing is believed by it."""
    publisher.flist(files={"index.html": "first"})
    publisher.flist(OTHER, {"index.html": "second"})
    publisher.expose()
    fresh = publisher.sites.freshness()
    before = fresh.look()
    publisher.catalog.generations.begin([Cached.EXPOSURES])
    assert fresh.look() is before  # read again, and found to be the same
    catalog = publisher.catalog
    other = publisher.flists.get(OPERATOR, OTHER)
    catalog._writer.execute("UPDATE exposure SET flist_id = ?", (other.flist_id,))
    catalog._writer.execute("UPDATE generation SET number = number + 1 WHERE kind = 'exposures'")
    assert publisher.text("/") == "second"
    publisher.expose(prefix="/more")
    assert catalog.generations.watch(Cached.EXPOSURES)() is not None
    assert fresh.look() is fresh.look()
    assert len(fresh.look().all()) == 2


def _refuse() -> object:
    raise Busy("not now")
