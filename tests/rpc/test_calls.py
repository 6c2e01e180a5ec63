"""The methods, subject by subject: they do what the services do, as whom the call comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from mylist_dav.model.actors import GUEST, Actor, Role
from mylist_dav.model.conditions import UNCONDITIONAL, Place
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.model.paths import TreePath
from mylist_dav.rpc.table import METHODS
from tests.rpc.conftest import Desk

ALICE = Actor("alice", Role.USER)
KEY = bytes(SigningKey(bytes(32)).verify_key).hex()


@pytest.fixture
def alice(desk: Desk) -> Actor:
    desk.call("account.add", "alice")
    return ALICE


def test_accounts_are_made_changed_and_listed(desk: Desk) -> None:
    desk.call("account.add", account="alice", quota_bytes=1000, key=KEY, key_label="laptop")
    desk.call("account.add", account="root", role="admin")
    desk.call("account.disable", "alice")
    desk.call("account.quota", "root", None)
    assert desk.call("account.list") == {
        "accounts": [
            {"account": "alice", "role": "user", "disabled": True, "quota_bytes": 1000, "keys": 1},
            {"account": "root", "role": "admin", "disabled": False, "quota_bytes": None, "keys": 0},
        ],
        "next": None,
    }
    desk.call("account.enable", "alice")
    desk.call("account.quota", "alice", 5)
    (shown,) = desk.call("account.list", limit=1)["accounts"]
    assert (shown["disabled"], shown["quota_bytes"]) == (False, 5)


def test_a_list_is_read_page_by_page(desk: Desk) -> None:
    names = [f"account{number}" for number in range(7)]
    for name in names:
        desk.call("account.add", name)
    seen: list[str] = []
    after: str | None = None
    for _ in range(10):
        page = desk.call("account.list", after=after, limit=3)
        seen += [each["account"] for each in page["accounts"]]
        after = page["next"]
        if after is None:
            break
        desk.call("account.add", f"a-late-{len(seen)}")  # before the cursor: it shifts nothing
    assert seen == names


@pytest.mark.parametrize("after", ["x", "", "bnVsbA", "WzFd"])
@pytest.mark.parametrize("method", ["account.list", "flist.list", "audit.list", "exposure.list"])
def test_a_cursor_that_no_list_gave_is_refused(desk: Desk, method: str, after: str) -> None:
    if (method, after) == ("audit.list", "WzFd"):
        assert desk.call(method, after=after)["rows"] == []
    else:
        assert desk.problem(method, after=after) == "invalid"


def test_keys_are_added_listed_and_removed(desk: Desk, alice: Actor) -> None:
    assert desk.problem("key.add", "alice", KEY, "laptop", actor=alice) == "forbidden"
    desk.call("key.add", "alice", KEY, "laptop")
    (shown,) = desk.call("key.list", actor=alice)["keys"]
    assert (shown["key"], shown["account"], shown["label"]) == (KEY, "alice", "laptop")
    assert shown["fingerprint"].startswith("SHA256:")
    desk.call("key.remove", KEY, actor=alice)
    assert desk.call("key.list", "alice")["keys"] == []


def test_tokens_are_made_listed_newest_first_and_revoked(desk: Desk, alice: Actor) -> None:
    desk.call("flist.create", "alice/site")
    first = desk.call("token.create", account="alice", label="first", actor=alice)
    desk.clock.advance(1)
    desk.call("token.create", account="alice", days=2, flist="alice/site", read_only=True, actor=alice)
    shown = desk.call("token.list", actor=alice)["tokens"]
    assert [(each["flist"], each["read_only"], each["label"]) for each in shown] == [
        ("alice/site", True, ""),
        (None, False, "first"),
    ]
    assert desk.library.identity.actor_for(first["token"]).account == "alice"
    page = desk.call("token.list", limit=1)
    assert [page["tokens"], desk.call("token.list", after=page["next"])["tokens"]] == [shown[:1], shown[1:]]
    desk.call("token.revoke", shown[1]["token_id"])
    assert len(desk.call("token.list", "alice")["tokens"]) == 1


def test_grants_and_private_flists(desk: Desk, alice: Actor) -> None:
    desk.call("account.add", "bob")
    desk.call("flist.create", flist="bob/secret", private=True)
    assert desk.problem("flist.get", "bob/secret", actor=alice) == "not-found"
    desk.call("grant.set", "alice", "bob/secret", "write")
    assert desk.call("grant.list", "bob/secret")["grants"] == [{"account": "alice", "right": "write"}]
    assert desk.call("flist.get", "bob/secret", actor=alice)["may_write"] is True
    desk.call("grant.set", "alice", "bob/secret", "none")
    desk.call("flist.private", "bob/secret", False)
    found = desk.call("flist.get", "bob/secret", actor=alice)
    assert (found["private"], found["may_write"]) == (False, False)


def test_flists_are_made_listed_rolled_back_and_deleted(desk: Desk) -> None:
    made = desk.call("flist.create", flist="alice/site", make_account=True)
    assert (made["name"], made["head_jid"], made["entries"]) == ("alice/site", 1, 0)
    assert desk.problem("flist.create", "alice/site") == "exists"
    (found,) = desk.call("flist.list", "alice")["accounts"]
    assert (found["account"], [each["name"] for each in found["flists"]]) == ("alice", ["alice/site"])
    (commit,) = desk.call("flist.log", "alice/site")["commits"]
    assert (commit["jid"], commit["note"]) == (1, "created")
    assert desk.call("flist.rollback", "alice/site", 1) == {"head_jid": 1}
    assert desk.problem("flist.rollback", "alice/site", 9) == "not-found"
    desk.call("flist.delete", "alice/site")
    assert desk.call("flist.list")["accounts"] == []
    assert desk.problem("flist.get", "alice/site") == "not-found"


def test_flists_are_found_page_by_page_and_renamed(desk: Desk, alice: Actor) -> None:
    for name in "abc":
        desk.call("flist.create", flist=f"alice/{name}", private=name == "b")
    page = desk.call("flist.list", limit=2)
    rest = desk.call("flist.list", after=page["next"], limit=2)
    shown = [each["name"] for one in page["accounts"] + rest["accounts"] for each in one["flists"]]
    assert (shown, rest["next"]) == (["alice/a", "alice/b", "alice/c"], None)
    (found,) = desk.call("flist.list", private=True)["accounts"]
    assert [each["name"] for each in found["flists"]] == ["alice/b"]
    assert desk.call("flist.rename", "alice/a", "alice/z")["name"] == "alice/z"
    assert desk.problem("flist.get", "alice/a") == "not-found"


def test_a_commit_is_done_wholly_or_not_at_all_and_compared(desk: Desk, alice: Actor) -> None:
    desk.call("flist.create", "alice/site")
    made = desk.call(
        "flist.commit",
        flist="alice/site",
        operations=[{"op": "mkdir", "path": "a"}, {"op": "symlink", "path": "a/l", "target": "x"}],
        base_jid=1,
        note="first",
    )
    assert made == {"jid": 2, "head_jid": 2, "changed": True}
    assert desk.call("flist.log", "alice/site")["commits"][0]["note"] == "first"
    refused = desk.send(
        {
            "jsonrpc": "2.0",
            "method": "flist.commit",
            "params": ["alice/site", [{"op": "mkdir", "path": "b"}, {"op": "delete", "path": "c"}]],
            "id": 1,
        }
    )["error"]
    assert (refused["code"], refused["data"]["problem"], refused["data"]["head_jid"]) == (
        -32020,
        "refused",
        2,
    )
    assert [(each["index"], each["path"]) for each in refused["data"]["conflicts"]] == [(1, "c")]
    page = desk.call("flist.diff", flist="alice/site", from_jid=1, limit=1)
    rest = desk.call("flist.diff", flist="alice/site", from_jid=1, after=page["next"])
    found = [(each["change"], each["path"]) for each in page["changes"] + rest["changes"]]
    assert found == [("added", "a"), ("added", "a/l")]
    assert (page["from"], page["to"], rest["next"]) == (1, 2, None)


def test_labels_are_set_listed_and_removed(desk: Desk, alice: Actor) -> None:
    desk.call("flist.create", "alice/site")
    assert desk.call("label.set", "alice/site", "v1")["jid"] == 1
    desk.call("label.set", flist="alice/site", label="v2", jid=1)
    page = desk.call("label.list", flist="alice/site", limit=1)
    rest = desk.call("label.list", flist="alice/site", after=page["next"])
    assert [each["label"] for each in page["labels"] + rest["labels"]] == ["v1", "v2"]
    assert [each["label"] for each in desk.call("flist.get", "alice/site")["labels"]] == ["v1", "v2"]
    desk.call("label.remove", "alice/site", "v1")
    assert desk.problem("label.remove", "alice/site", "v1") == "not-found"
    assert desk.problem("label.set", "alice/site", "v3", 7) == "not-found"


def test_jobs_are_begun_listed_waited_for_and_cancelled(desk: Desk, alice: Actor) -> None:
    job = desk.call("verify.start")
    assert (job["kind"], job["state"]) == ("verify", "queued")
    assert desk.call("job.wait", job["job_id"], 0)["state"] == "queued"
    other = desk.call("verify.start")
    page = desk.call("job.list", limit=1)
    rest = desk.call("job.list", after=page["next"])
    assert {each["job_id"] for each in page["jobs"] + rest["jobs"]} == {job["job_id"], other["job_id"]}
    assert desk.problem("job.cancel", other["job_id"], actor=alice) in ("forbidden", "not-found")
    assert desk.call("job.cancel", other["job_id"])["state"] == "cancelled"
    assert [each["job_id"] for each in desk.call("job.list", state="cancelled")["jobs"]] == [other["job_id"]]
    desk.library.start_jobs()
    done = desk.call("job.wait", job["job_id"], 60)
    assert (done["state"], done["result"]["blocks"]) == ("done", 0)
    assert desk.problem("job.get", "0" * 32) == "not-found"


def test_nothing_is_copied_to_who_is_no_peer(desk: Desk, alice: Actor) -> None:
    desk.call("flist.create", "alice/site")
    assert desk.call("peer.list") == {"peers": []}
    assert desk.problem("peer.sync", "https://elsewhere.example", "alice/site") == "forbidden"
    assert desk.problem("peer.sync", "backup") == "invalid"


def test_a_log_is_read_page_by_page(desk: Desk) -> None:
    desk.call("flist.create", flist="alice/site", make_account=True)

    for name in "abcd":
        place = Place(FlistName("alice", "site"), TreePath.parse(name))
        desk.library.trees.make_directory(Actor("alice", Role.ADMIN), place)
    page = desk.call("flist.log", flist="alice/site", limit=3)
    rest = desk.call("flist.log", flist="alice/site", after=page["next"], limit=3)
    assert [each["jid"] for each in page["commits"] + rest["commits"]] == [5, 4, 3, 2, 1]
    assert rest["next"] is None


def test_exposures_are_set_listed_and_removed(desk: Desk, alice: Actor) -> None:
    desk.call("flist.create", "alice/site")
    desk.call("exposure.set", flist="alice/site", prefix="/docs", at_jid=1, dav="ro")
    made = desk.call(
        "exposure.set", flist="alice/site", host="us.example", mode="keys", visitors=["alice", KEY]
    )
    assert (made["host"], made["prefix"], sorted(made["visitors"])) == (
        "us.example",
        None,
        sorted([KEY, "alice"]),
    )
    shown = desk.call("exposure.list")["exposures"]
    assert [(each["host"], each["prefix"], each["at_jid"], each["dav"]) for each in shown] == [
        ("us.example", None, None, "off"),
        (None, "/docs", 1, "ro"),
    ]
    page = desk.call("exposure.list", limit=1)
    assert desk.call("exposure.list", after=page["next"])["exposures"] == shown[1:]
    desk.call("exposure.remove", host="us.example")
    desk.call("exposure.remove", None, "/docs")
    assert desk.call("exposure.list")["exposures"] == []
    assert desk.problem("exposure.remove", prefix="/docs") == "not-found"
    assert desk.problem("exposure.set", flist="alice/site") == "invalid"


def test_a_pass_phrase_goes_in_and_never_out(desk: Desk, alice: Actor) -> None:
    desk.call("flist.create", "alice/site")
    phrase = "correct horse battery"
    made = desk.call("exposure.set", flist="alice/site", host="s.example", mode="secret", secret=phrase)
    rows = desk.call("audit.list", action="expose")["rows"]
    assert phrase not in str((made, rows, desk.call("exposure.list")))


def test_the_audit_tells_what_was_done_and_goes_on_where_a_page_ended(desk: Desk, alice: Actor) -> None:
    for name in "abcd":
        desk.call("flist.create", f"alice/{name}")
    rows = desk.call("audit.list", action="create")["rows"]
    assert [row["flist"] for row in rows] == [f"alice/{name}" for name in "dcba"]
    page = desk.call("audit.list", action="create", limit=3)
    assert desk.call("audit.list", action="create", after=page["next"])["rows"] == rows[3:]
    assert desk.call("audit.list", flist="alice/b")["rows"] == [rows[2]]
    assert desk.problem("audit.list", action="nothing") == "invalid"
    assert desk.problem("audit.list", account="anna", actor=alice) == "forbidden"


def test_stats_and_traffic_count_what_is_there(desk: Desk, alice: Actor) -> None:
    desk.call("flist.create", "alice/site")
    assert desk.call("server.stats") == {
        "accounts": 1,
        "flists": 1,
        "entries": 0,
        "size_bytes": 0,
        "blocks": 0,
        "block_bytes": 0,
    }
    assert [(each["kind"], each["name"]) for each in desk.call("server.traffic")["traffic"]] == [
        ("account", "alice"),
        ("flist", "alice/site"),
    ]


def test_the_server_tells_of_itself(desk: Desk, alice: Actor) -> None:
    told = desk.call("server.info", actor=alice)
    assert told["key"] == str(desk.library.server_key.public)
    assert told["now_ns"] == desk.clock.now_ns
    rotated = desk.call("server.rotate_key")
    assert rotated["key"] == desk.call("server.info")["key"] != told["key"]


def test_stopped_writes_are_told_of_and_resumed(desk: Desk) -> None:
    assert desk.call("server.health") == {"status": "ok", "ready": True, "writes": True}
    desk.library.stop_sign.stop("the disk failed")
    assert desk.call("server.health") == {"status": "read-only", "ready": True, "writes": False}
    details = desk.call("server.details")
    assert (details["stopped"], details["problem"]) == ("the disk failed", None)
    assert details["disk"]["total_bytes"] > 0
    assert desk.problem("account.add", "alice") == "writes-stopped"
    assert desk.call("check.run")["problems"] == ["writes are stopped: the disk failed"]
    desk.call("server.resume_writes")
    assert desk.call("server.health")["status"] == "ok"
    assert desk.call("check.run") == {"problems": []}


def test_blocks_are_verified_some_at_a_time_and_damage_is_named(desk: Desk, alice: Actor) -> None:
    desk.call("flist.create", "alice/site")
    digests = _stored(desk, [bytes([number]) * 100_000 for number in range(5)])
    _damage(desk, digests[2])
    seen: list[dict[str, Any]] = []
    after: str | None = None
    while not seen or after is not None:
        seen.append(desk.call("verify.run", after=after, limit=2))
        after = seen[-1]["next"]
    assert [each["blocks"] for each in seen] == [2, 2, 1]
    assert sum(each["size_bytes"] for each in seen) == 500_000
    assert [bad["id"] for each in seen for bad in each["bad"]] == [digests[2]]


def test_blocks_are_looked_for_read_and_deleted_by_their_ids(desk: Desk, alice: Actor) -> None:
    desk.call("flist.create", "alice/site")
    digests = _stored(desk, [bytes([number]) * 100_000 for number in range(3)])
    nothing = "ab" * 32
    assert desk.call("block.exists", [nothing, digests[0], nothing], actor=alice) == {
        "present": [digests[0]],
        "missing": [nothing],
    }
    _damage(desk, digests[1])
    found = desk.call("block.verify", [*digests, nothing])["blocks"]
    assert [each["state"] for each in found] == ["ok", "corrupt", "ok", "missing"]
    deletion = desk.call("block.delete", [digests[0], nothing])
    assert (deletion["deleted"], deletion["missing"]) == ([], [nothing])
    assert [each["id"] for each in deletion["refused"]] == [digests[0]]
    assert desk.problem("block.exists", ["ab"]) == "invalid"


def test_what_nobody_needs_is_collected(desk: Desk, alice: Actor) -> None:
    desk.call("flist.create", "alice/site")
    _stored(desk, [bytes([number]) * 100_000 for number in range(3)])
    desk.call("flist.delete", "alice/site")
    desk.clock.advance(48 * 3600)
    assert desk.call("collect.run", True)["condemned"] == 3
    done = desk.call("collect.run", dry_run=False, wholly=True)
    assert (done["condemned"], done["condemned_bytes"], done["busy"]) == (3, 300_000, False)
    desk.clock.advance(48 * 3600)
    assert desk.call("collect.run", wholly=True)["deleted"] == 3
    assert desk.call("server.stats")["blocks"] == 0


ADMINS_ONLY = {
    "server.details": [],
    "block.verify": [[]],
    "block.delete": [[]],
    "collect.run": [],
    "account.list": [],
    "account.add": ["x"],
    "account.disable": ["x"],
    "account.enable": ["x"],
    "account.quota": ["x", 1],
    "grant.set": ["alice", "alice/site", "read"],
    "grant.list": ["alice/site"],
    "flist.create": ["alice/new"],
    "flist.delete": ["alice/site"],
    "flist.private": ["alice/site", True],
    "exposure.list": [],
    "exposure.set": ["alice/site", "h.example"],
    "exposure.remove": ["h.example"],
    "server.stats": [],
    "server.traffic": [],
    "server.resume_writes": [],
    "server.rotate_key": [],
    "verify.run": [],
    "verify.start": [],
    "peer.list": [],
    "peer.sync": ["backup", "alice/site"],
    "check.run": [],
}


@pytest.mark.parametrize("method", ADMINS_ONLY)
def test_what_is_for_admins_is_refused_to_users(desk: Desk, alice: Actor, method: str) -> None:
    desk.call("flist.create", "alice/site")
    before = len(desk.call("audit.list")["rows"])
    assert desk.problem(method, *ADMINS_ONLY[method], actor=alice) == "forbidden"
    assert len(desk.call("audit.list")["rows"]) == before, "nothing was done"


FOR_ANYBODY = {"rpc.discover", "server.info", "server.health", "job.get", "job.wait"}
"""They tell nothing that /healthz and the server's key do not, or want an id that
nobody guesses; a transport asks for a token all the same."""


@pytest.mark.parametrize("method", sorted(METHODS.keys() - FOR_ANYBODY))
def test_a_guest_gets_nothing(desk: Desk, alice: Actor, method: str) -> None:
    desk.call("flist.create", "alice/site")
    some = {
        "block.exists": [[]],
        "key.add": ["alice", KEY],
        "key.remove": [KEY],
        "token.create": ["alice"],
        "token.revoke": ["ab"],
        "flist.get": ["alice/site"],
        "flist.log": ["alice/site"],
        "flist.rollback": ["alice/site", 1],
        "flist.rename": ["alice/site", "alice/other"],
        "flist.commit": ["alice/site", [{"op": "mkdir", "path": "a"}]],
        "flist.diff": ["alice/site", 1],
        "label.list": ["alice/site"],
        "label.set": ["alice/site", "v1"],
        "label.remove": ["alice/site", "v1"],
        "job.cancel": ["0" * 32],
    }
    params = {**ADMINS_ONLY, **some}.get(method, [])
    assert desk.problem(method, *params, actor=GUEST) == "unauthenticated"


def _stored(desk: Desk, contents: list[bytes]) -> list[str]:
    """Put them into alice/site; their blocks, in order of id."""

    for number, content in enumerate(contents):
        place = Place(FlistName("alice", "site"), TreePath.parse(f"file{number}"))
        upload = desk.library.uploads.open(Actor("alice", Role.ADMIN), place, conditions=UNCONDITIONAL)
        upload.write(content)
        upload.finish()
    return sorted(str(Digest.of(content)) for content in contents)


def _damage(desk: Desk, block: str) -> None:

    path = Path(desk.library.settings.store.data) / "blocks" / block[:2] / block[2:4] / block[4:]
    path.chmod(0o600)
    path.write_bytes(b"damaged")
