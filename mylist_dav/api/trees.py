"""A whole tree, or any number of changes, as one commit: entries line by line, which name their contents."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import BinaryIO

from mylist_dav.api.bodies import model_response
from mylist_dav.api.conditions import conditions_of
from mylist_dav.api.flists import ADDRESS
from mylist_dav.api.operations import Call, Media, Operation
from mylist_dav.api.spooling import SpooledSink
from mylist_dav.errors import Invalid
from mylist_dav.model.conditions import Conditions
from mylist_dav.wire.documents.trees import NDJSON, TreePutAsked, TreePutTold, added_member_of, member_of
from mylist_dav.wire.messages import BodySink, Response

TREE_BYTES_MAX = 1024 * 1024 * 1024
"""Of a body: a million entries have some 300 MB, and the recipes of a terabyte 100 MB."""


def operations() -> list[Operation]:
    return [
        Operation(
            "PUT", f"{ADDRESS}/tree", "putTree", "Commits",
            "Make the head a whole tree, or change any number of entries, as one commit", put,
            query=TreePutAsked, body=Media((NDJSON,), "one JSON object a line", packable=True), told=TreePutTold,
            describes="Each line is an object with `kind` and `path`. `file`: `digest`, `size_bytes`, `mtime_ns`;"
            " `blocks`, `mode`, `content_type`. `directory`: `mode`, `mtime_ns`. `symlink`: `target`, `mtime_ns`."
            " `absent`, with `merge=1` alone: what is there goes. Contents are named as in `makeCommit`, and a refusal"
            " has the same members; `index` is the line, from 0.",
        ),
    ]  # fmt: skip


def put(call: Call) -> BodySink:
    """Raises what can be known before the body has come: Forbidden, NotFound, Outdated, Invalid."""
    asked: TreePutAsked = call.query
    if not call.request.has_body:
        raise Invalid("send the entries as the body, one JSON object a line")
    conditions = conditions_of(call.request)
    if conditions != replace(conditions, if_match=None, if_none_match=None, if_unmodified_since_s=None):
        raise Invalid("a tree has its condition in the address: base_jid")
    call.library.whole_trees.check(call.actor, call.flist_name, asked.base_jid, asked.note)
    return SpooledSink(call, partial(_take_in, call, asked, conditions), TREE_BYTES_MAX)


def _take_in(call: Call, asked: TreePutAsked, conditions: Conditions, file: BinaryIO) -> Response:
    library, merge = call.library, asked.merge == "1"
    done = library.whole_trees.put(
        call.actor,
        call.flist_name,
        library.imports.lines(file, member_of if merge else added_member_of),
        base_jid=asked.base_jid,
        merge=merge,
        note=asked.note,
        conditions=conditions,
    )
    made = done.imported
    told = TreePutTold(
        jid=done.jid,
        head_jid=done.jid,
        changed=made.jid is not None,
        entries=made.entries,
        size_bytes=made.size_bytes,
        added=made.added,
        changed_entries=made.changed,
        removed=made.removed,
    )
    return model_response(told)
