"""What a worker counts, and how notes of several are added up."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from mylist_dav.server.watching.measures import Measures, Notes, added, front_end_name
from mylist_dav.server.watching.metrics import buckets
from mylist_dav.store.processes.boards import Board
from mylist_dav.wire.messages import Request


class DavFrontEnd:
    """Stands for one."""


def request(kind: object, received_bytes: int = 0) -> Request:
    made = Request("PUT", "/", "", [], "h", "h", has_body=received_bytes > 0, received_bytes=received_bytes)
    made.chosen = kind  # type: ignore[assignment]
    return made


def test_threads_count_beside_each_other_and_nothing_is_lost() -> None:
    measures = Measures()
    kind = DavFrontEnd()

    def count() -> None:
        for _ in range(1000):
            measures.count(request(kind, 3), 201, 2, 0.004)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    measures.count_now(request(kind), 201, 5)
    for thread in threads:
        thread.join()
    notes = measures.notes()
    assert notes.sums["requests", "dav", "201"] == 4001
    assert (notes.sums["received_bytes", "dav"], notes.sums["sent_bytes", "dav"]) == (12_000, 8005)
    assert sum(notes.spreads["request_seconds", "dav"][:-1]) == 4001
    assert abs(notes.spreads["request_seconds", "dav"][-1] - 16) < 0.01


def test_notes_survive_being_packed_and_what_is_no_note_is_empty() -> None:
    notes = Notes({("requests", "dav", "200"): 1}, {("threads", "7"): 2.5}, {("loop_lag",): [1, 0, 0.5]})
    assert Notes.unpacked(notes.packed()) == notes
    for broken in (b"", b"{", b"[1]", b"[[],[]]", notes.packed()[:-5], json.dumps([[[1]], [], []]).encode()):
        assert Notes.unpacked(broken) == Notes({}, {}, {})


def test_sums_and_spreads_are_added_and_levels_stand_beside_each_other() -> None:
    one = Notes({("a",): 1}, {("m", "1"): 5}, {("s",): [1, 2, 0.5]})
    other = Notes({("a",): 2, ("b",): 7}, {("m", "2"): 6}, {("s",): [3, 0, 1.5]})
    assert added([one, other]) == Notes(
        {("a",): 3, ("b",): 7}, {("m", "1"): 5, ("m", "2"): 6}, {("s",): [4, 2, 2.0]}
    )
    assert one.spreads["s",] == [1, 2, 0.5]


def test_a_worker_goes_on_from_the_note_of_a_dead_one(tmp_path: Path) -> None:
    board = Board(tmp_path, "aa")
    left = Notes({("requests", "dav", "200"): 5}, {("threads", "1"): 3}, {}).packed()
    folder = tmp_path / "run" / "figures"
    folder.mkdir(parents=True)
    (folder / "aa.4194305").write_bytes(left)  # above any process id
    measures = Measures()
    measures.count_now(request(DavFrontEnd()), 200, 0)
    measures.begin(board)
    notes, workers = measures.of_all()
    assert (notes.sums["requests", "dav", "200"], workers) == (6, 1)
    assert ("threads", "1") not in notes.levels
    measures.end()
    assert board.notes() == {}


def test_a_worker_serves_though_it_can_leave_no_note_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").write_bytes(b"no folder")
    measures = Measures()
    measures.begin(Board(tmp_path, "aa"))
    measures._try_to_post()
    measures.count_now(request(DavFrontEnd()), 200, 0)
    assert measures.of_all()[0].sums["requests", "dav", "200"] == 1
    measures.end()
    assert len([one for one in caplog.records if "not up to date" in one.message]) == 1


def test_front_ends_have_short_names() -> None:
    assert front_end_name(DavFrontEnd) == "dav"
    assert front_end_name(type(None)) == "none"
    assert front_end_name(type("ExposedDav", (), {})) == "dav"


def test_buckets_count_all_that_is_at_most_their_bound() -> None:
    assert buckets((0.1, 1.0), [2, 0, 3]) == [("0.1", 2), ("1.0", 2), ("+Inf", 5)]
