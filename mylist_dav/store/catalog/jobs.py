"""The table of jobs: who waits, who runs, what came of it."""

from __future__ import annotations

import json

from mylist_dav.model.actors import Actor, Scope
from mylist_dav.model.jobs import Job, JobsWanted, Standing, State
from mylist_dav.model.names import FlistName
from mylist_dav.store.catalog.rows import Row, Statements

_COLUMNS = (
    "job_id, kind, account, address, request_id, flist, state, asked, phase, done_bytes, total_bytes, done_entries,"
    " total_entries, result, problem, cancelled, owner, attempts, created_ns, changed_ns, ended_ns"
)
_LISTED = _COLUMNS.replace("asked", """'{"scope":{"flist":null,"read_only":false},"asked":{}}'""")
_ENDED = "state IN ('done', 'failed', 'cancelled')"
_FAIREST = (
    "SELECT job_id FROM job j WHERE state = 'queued' ORDER BY (SELECT count(*) FROM job a WHERE a.state = 'active'"
    " AND a.account = j.account), created_ns, job_id LIMIT 1"
)
"""The oldest of those whose account has the fewest running: one account cannot keep all others waiting."""


class JobReads:
    """Reads of the jobs."""

    def __init__(self, connection: Statements) -> None:
        self._sql = connection

    def get(self, job_id: str) -> Job | None:
        """A job by its id."""
        rows = self._sql.execute(f"SELECT {_COLUMNS} FROM job WHERE job_id = ?", (job_id,)).fetchall()
        return _to_job(rows[0]) if rows else None

    def page(self, wanted: JobsWanted) -> list[Job]:
        """The jobs that are wanted, newest first, without what they were asked, which may be long.

        After a job that is gone comes nothing.
        """
        given: list[tuple[str, str | None]] = [
            ("account = ?", wanted.account),
            ("flist = ?", wanted.flist),
            ("state = ?", wanted.state.value if wanted.state is not None else None),
            ("(created_ns, job_id) < (SELECT created_ns, job_id FROM job WHERE job_id = ?)", wanted.after),
        ]
        found = [(text, value) for text, value in given if value is not None]
        where = f" WHERE {' AND '.join(text for text, _ in found)}" if found else ""
        rows = self._sql.execute(
            f"SELECT {_LISTED} FROM job{where} ORDER BY created_ns DESC, job_id DESC LIMIT ?",
            (*(value for _, value in found), wanted.limit),
        )
        return [_to_job(row) for row in rows]

    def active(self) -> list[tuple[str, str]]:
        """(job id, owner) of every job that is said to run."""
        rows = self._sql.execute("SELECT job_id, owner FROM job WHERE state = 'active'").fetchall()
        return [(row[0], row[1]) for row in rows]

    def unfinished(self, account: str | None = None) -> int:
        """How many jobs wait or run: all, or those of an account."""
        where, bindings = ("", ()) if account is None else (" AND account = ?", (account,))
        rows = self._sql.execute(
            f"SELECT count(*) FROM job WHERE state IN ('queued', 'active'){where}", bindings
        ).fetchall()
        return int(rows[0][0])

    def has_queued(self) -> bool:
        """Whether any job waits."""
        return bool(self._sql.execute("SELECT 1 FROM job WHERE state = 'queued' LIMIT 1").fetchall())

    def is_cancelled(self, job_id: str) -> bool:
        """Whether somebody has asked for the end of a job, or it is gone."""
        rows = self._sql.execute("SELECT cancelled FROM job WHERE job_id = ?", (job_id,)).fetchall()
        return not rows or bool(rows[0][0])

    def has_old(self, before_ns: int, rows_max: int) -> bool:
        """Whether there is anything for forget to do."""
        rows = self._sql.execute(
            f"SELECT min(ended_ns) < ?, count(*) > ? FROM job WHERE {_ENDED}", (before_ns, rows_max)
        ).fetchall()
        return bool(rows[0][0]) or bool(rows[0][1])


class JobWrites(JobReads):
    """Writes to the jobs. now_ns: the time of the change."""

    def __init__(self, connection: Statements, now_ns: int) -> None:
        super().__init__(connection)
        self.now_ns = now_ns

    def add(self, job_id: str, kind: str, actor: Actor, flist: str, asked: str) -> None:
        """A new job that waits. asked: a JSON object as text."""
        self._sql.execute(
            f"INSERT INTO job ({_COLUMNS})"
            " VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, '', 0, NULL, 0, NULL, NULL, NULL, 0, '', 0, ?, ?, NULL)",
            (
                job_id, kind, actor.account, actor.address, actor.request_id, flist, _with_scope(asked, actor.scope),
                self.now_ns, self.now_ns,
            ),
        )  # fmt: skip

    def claim(self, owner: str) -> Job | None:
        """Give the next job that waits to a process; None when none does."""
        rows = self._sql.execute(_FAIREST).fetchall()
        if not rows:
            return None
        self._sql.execute(
            "UPDATE job SET state = 'active', owner = ?, attempts = attempts + 1, phase = '', done_bytes = 0,"
            " total_bytes = NULL, done_entries = 0, total_entries = NULL, changed_ns = ? WHERE job_id = ?",
            (owner, self.now_ns, rows[0][0]),
        )
        return self.get(rows[0][0])

    def move_on(self, job_id: str, owner: str, standing: Standing) -> bool:
        """Write down how far a job is; False when it is not this owner's any more."""
        self._sql.execute(
            "UPDATE job SET phase = ?, done_bytes = ?, total_bytes = ?, done_entries = ?, total_entries = ?,"
            " changed_ns = ? WHERE job_id = ? AND state = 'active' AND owner = ?",
            (*standing, self.now_ns, job_id, owner),
        )
        return self._sql.changes() > 0

    def end(
        self, job_id: str, owner: str, state: State, *, result: str | None = None, problem: str | None = None
    ) -> bool:
        """A job has ended; False when it had already, or is another owner's. owner: '' for one that waits."""
        self._sql.execute(
            "UPDATE job SET state = ?, owner = '', result = ?, problem = ?, changed_ns = ?, ended_ns = ?"
            " WHERE job_id = ? AND owner = ? AND state IN ('queued', 'active')",
            (state.value, result, problem, self.now_ns, self.now_ns, job_id, owner),
        )
        return self._sql.changes() > 0

    def queue_again(self, job_id: str, owner: str, *, counts: bool) -> bool:
        """Let a job wait anew, at its old place. counts: that it was begun counts as an attempt."""
        self._sql.execute(
            "UPDATE job SET state = 'queued', owner = '', attempts = attempts - ?, changed_ns = ?"
            " WHERE job_id = ? AND owner = ? AND state = 'active'",
            (0 if counts else 1, self.now_ns, job_id, owner),
        )
        return self._sql.changes() > 0

    def ask_for_end(self, job_id: str) -> None:
        """Note that a running job is to end."""
        self._sql.execute(
            "UPDATE job SET cancelled = 1, changed_ns = ? WHERE job_id = ? AND state = 'active'",
            (self.now_ns, job_id),
        )

    def forget(self, before_ns: int, rows_max: int, at_once: int) -> int:
        """Remove ended jobs: those that ended before a time, and the oldest past rows_max; at most at_once."""
        self._sql.execute(
            f"DELETE FROM job WHERE job_id IN (SELECT job_id FROM job WHERE {_ENDED} AND ended_ns < ? LIMIT ?)",
            (before_ns, at_once),
        )
        removed = self._sql.changes()
        self._sql.execute(
            f"DELETE FROM job WHERE job_id IN (SELECT job_id FROM job WHERE {_ENDED}"
            " ORDER BY ended_ns DESC LIMIT ? OFFSET ?)",
            (at_once, rows_max),
        )
        return removed + self._sql.changes()


def _with_scope(asked: str, scope: Scope) -> str:
    """What is stored of a request: with what its token was good for, which the job is too."""
    document = {
        "flist": str(scope.flist_name) if scope.flist_name is not None else None,
        "read_only": scope.read_only,
    }
    return json.dumps({"scope": document, "asked": json.loads(asked)}, separators=(",", ":"))


def _to_job(row: Row) -> Job:
    stored = json.loads(row[7])
    limited = stored["scope"]
    name = FlistName.parse(limited["flist"]) if limited["flist"] is not None else None
    scope = Scope(name, limited["read_only"])
    asked = json.dumps(stored["asked"], separators=(",", ":"))
    return Job._make((*row[:3], scope, *row[3:6], State(row[6]), asked, *row[8:15], bool(row[15]), *row[16:]))
