"""/api/v1/jobs and /sync, as an engine asks for them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.api.jobs import JobSink
from mylist_dav.api.operations import Call
from mylist_dav.api.table import api
from mylist_dav.errors import Forbidden, MylistError
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.server.syncing import Syncing
from mylist_dav.services.jobs.jobs import Kind
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.wire.messages import BodySink, Request, Response
from tests.dav.conftest import Clock
from tests.services.job_bench import ended

NAME = FlistName("alice", "site")
IDS = [Digest.of(text).hex() for text in (b"one", b"two")]
PEERS = '[[peers]]\nname = "backup"\nurl = "https://backup.example"\n'


class Caller:
    def __init__(self, library: Library) -> None:
        self.library = library
        self.tokens = {"": ""}
        for name, role in (("admin", Role.ADMIN), ("alice", Role.USER), ("bert", Role.USER)):
            library.identity.add_account(OPERATOR, name, role)
            self.tokens[name] = library.identity.new_token(OPERATOR, name)
        library.flists.create(OPERATOR, NAME)
        library.jobs.register(Syncing(library).kind())
        library.jobs.register(Kind("echo", lambda actor, asked: None, lambda run: {"echo": run.asked}))

    def ask(self, method: str, target: str, account: str = "admin", body: object = None) -> Response:
        path, _, query = target.partition("?")
        fields = [("authorization", f"Bearer {self.tokens[account]}")] if account else []
        if body is not None:
            fields.append(("content-type", "application/json"))
        request = Request(
            method,
            path,
            query,
            fields,
            "h",
            "h",
            client="192.0.2.1",
            request_id="r",
            has_body=body is not None,
        )
        front = api(self.library)
        try:
            found: Response | BodySink = front.respond(request)
            while isinstance(found, Response) and found.again is not None:
                self.library.jobs.pause(found.again.after_seconds)
                found = found.again.ask()
            if not isinstance(found, Response):
                found.write(json.dumps(body).encode())
                found = found.finish()
        except MylistError as error:
            found = front.render_error(request, error)
        assert isinstance(found, Response)
        return found

    def json(
        self, method: str, target: str, account: str = "admin", body: object = None, status: int = 200
    ) -> Any:
        response = self.ask(method, target, account, body)
        assert isinstance(response.body, bytes)
        assert response.status == status, response.body
        return json.loads(response.body)

    def start(self, account: str = "alice") -> str:
        actor = self.library.identity.actor_for(self.tokens[account])
        return self.library.jobs.start(actor, "echo", {"a": 1}, "alice/site").job_id


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    library = Library(load(PEERS, given={"store.data": str(tmp_path / "data")}), Clock())
    yield Caller(library)
    library.close()


def test_who_knows_the_id_of_a_job_reads_its_state_and_result_without_a_login(caller: Caller) -> None:
    job_id = caller.start()
    before = caller.json("GET", f"/api/v1/jobs/{job_id}", account="")
    assert (before["job_id"], before["state"], before["result"]) == (job_id, "queued", None)
    assert "account" not in before
    caller.library.start_jobs()
    after = caller.json("GET", f"/api/v1/jobs/{job_id}?wait=30", account="")
    assert (after["state"], after["result"], after["problem"]) == ("done", {"echo": {"a": 1}}, None)
    assert set(after) == {
        "job_id", "kind", "flist", "state", "phase", "done_bytes", "total_bytes", "done_entries", "total_entries",
        "result", "problem", "created_ns", "changed_ns", "ended_ns",
    }  # fmt: skip


def test_a_job_that_is_not_there_and_what_is_no_id_answer_alike(caller: Caller) -> None:
    for wrong in ("0" * 32, "x", "0" * 31):
        assert caller.json("GET", f"/api/v1/jobs/{wrong}?wait=60", "", status=404)["type"].endswith(
            ":not-found"
        )


@pytest.mark.parametrize("wait", ["61", "-1", "x", "1.5"])
def test_one_waits_a_minute_at_most(caller: Caller, wait: str) -> None:
    caller.json("GET", f"/api/v1/jobs/{caller.start()}?wait={wait}", status=400)


def test_jobs_are_listed_for_who_began_them_page_by_page(caller: Caller) -> None:
    ids = {caller.start() for _ in range(3)}
    caller.start("bert")
    first = caller.json("GET", "/api/v1/jobs?limit=2", "alice")
    second = caller.json("GET", f"/api/v1/jobs?limit=2&after={first['next']}", "alice")
    assert {job["job_id"] for job in [*first["jobs"], *second["jobs"]]} == ids
    assert second["next"] is None
    assert len(caller.json("GET", "/api/v1/jobs")["jobs"]) == 4
    assert caller.json("GET", "/api/v1/jobs?state=done")["jobs"] == []
    caller.json("GET", "/api/v1/jobs?state=asleep", status=400)
    caller.json("GET", "/api/v1/jobs", account="", status=401)


def test_a_job_is_cancelled_by_who_began_it_and_by_admins(caller: Caller) -> None:
    job_id = caller.start()
    caller.json("DELETE", f"/api/v1/jobs/{job_id}", account="", status=401)
    caller.json("DELETE", f"/api/v1/jobs/{job_id}", account="bert", status=403)
    assert caller.json("DELETE", f"/api/v1/jobs/{job_id}", account="alice")["state"] == "cancelled"
    assert caller.json("DELETE", f"/api/v1/jobs/{job_id}")["state"] == "cancelled"


def test_an_admin_has_all_blocks_read_again(caller: Caller) -> None:
    caller.json("POST", "/api/v1/jobs", "alice", {"kind": "verify"}, status=403)
    for kind in ("import", "sync", "nonsense"):
        caller.json("POST", "/api/v1/jobs", "admin", {"kind": kind}, status=400)
    response = caller.ask("POST", "/api/v1/jobs", body={"kind": "verify"})
    assert response.status == 202, response.body
    caller.library.start_jobs()
    job = caller.json("GET", dict(response.headers)["location"] + "?wait=30")
    assert (job["state"], job["result"]) == ("done", {"blocks": 0, "size_bytes": 0, "bad": 0, "found": []})


def test_copying_to_a_peer_answers_202_and_where_to_look(caller: Caller) -> None:
    response = caller.ask("POST", "/sync", body={"peer": "backup", "flist": "alice/site"})
    assert response.status == 202, response.body
    location = dict(response.headers)["location"]
    job = caller.json("GET", location, account="")
    assert (job["kind"], job["flist"], job["state"]) == ("sync", "alice/site", "queued")
    stored = caller.library.jobs.get(job["job_id"])
    assert json.loads(stored.asked) == {"peer": "backup", "flist": "alice/site", "at": 1, "blocks": None}


@pytest.mark.parametrize("peer", ["backup", "https%3A%2F%2Fbackup.example"])
def test_blocks_are_named_in_the_path_and_the_peer_by_its_name_or_address(caller: Caller, peer: str) -> None:
    response = caller.ask("POST", f"/sync/{peer}/{IDS[0]},{IDS[1]}")
    assert response.status == 202, response.body
    stored = caller.library.jobs.get(dict(response.headers)["location"].rpartition("/")[2])
    assert json.loads(stored.asked)["blocks"] == IDS


@pytest.mark.parametrize(
    "peer",
    [
        "https://elsewhere.example",
        "https://backup.example:444",
        "http://backup.example",
        "https://backup.example/",
        "https://backup.example@127.0.0.1",
        "http://169.254.169.254",
        "nobody",
        "",
    ],
)
def test_nothing_is_sent_to_who_is_no_peer(caller: Caller, peer: str) -> None:
    asked = {"peer": peer, "blocks": IDS}
    assert caller.json("POST", "/sync", body=asked, status=403)["type"].endswith(":forbidden")
    assert caller.json("GET", "/api/v1/jobs")["jobs"] == []


def test_only_admins_copy_to_peers(caller: Caller) -> None:
    caller.json("POST", "/sync", "alice", {"peer": "backup", "flist": "alice/site"}, status=403)
    caller.json("POST", f"/sync/backup/{IDS[0]}", "alice", status=403)
    caller.json("POST", "/sync", "", {"peer": "backup", "flist": "alice/site"}, status=401)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"peer": "backup"}, 400),
        ({"peer": "backup", "flist": "alice/site", "blocks": IDS}, 400),
        ({"peer": "backup", "blocks": IDS, "at": 1}, 400),
        ({"peer": "backup", "blocks": []}, 400),
        ({"peer": "backup", "blocks": ["x"]}, 400),
        ({"peer": "backup", "blocks": IDS, "to": "x"}, 400),
        ({"peer": "backup", "flist": "alice/none"}, 404),
        ({"peer": "backup", "flist": "alice/site", "at": 99}, 404),
        ({"peer": "backup", "flist": "nonsense"}, 400),
    ],
)
def test_what_cannot_be_copied_is_refused_before_it_becomes_a_job(
    caller: Caller, asked: object, status: int
) -> None:
    caller.json("POST", "/sync", body=asked, status=status)
    assert caller.json("GET", "/api/v1/jobs")["jobs"] == []


def test_a_job_that_failed_tells_a_problem_document(caller: Caller) -> None:
    def run(run: object) -> Any:
        raise MylistError("it broke")

    caller.library.jobs.register(Kind("breaking", lambda actor, asked: None, run))
    caller.library.start_jobs()
    job = ended(caller.library, caller.library.jobs.start(OPERATOR, "breaking", {}))
    problem = caller.json("GET", f"/api/v1/jobs/{job.job_id}", account="")["problem"]
    assert problem == {
        "type": "urn:mylist:problem:mylist-error",
        "title": "Mylist error",
        "status": 500,
        "detail": "it broke",
    }


def packed() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        member = tarfile.TarInfo("a")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"one"))
    return made.getvalue()


def sink_for(caller: Caller, account: str) -> JobSink:
    actor = caller.library.identity.actor_for(caller.tokens[account])
    request = Request("POST", "/flist/upload", "", [], "h", "h", has_body=True)
    asked = {"name": "alice/site", "merge": False, "make": True}
    return JobSink(Call(caller.library, request, actor, {}, (), None), "import", asked, "alice/site")


def test_a_body_becomes_a_job_when_all_of_it_is_here(caller: Caller) -> None:
    sink = sink_for(caller, "admin")
    for start in range(0, len(packed()), 10):
        sink.write(packed()[start : start + 10])
    response = sink.finish()
    assert response.status == 202
    caller.library.start_jobs()
    job = caller.json("GET", dict(response.headers)["location"] + "?wait=30", account="")
    assert (job["state"], job["result"]["added"]) == ("done", 1), job


def test_a_body_that_breaks_off_becomes_nothing(caller: Caller) -> None:
    sink = sink_for(caller, "admin")
    sink.write(packed()[:10])
    sink.abort()
    assert caller.json("GET", "/api/v1/jobs")["jobs"] == []
    assert list(caller.library.jobs.bodies.folder.iterdir()) == []


def test_who_may_not_write_sends_no_body(caller: Caller) -> None:
    with pytest.raises(Forbidden):
        sink_for(caller, "bert")
