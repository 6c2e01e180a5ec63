"""A plan as the operations of one commit, and back into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mylist_dav.client.nodes import DIRECTORY, FILE, Block, Node, Tree
from mylist_dav.client.planning import Plan, Step
from mylist_dav.errors import LimitExceeded
from mylist_dav.model.contents import WHOLE_BYTES_MAX
from mylist_dav.model.operations import OPERATIONS_MAX

Recipes = Mapping[str, tuple[Block, ...]]
"""The blocks of contents that are longer than what is always one block, by digest."""


def operations(plan: Plan, recipes: Recipes) -> list[dict[str, Any]]:
    """What goes first, so that names are free; then the rest, folders before what is in them."""
    made: list[dict[str, Any]] = [{"op": "delete", "path": step.path} for step in plan.removed]
    for step in plan.steps:
        if step.replaces:
            made.append({"op": "delete", "path": step.path})
        made.append(_operation(step, recipes))
    return made


def refuse_too_much(wanted: Tree, there: Tree) -> None:
    """Raises LimitExceeded, before anything is sent, when one commit cannot hold all that is new."""
    new = len(wanted.keys() - there.keys())
    if new > OPERATIONS_MAX:
        raise LimitExceeded(
            f"{new} entries are new, and a commit may have {OPERATIONS_MAX} operations: push folders of it first"
            " (--exclude leaves others out), or upload the whole as an archive"
        )


def _operation(step: Step, recipes: Recipes) -> dict[str, Any]:
    now = step.now
    assert now is not None, "what goes is no step"
    if step.was is not None and not step.replaces and not step.brings_content:
        return {"op": "attributes", "path": step.path, **_attributes(now)}
    if now.kind == DIRECTORY:
        return {"op": "mkdir", "path": step.path, **_attributes(now)}
    if now.kind == FILE:
        return {"op": "put", "path": step.path, **_content(now, recipes), **_attributes(now)}
    return {"op": "symlink", "path": step.path, "target": now.target, "mtime_ns": now.mtime_ns}


def _attributes(now: Node) -> dict[str, Any]:
    if now.kind in (FILE, DIRECTORY):
        return {"mode": now.mode, "mtime_ns": now.mtime_ns}
    return {"mtime_ns": now.mtime_ns}


def _content(now: Node, recipes: Recipes) -> dict[str, Any]:
    blocks = recipes.get(now.digest, ())
    content: dict[str, Any] = {"digest": now.digest, "size_bytes": now.size_bytes}
    if now.size_bytes > WHOLE_BYTES_MAX:  # also if it happens to be one block: it is no whole one
        content["blocks"] = [{"id": block.id, "size_bytes": block.size_bytes} for block in blocks]
    return content
