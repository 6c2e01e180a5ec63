"""The audit and the sums of traffic: writing rows, finding them, counting failed logins, forgetting what is old."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring as _text

from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import BUCKET_NS, OTHERS, Action, Audited, Failure, Tally, TallyKind, Wanted
from mylist_dav.store.catalog.rows import Statements

Detail = Mapping[str, str | int | bool | None]
"""What else there is to know of an event; never a secret."""

_COLUMNS = "audit_id, at_ns, account, address, request_id, action, flist, detail, repeats, size_bytes"
_INSERT = (
    "INSERT INTO audit (at_ns, account, address, request_id, action, flist, detail, repeats, size_bytes)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FAILED = (
    f"{_INSERT} ON CONFLICT (at_ns, address, detail) WHERE action = '{Action.LOGIN_FAILED}'"
    " DO UPDATE SET repeats = repeats + excluded.repeats"
)
_ADD = (
    "INSERT INTO tally (kind, name, requests, up_bytes, down_bytes) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (kind, name) DO UPDATE SET requests = requests + excluded.requests,"
    " up_bytes = up_bytes + excluded.up_bytes, down_bytes = down_bytes + excluded.down_bytes"
)


def _compact(detail: Detail) -> str:
    """A JSON object. Quicker than the encoder of the library, which prepares itself for whatever may come."""
    return "{" + ",".join([f"{_text(name)}:{_value(value)}" for name, value in detail.items()]) + "}"


def _value(value: str | int | bool | None) -> str:
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


class Records:
    """Reads of the audit and of the sums."""

    def __init__(self, connection: Statements) -> None:
        self._sql = connection

    def audit(self, wanted: Wanted) -> list[Audited]:
        """The newest rows that are wanted, newest first.

        Rows of one time stand in the order of their ids. The order is that of time, so before_id must be a row that
        is there still.
        """
        conditions, bindings = _conditions(wanted)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM audit{where} ORDER BY at_ns DESC, audit_id DESC LIMIT ?",
            (*bindings, wanted.limit),
        )
        return [Audited(*row) for row in rows]

    def committed_by(self, request_id: str, flist: str, action: Action, since_ns: int) -> int | None:
        """The jid of the newest commit that was made so: as this request, to this flist, since then; None if none."""
        rows = self._sql.execute(
            "SELECT json_extract(detail, '$.jid') FROM audit WHERE flist = ? AND flist <> '' AND action = ?"
            " AND at_ns >= ? AND request_id = ? ORDER BY at_ns DESC LIMIT 1",
            (flist, action.value, since_ns, request_id),
        ).fetchall()
        return rows[0][0] if rows else None

    def tallies(self, kind: TallyKind) -> list[Tally]:
        """All sums of a kind, in order of name."""
        rows = self._sql.execute(
            "SELECT kind, name, requests, up_bytes, down_bytes FROM tally WHERE kind = ? ORDER BY name",
            (kind.value,),
        )
        return [Tally(TallyKind(row[0]), *row[1:]) for row in rows]

    def oldest_ns(self) -> int | None:
        """The time of the oldest row; None when there is none."""
        rows = self._sql.execute("SELECT min(at_ns) FROM audit").fetchall()
        return None if rows[0][0] is None else int(rows[0][0])

    def failures(self, bucket_ns: int) -> int:
        """How many rows there are of failed logins of the hour that began then."""
        rows = self._sql.execute(
            f"SELECT count(*) FROM audit WHERE action = '{Action.LOGIN_FAILED}' AND at_ns = ?", (bucket_ns,)
        )
        return int(rows.fetchall()[0][0])


class Recorder(Records):
    """Writes to the audit and to the sums. now_ns: the time of what is recorded."""

    def __init__(self, connection: Statements, now_ns: int) -> None:
        super().__init__(connection)
        self.now_ns = now_ns

    def record(
        self,
        actor: Actor,
        action: Action,
        flist: str,
        detail: Detail | None,
        size_bytes: int = 0,
        repeats: int = 1,
    ) -> None:
        """One row."""
        self._sql.execute(
            _INSERT,
            (
                self.now_ns, actor.account, actor.address, actor.request_id, action.value, flist,
                _compact(detail) if detail else "{}", repeats, size_bytes,
            ),
        )  # fmt: skip

    def add_download(
        self,
        account: str,
        address: str,
        request_id: str,
        action: Action,
        flist: str,
        path: str,
        repeats: int,
        size_bytes: int,
    ) -> None:
        """One row for the downloads of a file that were counted together; path: '' when they were of several."""
        detail = _compact({"path": path}) if path else "{}"
        self._sql.execute(
            _INSERT,
            (
                self.now_ns, account, address, request_id, action.value, flist, detail, repeats,
                size_bytes,
            ),
        )  # fmt: skip

    def add_failures(self, failures: Mapping[Failure, int], rows_max: int) -> None:
        """Count failed logins into the rows of their addresses and names in this hour.

        When the hour has rows_max such rows, what has none yet is counted in one without an address.
        """
        bucket_ns = self.now_ns - self.now_ns % BUCKET_NS
        rows = self.failures(bucket_ns)
        for failure, repeats in failures.items():
            address, detail = failure.address, _detail_of(failure)
            if not self._has_failure(bucket_ns, address, detail):
                if rows >= rows_max:
                    address, detail = "", _detail_of(OTHERS)
                rows += 1
            self._sql.execute(
                _FAILED, (bucket_ns, "", address, "", Action.LOGIN_FAILED.value, "", detail, repeats, 0)
            )

    def _has_failure(self, bucket_ns: int, address: str, detail: str) -> bool:
        rows = self._sql.execute(
            f"SELECT 1 FROM audit WHERE action = '{Action.LOGIN_FAILED}' AND at_ns = ? AND address = ? AND detail = ?",
            (bucket_ns, address, detail),
        )
        return bool(rows.fetchall())

    def add_tallies(self, sums: Iterable[Tally]) -> None:
        """Add to the sums of each kind and name."""
        self._sql.executemany(
            _ADD, [(one.kind.value, one.name, one.requests, one.up_bytes, one.down_bytes) for one in sums]
        )

    def remove_tally(self, kind: TallyKind, name: str) -> None:
        """Forget the sums of what is no more."""
        self._sql.execute("DELETE FROM tally WHERE kind = ? AND name = ?", (kind.value, name))

    def rename_tally(self, kind: TallyKind, old: str, new: str) -> None:
        """Let the sums follow what has another name now. What was counted under that name before is gone."""
        self._sql.execute(
            "UPDATE OR REPLACE tally SET name = ? WHERE kind = ? AND name = ?", (new, kind.value, old)
        )

    def forget_before(self, at_ns: int, rows_max: int) -> int:
        """Remove the oldest rows from before a time, at most rows_max; returns how many."""
        self._sql.execute(
            "DELETE FROM audit WHERE audit_id IN"
            " (SELECT audit_id FROM audit WHERE at_ns < ? ORDER BY at_ns LIMIT ?)",
            (at_ns, rows_max),
        )
        return self._sql.changes()


def _detail_of(failure: Failure) -> str:
    if failure == OTHERS:
        return _compact({"others": True})
    named = {"account": failure.account, "key": failure.key}
    return _compact({name: value for name, value in named.items() if value})


def _conditions(wanted: Wanted) -> tuple[list[str], list[str | int]]:
    given: list[tuple[str, str | int | None]] = [
        ("account = ? AND account <> ''", wanted.account),  # the second part is what the index asks for
        ("flist = ? AND flist <> ''", wanted.flist),
        ("action = ?", wanted.action.value if wanted.action is not None else None),
        ("at_ns >= ?", wanted.since_ns),
        ("at_ns < ?", wanted.until_ns),
        ("(at_ns, audit_id) < (SELECT at_ns, audit_id FROM audit WHERE audit_id = ?)", wanted.before_id),
    ]
    found = [(text, value) for text, value in given if value is not None]
    return [text for text, _ in found], [value for _, value in found]
