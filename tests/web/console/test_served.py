"""The console of a real server, byte by byte: where it is, where its cookie counts, and forms on every engine."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.serving import ENGINES, Served, serving

FOLDER = "/console/flists/admin/files/"
EXPOSED = "www.site.example"


@pytest.fixture(scope="module", params=ENGINES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("data")
    source = tmp_path_factory.mktemp("files")
    (source / "index.html").write_text("the site")
    with serving(data, engine=request.param) as server:
        server.mylist("import", str(source), "admin/files")
        server.mylist("expose", "admin/files", "--prefix", "/shown")
        server.mylist("expose", "admin/files", "--host", EXPOSED)
        yield server


@pytest.fixture
def browser(served: Served) -> Iterator[httpx.Client]:
    """Somebody who is logged in, with a browser that says where a form comes from."""
    with httpx.Client(
        base_url=served.url, timeout=30, headers={"Origin": served.url, "Accept": "text/html"}
    ) as client:
        assert client.post("/login", data={"token": served.token}).status_code == 303
        yield client


def raw(served: Served, text: str, body: bytes = b"") -> tuple[int, str]:
    """Status and the rest of an answer to exactly these lines."""
    head = (
        text.strip().replace("\n", "\r\n") + f"\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    answer = served.raw(head.encode() + body).decode("utf-8", "replace")
    return int(answer[9:12]), answer


def test_a_login_by_hand_sets_a_cookie_that_holds_the_attributes(served: Served) -> None:
    body = f"token={served.token}".encode()
    lines = f"""POST /login HTTP/1.1
Host: 127.0.0.1:{served.port}
Content-Type: application/x-www-form-urlencoded"""
    status, answer = raw(served, f"{lines}\nOrigin: http://127.0.0.1:{served.port}", body)
    assert status == 303
    assert re.search(
        r"(?i)\r\nset-cookie: mylist-session=mylist_[\w-]{43}; Max-Age=4319.; Path=/; HttpOnly; SameSite=Strict\r\n",
        answer,
    )
    for origin in ("", "\nOrigin: null", "\nOrigin: http://evil.example", f"\nReferer: {served.url}/login"):
        status, answer = raw(served, lines + origin, body)
        assert status == 403 and "set-cookie" not in answer.lower()


def test_a_forged_form_is_refused_before_it_is_read(served: Served, browser: httpx.Client) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    lines = f"""POST {FOLDER} HTTP/1.1
Host: 127.0.0.1:{served.port}
Content-Type: application/x-www-form-urlencoded
Cookie: {cookie}"""
    body = b"do=folder&name=forged"
    for extra in ("", "\nSec-Fetch-Site: cross-site", f"\nSec-Fetch-Site: same-site\nOrigin: {served.url}"):
        assert raw(served, lines + extra, body)[0] == 403
    assert "forged" not in browser.get(FOLDER).text
    assert raw(served, lines + "\nSec-Fetch-Site: same-origin", body)[0] == 303
    assert "forged" in browser.get(FOLDER).text
    assert browser.post(FOLDER, data={"do": "delete", "name": "forged"}).status_code == 303


def test_the_cookie_counts_for_the_console_and_the_api_and_nowhere_else(
    served: Served, browser: httpx.Client
) -> None:
    assert browser.get("/").status_code == 200
    assert browser.get("/api/v1/whoami").json()["account"] == "admin"
    with httpx.Client(base_url=served.url, timeout=30) as stranger:
        for path in ("/dav/", "/dav/admin/files/", "/dav/admin/files/index.html", "/dav/admin/none"):
            with_cookie, without = browser.get(path), stranger.get(path)
            assert with_cookie.status_code == without.status_code == 401
            assert with_cookie.content == without.content
    assert browser.put("/dav/admin/files/x", content=b"x").status_code == 401


def test_an_exposed_host_shows_its_site_and_never_the_console(served: Served, browser: httpx.Client) -> None:
    host = {"Host": EXPOSED}
    assert browser.get("/", headers=host).text == "the site"
    for path in ("/login", "/logout", FOLDER, "/console/tokens", "/api/v1/whoami"):
        assert browser.get(path, headers=host).status_code == 404
        assert browser.post(path, headers=host, data={"token": "x"}).status_code == 405
    assert browser.get("/shown/").text == "the site"


def test_files_travel_by_form_and_by_script(served: Served, browser: httpx.Client) -> None:
    big = bytes(range(256)) * 12_000
    files = [("file", ("one.bin", big)), ("file", ("größe.txt", b"2")), ("file", ("three", b""))]
    answer = browser.post(FOLDER, files=files)
    assert (answer.status_code, answer.headers["location"]) == (303, FOLDER)
    with served.client() as dav:
        assert dav.get("/dav/admin/files/one.bin").content == big
        assert dav.get("/dav/admin/files/gr%C3%B6%C3%9Fe.txt").content == b"2"
        assert dav.get("/dav/admin/files/three").content == b""
        put = browser.put(FOLDER + "four.bin?modified=1600000000000", content=big)
        assert put.status_code == 201
        assert dav.get("/dav/admin/files/four.bin").content == big
    for name in ("one.bin", "größe.txt", "three", "four.bin"):
        assert browser.post(FOLDER, data={"do": "delete", "name": name}).status_code == 303


def test_a_form_that_breaks_off_leaves_nothing(served: Served, browser: httpx.Client) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    head = f"""POST {FOLDER} HTTP/1.1\r
Host: 127.0.0.1:{served.port}\r
Origin: {served.url}\r
Cookie: {cookie}\r
Content-Type: multipart/form-data; boundary=XX\r
Content-Length: 100000\r
\r
--XX\r
Content-Disposition: form-data; name="file"; filename="broken"\r
\r
{"x" * 50000}"""
    with served.connect() as connection:
        connection.sendall(head.encode())
    assert "broken" not in browser.get(FOLDER).text


def test_webdav_clients_still_find_their_way_from_the_root(served: Served) -> None:
    with served.client() as client:
        assert client.request("PROPFIND", "/", headers={"Depth": "1"}).status_code == 207
        assert "DAV" in client.options("/").headers


def test_a_session_behind_a_proxy_is_secure_when_the_proxy_speaks_tls(served: Served) -> None:
    """The proxy of this test is not trusted, so what it says does not count."""
    headers = {"X-Forwarded-Proto": "https", "Origin": served.url}
    answer = httpx.post(f"{served.url}/login", data={"token": served.token}, headers=headers, timeout=30)
    assert answer.status_code == 303 and "__Host-" not in answer.headers["set-cookie"]


def test_a_trusted_proxy_that_speaks_tls_gives_a_secure_session(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = tmp_path_factory.mktemp("proxied")
    settings = data / "mylist.toml"
    settings.write_text('[server]\ntrusted_proxies = ["127.0.0.1/32"]\n')
    with serving(data, "--config", str(settings)) as server:
        headers = {
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "files.example",
            "Origin": "https://files.example",
        }
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
            answer = client.post("/login", data={"token": server.token})
            assert answer.headers["set-cookie"].startswith("__Host-mylist-session=mylist_")
            assert answer.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")
            cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
            assert client.get("/", headers=cookie).status_code == 200
