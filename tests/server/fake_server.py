"""Runs a server for the tests: a description of the service as JSON in, a line with its addresses as JSON out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.server.running import Service, serve


def main() -> int:
    """The exit code of serve."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    given["limits"] = EngineLimits(**given.get("limits", {}))
    given["listen"] = tuple(given.get("listen", ["127.0.0.1:0"]))
    if "access_log_file" in given:
        given["access_log_file"] = Path(given["access_log_file"])
    given.setdefault("factory", "tests.server.fake_app:build")
    return serve(Service(**given), _tell)


def _tell(addresses: list[str]) -> None:
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
