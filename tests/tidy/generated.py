"""Files, and parts of files, that are made from the sources. `make reference` writes them again."""

from __future__ import annotations

import re
from pathlib import Path

from mylist_dav import settings
from tests.tidy import rpc_client
from tests.tidy.sources import ROOT

BEGIN = "<!-- settings: made by `make reference` -->\n"
END = "<!-- end of settings -->\n"


def between_marks(page: str, text: str, what: str = "settings") -> str:
    """The page with text between the two marks of `what`. Raises ValueError where they are missing."""
    begin, end = BEGIN.replace("settings", what), END.replace("settings", what)
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if len(pattern.findall(page)) != 1:
        raise ValueError(f"the page must hold the marks of the {what} once")
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", page)


def generated(root: Path = ROOT) -> dict[Path, str]:
    """What each of these files should hold."""
    operating, rpc = root / "docs" / "operating.md", root / "docs" / "rpc.md"
    return {
        root / "conf" / "mylist.toml": settings.reference(),
        operating: between_marks(operating.read_text("utf-8"), settings.table()),
        rpc: between_marks(rpc.read_text("utf-8"), rpc_client.methods_text(), "methods"),
        root / rpc_client.CLIENT.relative_to(ROOT): rpc_client.client_text(),
    }


def main() -> None:
    for path, text in generated().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
