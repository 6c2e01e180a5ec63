"""What is remembered of servers in the user's folder: their keys, and the tokens one has there. Both files are 0600.

servers.json: {"https://files.example.org": {"key": "64 hex digits"}}
tokens.json: {"latest": "https://…", "servers": {"https://…": {"token", "account", "role", "expires"}}}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mylist_dav.client.logins.folder import alone, read_file, write_private
from mylist_dav.errors import Invalid, NotFound

if TYPE_CHECKING:  # whoever has a token already needs no keys
    from mylist_dav.model.keys import PublicKey

SERVERS_MAX = 1000


class Login(NamedTuple):
    """A token, whose it is, and until when it holds (2026-01-31T12:00:00Z)."""

    token: str
    account: str
    role: str
    expires: str

    def __repr__(self) -> str:
        return f"Login(…, {self.account!r}, {self.role!r}, {self.expires!r})"


class KnownServers:
    """The keys of servers, by their canonical address."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "servers.json"

    def key_of(self, server: str) -> PublicKey | None:
        """The key a server had; None at the first contact. Raises Invalid when the file is damaged."""
        from mylist_dav.model.keys import PublicKey

        entry = _read(self._path).get(server)
        if entry is None:
            return None
        try:
            return PublicKey.checked(bytes.fromhex(entry["key"]))
        except (TypeError, KeyError, ValueError) as error:
            raise Invalid(
                f"{self._path} is damaged: remove it, and compare the servers' keys again"
            ) from error

    def remember(self, server: str, key: PublicKey) -> None:
        with alone(self._path.parent):
            entries = _read(self._path)
            entries[server] = {"key": key.hex()}
            _write(self._path, dict(list(entries.items())[-SERVERS_MAX:]))


class Tokens:
    """The tokens one has, by the canonical address of the server."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "tokens.json"

    def latest(self) -> str:
        """The server one has logged in at last. Raises NotFound."""
        found = _read(self._path).get("latest")
        if not isinstance(found, str):
            raise NotFound("no server is known: give --server URL, or log in: mylist login --server URL")
        return found

    def get(self, server: str) -> Login:
        """Raises NotFound when there is no token for a server, Invalid when the file is damaged."""
        entry = self._servers(_read(self._path)).get(server)
        if entry is None:
            raise NotFound(f"not logged in at {server}: mylist login --server {server}")
        try:
            return Login(**{name: str(entry[name]) for name in Login._fields})
        except (TypeError, KeyError) as error:
            raise Invalid(f"{self._path} is damaged: remove it and log in again") from error

    def keep(self, server: str, login: Login) -> None:
        with alone(self._path.parent):
            servers = self._servers(_read(self._path))
            servers.pop(server, None)
            servers[server] = login._asdict()
            _write(self._path, {"latest": server, "servers": dict(list(servers.items())[-SERVERS_MAX:])})

    def forget(self, server: str) -> None:
        with alone(self._path.parent):
            entries = _read(self._path)
            servers = self._servers(entries)
            servers.pop(server, None)
            latest = entries.get("latest")
            _write(self._path, {"latest": latest if latest in servers else None, "servers": servers})

    def _servers(self, entries: dict[str, Any]) -> dict[str, Any]:
        servers = entries.get("servers", {})
        if not isinstance(servers, dict):
            raise Invalid(f"{self._path} is damaged: remove it and log in again")
        return servers


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_file(path))
    except NotFound:
        return {}
    except ValueError as error:
        raise Invalid(f"{path} is damaged: remove it") from error
    if not isinstance(found, dict):
        raise Invalid(f"{path} is damaged: remove it")
    return found


def _write(path: Path, entries: dict[str, Any]) -> None:
    write_private(path, json.dumps(entries, indent=1) + "\n", replace=True)
