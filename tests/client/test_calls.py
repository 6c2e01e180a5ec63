"""How the calls of pushes and pulls take a server that is busy, breaks off, or is none of mylist."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import zstandard

from mylist_dav.cli.transfers import Speed
from mylist_dav.client.calls import Calls, Lost
from mylist_dav.client.folders.progress import Progress
from mylist_dav.client.link import TRIES, Link
from mylist_dav.client.packing import packed_body
from mylist_dav.errors import Busy, Conflict, Forbidden, MylistError
from mylist_dav.model.names import FlistName
from tests.server.small_peer import read_body

DETAILS = {"head_jid": 3, "created_ns": 7, "exposures": []}
Answer = tuple[int, dict[str, str], object]


class Scripted(BaseHTTPRequestHandler):
    """Gives the answers it was told to, one after the other; None hangs up."""

    protocol_version = "HTTP/1.1"
    answers: list[Answer | None]
    seen: list[tuple[str, str, bytes]]

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path, read_body(self)))
        answer = self.answers.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, headers, document = answer
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


class Talk:
    """Calls to a server that follows a script. slept: the waits between tries, in seconds."""

    def __init__(self, calls: Calls, script: type[Scripted], slept: list[float]) -> None:
        self.calls, self.script, self.slept = calls, script, slept


@contextmanager
def talking(*answers: Answer | None) -> Iterator[Talk]:
    script = type("Script", (Scripted,), {"answers": list(answers), "seen": []})
    slept: list[float] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), script) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        calls = Calls(Link.plain(url, "token", sleep=slept.append), FlistName("alice", "a site"))
        try:
            yield Talk(calls, script, slept)
        finally:
            calls.close()
            server.shutdown()
            thread.join()


def test_a_busy_server_is_asked_again_when_it_says() -> None:
    with talking((503, {"retry-after": "7"}, {}), (429, {}, {}), None, (200, {}, DETAILS)) as talk:
        found = talk.calls.details()
        assert found is not None
        assert (found.head_jid, found.moment, talk.slept) == (3, 7, [7, 1.0, 2.0])
        assert {path for _, path, _ in talk.script.seen} == {"/api/v1/flists/alice/a%20site"}


def test_a_server_that_stays_busy_is_named_in_the_end() -> None:
    with talking(*[(503, {}, {"detail": "too much\x1b at once"})] * TRIES) as talk:
        with pytest.raises(Busy, match="too much at once"):
            talk.calls.details()
        assert len(talk.slept) == TRIES - 1


def test_a_tar_begins_anew_when_its_connection_breaks() -> None:
    bad = [{"name": "a", "id": None, "state": "bad", "detail": "zeros"}]
    answer = {"blocks": bad, "stored": 2, "present": 1, "bad": 1}
    with talking(None, (200, {}, answer)) as talk:
        assert talk.calls.upload(4, 6, lambda: iter([b"abc", b"def"])) == {"a": "zeros"}
        assert [body for _, _, body in talk.script.seen] == [b"abcdef"] * 2


def test_what_is_worth_it_travels_packed_with_its_size() -> None:
    content = b"the same again " * 1000
    with talking((200, {}, {"blocks": [], "stored": 1, "present": 0}), (200, {}, {"present": []})) as talk:
        talk.calls.upload(1, len(content), lambda: iter([content[:5000], content[5000:]]))
        assert talk.calls.missing(["0" * 64]) == {"0" * 64}
        assert talk.script.seen[0][2] == content
        assert json.loads(talk.script.seen[1][2]) == {"ids": ["0" * 64]}
    body, headers = packed_body(None, lambda: iter([content[:5000], content[5000:]]), len(content))
    packed = b"".join(body or ())  # type: ignore[arg-type]
    assert zstandard.get_frame_parameters(packed).content_size == len(content)
    assert len(packed) < 100
    assert headers == {"content-encoding": "zstd"}
    body, headers = packed_body({"ids": ["ä"] * 1000}, None, None)
    assert json.loads(zstandard.decompress(body)) == {"ids": ["ä"] * 1000}  # type: ignore[arg-type]
    assert headers == {"content-encoding": "zstd", "content-type": "application/json"}


def test_what_is_short_or_of_unknown_length_travels_as_it_is() -> None:
    assert packed_body({"a": 1}, None, None) == (b'{"a":1}', {"content-type": "application/json"})
    body, headers = packed_body(None, lambda: iter([b"a" * 10_000]), None)
    assert (b"".join(body or ()), headers) == (b"a" * 10_000, {})  # type: ignore[arg-type]
    assert packed_body(None, None, None) == (None, {})


def test_what_stays_on_this_machine_travels_as_it_is() -> None:
    body, headers = packed_body(None, lambda: iter([b"a" * 10_000]), 10_000, near=True)
    assert (b"".join(body or ()), headers) == (b"a" * 10_000, {"content-length": "10000"})  # type: ignore[arg-type]
    body, headers = packed_body({"ids": ["a" * 5000]}, None, None, near=True)
    assert headers == {"content-type": "application/json"}


def test_blocks_of_which_a_server_says_nothing_are_not_taken_for_stored() -> None:
    answer = {"blocks": [], "stored": 2, "present": 1, "bad": 0}
    with talking((200, {}, answer)) as talk, pytest.raises(MylistError, match="not of mylist"):
        talk.calls.upload(4, 6, lambda: iter([b"abcdef"]))


def test_a_commit_is_never_sent_twice_unasked() -> None:
    with talking(None) as talk:
        assert isinstance(talk.calls.commit(3, [], ""), Lost)
        assert len(talk.script.seen) == 1


def test_a_refused_commit_names_each_path_and_reason() -> None:
    conflicts = [{"index": 0, "path": "a/b", "reason": "no folder\n", "now": None}]
    problem = {"detail": "nothing was done", "head_jid": 3, "conflicts": conflicts, "missing": []}
    with talking((409, {}, problem)) as talk, pytest.raises(Conflict, match=r"done\n  a/b: no folder$"):
        talk.calls.commit(3, [], "")


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    slept: list[float] = []
    calls = Calls(Link.plain("http://127.0.0.1:9", "token", sleep=slept.append), FlistName("a", "b"))
    with pytest.raises(MylistError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        calls.details()
    calls.close()
    assert slept == []


def test_a_token_goes_nowhere_else() -> None:
    with talking((302, {"location": "http://127.0.0.1:9/"}, {})) as talk:
        with pytest.raises(Conflict, match="sends elsewhere"):
            talk.calls.details()
        assert len(talk.script.seen) == 1


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"nonsense",
        b"[]",
        b"[" * 100_000,
        {"head_jid": "3", "created_ns": 7, "exposures": []},
        {"head_jid": -1, "created_ns": 7, "exposures": []},
        {"head_jid": True, "created_ns": 7, "exposures": []},
        {"head_jid": 3, "created_ns": 7, "exposures": {}},
    ],
)
def test_an_answer_that_is_not_of_mylist_is_refused(document: object) -> None:
    with talking((200, {}, document)) as talk, pytest.raises(MylistError, match="not of mylist"):
        talk.calls.details()


def test_a_tree_comes_in_pages_and_ends() -> None:
    folder = {"kind": "directory", "mode": 0o755, "mtime_ns": 1, "digest": None, "target": None}
    pages: list[dict[str, Any]] = [
        {"jid": 3, "entries": [{**folder, "path": "a"}], "next": "x"},
        {"jid": 3, "entries": [{**folder, "path": "b"}], "next": None},
    ]
    with talking(*((200, {}, page) for page in pages)) as talk:
        assert set(talk.calls.tree(3)) == {"a", "b"}
        assert talk.script.seen[1][1].endswith("/tree?at=3&limit=10000&after=x")
    with (
        talking((200, {}, {"jid": 3, "entries": [], "next": "x"})) as talk,
        pytest.raises(MylistError, match="not of mylist"),
    ):
        talk.calls.tree(3)


def test_a_tree_that_says_the_same_again_and_again_is_refused() -> None:
    entry = {"path": "a", "kind": "directory", "mode": 0o755, "mtime_ns": 1}
    pages = [(200, {}, {"entries": [entry], "next": str(number)}) for number in range(3)]
    with talking(*pages, (500, {}, {})) as talk, pytest.raises(MylistError, match="not of mylist"):
        talk.calls.tree(3)


def test_exposing_is_refused_in_the_words_of_the_server() -> None:
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32004, "message": "only admins do that"}}
    with (
        talking((200, {}, error)) as talk,
        pytest.raises(Forbidden, match=r"the push is done, but /docs .*: only admins"),
    ):
        talk.calls.expose("/docs")


def test_progress_says_rate_and_time_left() -> None:
    now = [100.0]
    speed = Speed(lambda: now[0])
    progress = Progress(phase="sending", entries=12)
    assert speed.text(progress) == "sending, 12 entries"
    progress.to_read_bytes, progress.read_bytes = 2048, 1024
    assert speed.text(progress) == "reading 1.0 KiB of 2.0 KiB"
    progress.to_move_bytes = 100 * 1024 * 1024
    assert speed.text(progress) == "sending 0 B of 100.0 MiB (0 %)"
    now[0] += 10
    progress.moved_bytes = 20 * 1024 * 1024
    assert speed.text(progress) == "sending 20.0 MiB of 100.0 MiB (20 %), 2.0 MiB/s, 0:40 left"
    progress.moved_bytes = 20 * 1024
    assert speed.text(progress).endswith("2.0 KiB/s, 14 h 13 min left")


@pytest.mark.parametrize(
    ("server", "where", "address"),
    [
        ("https://files.example.org", "WWW.example.org", "https://www.example.org/"),
        ("http://127.0.0.1:8080", "site.localhost", "http://site.localhost:8080/"),
        ("http://[::1]:8080", "/docs/", "http://[::1]:8080/docs/"),
    ],
)
def test_sites_are_found_where_the_server_is(server: str, where: str, address: str) -> None:
    with closing(Calls(Link.plain(server, "token"), FlistName("alice", "site"))) as calls:
        assert calls.address_of(where) == address
