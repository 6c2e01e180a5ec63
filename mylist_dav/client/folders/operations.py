"""A plan as what a server is told: the operations of a commit, or, of a large plan, entries line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mylist_dav.client.folders.nodes import DIRECTORY, FILE, Block, Node, above
from mylist_dav.client.folders.planning import Plan, Step
from mylist_dav.model.contents import WHOLE_BYTES_MAX

COMMIT_STEPS_MAX = 20_000
COMMIT_BYTES_MAX = 16 * 1024 * 1024
"""What a commit is used for. It takes more, but holds up all who write; lines do not."""

_STEP_BYTES, _CHAR_BYTES, _BLOCK_BYTES = 250, 6, 110
"""What operations take as JSON, at most: each, for each character of a path, for each block."""

LINES_AT_ONCE = 500
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


def is_large(plan: Plan, recipes: Recipes) -> bool:
    """Whether a plan is too much for a commit, by its number or as JSON."""
    steps = [*plan.removed, *plan.steps]
    if len(steps) > COMMIT_STEPS_MAX:
        return True
    characters = sum(len(step.path) + len(step.now.target if step.now is not None else "") for step in steps)
    blocks = 0
    if recipes:
        blocks = sum(len(recipes.get(step.now.digest, ())) for step in steps if step.now is not None)
    size_bytes = _STEP_BYTES * len(steps) + _CHAR_BYTES * characters + _BLOCK_BYTES * blocks
    return size_bytes > COMMIT_BYTES_MAX


def tree_lines(plan: Plan, recipes: Recipes) -> Iterator[bytes]:
    """A plan as the body that changes a tree: what is to be at each path. Some hundred lines at a time."""
    lines = []
    for entry in _entries(plan, recipes):
        lines.append(json.dumps(entry) + "\n")
        if len(lines) >= LINES_AT_ONCE:
            yield "".join(lines).encode()
            lines = []
    if lines:
        yield "".join(lines).encode()


def _entries(plan: Plan, recipes: Recipes) -> Iterator[dict[str, Any]]:
    replaced = {step.path for step in plan.steps if step.replaces}
    for step in plan.removed:
        if replaced.isdisjoint(above(step.path)):
            yield {"kind": "absent", "path": step.path}
    for step in plan.steps:
        now = step.now
        assert now is not None, "what goes is no step"
        entry = {"kind": now.kind, "path": step.path, **_attributes(now)}
        if now.kind == FILE:
            entry |= _content(now, recipes)
        elif now.kind != DIRECTORY:
            entry["target"] = now.target
        yield entry


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
