"""The kinds of job that need nothing but this server: importing an archive, storing a file, re-reading one, or all
blocks.
"""

from __future__ import annotations

import io
from typing import Any

from mylist_dav.model.actors import Actor
from mylist_dav.model.audit import Action
from mylist_dav.model.digest import Digest
from mylist_dav.model.entries import Entry
from mylist_dav.model.names import FlistName
from mylist_dav.services.archives.imports import Imports, Progress
from mylist_dav.services.contents.files import CHECK_JOB, FILE_JOB, Files, address_of
from mylist_dav.services.jobs.jobs import Fields, Kind, Run
from mylist_dav.services.rights import require_admin
from mylist_dav.services.tree.trees import Trees
from mylist_dav.services.upkeep.checks import Upkeep

IMPORT = "import"
VERIFY = "verify"
PIECE_BYTES = 1024 * 1024
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


def file_kind(files: Files, trees: Trees) -> Kind:
    """Store what was sent as a file of the account. asked: {"name", "content_type" or null}.

    The result: file (what it can be asked for by), digest, name, size.
    """

    def check(actor: Actor, asked: Fields) -> None:
        files.require_place(actor, asked["name"])

    def run(run: Run) -> Fields:
        name = str(run.asked["name"])
        place = files.require_place(run.actor, name)
        if run.job.attempts > 1 and run.committed(Action.UPLOAD) is not None:
            return _file_result(trees.stat(run.actor, place))
        with run.body() as file:
            size_bytes = file.seek(0, io.SEEK_END)
            file.seek(0)
            upload = files.open(
                run.actor, name, size_bytes=size_bytes, content_type=run.asked["content_type"]
            )
            try:
                while piece := file.read(PIECE_BYTES):
                    upload.write(piece)
                    run.progress("storing", done_bytes=file.tell(), total_bytes=size_bytes)
            except BaseException:
                upload.abort()
                raise
            return _file_result(upload.finish().entry)

    return Kind(FILE_JOB, check, run)


def _file_result(entry: Entry) -> Fields:
    return {
        "file": address_of(entry),
        "digest": str(entry.digest),
        "name": entry.name,
        "size": entry.size_bytes,
    }


def check_kind(files: Files) -> Kind:
    """Read a file again. asked: {"digest"}. The result is what a check of a small one tells, with fewer block ids."""

    def check(actor: Actor, asked: Fields) -> None:
        files.takes_long(actor, Digest.parse(asked["digest"]))

    def run(run: Run) -> Fields:
        digest = Digest.parse(run.asked["digest"])

        def show(done_bytes: int, total_bytes: int) -> None:
            run.progress("reading", done_bytes=done_bytes, total_bytes=total_bytes)

        return files.reread(run.actor, digest, show).told(digest, hard=True, named_max=SHOWN_MAX)

    return Kind(CHECK_JOB, check, run)


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
