"""mylist verify-manifest"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TextIO

import click

from mylist_dav.cli.shared import size, when
from mylist_dav.errors import Corrupt, Invalid
from mylist_dav.model.keys import parse_public_key
from mylist_dav.model.manifest import JSON_CHARS_MAX, Roots, Signed
from mylist_dav.services.archives.manifest_checks import roots_of_archive, roots_of_folder


@click.command("verify-manifest")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--server-key", required=True, metavar="KEY", help="What you know to be the server's key.")
@click.option(
    "--tree",
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR|ARCHIVE",
    help="What was downloaded: it must have the same names and contents.",
)
@click.option("--exact", is_flag=True, help="Modes and times of modification must be the same too.")
def verify_manifest(file: TextIO, server_key: str, tree: Path | None, exact: bool) -> None:
    """Check a manifest (FILE, or - for standard input) against a server's key, and a download against the manifest.

    A manifest comes from GET /flist/ACCOUNT/NAME/manifest, the key from `mylist whoami` or the server's operator.
    Exit code 8 tells that something does not match.
    """
    signed = _read(file)
    if not signed.holds_for(parse_public_key(server_key)):
        raise Corrupt("the manifest was not signed by this server key, or was changed since")
    manifest, roots = signed.manifest, signed.manifest.roots
    click.echo(f"signed by {signed.key.fingerprint}" + (f", {manifest.server}" if manifest.server else ""))
    click.echo(
        f"{manifest.flist_name}, revision {manifest.jid} of {when(manifest.at_ns)}:"
        f" {roots.entries} entries, {size(roots.size_bytes)}"
    )
    if tree is not None:
        with tempfile.TemporaryDirectory(prefix="mylist-") as scratch:
            found = _roots(tree, Path(scratch))
        click.echo(_compared(tree, found, roots, exact))


def _roots(tree: Path, scratch: Path) -> Roots:
    if tree.is_dir():
        return roots_of_folder(tree, scratch)
    try:
        file = tree.open("rb")
    except OSError as error:
        raise Invalid(f"{tree} cannot be read: {error.strerror}") from error
    with file:
        if not file.seekable():
            raise Invalid(f"{tree} is no plain file: give a folder or an archive")
        return roots_of_archive(file, scratch)


def _read(file: TextIO) -> Signed:
    text = file.read(JSON_CHARS_MAX + 1)
    if len(text) > JSON_CHARS_MAX:
        raise Invalid("this is no manifest: it is too long")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("this is no manifest: it is not JSON") from error
    return Signed.parsed(document)


def _compared(tree: Path, found: Roots, wanted: Roots, exact: bool) -> str:
    """What to say of a tree that matches. Raises Corrupt."""
    if found.content != wanted.content:
        counted = (
            "" if found[2:] == wanted[2:] else f": it has {found.entries} entries, {size(found.size_bytes)}"
        )
        raise Corrupt(f"{tree} is not what the manifest says{counted}")
    if found.full == wanted.full:
        return f"{tree} matches: names, contents, modes and times"
    if exact:
        raise Corrupt(f"{tree} has the names and contents of the manifest, and other modes or times")
    return f"{tree} matches: names and contents (not all modes and times; --exact asks for these too)"
