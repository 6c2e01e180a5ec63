"""Copying to a peer: only what it misses, to nobody else, and again from where it broke off."""

from __future__ import annotations

import io
import json
import random
import socket
import ssl
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mylist_dav.client.dialling import Patience, Pinned
from mylist_dav.client.direct import DirectHttp
from mylist_dav.client.http import Undialled
from mylist_dav.errors import Forbidden, Invalid
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.conditions import Place
from mylist_dav.model.digest import Digest
from mylist_dav.model.jobs import Job, State
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.model.peers import Peer, refuse_private
from mylist_dav.server import syncing
from mylist_dav.server.syncing import Syncing
from mylist_dav.services.jobs.asking import sync_asked
from mylist_dav.services.opening import Library
from mylist_dav.services.tree.trees import Attributes
from tests.server.small_peer import SmallPeer, small_peer
from tests.services.job_bench import ended, library_in, until

NAME = FlistName("anna", "site")
LARGE = random.Random(7).randbytes(3 * 1024 * 1024)


@pytest.fixture
def peer() -> Iterator[SmallPeer]:
    with small_peer() as made:
        yield made


@pytest.fixture
def library(tmp_path: Path, peer: SmallPeer) -> Iterator[Library]:
    """Has a tree, and the peer, and begins jobs."""
    with library_in(tmp_path / "data") as made:
        made.peers = (Peer.checked("other", peer.url, str(peer.key), private=True),)
        made.jobs.register(Syncing(made, pauses_seconds=(0.0, 0.0, 0.0)).kind())
        made.start_jobs()
        take(
            made,
            {"a.txt": b"one", "d/b.txt": b"two", "d/e/large": LARGE, "d/empty": b""},
            {"link": "d/b.txt"},
        )
        yield made


def anywhere(host: str, addresses: list[str]) -> None:
    """Allows every address."""


def _not_linked(host: str, addresses: list[str]) -> None:
    if addresses != ["127.0.0.1"]:
        raise Forbidden("not there")


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def take(library: Library, files: dict[str, bytes], links: dict[str, str] | None = None) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(content), 1_600_000_000, 0o640
            tar.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    packed.seek(0)
    library.imports.run(OPERATOR, NAME, library.imports.archive(packed), make=True)


def copy(library: Library, **what: Any) -> Job:
    """A job that copies, when it has ended."""
    what = what or {"flist": NAME}
    asked, about = sync_asked(library, OPERATOR, "other", **what)
    return ended(library, library.jobs.start(OPERATOR, "sync", asked, about))


def result(job: Job) -> dict[str, Any]:
    assert job.state is State.DONE, job.problem
    found = json.loads(job.result or "")
    assert isinstance(found, dict)
    return found


def detail(job: Job) -> str:
    assert job.state is State.FAILED, job.result
    return str(json.loads(job.problem or "")["detail"])


def ours(library: Library, at: int | None = None) -> dict[str, Any]:
    """The tree as the small peer keeps one."""
    return {
        str(path): {
            "kind": entry.kind.name.lower(),
            "mode": entry.mode,
            "mtime_ns": entry.mtime_ns,
            "size_bytes": entry.size_bytes,
            "digest": str(entry.digest) if entry.digest else None,
            "target": entry.target,
            "content_type": entry.content_type,
        }
        for path, entry in library.trees.walk(OPERATOR, Place(NAME, TreePath()), at)
    }


# -- a flist -----------------------------------------------------------------------------------------------------


def test_a_flist_arrives_whole_and_is_made_if_it_is_new(library: Library, peer: SmallPeer) -> None:
    told = result(copy(library))
    assert peer.flists == {"anna/site": ours(library)}
    head = library.flists.get(OPERATOR, NAME)
    counts = {name: told[name] for name in ("jid", "entries", "size_bytes", "commits", "changed", "peer_jid")}
    assert counts == {
        "jid": head.head_jid, "entries": head.entries, "size_bytes": head.size_bytes, "commits": 1, "changed": True,
        "peer_jid": 2,
    }  # fmt: skip
    assert (told["sent_blocks"], told["sent_bytes"]) == (len(peer.blocks), 6 + len(LARGE))
    assert peer.tokens == set(), "it has logged out"


def test_what_the_peer_has_is_not_sent_again(library: Library, peer: SmallPeer) -> None:
    copy(library)
    peer.seen.clear()
    again = result(copy(library))
    assert (again["sent_blocks"], again["operations"], again["changed"]) == (0, 0, False)
    assert not {path for _, path in peer.seen} & {"/blocks/exists", "/blocks/upload"}, (
        "no content has changed"
    )


def test_only_what_has_changed_is_sent_and_the_rest_of_the_tree_follows(
    library: Library, peer: SmallPeer
) -> None:
    copy(library)
    take(library, {"a.txt": b"other", "d": b"a file now", "new/deep/x": b"two"}, {"link": "a.txt"})
    told = result(copy(library))
    assert peer.flists["anna/site"] == ours(library)
    assert (told["sent_blocks"], told["sent_bytes"]) == (2, 15), "'two' is there"
    take(library, {"d/f": b"and a folder again", "link": b"no link now"})
    copy(library)
    assert peer.flists["anna/site"] == ours(library)


def test_attributes_alone_are_copied_without_content(library: Library, peer: SmallPeer) -> None:
    copy(library)
    place = Place(NAME, TreePath.parse("a.txt"))
    library.trees.set_attributes(OPERATOR, place, Attributes(mode=0o600, content_type="text/x-odd"))
    library.trees.set_attributes(
        OPERATOR, Place(NAME, TreePath.parse("d")), Attributes(mtime_ns=5, mode=0o700)
    )
    told = result(copy(library))
    assert (told["asked_blocks"], told["operations"]) == (0, 2)
    assert peer.flists["anna/site"] == ours(library)
    take(library, {"a.txt": b"one"})
    copy(library)
    assert peer.flists["anna/site"] == ours(library), "the content type is gone"


def test_an_older_revision_can_be_copied(library: Library, peer: SmallPeer) -> None:
    before = library.flists.get(OPERATOR, NAME).head_jid
    take(library, {"z": b"later"})
    assert result(copy(library, flist=NAME, at=before))["jid"] == before
    assert peer.flists["anna/site"] == ours(library, before)


def test_the_revision_is_that_of_when_it_was_asked_for(library: Library, peer: SmallPeer) -> None:
    asked, _ = sync_asked(library, OPERATOR, "other", flist=NAME)
    before = ours(library)
    take(library, {"z": b"later"})
    result(ended(library, library.jobs.start(OPERATOR, "sync", asked)))
    assert peer.flists["anna/site"] == before


def test_a_large_change_is_one_commit(
    library: Library, peer: SmallPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mylist_dav.client.copying.LINES_AT_ONCE", 2)
    told = result(copy(library))
    assert (told["commits"], told["operations"], told["peer_jid"]) == (1, 7, 2)
    assert peer.flists["anna/site"] == ours(library)
    take(library, {"other": b"x"})
    told = result(copy(library))
    assert (told["commits"], told["operations"], told["peer_jid"]) == (1, 4, 3)
    assert peer.flists["anna/site"] == ours(library)


def test_a_folder_that_becomes_a_file_takes_its_members_away(library: Library, peer: SmallPeer) -> None:
    copy(library)
    take(library, {"a.txt": b"one", "d": b"a file"})
    assert result(copy(library))["operations"] == 2, "of the link and the folder"
    assert peer.flists["anna/site"] == ours(library)


# -- what breaks -------------------------------------------------------------------------------------------------


def once(peer: SmallPeer, path: str, answer: Any) -> list[str]:
    """Let the peer give this answer the first time it is asked something; returns what it was asked then.

    path: how it ends, after a method or not ('PUT /tree').
    """
    told: list[str] = []
    only, _, end = path.rpartition(" ")

    def misbehave(method: str, asked: str, body: bytes) -> Any:
        if asked.endswith(end) and only in ("", method) and not told:
            told.append(asked)
            return answer
        return None

    peer.misbehave = misbehave
    return told


@pytest.mark.parametrize(
    "path", ["/challenge", "GET /tree", "/blocks/exists", "/blocks/upload", "PUT /tree", "anna/site"]
)
@pytest.mark.parametrize(
    "answer", ["hang up", (503, {"retry-after": "1"}, b"{}")], ids=["hangs up", "is busy"]
)
def test_a_peer_that_breaks_off_is_asked_again(
    library: Library, peer: SmallPeer, path: str, answer: Any
) -> None:
    told = once(peer, path, answer)
    result(copy(library))
    assert told
    assert peer.flists["anna/site"] == ours(library)


def test_a_login_that_ends_on_the_way_is_followed_by_another(library: Library, peer: SmallPeer) -> None:
    def misbehave(method: str, path: str, body: bytes) -> None:
        if path == "/blocks/upload" and sum(seen == "/api/v1/login" for _, seen in peer.seen) == 1:
            peer.tokens.clear()

    peer.misbehave = misbehave
    result(copy(library))
    assert peer.flists["anna/site"] == ours(library)


def test_a_key_that_the_peer_does_not_know_ends_the_job(library: Library, peer: SmallPeer) -> None:
    once(peer, "/api/v1/login", (401, {}, b'{"detail":"no account has this key"}'))
    assert "no account has this key" in detail(copy(library))


def test_a_commit_whose_answer_was_lost_is_not_made_twice(library: Library, peer: SmallPeer) -> None:
    def misbehave(method: str, path: str, body: bytes) -> Any:
        if method == "PUT" and peer.heads["anna/site"] == 1:
            peer._put_tree("anna/site", {"merge": "1", "base_jid": "1"}, body)
            return "hang up"
        return None

    peer.misbehave = misbehave
    told = result(copy(library))
    assert (peer.heads["anna/site"], told["peer_jid"]) == (2, 2)
    assert peer.flists["anna/site"] == ours(library)


def test_what_somebody_changes_at_the_peer_meanwhile_is_compared_again(
    library: Library, peer: SmallPeer
) -> None:
    def misbehave(method: str, path: str, body: bytes) -> None:
        if method == "PUT" and peer.heads["anna/site"] == 1:
            peer.heads["anna/site"] += 1
            peer.flists["anna/site"]["foreign"] = {
                "kind": "directory", "mode": 0o755, "mtime_ns": 0, "size_bytes": 0, "digest": None, "target": None,
                "content_type": None,
            }  # fmt: skip

    peer.misbehave = misbehave
    result(copy(library))
    assert peer.flists["anna/site"] == ours(library)


def test_a_commit_that_is_refused_for_good_ends_the_job(library: Library, peer: SmallPeer) -> None:
    refusal = b'{"detail":"/a is locked","head_jid":1,"conflicts":[{"index":0}],"missing":[]}'
    once(peer, "PUT /tree", (409, {}, refusal))
    assert "/a is locked" in detail(copy(library))


def test_a_block_that_has_gone_from_the_peer_meanwhile_is_sent_again(
    library: Library, peer: SmallPeer
) -> None:
    gone = Digest.of(b"one").hex()

    asked: list[str] = []

    def misbehave(method: str, path: str, body: bytes) -> Any:
        if method != "PUT" or asked:
            return None
        asked.append(path)
        del peer.blocks[gone]
        return (
            409,
            {},
            json.dumps({"detail": "blocks are missing", "head_jid": 1, "missing": [gone]}).encode(),
        )

    peer.misbehave = misbehave
    result(copy(library))
    assert gone in peer.blocks
    assert peer.flists["anna/site"] == ours(library)


def test_blocks_that_arrived_before_it_broke_are_not_sent_again(
    library: Library, peer: SmallPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mylist_dav.client.copying.BUNDLE_BYTES", 1)
    uploads = 0

    def misbehave(method: str, path: str, body: bytes) -> Any:
        nonlocal uploads
        uploads += path == "/blocks/upload"
        return "hang up" if path == "/blocks/upload" and uploads == 3 else None

    peer.misbehave = misbehave
    told = result(copy(library))
    assert told["sent_blocks"] == len(peer.blocks)
    assert uploads == len(peer.blocks) + 1


def test_a_peer_that_stays_away_ends_the_job_with_the_reason(library: Library, peer: SmallPeer) -> None:
    peer.misbehave = lambda method, path, body: "hang up"
    assert "cannot be reached" in detail(copy(library))
    assert len(peer.seen) == 4, "and not for ever"


def test_a_peer_that_answers_and_never_takes_anything_ends_the_job_too(
    library: Library, peer: SmallPeer
) -> None:
    peer.misbehave = lambda method, path, body: (503, {}, b"{}") if path == "/blocks/upload" else None
    assert "answered 503" in detail(copy(library))
    assert [path for _, path in peer.seen].count("/blocks/upload") == 4


def test_a_name_that_cannot_be_found_for_a_while_is_asked_for_again(
    library: Library, peer: SmallPeer
) -> None:
    found: list[list[str] | OSError] = [
        socket.gaierror(-3, "try again"),
        ConnectionError("no"),
        ["127.0.0.1"],
    ]

    def resolve(host: str, port: int) -> list[str]:
        now = found.pop(0) if found else ["127.0.0.1"]
        if isinstance(now, OSError):
            raise now
        return now

    library.jobs.register(Syncing(library, resolve=resolve, pauses_seconds=(0.0, 0.0)).kind())
    result(copy(library))
    assert peer.flists["anna/site"] == ours(library)


def test_a_name_that_stays_unknown_ends_the_job_with_the_reason(library: Library, peer: SmallPeer) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        raise socket.gaierror(-2, "no such name")

    library.jobs.register(Syncing(library, resolve=resolve, pauses_seconds=(0.0, 0.0)).kind())
    assert "no such name" in detail(copy(library))
    assert len(asked) == 3


def test_a_peer_that_forgets_what_it_takes_does_not_keep_a_job_for_ever(
    library: Library, peer: SmallPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "TURNS_MAX", 5)
    commits: list[str] = []

    def misbehave(method: str, path: str, body: bytes) -> Any:
        if method == "GET" or not path.endswith(("/commits", "/tree")):
            return None
        commits.append(path)
        missing = sorted(peer.blocks)
        peer.blocks.clear()
        return 409, {}, json.dumps({"detail": "", "head_jid": 1, "missing": missing}).encode()

    peer.misbehave = misbehave
    assert "are missing" in detail(copy(library))
    assert len(commits) == 5


@pytest.mark.parametrize("drips", ["head", "body"])
def test_a_peer_that_drips_its_answer_ends_the_job(library: Library, peer: SmallPeer, drips: str) -> None:
    """It never falls silent, and is never done."""
    patience = Patience(timeout_seconds=1.5, rate_bytes_min=1_000)
    library.jobs.register(Syncing(library, pauses_seconds=(), patience=patience).kind())
    peer.misbehave = lambda method, path, body: f"drip {drips}" if path == "/blocks/exists" else None
    assert "bytes a second" in detail(copy(library))


def test_a_tree_without_an_end_ends_the_job(
    library: Library, peer: SmallPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(library)
    monkeypatch.setattr(syncing, "ENTRIES_MAX", 10)
    entry = {"path": "a", "kind": "directory", "mode": 0, "mtime_ns": 0}

    def misbehave(method: str, path: str, body: bytes) -> Any:
        page = {"entries": [entry], "next": str(len(peer.seen))}
        return (200, {}, json.dumps(page).encode()) if path.endswith("/tree") else None

    peer.misbehave = misbehave
    assert "more than 10 entries" in detail(copy(library))


def test_a_job_is_cancelled_while_it_copies(library: Library, peer: SmallPeer) -> None:
    asked, _ = sync_asked(library, OPERATOR, "other", flist=NAME)
    begun: list[str] = []

    def misbehave(method: str, path: str, body: bytes) -> Any:
        begun.append(path)
        return "hang up"

    peer.misbehave = misbehave
    library.jobs.register(Syncing(library, pauses_seconds=(60.0,)).kind())
    job = library.jobs.start(OPERATOR, "sync", asked)
    until(library, job.job_id, lambda _: bool(begun))
    library.jobs.cancel(OPERATOR, job.job_id)
    assert ended(library, job).state is State.CANCELLED


def test_a_block_that_the_peer_does_not_take_ends_the_job(library: Library, peer: SmallPeer) -> None:
    once(
        peer,
        "/blocks/upload",
        (200, {}, b'{"blocks":[{"name":"x","detail":"another digest"}],"stored":4,"present":0,"bad":1}'),
    )
    assert "another digest" in detail(copy(library))


def test_a_peer_that_does_not_say_what_it_took_ends_the_job(library: Library, peer: SmallPeer) -> None:
    once(peer, "/blocks/upload", (200, {}, b'{"blocks":[],"stored":1,"present":0,"bad":0}'))
    assert "not of mylist" in detail(copy(library))


def test_an_address_that_does_not_answer_is_followed_by_the_next(library: Library, peer: SmallPeer) -> None:
    found = ["127.0.0.2", "127.0.0.1"]
    library.jobs.register(
        Syncing(library, resolve=lambda host, port: found, pauses_seconds=(0.0, 0.0)).kind()
    )
    result(copy(library))
    assert peer.flists["anna/site"] == ours(library)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"present":1}', b"\xff", b"[" * 100_000])
def test_an_answer_of_another_shape_ends_the_job(library: Library, peer: SmallPeer, body: bytes) -> None:
    once(peer, "/blocks/exists", (200, {}, body))
    assert detail(copy(library))
    assert "anna/site" in peer.flists
    assert peer.flists["anna/site"] == {}


# -- to nobody else ----------------------------------------------------------------------------------------------


def test_a_redirect_is_not_followed(library: Library, peer: SmallPeer) -> None:
    with small_peer() as elsewhere:
        for path in ("/challenge", "/blocks/exists", "PUT /tree"):
            once(peer, path, (307, {"location": f"{elsewhere.url}{path.split()[-1]}"}, b""))
            assert "sends elsewhere" in detail(copy(library))
        assert elsewhere.seen == []


def test_a_peer_with_another_key_gets_nothing(library: Library, peer: SmallPeer) -> None:
    with small_peer() as other:
        library.peers = (Peer.checked("other", peer.url, str(other.key), private=True),)
        assert "not the one that is set" in detail(copy(library))
    assert [path for _, path in peer.seen] == ["/api/v1/login/challenge"]


def test_a_login_for_another_server_is_not_signed(library: Library, peer: SmallPeer) -> None:
    peer.named = "https://bank.example"
    assert "nothing was signed" in detail(copy(library))
    assert [path for _, path in peer.seen] == ["/api/v1/login/challenge"]


def test_a_peer_in_a_private_network_is_not_connected_to_unless_that_is_said(
    library: Library, peer: SmallPeer
) -> None:
    library.peers = (Peer("other", peer.url, peer.key, private=False),)
    assert "private = true" in detail(copy(library))
    assert peer.seen == []


def test_a_peer_that_is_no_longer_set_up_gets_nothing(library: Library, peer: SmallPeer) -> None:
    asked, _ = sync_asked(library, OPERATOR, "other", flist=NAME)
    library.peers = ()
    with pytest.raises(Forbidden):
        library.jobs.start(OPERATOR, "sync", asked)
    assert peer.seen == []


def status_of(http: DirectHttp, path: str) -> int:
    with http.send("GET", path, {}, None) as reply:
        for _ in reply.pieces:
            pass
        return reply.status


def test_a_name_is_resolved_once_and_connected_to_where_it_was_found(peer: SmallPeer) -> None:
    found: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        found.append(host)
        return ["127.0.0.1"]

    peer.misbehave = lambda method, path, body: (200, {}, b"{}")
    port = peer.url.rpartition(":")[2]
    url = f"http://peer.test:{port}"
    with DirectHttp(url, Pinned(anywhere, resolve), Patience()) as http:
        assert status_of(http, "/a") == 200
        assert status_of(http, "/b") == 200
        for elsewhere in (f"http://127.0.0.1:{port}/", "http://other.test/"):
            with pytest.raises(Invalid):
                status_of(http, elsewhere)
    assert found == ["peer.test"]
    assert {headers["Host"] for headers, _ in peer.asked} == {f"peer.test:{port}"}


def test_a_name_in_punycode_is_a_name_like_any_other(peer: SmallPeer) -> None:
    peer.misbehave = lambda method, path, body: (200, {}, b"{}")
    url = f"http://xn--bcher-kva.test:{peer.url.rpartition(':')[2]}"
    with DirectHttp(url, Pinned(anywhere, here), Patience()) as http:
        assert status_of(http, "/") == 200
    assert [headers["Host"] for headers, _ in peer.asked] == [url.removeprefix("http://")]


def test_a_name_that_leads_to_this_machine_is_refused_before_anything_is_sent(peer: SmallPeer) -> None:
    for addresses in (["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"]):
        dial = Pinned(refuse_private, lambda host, port, found=addresses: found)  # type: ignore[misc]
        with DirectHttp(peer.url, dial, Patience()) as http, pytest.raises(Forbidden):
            status_of(http, "/")
    nowhere = Pinned(refuse_private, lambda host, port: [])
    with DirectHttp("https://peer.test", nowhere, Patience()) as http, pytest.raises(Undialled):
        status_of(http, "/")
    assert peer.seen == []


def test_a_name_is_looked_at_again_for_each_connection(peer: SmallPeer) -> None:
    found = [["127.0.0.1"], ["169.254.169.254"]]
    url = f"http://peer.test:{peer.url.rpartition(':')[2]}"
    peer.misbehave = lambda method, path, body: (200, {"connection": "close"}, b"{}")
    with DirectHttp(url, Pinned(_not_linked, lambda host, port: found.pop(0)), Patience()) as http:
        assert status_of(http, "/") == 200
        with pytest.raises(Forbidden):
            status_of(http, "/")
    assert len(peer.seen) == 1


def test_tls_is_verified_against_the_name_though_an_address_is_connected_to(
    tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    openssl = require_program("openssl")
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "ed25519",
        "-nodes",
        "-keyout",
        "key",
        "-out",
        "cert",
        "-days",
        "2",
    ]
    command += ["-subj", "/CN=peer.test", "-addext", "subjectAltName=DNS:peer.test"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert"))
    with small_peer(certificate=(tmp_path / "cert", tmp_path / "key")) as peer:
        peer.misbehave = lambda method, path, body: (200, {}, b"{}")
        port = peer.url.rpartition(":")[2]

        def ask(name: str, context: ssl.SSLContext | None) -> int:
            url, dial = f"https://{name}:{port}", Pinned(anywhere, here)
            with DirectHttp(url, dial, Patience(), context=context) as http:
                return status_of(http, "/")

        assert ask("peer.test", trusting) == 200
        for name, context in (("other.test", trusting), ("peer.test", None)):
            with pytest.raises(Undialled, match="certificate verify failed"):
                ask(name, context)


def test_no_proxy_of_the_environment_is_used(
    library: Library, peer: SmallPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_peer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        result(copy(library))
        assert proxy.seen == []


# -- blocks ------------------------------------------------------------------------------------------------------


def test_a_list_of_blocks_is_copied_and_those_that_are_not_here_are_named(
    library: Library, peer: SmallPeer
) -> None:
    here = [Digest.of(b"one"), Digest.of(b"two")]
    absent = Digest.of(b"never seen")
    peer.blocks[str(here[1])] = b"two"
    told = result(copy(library, blocks=[*here, absent]))
    assert set(peer.blocks) == {str(each) for each in here}
    assert (told["sent_blocks"], told["sent_bytes"], told["absent"]) == (1, 3, [str(absent)])
    assert (told["asked_blocks"], told["absent_blocks"]) == (3, 1)
