"""/metrics and /healthz of a running server: the figures of all workers together, and who may read what."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mylist_dav.server.watching.measures import Notes
from tests.serving import ENGINES, Served, mylist, serving

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def figures(client: httpx.Client) -> Figures:
    """Every sample of one answer."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def until(client: httpx.Client, holds: Callable[[Figures], bool]) -> Figures:
    """The figures once something holds of them: those of other workers come a second late."""
    end = monotonic() + 20
    while True:
        found = figures(client)
        if holds(found):
            return found
        assert monotonic() < end, sorted(found.items())


def requests_of(front_end: str, status: int) -> tuple[str, tuple[tuple[str, str], ...]]:
    return "mylist_requests_total", (("front_end", front_end), ("status", str(status)))


def one(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return f"mylist_{name}", tuple(sorted(labels.items()))


def published(data: Path, site: Path) -> None:
    site.mkdir()
    (site / "index.html").write_bytes(b"x" * 100)
    mylist(data, "import", str(site), "alice/site")
    mylist(data, "expose", "alice/site", "--prefix", "/s")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_answered_is_in_the_metrics(engine: str, tmp_path: Path) -> None:
    published(tmp_path / "data", tmp_path / "site")
    with serving(tmp_path / "data", engine=engine) as served, served.client() as admin:
        for _ in range(5):
            assert admin.get("/s/", auth=httpx.Auth()).status_code == 200
        assert admin.put("/dav/alice/site/new", content=b"12345").status_code == 201
        assert admin.put("/dav/alice/site/streamed", content=iter([b"1" * 70_000])).status_code == 201
        assert admin.get("/dav/alice/site/none").status_code == 404
        found = until(admin, lambda found: found.get(requests_of("dav", 404)) == 1)
    assert found[requests_of("site", 200)] == 5
    assert found[requests_of("dav", 201)] == 2
    assert found[one("received_bytes_total", front_end="dav")] == 70_005
    assert found[one("sent_bytes_total", front_end="site")] == 500
    assert found[one("request_seconds_count", front_end="dav")] == 3
    assert found[one("request_seconds_sum", front_end="dav")] > 0
    assert found[one("commit_changes_sum")] >= 2
    assert found[one("flists")] == found[one("workers")] == found[one("ready")] == 1
    assert found[one("blocks")] == 3
    assert any(name == "mylist_resident_bytes" and value > 10**6 for (name, _), value in found.items())


def test_the_figures_of_all_workers_are_added_up_and_outlive_a_worker(tmp_path: Path) -> None:
    published(tmp_path / "data", tmp_path / "site")
    with serving(tmp_path / "data", workers=2) as served:
        pids = _ask_until_both_workers_answered(served)
        with served.client() as client:
            before = until(client, lambda found: _answered(found) >= 40)
            until(client, lambda _: _left_on_the_board(tmp_path / "data") >= 40)
        assert before[one("workers")] == 2
        os.kill(pids[0], signal.SIGKILL)
        with httpx.Client(base_url=served.url) as fresh:
            after = until(fresh, lambda found: found[one("workers")] == 2 and _workers(found) != set(pids))
        assert _answered(after) == _answered(before)


def _ask_until_both_workers_answered(served: Served) -> list[int]:
    for _ in range(40):
        with httpx.Client(base_url=served.url) as guest:  # a connection each, so that both get some
            assert guest.get("/s/").status_code == 200
    with served.client() as client:
        found = until(client, lambda found: len(_workers(found)) == 2)
    return sorted(_workers(found))


def _left_on_the_board(data: Path) -> float:
    """What the notes of all workers say: the last second of a worker that is killed is lost."""
    posted = [path for path in (data / "run" / "figures").iterdir() if path.suffix[1:].isdigit()]
    notes = [Notes.unpacked(path.read_bytes()) for path in posted]
    return sum(found.sums.get(("requests", "site", "200"), 0) for found in notes)


def _answered(found: Figures) -> float:
    return found.get(requests_of("site", 200), 0)


def _workers(found: Figures) -> set[int]:
    return {int(dict(labels)["process"]) for name, labels in found if name == "mylist_resident_bytes"}


def test_metrics_are_for_loopback_and_admins_and_not_for_what_comes_through_a_proxy(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as served:
        mylist(data, "account", "add", "bert")
        bert = mylist(data, "token", "new", "bert").splitlines()[-1]
        proxied = {"x-forwarded-for": "203.0.113.7"}
        with httpx.Client(base_url=served.url) as guest:
            assert guest.get("/metrics").status_code == 200
            refused = guest.get("/metrics", headers=proxied)
            assert refused.status_code == 401
            assert refused.headers["content-type"] == "application/problem+json"
            assert guest.get("/metrics", auth=("bert", bert)).status_code == 403
            assert guest.get("/metrics", auth=("admin", "wrong")).status_code == 401
            assert guest.post("/metrics").status_code == 405
        with served.client() as admin:
            assert admin.get("/metrics", headers=proxied).status_code == 200


def test_nobody_is_let_in_by_address_where_no_network_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYLIST_HEALTH_METRICS_FROM", "")
    with serving(tmp_path / "data") as served, httpx.Client(base_url=served.url) as guest:
        assert guest.get("/metrics").status_code == 401


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stranger_learns_one_word_of_the_health_and_an_admin_all(engine: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data, engine=engine) as served, served.client() as admin:
        with httpx.Client(base_url=served.url) as guest:
            for probe in ("", "?probe=live", "?probe=ready", "?probe=write"):
                answer = guest.get(f"/healthz{probe}")
                assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
            assert guest.get("/healthz?probe=other").status_code == 400
            assert guest.head("/healthz").status_code == 200
            assert guest.delete("/healthz").status_code == 405
        mylist(data, "verify")
        end = monotonic() + 20
        while "verify" not in (seen := admin.get("/healthz").json())["upkeep"]:
            assert monotonic() < end
        assert seen["upkeep"]["verify"]["bad"] == 0
        assert seen["disk"]["free_bytes"] > 0
        assert seen["catalog"]["schema_version"] >= 4
        scraped = figures(admin)
        assert scraped[one("upkeep_found", kind="verify", what="bad")] == 0
        assert scraped[one("upkeep_timestamp_seconds", kind="verify")] > 1_600_000_000
        (data / "writes-stopped").write_bytes(b"\1the disk failed\0")
        with httpx.Client(base_url=served.url) as guest:
            stopped = guest.get("/healthz")
            assert (stopped.status_code, stopped.json()) == (503, {"status": "read-only"})
            assert guest.get("/healthz?probe=ready").status_code == 200
            assert guest.get("/healthz?probe=live").status_code == 200
        assert json.loads(admin.get("/healthz").text)["stopped"] == "the disk failed"
