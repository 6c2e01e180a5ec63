"""A small peer over real HTTP: it speaks what is needed to be copied to, and misbehaves where a test says so."""

from __future__ import annotations

import io
import json
import ssl
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import zstandard
from nacl.signing import SigningKey

from mylist_dav.model.digest import Digest
from mylist_dav.model.keys import PublicKey, verify
from mylist_dav.model.login_text import Challenge
from mylist_dav.model.server_keys import offer_text

FAR_SECONDS = 4_000_000_000


class SmallPeer:
    """flists: by name, their trees by path. blocks: by id. seen: every (method, path), in order.

    misbehave: called with method, path and body before anything is done; a (status, headers, body) is answered at once,
    "hang up" closes the connection, "drip head" and "drip body" answer byte by byte and never end,
    None goes on.
    """

    def __init__(self) -> None:
        self.pair = SigningKey.generate()
        self.key = PublicKey(bytes(self.pair.verify_key))
        self.blocks: dict[str, bytes] = {}
        self.flists: dict[str, dict[str, dict[str, Any]]] = {}
        self.heads: dict[str, int] = {}
        self.seen: list[tuple[str, str]] = []
        self.asked: list[Any] = []
        self.url = ""
        self.tokens: set[str] = set()
        self.named: str | None = None
        self.misbehave: Callable[[str, str, bytes], Any] = lambda method, path, body: None

    # -- what is asked -------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, token: str) -> Any:
        """(status, document)"""
        if path == "/api/v1/login/challenge":
            return 200, self._challenge(json.loads(body))
        if path == "/api/v1/login":
            return self._login(json.loads(body))
        if token not in self.tokens:
            return 401, {"type": "urn:mylist:problem:unauthenticated", "detail": "log in"}
        if path == "/api/v1/logout":
            self.tokens.discard(token)
            return 204, None
        if path == "/blocks/exists":
            ids = json.loads(body)["ids"]
            return 200, {
                "present": [one for one in ids if one in self.blocks],
                "missing": [one for one in ids if one not in self.blocks],
            }
        if path == "/blocks/upload":
            taken = [each["state"] for each in self._take(body)]
            return 200, {
                "blocks": [],
                "stored": taken.count("stored"),
                "present": taken.count("present"),
                "bad": 0,
            }
        if path == "/api/v1/flists":
            return self._create(json.loads(body))
        return self._of_flist(method, path.removeprefix("/api/v1/flists/"), query, body)

    def _challenge(self, asked: dict[str, str]) -> dict[str, str]:
        key = PublicKey(bytes.fromhex(asked["key"]))
        text = Challenge(self.named or self.url, self.key, key, bytes(32), FAR_SECONDS, bytes(32)).text
        return {"challenge": text, "signature": self.pair.sign(offer_text(text).encode()).signature.hex()}

    def _login(self, asked: dict[str, str]) -> tuple[int, dict[str, str]]:
        key, signature = PublicKey(bytes.fromhex(asked["key"])), bytes.fromhex(asked["signature"])
        assert verify(key, asked["challenge"].encode(), signature)
        token = f"t{len(self.seen)}"
        self.tokens.add(token)
        return 200, {"token": token}

    def _take(self, body: bytes) -> Iterator[dict[str, str]]:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as tar:
            for member in tar:
                file = tar.extractfile(member)
                assert file is not None
                data = file.read()
                assert Digest.of(data).hex() == member.name
                state = "present" if member.name in self.blocks else "stored"
                self.blocks[member.name] = data
                yield {"name": member.name, "id": member.name, "state": state, "detail": ""}

    def _create(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.flists[asked["name"]] = {}
        self.heads[asked["name"]] = 1
        return 201, self._details(asked["name"])

    def _details(self, full: str) -> dict[str, Any]:
        return {"name": full, "head_jid": self.heads[full], "created_ns": 1, "exposures": []}

    def _of_flist(self, method: str, rest: str, query: dict[str, str], body: bytes) -> Any:
        account, name, *what = map(unquote, rest.split("/"))
        full = f"{account}/{name}"
        if full not in self.flists:
            return 404, {"type": "urn:mylist:problem:not-found", "detail": f"there is no flist {full}"}
        if what == ["tree"] and method == "PUT":
            return self._put_tree(full, query, body)
        if what == ["tree"]:
            entries = [{"path": path, **entry} for path, entry in sorted(self.flists[full].items())]
            start = int(query.get("after", "0"))
            page = entries[start : start + 2]
            more = start + 2 < len(entries)
            return 200, {"jid": self.heads[full], "entries": page, "next": str(start + 2) if more else None}
        return 200, self._details(full)

    def _put_tree(self, full: str, query: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        assert query["merge"] == "1"
        if int(query["base_jid"]) != self.heads[full]:
            return 412, {"detail": "somebody was quicker", "head_jid": self.heads[full]}
        tree = {path: dict(entry) for path, entry in self.flists[full].items()}
        lines = [json.loads(line) for line in body.splitlines()]
        assert len({line["path"] for line in lines}) == len(lines)
        for one in lines:
            self._apply(tree, one)
        self.flists[full] = tree
        self.heads[full] += 1
        return 200, {"jid": self.heads[full], "head_jid": self.heads[full], "changed": True}

    def _apply(self, tree: dict[str, dict[str, Any]], one: dict[str, Any]) -> None:
        path, was = one["path"], tree.get(one["path"])
        parent = path.rpartition("/")[0]
        assert not parent or tree[parent]["kind"] == "directory", f"{path} lies in no folder"
        if one["kind"] == "absent" or (was is not None and was["kind"] != one["kind"]):
            del tree[path]
            for other in [other for other in tree if other.startswith(path + "/")]:
                del tree[other]
        if one["kind"] == "absent":
            return
        now = {name: value for name, value in one.items() if name not in ("path", "blocks")}
        if one["kind"] == "file":
            if was is None or was["digest"] != one["digest"]:
                self._check_content(one)
            now["content_type"] = one["content_type"] or None
        elif one["kind"] == "symlink":
            now["mode"] = 0o777
        tree[path] = {**_BLANK, **tree.get(path, {}), **now}

    def _check_content(self, one: dict[str, Any]) -> None:
        ids = [block["id"] for block in one.get("blocks", [{"id": one["digest"]}])]
        content = b"".join(self.blocks[each] for each in ids) if one["size_bytes"] else b""
        assert (len(content), Digest.of(content).hex()) == (one["size_bytes"], one["digest"])


_BLANK = {"size_bytes": 0, "digest": None, "target": None, "content_type": None}


def read_body(handler: BaseHTTPRequestHandler) -> bytes:
    """The body of a request, as it was before it was packed and cut into chunks."""
    file, headers = handler.rfile, handler.headers
    if headers.get("transfer-encoding") != "chunked":
        body = file.read(int(headers.get("content-length") or 0))
    else:
        body = b""
        while size_bytes := int(file.readline(), 16):
            body += file.read(size_bytes)
            file.readline()
        file.readline()
    return zstandard.decompress(body) if headers.get("content-encoding") == "zstd" else body


@contextmanager
def small_peer(certificate: tuple[Path, Path] | None = None) -> Iterator[SmallPeer]:
    """A peer that answers until the block ends. certificate: its file, and that of its key, for TLS."""
    peer = SmallPeer()
    pause = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = read_body(self)
            parts = urlsplit(self.path)
            peer.seen.append((self.command, parts.path))
            peer.asked.append((dict(self.headers), body))
            found = peer.misbehave(self.command, parts.path, body)
            if found == "hang up":
                self.close_connection = True
                self.connection.close()
                return
            if isinstance(found, str):
                self._drip(found)
                return
            if found is None:
                token = self.headers.get("authorization", "").removeprefix("Bearer ")
                status, document = peer.answer(
                    self.command, parts.path, dict(parse_qsl(parts.query)), body, token
                )
                found = status, {}, b"" if document is None else json.dumps(document).encode()
            self.send_response(found[0])
            for name, value in found[1].items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(found[2])))
            self.end_headers()
            self.wfile.write(found[2])

        def _drip(self, how: str) -> None:
            self.close_connection = True
            begin = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n"
            self.wfile.write(begin if how == "drip head" else begin + b"\r\n")
            for _ in range(1_000_000):  # until the other side closes
                self.wfile.write(b"x")
                pause.wait(0.02)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a connection that was hung up

    server = Quiet(("127.0.0.1", 0), Handler)
    peer.url = f"http://127.0.0.1:{server.server_port}"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
