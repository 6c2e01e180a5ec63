"""Following symbolic links, inside of their flist only. Unless a front end has followed it, a change acts on the link."""

from __future__ import annotations

from mylist_dav.errors import BadName
from mylist_dav.model.entries import Entry, Kind
from mylist_dav.model.paths import TreePath
from mylist_dav.store.catalog import TreeView

HOPS_MAX = 16


def resolve(tree: TreeView, path: TreePath, *, last: bool = True) -> tuple[TreePath, Entry | None]:
    """Where a path really leads, and what is there; None when nothing is.

    A target may be relative to the folder of its link, with '..' as far as the root; one that is absolute or leads out
    of the flist, and more than 16 links on one way, lead nowhere: then the path comes back as it was. So it does when
    more than the last name is missing. last=False: the last name is not followed.
    """
    chain = tree.chain(path)
    complete = len(chain) == len(path) + 1
    if chain[-1].kind is not Kind.SYMLINK or (complete and not last):
        return path, chain[-1] if complete else None
    if last:
        return _walk(tree, path)
    folder_path, folder = _walk(tree, path.parent)
    if folder is None or not folder.is_directory:
        return path, None
    return folder_path.child(path.name), tree.member(folder.entry_id, path.name)


def _walk(tree: TreeView, path: TreePath) -> tuple[TreePath, Entry | None]:
    """Name by name; a link puts the names of its target in its place."""
    way = [tree.root()]
    names: list[str] = []
    pending = list(reversed(path))
    hops = 0
    while pending:
        name = pending.pop()
        if name in ("", "."):
            continue
        if name == "..":
            if not names:
                return path, None
            names.pop()
            way.pop()
            continue
        found = tree.member(way[-1].entry_id, name) if way[-1].is_directory else None
        if found is None:
            return (path if pending else _child(names, name) or path), None
        if found.kind is not Kind.SYMLINK:
            names.append(name)
            way.append(found)
            continue
        hops += 1
        target = found.target or ""
        if hops > HOPS_MAX or not target or target.startswith("/"):
            return path, None
        pending.extend(reversed(target.split("/")))
    return TreePath.of(names), way[-1]


def _child(names: list[str], name: str) -> TreePath | None:
    """The path of a name that is missing; None for one that no entry could have."""
    try:
        return TreePath.of((*names, name))
    except BadName:
        return None
