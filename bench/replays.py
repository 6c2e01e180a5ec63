"""Replays what `rclone copy --transfers 8` asks a WebDAV server, without the waits of rclone; prints the seconds.

python -m bench.replays HOST PORT TOKEN PREFIX DIR first FILES|unchanged|changed [PATH ...]
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from bench.load import Driven, Job, drive, request

CONNECTIONS = 8
PROPERTIES = (
    b'<?xml version="1.0"?><d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:displayname/>'
    b"<d:getlastmodified/><d:getcontentlength/><d:resourcetype/><d:getcontenttype/><oc:checksums/></d:prop></d:propfind>"
)


class Replay:
    """The requests for one tree below a prefix of one server."""

    def __init__(self, host: str, port: int, token: str, prefix: str, folder: Path) -> None:
        self._host, self._port, self._prefix, self._folder = host, port, prefix, folder
        basic = base64.b64encode(f"admin:{token}".encode()).decode()
        self._headers = {"Host": f"{host}:{port}", "User-Agent": "rclone/", "Authorization": f"Basic {basic}"}

    def run(self, what: str, changed: list[str]) -> Driven:
        """Do it, and say how long it took. Raises SystemExit for an answer that is none of rclone's expectations."""
        jobs = islice(self._first(), int(changed[0])) if what == "first" else self._again(changed)
        driven = drive(self._port, jobs, CONNECTIONS, host=self._host)
        if wrong := {status for status in driven.statuses if status not in (201, 204, 207, 405)}:
            raise SystemExit(f"answered with {sorted(wrong)}")
        return driven

    def _ask(self, method: str, path: str, body: bytes | None = None, **more: str) -> bytes:
        return request(method, f"{self._prefix}/{quote(path)}", {**self._headers, **more}, body)

    def _first(self) -> Iterator[Job]:
        """For each file: MKCOL of its folder, PROPFIND of it if it was there, PUT, PROPFIND of the file."""
        for folder, _, names in os.walk(self._folder):
            path = Path(folder).relative_to(self._folder).as_posix().removeprefix(".")
            for name in sorted(names):
                yield self._new(f"{path}/" if path else "", name)

    def _new(self, folder: str, name: str) -> Job:
        status = yield self._ask("MKCOL", folder)
        if status != 201:
            yield self._ask("PROPFIND", folder, PROPERTIES, Depth="0")
        yield from self._put(folder + name)

    def _put(self, path: str) -> Job:
        yield self._ask("PUT", path, (self._folder / path).read_bytes())
        yield self._ask("PROPFIND", path, PROPERTIES, Depth="0")
        return 0

    def _again(self, changed: list[str]) -> Iterator[Job]:
        """PROPFIND of each folder, as what is there is compared; then PUT and PROPFIND of each file that differs."""
        for folder, _, _ in os.walk(self._folder):
            path = Path(folder).relative_to(self._folder).as_posix().removeprefix(".")
            yield self._list(f"{path}/" if path else "")
        for path in changed:
            yield self._put(path)

    def _list(self, folder: str) -> Job:
        yield self._ask("PROPFIND", folder, PROPERTIES, Depth="1")


def main() -> None:
    host, port, token, prefix, folder, what, *changed = sys.argv[1:]
    print(Replay(host, int(port), token, prefix, Path(folder)).run(what, changed).seconds)


if __name__ == "__main__":
    main()
