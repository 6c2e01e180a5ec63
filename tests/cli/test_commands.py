"""The command line, in process: what is printed, what is stored, and how errors end."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from nacl.signing import SigningKey

from mylist_dav.cli import main
from mylist_dav.cli.group import mylist
from mylist_dav.errors import MylistError
from mylist_dav.model.keys import PublicKey

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command on a data directory of its own."""

    def invoke(*arguments: str, fails: bool = False, **options: object) -> Result:
        done = CliRunner().invoke(mylist, [*arguments, "--data", str(tmp_path / "data")], **options)  # type: ignore[arg-type]
        assert (done.exit_code != 0) == fails, f"{done.output}\n{done.exception!r}"
        return done

    return invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small site."""
    site = tmp_path / "public"
    (site / "css").mkdir(parents=True)
    (site / "index.html").write_text("<h1>hello</h1>")
    (site / "css" / "style.css").write_text("h1 { color: teal }")
    return site


def rows(done: Result) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_a_folder_becomes_a_flist_and_says_so(run: Run, folder: Path) -> None:
    done = run("import", str(folder), "alice/site")
    assert "alice/site is new" in done.output
    assert "3 added, 0 changed, 0 removed" in done.output
    assert [row["name"] for row in rows(run("ls", "alice/site", "--json"))] == ["css", "index.html"]


def test_an_unchanged_folder_makes_no_revision(run: Run, folder: Path) -> None:
    run("import", str(folder), "alice/site")
    assert "nothing changed" in run("import", str(folder), "alice/site").output
    assert [row["jid"] for row in rows(run("log", "alice/site", "--json"))] == [2, 1]


def test_an_archive_comes_from_standard_input(run: Run) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("a.txt")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
    run("import", "-", "alice/site", input=archive.getvalue())
    assert rows(run("ls", "alice/site/a.txt", "--json"))[0]["size_bytes"] == 3


def test_a_rollback_brings_an_old_revision_back_as_a_new_one(run: Run, folder: Path) -> None:
    run("import", str(folder), "alice/site")
    (folder / "index.html").unlink()
    run("import", str(folder), "alice/site")
    assert "revision 4 now, with the content of revision 2" in run("rollback", "alice/site", "2").output
    assert {row["name"] for row in rows(run("ls", "alice/site", "--json"))} == {"css", "index.html"}
    assert {row["name"] for row in rows(run("ls", "alice/site", "--json", "--at", "3"))} == {"css"}


@pytest.mark.parametrize("form", ["tar", "tar.gz", "tar.zst", "zip"])
def test_an_export_is_the_same_twice_and_imports_to_the_same_tree(
    run: Run, folder: Path, tmp_path: Path, form: str
) -> None:
    run("import", str(folder), "alice/site")
    first, second = tmp_path / f"1.{form}", tmp_path / f"2.{form}"
    run("export", "alice/site", "-o", str(first))
    run("export", "alice/site", "-o", str(second))
    assert first.read_bytes() == second.read_bytes()
    run("import", str(first), "bob/copy")

    def contents(name: str) -> set[tuple[object, object]]:
        return {(row["name"], row["digest"]) for row in rows(run("ls", name, "--json"))}

    assert contents("bob/copy") == contents("alice/site")


def test_an_export_does_not_replace_a_file_unless_told(run: Run, folder: Path, tmp_path: Path) -> None:
    run("import", str(folder), "alice/site")
    target = tmp_path / "site.tar"
    target.write_text("mine")
    assert isinstance(run("export", "alice/site", "-o", str(target), fails=True).exception, MylistError)
    assert target.read_text() == "mine"
    run("export", "alice/site", "-o", str(target), "--force")
    with tarfile.open(target) as tar:
        assert tar.getnames() == ["css", "css/style.css", "index.html"]
    assert [each.name for each in tmp_path.glob(".*partial")] == []


def test_an_exposure_is_listed_switched_and_taken_away(run: Run, folder: Path) -> None:
    run("import", str(folder), "alice/site")
    run("expose", "alice/site", "--host", "WWW.Example")
    run("expose", "alice/site", "--host", "www.example", "--at", "2")
    assert [(row["host"], row["at"]) for row in rows(run("exposures", "--json"))] == [("www.example", 2)]
    run("unexpose", "--host", "www.example")
    assert rows(run("exposures", "--json")) == []


@pytest.mark.parametrize("prefix", ["/dav", "/API/x", "/%64av", "docs", "/", "/a/../b", "/.hidden"])
def test_a_reserved_or_malformed_prefix_is_refused(run: Run, folder: Path, prefix: str) -> None:
    run("import", str(folder), "alice/site")
    if prefix == "/%64av":
        run(
            "expose", "alice/site", "--prefix", prefix
        )  # a prefix is given decoded: this is a name with a percent sign
        return
    run("expose", "alice/site", "--prefix", prefix, fails=True)
    assert rows(run("exposures", "--json")) == []


def test_a_token_stands_alone_on_the_last_line_and_is_never_shown_again(run: Run) -> None:
    run("account", "add", "alice", "--role", "admin")
    done = run("token", "new", "alice", "--days", "30", "--label", "laptop")
    secret = done.stdout.splitlines()[-1]
    assert secret.startswith("mylist_") and " " not in secret
    listed = run("token", "list", "--json")
    assert [(row["account"], row["label"]) for row in rows(listed)] == [("alice", "laptop")]
    assert secret not in listed.output
    run("token", "revoke", str(rows(listed)[0]["id"]))
    assert rows(run("token", "list", "--json")) == []


def test_a_flist_is_deleted_only_after_a_yes(run: Run, folder: Path) -> None:
    run("import", str(folder), "alice/site")
    run("delete", "alice/site", input="n\n", fails=True)
    assert len(rows(run("flists", "--json"))) == 1
    run("delete", "alice/site", "--yes")
    assert rows(run("flists", "--json")) == []


def test_check_and_verify_find_a_damaged_block(run: Run, folder: Path, tmp_path: Path) -> None:
    run("import", str(folder), "alice/site")
    assert "all is well" in run("check").output
    assert ": 0 bad" in run("verify").output
    block = next(path for path in (tmp_path / "data" / "blocks").rglob("*") if path.is_file())
    block.chmod(0o644)
    block.write_bytes(b"rot")
    assert "1 of 2 blocks" in str(run("verify", fails=True).exception)
    assert list((tmp_path / "data" / "quarantine").iterdir())


def test_stats_count_what_is_stored_once(run: Run, folder: Path) -> None:
    run("import", str(folder), "alice/site")
    run("import", str(folder), "bob/same")
    totals = json.loads(run("stats", "--json").stdout)
    assert (totals["flists"], totals["entries"], totals["blocks"]) == (2, 6, 2)


def test_a_data_directory_that_is_not_there_is_not_made_by_looking(run: Run, tmp_path: Path) -> None:
    assert "there is no data of mylist" in str(run("flists", fails=True).exception)
    assert not (tmp_path / "data").exists()


def test_global_options_stand_before_or_after_the_command(run: Run, tmp_path: Path) -> None:
    run("account", "add", "alice")
    data = str(tmp_path / "data")
    for arguments in (["--data", data, "flists"], ["flists", "--data", data]):
        assert CliRunner().invoke(mylist, arguments).exit_code == 0


def test_a_setting_that_is_unknown_is_named(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "mylist.toml"
    config.write_text("[server]\nlissten = ['127.0.0.1:0']\n")
    assert "lissten" in str(run("flists", "--config", str(config), fails=True).exception)


def test_a_token_may_be_for_one_flist_and_for_reading(run: Run, folder: Path) -> None:
    run("import", str(folder), "alice/site")
    run("token", "new", "alice", "--flist", "alice/site", "--read-only", "--label", "Finder on the laptop")
    run("token", "new", "alice")
    found = {(row["flist"], row["read_only"], row["used"]) for row in rows(run("token", "list", "--json"))}
    assert found == {("alice/site", True, None), (None, False, None)}
    lines = run("token", "list").output.splitlines()
    assert any("alice/site, read only  not used yet  Finder on the laptop" in line for line in lines)
    assert "no flist alice/none" in str(
        run("token", "new", "alice", "--flist", "alice/none", fails=True).exception
    )


def test_an_account_has_a_key_a_quota_and_can_be_disabled(run: Run) -> None:
    key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert "SHA256:" in run("account", "add", "alice", "--key", key, "--quota", "10G").output
    run("account", "add", "bob", "--key", key, fails=True)
    run("account", "disable", "alice")
    [row] = rows(run("account", "list", "--json"))
    assert row == {"account": "alice", "role": "user", "disabled": True, "quota_bytes": 10 * 2**30, "keys": 1}
    assert run("account", "list").output == "alice  user, disabled, 1 key, quota 10.0 GiB\n"
    run("account", "enable", "alice")
    run("account", "quota", "alice", "none")
    assert run("account", "list").output == "alice  user, 1 key\n"
    run("account", "quota", "alice", "much", fails=True)


def test_keys_are_added_as_hex_as_a_line_or_as_a_file_and_removed(run: Run, tmp_path: Path) -> None:
    made = [PublicKey(SigningKey(bytes([number] * 32)).verify_key.encode()) for number in range(3)]
    (tmp_path / "id.pub").write_text(made[2].openssh_line("alice@desk") + "\n")
    run("account", "add", "alice")
    run("key", "add", "alice", made[0].hex(), "--label", "laptop")
    run("key", "add", "alice", *made[1].openssh_line("two words").split())
    run("key", "add", "alice", str(tmp_path / "id.pub"))
    found = {(row["key"], row["label"]) for row in rows(run("key", "list", "--json"))}
    assert found == {(made[0].hex(), "laptop"), (made[1].hex(), "two words"), (made[2].hex(), "alice@desk")}
    run("key", "add", "alice", made[0].hex(), fails=True)
    run("key", "add", "alice", "nonsense", fails=True)
    assert f"alice  {made[0].fingerprint}  not used yet  laptop\n" in run("key", "list", "alice").output
    run("key", "remove", made[0].fingerprint)
    run("key", "remove", made[1].hex())
    run("key", "remove", str(tmp_path / "id.pub"))
    assert rows(run("key", "list", "--json")) == []
    run("key", "remove", made[0].hex(), fails=True)


def test_check_tells_of_tokens_that_can_be_read_on_their_way(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("account", "add", "alice")
    assert "note:" not in run("check").output
    monkeypatch.setenv("MYLIST_SERVER_LISTEN", "127.0.0.1:80,0.0.0.0:80")
    assert "listens on 0.0.0.0" in run("check").output
    monkeypatch.setenv("MYLIST_TOKENS_OVER_PLAIN_HTTP", "refuse")
    assert "note:" not in run("check").output
    monkeypatch.setenv("MYLIST_TOKENS_OVER_PLAIN_HTTP", "warn")
    monkeypatch.setenv("MYLIST_SERVER_PUBLIC_URL", "https://files.example.org")
    assert "note:" not in run("check").output


def test_a_flist_is_private_and_granted(run: Run, folder: Path) -> None:
    run("import", str(folder), "alice/site")
    run("account", "add", "bob")
    run("private", "alice/site")
    run("grant", "bob", "alice/site", "write")
    assert rows(run("grants", "alice/site", "--json")) == [{"account": "bob", "right": "write"}]
    assert rows(run("flists", "--json"))[0]["private"] is True
    assert run("flists").output.endswith(", private\n")
    run("grant", "bob", "alice/site", "none")
    run("private", "alice/site", "no")
    assert rows(run("grants", "alice/site", "--json")) == []
    assert rows(run("flists", "--json"))[0]["private"] is False
    run("grant", "nobody", "alice/site", "read", fails=True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ls", "nobody/nothing"], 4, "there is no flist nobody/nothing"),
        (["ls", "nonsense"], 2, "ACCOUNT/NAME"),
        (["account", "add", "Bad Name"], 2, "a-z 0-9"),
        (["token", "new", "nobody"], 4, "there is no account nobody"),
        (["fly"], 2, "No such command"),
    ],
)
def test_an_error_says_what_and_ends_with_its_code(
    run: Run,
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("account", "add", "alice")
    monkeypatch.setattr("sys.argv", ["mylist", "--data", str(tmp_path / "data"), *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert said in capsys.readouterr().err


def test_a_push_imports_nothing_of_what_it_seldom_needs() -> None:
    """Each takes longer than to look through a thousand files."""
    spared = (
        "nacl pyfastcdc pydantic cryptography pathspec pygments mylist_dav.services mylist_dav.wire.messages"
    )
    program = f"import sys, mylist_dav.cli.push; print(*sys.modules.keys() & set({spared.split()!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def every_command() -> list[list[str]]:
    found: list[list[str]] = []
    context = click.Context(mylist)
    for name in mylist.list_commands(context):
        command = mylist.get_command(context, name)
        found.append([name])
        found.extend([name, sub] for sub in getattr(command, "commands", {}))
    return found


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    done = CliRunner().invoke(mylist, [*command, "--help"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 4


def test_collecting_says_what_it_did_and_a_dry_run_does_nothing(run: Run, folder: Path) -> None:
    run("import", str(folder), "alice/site")
    run("delete", "alice/site", "--yes")
    nothing = json.loads(run("collect", "--dry-run", "--json").stdout)
    assert (nothing["condemned"], nothing["busy"]) == (0, False)
    assert "condemned  0 blocks" in run("collect").output
    assert json.loads(run("collect", "--json").stdout) == nothing
