"""mylist jobs, with the server running or not."""

from __future__ import annotations

import json
from pathlib import Path

from mylist_dav.services.jobs.jobs import Kind
from tests.services.job_bench import ADMIN, library_in
from tests.serving import mylist, run_mylist


def test_jobs_are_listed_and_cancelled_on_the_data_directory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with library_in(data) as library:
        library.jobs.register(Kind("sort", lambda actor, asked: None, lambda run: {}))
        first = library.jobs.start(ADMIN, "sort", {"secret": "x"}, "anna/site")
        second = library.jobs.start(ADMIN, "sort", {})
    assert first.job_id in mylist(data, "jobs")
    assert mylist(data, "jobs", "cancel", first.job_id) == f"{first.job_id}  cancelled\n"
    rows = {row["job_id"]: row for row in json.loads(mylist(data, "jobs", "--json"))}
    assert {job: row["state"] for job, row in rows.items()} == {
        first.job_id: "cancelled",
        second.job_id: "queued",
    }
    assert (rows[first.job_id]["kind"], rows[first.job_id]["flist"]) == ("sort", "anna/site")
    assert [row["job_id"] for row in json.loads(mylist(data, "jobs", "--state", "queued", "--json"))] == [
        second.job_id
    ]


def test_a_job_that_is_not_there_cannot_be_cancelled(tmp_path: Path) -> None:
    with library_in(tmp_path / "data"):
        pass
    done = run_mylist("jobs", "cancel", "0" * 32, "--data", str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (4, "")
    assert "no such job" in done.stderr
