"""Folder listings: a page of up to a thousand entries, folders first, readable without scripts and on a phone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qs, quote

from mylist_dav.errors import Invalid
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import NAME_BYTES_MAX
from mylist_dav.services.exposing.sites import Member, MemberPage
from mylist_dav.web.pages import page
from mylist_dav.wire.targets import quote_name, quote_path

PAGE_ENTRIES = 1_000
_QUERY_CHARS_MAX = 4_096
_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")


class Span(NamedTuple):
    """Which part of a folder: what comes after a name, or the last entries before one. Both '': the beginning."""

    after: str = ""
    before: str = ""


class Place(NamedTuple):
    """Where a listing stands: names of the whole path; the first `fixed` of them are the prefix of the site."""

    names: tuple[str, ...]
    fixed: int
    host: str


class Crumb(NamedTuple):
    name: str
    href: str


class Row(NamedTuple):
    """A line: size and date as text; exact_size and iso for machines and tooltips. kind: of the icon."""

    name: str
    href: str
    kind: str
    size: str
    exact_size: str
    date: str
    iso: str


def span_of(query: str) -> Span:
    """Read after= or before= from a query; anything else in it is ignored. Raises Invalid."""
    if not query:
        return Span()
    if len(query) > _QUERY_CHARS_MAX:
        raise Invalid("the query is longer than any listing needs")
    try:
        asked = parse_qs(query, max_num_fields=16, errors="strict")
    except ValueError as error:
        raise Invalid("the query cannot be read") from error
    after, before = asked.get("after", [""])[0], asked.get("before", [""])[0]
    if max(len(after.encode()), len(before.encode())) > NAME_BYTES_MAX or "\0" in after + before:
        raise Invalid("the query holds no name")
    return Span("", before) if before else Span(after, "")


def listing_etag(place: Place, flist_id: int, jid: int, span: Span) -> str:
    """Strong: the same revision, templates and place give the same bytes."""
    what = (page("listing").version, flist_id, jid, place, span)
    return f'"listing-{str(Digest.of(repr(what).encode()))[:32]}"'


def render_listing(place: Place, part: MemberPage) -> bytes:
    """The page. Links are relative to the folder, which is asked for with its slash."""
    own = place.names[place.fixed :]
    members = sorted(part.members, key=lambda member: (not member.is_directory, _sort_key(member.name)))
    return page("listing").render(
        title=own[-1] if own else _site_name(place),
        crumbs=_crumbs(place),
        parent="../" if own else "",
        rows=[row(member) for member in members],
        summary=_summary(part),
        earlier=f"?before={_quoted(part.first)}" if part.earlier and part.first else "",
        later=f"?after={_quoted(part.last)}" if part.later and part.last else "",
        first=part.first,
        last=part.last,
    )


def row(member: Member) -> Row:
    """The line of a member."""
    slash = "/" if member.is_directory else ""
    moment = _moment(member.mtime_ns)
    return Row(
        name=member.name + slash,
        href="./" + quote_name(member.name) + slash,
        kind="folder" if member.is_directory else kind_of(member.name),
        size="" if member.is_directory else readable_size(member.size_bytes),
        exact_size="" if member.is_directory else f"{member.size_bytes:,} bytes",
        date=f"{moment:%Y-%m-%d %H:%M}" if moment else "",
        iso=f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else "",
    )


def readable_size(size_bytes: int) -> str:
    """'999 B', '1.2 kB', '34 MB': powers of 1000, at most three digits."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    size = float(size_bytes)
    for unit in _UNITS:
        size /= 1000
        if size < 9.95:
            return f"{size:.1f} {unit}"
        if size < 999.5:
            return f"{size:.0f} {unit}"
    return f"{size:.0f} {_UNITS[-1]}"


_KINDS = {
    "image": "png jpg jpeg gif webp avif svg bmp ico tif tiff heic",
    "sound": "mp3 ogg opus flac wav m4a aac",
    "film": "mp4 webm mkv mov avi m4v mpg mpeg",
    "archive": "zip gz tgz xz zst bz2 7z rar tar jar deb rpm iso dmg",
    "text": "txt md html htm pdf doc docx odt rtf epub rst csv tex",
    "code": "py js ts css json toml yaml yml xml sh c h cpp rs go java rb sql lua mjs",
}
_KIND_BY_EXTENSION = {extension: kind for kind, names in _KINDS.items() for extension in names.split()}


def kind_of(name: str) -> str:
    """Which icon a file gets."""
    stem, dot, extension = name.rpartition(".")
    return _KIND_BY_EXTENSION.get(extension.lower(), "file") if dot and stem else "file"


def _sort_key(name: str) -> tuple[str, str]:
    return name.casefold(), name


def _site_name(place: Place) -> str:
    return place.names[place.fixed - 1] if place.fixed else place.host


def _crumbs(place: Place) -> list[Crumb]:
    """From the root of the site down to this folder."""
    fixed = place.names[: place.fixed]
    ends = range(place.fixed + 1, len(place.names) + 1)
    return [
        Crumb(_site_name(place), quote_path(fixed, directory=True)),
        *(Crumb(place.names[end - 1], quote_path(place.names[:end], directory=True)) for end in ends),
    ]


def _summary(part: MemberPage) -> str:
    """What there is, where all of it is on this part."""
    if part.earlier or part.later:
        return f"{len(part.members):,} entries on this page"
    if not part.members:
        return "Empty"
    folders = sum(member.is_directory for member in part.members)
    files = len(part.members) - folders
    total_bytes = sum(member.size_bytes for member in part.members)
    parts = [_count(folders, "folder")] if folders else []
    if files:
        parts.append(f"{_count(files, 'file')}, {readable_size(total_bytes)}")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _moment(mtime_ns: int) -> datetime | None:
    """The time of a change in UTC; None for what no calendar holds."""
    try:
        return datetime.fromtimestamp(mtime_ns // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
