"""Requests to the console in process, the way a browser and an engine make them."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from mylist_dav.errors import MylistError
from mylist_dav.model.actors import OPERATOR, Role
from mylist_dav.model.conditions import Place
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import ROOT, TreePath
from mylist_dav.services.opening import Library
from mylist_dav.web.console.front import ConsoleFrontEnd
from mylist_dav.wire.messages import Request, Response

AUTHORITY = "files.example:8080"
ORIGIN = f"http://{AUTHORITY}"
PHOTOS = FlistName("anna", "photos")
SECRET = FlistName("anna", "secret")


@dataclass
class Reply:
    """What came back. headers: names in lower case, the last field of each."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The page without style and script, its entities resolved."""
        page = re.sub(r"<(style|script)>.*?</\1>", "", self.body.decode(), flags=re.DOTALL)
        return html.unescape(page)

    @property
    def location(self) -> str:
        return self.headers["location"]


@dataclass
class Browser:
    """Somebody at the console. origin: of the page that sends forms; None for a browser that does not say."""

    front_end: ConsoleFrontEnd
    origin: str | None = ORIGIN
    scheme: str = "http"
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, target: str = "/", headers: Mapping[str, str] | None = None, method: str = "GET") -> Reply:
        return self.send(method, target, headers or {})

    def post(self, target: str, headers: Mapping[str, str] | None = None, **fields: str) -> Reply:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self.send("POST", target, {**kind, **(headers or {})}, urlencode(fields).encode())

    def put(self, target: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        return self.send("PUT", target, {"accept": "text/plain", **(headers or {})}, body)

    def form(self, target: str, *parts: tuple[str, str | None, bytes]) -> Reply:
        """A multipart form: name, file name, content of each part."""
        body = b""
        for name, filename, content in parts:
            more = f'; filename="{filename}"' if filename is not None else ""
            body += f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
            body += content + b"\r\n"
        return self.send(
            "POST", target, {"content-type": "multipart/form-data; boundary=XX"}, body + b"--XX--\r\n"
        )

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        path, _, query = target.partition("?")
        given = {"accept": "text/html", **headers}
        if self.origin is not None and method not in ("GET", "HEAD"):
            given = {"origin": self.origin, **given}
        if self.cookies:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        request = Request(
            method,
            path,
            query,
            list(given.items()),
            AUTHORITY.partition(":")[0],
            AUTHORITY,
            self.scheme,
            client="192.0.2.1",
            request_id="r1",
            content_length=len(body) if body else None,
            has_body=bool(body),
        )
        return self._reply(self._exchange(request, body))

    def _exchange(self, request: Request, body: bytes) -> Response:
        try:
            answer = self.front_end.answer_now(request) or self.front_end.respond(request)
            if isinstance(answer, Response):
                return answer
            try:
                for start in range(0, len(body), answer.piece_bytes):
                    answer.write(body[start : start + answer.piece_bytes])
            except MylistError:
                answer.abort()
                raise
            return answer.finish()
        except MylistError as error:
            return self.front_end.render_error(request, error)

    def _reply(self, response: Response) -> Reply:
        assert isinstance(response.body, bytes)
        if response.meter is not None:
            response.meter.sent(response.status, len(response.body))
        headers = {name.lower(): value for name, value in response.headers}
        for name, value in response.headers:
            if name == "Set-Cookie":
                key, _, rest = value.partition("=")
                kept = rest.partition(";")[0]
                self.cookies.pop(key, None)
                if kept and "Max-Age=0" not in value:
                    self.cookies[key] = kept
        return Reply(response.status, headers, response.body)


class House:
    """A library with the accounts admin (an admin), anna and bert; anna/photos, and the private anna/secret."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.front_end = ConsoleFrontEnd(library)
        library.identity.add_account(OPERATOR, "admin", Role.ADMIN)
        library.identity.add_account(OPERATOR, "anna", Role.USER)
        library.identity.add_account(OPERATOR, "bert", Role.USER)
        library.flists.create(OPERATOR, PHOTOS)
        library.flists.create(OPERATOR, SECRET)
        library.grants.set_private(OPERATOR, SECRET, True)
        self.put("a.txt", b"first")

    def browser(self, account: str = "", **options: str) -> Browser:
        """A browser; logged in, if an account is given."""
        browser = Browser(self.front_end, **options)  # type: ignore[arg-type]
        if account:
            token = self.library.identity.new_token(OPERATOR, account)
            assert browser.post("/login", token=token, fresh="1").status == 303
        return browser

    def put(self, path: str, content: bytes, name: FlistName = PHOTOS) -> None:
        upload = self.library.uploads.open(OPERATOR, Place(name, TreePath.parse(path)))
        upload.write(content)
        upload.finish()

    def paths(self, name: FlistName = PHOTOS) -> list[str]:
        return sorted(str(path) for path, _ in self.library.trees.walk(OPERATOR, Place(name, ROOT)))

    def content(self, path: str, name: FlistName = PHOTOS) -> bytes:
        entry = self.library.trees.stat(OPERATOR, Place(name, TreePath.parse(path)))
        slices = self.library.trees.pieces(entry)(0, entry.size_bytes) if entry.size_bytes else []
        return b"".join(self.library.blocks.get(s.digest)[s.offset : s.offset + s.length] for s in slices)

    def labels(self, account: str) -> list[str]:
        return [facts.label for facts in self.library.identity.tokens(OPERATOR, account)]


def hrefs(page: str) -> list[str]:
    """All links and actions of a page."""
    return re.findall(r'(?:href|action)="([^"#][^"]*)"', page)
