"""A tree with names that clients get wrong, and the comparison of two trees byte for byte."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

ODD_NAMES = (
    "with space",
    "percent%41.txt",
    "hash#.txt",
    "question?mark;semi.bin",
    "and&plus+comma,.txt",
    "quote'double\".txt",
    "tilde~[brackets](round){curly}.txt",
    "snowman☃ and 🎈.txt",
    "übergröße.txt",
    unicodedata.normalize("NFD", "décomposé.txt"),
    ".hidden",
    "trailing dot.",
    "=equals$dollar!@.txt",
)
"""No two are the same once they are decoded, or in the other normal form."""

BIG_BYTES = 20 * 1024 * 1024


def plant(root: Path) -> None:
    """Folders, empty and small files, one of 20 MB, and the odd names, with contents that differ."""
    noise = random.Random(4918)
    (root / "deep" / "er").mkdir(parents=True)
    (root / "empty").write_bytes(b"")
    (root / "big.bin").write_bytes(noise.randbytes(BIG_BYTES))
    for number, name in enumerate(ODD_NAMES):
        (root / "deep" / "er" / name).write_bytes(noise.randbytes(100 + number))
        folder = root / f"dir {name}"
        folder.mkdir()
        (folder / name).write_bytes(noise.randbytes(50))


def contents(root: Path, ignored: tuple[str, ...] = ()) -> dict[str, bytes | None]:
    """Path below root to bytes, None for a folder."""
    return {
        path.relative_to(root).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.relative_to(root).parts[0] not in ignored
    }
