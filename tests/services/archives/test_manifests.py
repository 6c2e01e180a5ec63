"""A manifest is of one revision, and what was downloaded can be held against it."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Busy, NotFound, Unauthenticated
from mylist_dav.model.actors import GUEST, OPERATOR, Actor, Role
from mylist_dav.model.entries import Kind
from mylist_dav.model.manifest import Roots
from mylist_dav.model.names import FlistName
from mylist_dav.services.archives import manifests
from mylist_dav.services.archives.exports import Format
from mylist_dav.services.archives.manifest_checks import roots_of_archive, roots_of_folder
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from tests.dav.conftest import Clock

NAME = FlistName("alice", "site")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    given = {"store.data": str(tmp_path / "data"), "store.durability": "os"}
    opened = Library(load(given=given), Clock())
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files, links, names that sort apart in bytes and in letters, an empty folder, a file of several blocks."""
    made = tmp_path / "folder"
    for name in ("a", "a/b", "a.b", "Z", "empty", "é"):
        (made / name).mkdir(parents=True)
    for number, name in enumerate(("a/b/f", "a.b/f", "a-", "Z/\U0001f600", "Z/\uff5e", "é/x")):
        (made / name).write_bytes(b"%d" % number)
        os.utime(made / name, ns=(0, 1_700_000_000_123_456_789 + number))
    (made / "a/run").write_bytes(b"")
    (made / "a/run").chmod(0o755)
    (made / "large").write_bytes(os.urandom(3_000_000))
    (made / "link").symlink_to("a/b/f")
    return made


@pytest.fixture
def imported(library: Library, folder: Path) -> Library:
    library.imports.run(OPERATOR, NAME, library.imports.folder(folder), make=True)
    return library


def roots(library: Library, at_jid: int | None = None) -> Roots:
    return library.manifests.manifest(OPERATOR, NAME, at_jid).manifest.roots


def exported(library: Library, form: Format) -> io.BytesIO:
    return io.BytesIO(b"".join(library.exports.bytes_of(library.exports.open(OPERATOR, NAME, form))))


def test_a_manifest_is_signed_and_names_the_revision_and_its_time(imported: Library) -> None:
    signed = imported.manifests.manifest(OPERATOR, NAME)
    assert signed.holds_for(imported.server_key.public)
    with imported.catalog.view() as view:
        flist = view.flist(NAME)
        [commit] = view.commits(flist, limit=1)
    manifest = signed.manifest
    assert (manifest.flist_name, manifest.jid, manifest.at_ns) == (NAME, flist.head_jid, commit.at_ns)
    assert manifest.server.startswith("http://127.0.0.1")
    assert (manifest.roots.entries, manifest.roots.size_bytes) == (flist.entries, flist.size_bytes)


@pytest.mark.parametrize("form", [Format.TAR, Format.TAR_GZ, Format.TAR_ZST])
def test_a_tar_has_exactly_what_the_manifest_says(imported: Library, form: Format, tmp_path: Path) -> None:
    assert roots_of_archive(exported(imported, form), tmp_path / "scratch") == roots(imported)


def test_a_zip_has_the_same_names_and_contents(imported: Library, tmp_path: Path) -> None:
    found = roots_of_archive(exported(imported, Format.ZIP), tmp_path / "scratch")
    assert found.content == roots(imported).content
    assert found[2:] == roots(imported)[2:]


def test_the_folder_that_was_imported_has_it_too(imported: Library, folder: Path, tmp_path: Path) -> None:
    assert roots_of_folder(folder, tmp_path / "scratch") == roots(imported)


def test_the_order_of_an_archive_does_not_matter(imported: Library, tmp_path: Path) -> None:
    with tarfile.open(fileobj=exported(imported, Format.TAR)) as archive:
        members = [(one, archive.extractfile(one)) for one in reversed(archive.getmembers())]
        turned = io.BytesIO()
        with tarfile.open(fileobj=turned, mode="w", format=tarfile.PAX_FORMAT) as out:
            for member, content in members:
                out.addfile(member, content)
    turned.seek(0)
    assert roots_of_archive(turned, tmp_path / "scratch").content == roots(imported).content


@pytest.mark.parametrize("change", ["content", "name", "more", "less", "kind", "target"])
def test_a_folder_in_which_anything_was_changed_does_not_match(
    imported: Library, folder: Path, tmp_path: Path, change: str
) -> None:
    match change:
        case "content":
            (folder / "a-").write_bytes(b"!")
        case "name":
            (folder / "a-").rename(folder / "a+")
        case "more":
            (folder / "more").write_bytes(b"")
        case "less":
            (folder / "a-").unlink()
        case "kind":
            (folder / "a/run").unlink()
            (folder / "a/run").mkdir()
        case _:
            (folder / "link").unlink()
            (folder / "link").symlink_to("a/b")
    assert roots_of_folder(folder, tmp_path / "scratch").content != roots(imported).content


def test_modes_and_times_count_in_the_full_digest_alone(
    imported: Library, folder: Path, tmp_path: Path
) -> None:
    (folder / "a-").chmod(0o600)
    found = roots_of_folder(folder, tmp_path / "scratch")
    assert found.content == roots(imported).content
    assert found.full != roots(imported).full


def test_every_revision_keeps_its_manifest(imported: Library, folder: Path) -> None:
    before, jid = roots(imported), imported.flists.get(OPERATOR, NAME).head_jid
    (folder / "a-").unlink()
    imported.imports.run(OPERATOR, NAME, imported.imports.folder(folder))
    assert roots(imported) != before
    assert roots(imported, jid) == before
    imported.flists.rollback(OPERATOR, NAME, jid)
    assert roots(imported) == before
    fresh = manifests.Manifests(imported.catalog, imported.server_key, "")
    assert fresh.manifest(OPERATOR, NAME, jid).manifest.roots == before


def test_an_empty_flist_has_one_and_a_revision_that_is_not_there_has_none(library: Library) -> None:
    library.flists.create(OPERATOR, NAME, make_account=True)
    assert roots(library)[2:] == (0, 0)
    with pytest.raises(NotFound):
        roots(library, 2)


def test_a_flist_in_the_place_of_a_deleted_one_is_not_taken_for_it(imported: Library) -> None:
    before = roots(imported, 1)
    imported.flists.delete(OPERATOR, NAME)
    imported.flists.create(OPERATOR, NAME)
    assert roots(imported, 1).entries == 0
    assert before.entries == 0
    with pytest.raises(NotFound):
        roots(imported, 2)


def test_who_may_not_read_the_flist_gets_no_manifest_of_it(imported: Library) -> None:
    imported.grants.set_private(OPERATOR, NAME, True)
    roots(imported)  # now it is known
    with pytest.raises(NotFound):
        imported.manifests.manifest(Actor("bert", Role.USER), NAME)
    with pytest.raises(Unauthenticated):
        imported.manifests.manifest(GUEST, NAME)
    assert imported.manifests.manifest(Actor("alice", Role.USER), NAME).manifest.roots == roots(imported)


def test_no_more_trees_are_read_at_once_than_allowed(imported: Library) -> None:
    for _ in range(manifests.AT_ONCE_MAX):
        assert imported.manifests._turns.acquire(blocking=False)
    with pytest.raises(Busy):
        roots(imported)
    for _ in range(manifests.AT_ONCE_MAX):
        imported.manifests._turns.release()
    known = roots(imported)
    for _ in range(manifests.AT_ONCE_MAX):
        assert imported.manifests._turns.acquire(blocking=False)
    assert roots(imported) == known


def test_an_export_is_recorded_with_what_was_taken(imported: Library) -> None:
    from mylist_dav.model.audit import Action, Wanted

    taken = len(exported(imported, Format.TAR).getvalue())
    imported.ledger.flush()
    [row] = imported.audit.rows(OPERATOR, Wanted(action=Action.EXPORT))
    assert (row.flist, row.size_bytes, row.detail) == ("alice/site", taken, '{"path":"revision 2: site.tar"}')


def test_the_parts_of_an_entry_are_what_the_digest_takes(imported: Library) -> None:
    with imported.catalog.view() as view:
        tree = view.tree(view.flist(NAME))
        kinds = {entry.kind for _, entry in tree.walk(tree.root())}
        assert kinds == {Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK}
        for _, entry in tree.walk(tree.root()):
            part = manifests.part_of(entry)
            assert (part.name, part.mode, part.mtime_ns) == (entry.name, entry.mode, entry.mtime_ns)


def test_exposures_keys_and_tokens_are_recorded_without_a_secret(imported: Library) -> None:
    from mylist_dav.model.audit import Wanted
    from mylist_dav.model.exposures import Mode

    token = imported.identity.new_token(OPERATOR, "alice", label="laptop")
    imported.exposures.expose(
        OPERATOR, NAME, host="a.example", mode=Mode.SECRET, secret="open sesame, please"
    )
    imported.exposures.unexpose(OPERATOR, host="a.example")
    imported.server_key.rotate(OPERATOR)
    imported.identity.revoke_this(token, address="192.0.2.1")
    found = imported.audit.rows(OPERATOR, Wanted(limit=5))
    assert [row.action for row in found] == ["logout", "server-key", "unexpose", "expose", "token-add"]
    assert (found[0].account, found[0].address) == ("alice", "192.0.2.1")
    assert not any(secret in row.detail for row in found for secret in ("sesame", token))
