"""What is left out of pushes and pulls: --exclude, and files called .mylistignore, all written as .gitignore is.

A pattern counts below the folder of its file. Files deeper down count more, and --exclude the most; of one file the
last pattern that matches decides, and "!" takes a path in again unless a folder above it is out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from mylist_dav.client.folders.nodes import parent_of
from mylist_dav.errors import Invalid

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".mylistignore"
IGNORE_BYTES_MAX = 1024 * 1024
PATTERNS_MAX = 10_000


class Matcher(Protocol):
    """Says of a path below its folder: True is out, False is in, None is not said."""

    def __call__(self, path: str) -> bool | None: ...


class Ignoring:
    """Answers whether a path is left out. Files are added while the tree is walked, folders before their members."""

    def __init__(self, excluded: Iterable[str] = ()) -> None:
        """excluded: patterns of the command line. Raises Invalid for one that means nothing."""
        patterns = list(excluded)
        self._excluded = _matcher("--exclude", patterns) if patterns else None
        self._files: dict[str, Matcher] = {}
        self._folders: dict[str, bool] = {"": False}

    @property
    def has_patterns(self) -> bool:
        """Whether anything can be left out at all, as far as that is known."""
        return self._excluded is not None or bool(self._files)

    def add(self, folder: str, text: bytes) -> None:
        """The content of the .mylistignore of a folder. Raises Invalid."""
        where = f"{folder}/{IGNORE_FILE}" if folder else IGNORE_FILE
        if len(text) > IGNORE_BYTES_MAX:
            raise Invalid(f"{where} is larger than {IGNORE_BYTES_MAX} bytes")
        lines = text.decode("utf-8", "surrogateescape").splitlines()
        if any(line.strip() and not line.startswith("#") for line in lines):
            self._files[folder] = _matcher(where, lines)

    def is_out(self, path: str, is_folder: bool) -> bool:
        """Whether a path is left out, by itself or with a folder above it."""
        if not self.has_patterns:
            return False
        if is_folder:
            known = self._folders.get(path)
            if known is None:
                known = self._folders[path] = self._decide(path, True)
            return known
        return self._decide(path, False)

    def _decide(self, path: str, is_folder: bool) -> bool:
        above = parent_of(path)
        if above and self.is_out(above, True):
            return True
        shown = f"{path}/" if is_folder else path
        said = self._excluded(shown) if self._excluded is not None else None
        while said is None:
            matcher = self._files.get(above)
            if matcher is not None:
                said = matcher(shown[len(above) + 1 :] if above else shown)
            if not above:
                break
            above = parent_of(above)
        return bool(said)


def _matcher(where: str, lines: list[str]) -> Matcher:
    """Raises Invalid."""
    from pathspec import GitIgnoreSpec  # here, because most trees have no patterns

    if len(lines) > PATTERNS_MAX:
        raise Invalid(f"{where} has more than {PATTERNS_MAX} patterns")
    try:
        spec: GitIgnoreSpec = GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise Invalid(f"{where} holds a pattern that means nothing: {error}") from error
    return lambda path: spec.check_file(path).include
