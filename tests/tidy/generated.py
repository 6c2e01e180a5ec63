"""Files, and parts of files, that are made from the sources. `make reference` writes them again."""

from __future__ import annotations

import re
from pathlib import Path

from mylist_dav import settings
from tests.tidy.sources import ROOT

BEGIN = "<!-- settings: made by `make reference` -->\n"
END = "<!-- end of settings -->\n"


def between_marks(page: str, text: str) -> str:
    """The page with text between the two marks. Raises ValueError where they are missing."""
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if len(pattern.findall(page)) != 1:
        raise ValueError("the page must hold the marks of the settings once")
    return pattern.sub(lambda _: f"{BEGIN}\n{text}\n{END}", page)


def generated(root: Path = ROOT) -> dict[Path, str]:
    """What each of these files should hold."""
    operating = root / "docs" / "operating.md"
    return {
        root / "conf" / "mylist.toml": settings.reference(),
        operating: between_marks(operating.read_text("utf-8"), settings.table()),
    }


def main() -> None:
    for path, text in generated().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
