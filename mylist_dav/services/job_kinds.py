"""The kinds of job that need nothing but this server: importing an archive, reading all blocks again."""

from __future__ import annotations

from typing import Any

from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.names import FlistName
from mylist_dav.services.imports import Imports, Progress
from mylist_dav.services.jobs import Fields, Kind, Run
from mylist_dav.services.rights import require_admin
from mylist_dav.services.upkeep import Upkeep

IMPORT = "import"
VERIFY = "verify"
SHOWN_MAX = 100
"""Most damaged blocks that a result names; all are counted, and the log has every one."""


def import_kind(imports: Imports) -> Kind:
    """Make the archive that was sent the head of a flist.

    asked: {"name": "account/name", "merge": bool, "make": bool}. The result is what Imported has.
    """

    def check(actor: Actor, asked: Fields) -> None:
        imports.check(actor, FlistName.parse(asked["name"]), make=asked["make"])

    def run(run: Run) -> Fields:
        before = run.committed(Action.IMPORT) if run.job.attempts > 1 else None
        if before is not None:
            return {"name": asked_name(run), "jid": before, "resumed": True}

        def show(progress: Progress) -> None:
            run.progress(progress.phase, done_bytes=progress.size_bytes, done_entries=progress.entries)

        with run.body() as file:
            done = imports.run(
                run.actor,
                FlistName.parse(run.asked["name"]),
                imports.archive(file),
                merge=run.asked["merge"],
                make=run.asked["make"],
                progress=show,
            )
        return {"name": asked_name(run), **done._asdict(), "resumed": False}

    return Kind(IMPORT, check, run)


def verify_kind(upkeep: Upkeep) -> Kind:
    """Read every block and check it. asked: {}. The result: blocks, size_bytes, bad (a count), and some of the bad."""

    def check(actor: Actor, asked: Fields) -> None:
        require_admin(actor)

    def run(run: Run) -> Fields:
        totals = upkeep.totals(run.actor)
        blocks = size_bytes = bad = 0
        found: list[dict[str, Any]] = []
        for one in upkeep.verify(run.actor):
            blocks += 1
            size_bytes += one.size_bytes
            if one.problem:
                bad += 1
                if len(found) < SHOWN_MAX:
                    found.append({"id": str(one.digest), "problem": one.problem})
            run.progress(
                "reading",
                done_bytes=size_bytes,
                total_bytes=max(totals["block_bytes"], size_bytes),
                done_entries=blocks,
                total_entries=max(totals["blocks"], blocks),
            )
        return {"blocks": blocks, "size_bytes": size_bytes, "bad": bad, "found": found}

    return Kind(VERIFY, check, run)


def asked_name(run: Run) -> str:
    """The flist that a job is about."""
    return str(run.asked["name"])
