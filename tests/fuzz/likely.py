"""What programs, broken programs and attackers send: requests that are nearly right, in every part."""

from __future__ import annotations

import io
import json
import tarfile
import warnings
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import zstandard
from hypothesis import strategies as st
from pydantic import BaseModel

from mylist_dav.api.operations import NoQuery, Operation
from mylist_dav.wire.messages import Headers
from tests.fuzz.rig import HOST, SECRET_HOST, SITE_HOST, World

_READS = ("GET", "HEAD", "OPTIONS", "PROPFIND")
_WRITES = (
    "PUT", "POST", "DELETE", "PATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "PROPPATCH", "REPORT", "TRACE", "",
)  # fmt: skip
_NAMES = (
    "a", "index.html", "folder", "large", "empty", "docs", "alice", "bert", "private", "secret", "files", "..", ".",
    "...", "a b", "ä", "a\u0308", "\x00", "\x1f", "%", "%2e%2e", "..%2f", "\\", "C:", "con", "x" * 255, "x" * 300,
    "🦊", "\ufeff", "~", "a/b", "//", ";x=1", "?", "#", ".hidden", "0", "-1", "9" * 30,
)  # fmt: skip
_NUMBERS = ("0", "1", "-1", "2", "99999999999999999999", "1e9", "٣", " 1", "1_0", "", "0x1", "true")


class Sent(NamedTuple):
    """One request as a client sends it."""

    method: str
    target: str
    headers: Headers
    body: bytes | None


def names(world: World) -> st.SearchStrategy[str]:
    """Names of a path: known ones, odd ones, digests, and any text."""
    digests = st.sampled_from([*world.digests, "0" * 64, "f" * 63, "A" * 64])
    return st.one_of(
        st.sampled_from(_NAMES),
        digests,
        digests.map("{}.txt".format),
        st.tuples(digests, digests).map(",".join),
        st.text(max_size=12),
    )


def quoted(name: str) -> str:
    """A name as a part of a path."""
    return quote(name, safe="", errors="surrogatepass")


def targets(world: World, operations: list[Operation]) -> st.SearchStrategy[str]:
    """Addresses: of operations, of WebDAV, of sites, and any."""
    parts = st.lists(names(world).map(quoted), max_size=5)
    start = st.sampled_from(
        ("/dav/alice/docs/", "/dav/", "/dav/bert/private/", "/files/", "/blocks/", "/flist/", "/site/", "/",
         "/api/v1/", "/console/", "/login", "/healthz", "/metrics", "/rpc", "/sync/", "/.well-known/", "/share/")
    )  # fmt: skip
    below = st.tuples(start, parts).map(lambda pair: pair[0] + "/".join(pair[1]))
    known = st.tuples(st.sampled_from([one.path for one in operations]), parts).map(
        lambda pair: filled(*pair)
    )
    raw = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40).map(
        "/{}".format
    )
    return st.one_of(
        below, known, raw, st.sampled_from(("*", f"http://{SITE_HOST}/x", "//", "/%", "/%zz", "/\xe9"))
    )


def filled(template: str, parts: list[str]) -> str:
    """A template of an address with names in its places."""
    given = iter([*parts, "alice", "docs", "index.html", "a", "b"])
    return "/".join(next(given) if part.startswith("{") else part for part in template.split("/"))


def queries(operations: list[Operation]) -> st.SearchStrategy[str]:
    """Queries: known fields with odd values, and any text."""
    fields = sorted(
        {"at", "after", "limit", "async", "format", "name", "probe", "wait", "merge"}
        | {name for one in operations if one.query is not NoQuery for name in one.query.model_fields}
    )
    values = st.one_of(st.sampled_from(_NUMBERS), st.sampled_from(_NAMES), st.text(max_size=10))
    pairs = st.lists(st.tuples(st.sampled_from(fields), values), max_size=3)
    known = pairs.map(lambda found: urlencode(found, errors="surrogatepass"))
    return st.one_of(st.just(""), known, st.text(alphabet="=&%;+?/ab0", max_size=12))


def headers(world: World, method: str) -> st.SearchStrategy[Headers]:
    """Fields that some front end reads, with right, wrong and odd values. Only alice may also change things."""
    accounts = [*["alice"] * 6, "", *(["admin", "bert"] if method in _READS else [])]
    login = st.sampled_from(accounts).flatmap(
        lambda account: st.sampled_from(
            [[], [("authorization", "Bearer x")], [("authorization", "Basic !")]]
            if not account
            else [
                [("authorization", f"Bearer {world.tokens[account]}")],
                [_basic(account, world.tokens[account])],
            ]
        )
    )
    host = st.sampled_from(
        [*[[]] * 8, [("host", SITE_HOST)], [("host", SECRET_HOST)], [("host", "other.test")]]
    )
    visible = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")
    odd = st.text(alphabet=visible, max_size=20)
    field = st.sampled_from(sorted(_FIELDS)).flatmap(
        lambda name: st.tuples(st.just(name), st.one_of(st.sampled_from(_FIELDS[name]), odd))
    )
    others: st.SearchStrategy[Headers] = st.one_of(st.just([]), st.just([]), st.lists(field, max_size=3))
    return st.tuples(login, host, others).map(lambda found: [field for part in found for field in part])


def _basic(account: str, token: str) -> tuple[str, str]:
    return "authorization", "Basic " + b64encode(f"{account}:{token}".encode()).decode()


_FIELDS: Mapping[str, tuple[str, ...]] = {
    "content-type": (
        "application/json",
        "application/xml",
        "text/plain",
        "multipart/form-data; boundary=x",
        "",
    ),
    "depth": ("0", "1", "infinity", "2"),
    "destination": (
        f"http://{HOST}/dav/alice/docs/b",
        "/dav/alice/docs/c",
        "http://elsewhere.test/x",
        "/dav/",
        "%",
    ),
    "overwrite": ("T", "F", "x"),
    "if": ("(<urn:uuid:1>)", '(["x"])', "(Not <DAV:no-lock>)", "<", "()", "(<a>)" * 200),
    "if-match": ("*", '"x"', "x", 'W/"x"'),
    "if-none-match": ("*", '"x"', ""),
    "if-modified-since": ("Sun, 06 Nov 1994 08:49:37 GMT", "yesterday"),
    "if-range": ('"x"', "Sun, 06 Nov 1994 08:49:37 GMT"),
    "range": ("bytes=0-1", "bytes=-1", "bytes=5-1", "bytes=0-0,2-3,1-1", "items=1", "bytes=" + "0-0," * 300),
    "lock-token": ("<urn:uuid:1>", "x"),
    "timeout": ("Second-1", "Infinite", "Second-99999999999999999999", "x"),
    "x-oc-mtime": ("1", "-1", "1e9", "9" * 40),
    "oc-checksum": ("MD5:00", "SHA1:" + "0" * 40, "x"),
    "content-md5": ("AAAA", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    "repr-digest": (
        "sha-256=:AAAA:",
        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
        "=",
        "md5=:AA==:",
    ),
    "content-digest": ("sha-512=:AAAA:", "x=1"),
    "content-range": ("bytes 0-1/2",),
    "content-encoding": ("gzip", "identity"),
    "x-expected-entity-length": ("1", "x"),
    "service-worker": ("script",),
    "cookie": ("mylist=x", "mylist_visit=x; a=b", "=" * 50),
    "origin": ("null", f"http://{HOST}"),
    "sec-fetch-site": ("same-origin", "cross-site"),
    "x-forwarded-for": ("203.0.113.1", "x"),
    "accept": ("text/html", "*/*"),
    "expect": ("100-continue", "x"),
    "user-agent": ("Microsoft-WebDAV-MiniRedir/10", "davfs2"),
}


# -- bodies ----------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=10,
)
_XML = (
    b'<propfind xmlns="DAV:"><allprop/></propfind>',
    b'<propfind xmlns="DAV:"><prop><x xmlns="urn:a"/><getetag/></prop></propfind>',
    b'<propertyupdate xmlns="DAV:"><set><prop><x xmlns="u">1</x></prop></set></propertyupdate>',
    b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>',
    b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:">&d;</propfind>',
    b"<a" * 500,
    b'<?xml version="1.0" encoding="utf-7"?><a/>',
)


def bodies(world: World, operations: list[Operation]) -> st.SearchStrategy[bytes | None]:
    """None, JSON that fits a model of the API or nearly, any JSON, XML, archives, and any bytes."""
    models = [
        one.body for one in operations if isinstance(one.body, type) and issubclass(one.body, BaseModel)
    ]
    documents = [fitting(world, model.model_json_schema()) for model in models]
    as_json = st.one_of(*documents, _JSON).map(lambda found: json.dumps(found).encode())
    return st.one_of(
        st.none(),
        as_json,
        as_json.flatmap(damaged),
        st.sampled_from(_XML).flatmap(damaged),
        archives(),
        st.binary(max_size=200),
        st.sampled_from((b"", b"{" * 5000, b"[" * 100_000, b"\xff\xfe", b"a=b&c=%zz")),
    )


def fitting(world: World, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A value of a JSON schema as pydantic writes them, often with a part that does not fit."""
    return _fitting(world, schema, schema.get("$defs", {}), 0)


def _fitting(
    world: World, schema: dict[str, Any], defined: dict[str, Any], depth: int
) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _fitting(world, defined[schema["$ref"].rpartition("/")[2]], defined, depth + 1)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return st.one_of([_fitting(world, one, defined, depth + 1) for one in schema[choice]])
    kinds: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "string": lambda: st.one_of(
            names(world), st.just("alice/docs"), st.sampled_from(schema.get("enum", [""]))
        ),
        "integer": lambda: st.one_of(st.integers(-2, 3), st.sampled_from((2**63, -(2**63), 2**70, 10**6))),
        "number": st.floats,
        "boolean": st.booleans,
        "null": st.none,
    }
    kind = schema.get("type", "null")
    if "const" in schema:
        return st.just(schema["const"])
    if kind == "array":
        return st.lists(_fitting(world, schema.get("items", {}), defined, depth + 1), max_size=4)
    if kind == "object":
        members = {
            name: _fitting(world, one, defined, depth + 1)
            for name, one in schema.get("properties", {}).items()
        }
        fits = st.fixed_dictionaries({}, optional=members) if depth % 2 else st.fixed_dictionaries(members)
        return st.one_of(
            fits, fits, st.tuples(fits, st.text(max_size=5)).map(lambda two: {**two[0], two[1]: 1})
        )
    return st.one_of(kinds[kind](), kinds[kind](), _JSON) if depth < 8 else st.none()


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes with some of them changed, taken away, doubled or cut off."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(0, 3))):
        if not changed:
            break
        at = draw(st.integers(0, len(changed) - 1))
        what = draw(st.integers(0, 3))
        if what == 0:
            changed[at] = draw(st.integers(0, 255))
        elif what == 1:
            del changed[at : at + draw(st.integers(1, 16))]
        elif what == 2:
            changed[at:at] = changed[at : at + draw(st.integers(1, 64))]
        else:
            del changed[at:]
    return bytes(changed)


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """Archives of odd members, packed or not, whole or damaged."""
    odd = st.sampled_from(
        (
            "a",
            "d/",
            "d/f",
            "../up",
            "/abs",
            "a/../b",
            "./c",
            "d/d/d",
            "",
            ".",
            "x" * 300,
            "ä",
            "a\\b",
            "a//b",
            "\x01",
        )
    )
    members = draw(st.lists(st.tuples(odd, st.binary(max_size=64), st.integers(0, 7)), max_size=6))
    whole = draw(st.sampled_from((_tar, _zip)))(members)
    pack = draw(st.sampled_from(_PACKINGS))
    return draw(st.one_of(st.just(pack(whole)), damaged(whole).map(pack), damaged(pack(whole))))


Members = list[tuple[str, bytes, int]]
_TAR_KINDS = (
    tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE,
    tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE,
)  # fmt: skip


def _tar(members: Members) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = _TAR_KINDS[kind], len(content) if kind == 0 else 0
            info.linkname = "../../etc/passwd" if kind % 2 else "a"
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _zip(members: Members) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice: those are wanted
        for number, (name, content, kind) in enumerate(members):
            info = zipfile.ZipInfo(f"{name}{number if kind % 2 else ''}" or "x")
            info.compress_type = zipfile.ZIP_DEFLATED if kind % 3 else zipfile.ZIP_STORED
            info.external_attr = (0o120777 if kind == 5 else 0o100644) << 16
            archive.writestr(info, content)
    return out.getvalue()


def _as_it_is(data: bytes) -> bytes:
    return data


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)


_PACKINGS = (_as_it_is, _as_it_is, _gzip, _zstd)
_USUAL = (
    "index.html",
    "folder",
    "folder/",
    "folder/large",
    "a",
    "b",
    "folder/a",
    "a/b",
    "empty",
    "",
    "ä",
    "new.txt",
)
_JSON_FIELD = ("content-type", "application/json")


def requests(world: World, operations: list[Operation]) -> st.SearchStrategy[Sent]:
    """Whole requests: most of them make sense, in some or all of their parts."""
    anywhere: _Parts = st.tuples(
        st.sampled_from(_READS + _WRITES), targets(world, operations), queries(operations),
        bodies(world, operations), st.just([]),
    )  # fmt: skip
    return st.one_of(_of_operations(world, operations), _of_files(world), anywhere).flatmap(
        lambda found: headers(world, found[0]).map(
            lambda fields: Sent(
                found[0], found[1] + (f"?{found[2]}" if found[2] else ""), [*fields, *found[4]], found[3]
            )
        )
    )


_Parts = st.SearchStrategy[tuple[str, str, str, bytes | None, Headers]]
"""Method, path, query, body, and fields that belong to them."""


def _of_operations(world: World, operations: list[Operation]) -> _Parts:
    """Calls of operations, nearly as they are described."""

    def of(one: Operation) -> _Parts:
        usual = st.sampled_from(
            ([], ["alice", "docs"], ["alice", "docs", "folder"], *([one] for one in world.digests))
        )
        odd = st.lists(names(world).map(quoted), max_size=4)
        body: st.SearchStrategy[bytes | None] = st.none()
        if isinstance(one.body, type):
            body = fitting(world, one.body.model_json_schema()).map(lambda found: json.dumps(found).encode())
        elif one.body is not None:
            body = st.one_of(archives(), st.binary(max_size=50), st.just(b""))
        return st.tuples(
            st.just(one.method),
            st.one_of(usual, usual, odd).map(lambda parts: filled(one.path, parts)),
            st.one_of(st.just(""), st.just(""), queries([one])),
            st.one_of(body, body, bodies(world, [one])),
            st.just([_JSON_FIELD] if isinstance(one.body, type) else []),
        )

    return st.sampled_from([one for one in operations if one.name != "logOut"]).flatmap(of)


def _of_files(world: World) -> _Parts:
    """WebDAV, sites and single files, at places that are there, or may come to be."""
    starts = (
        "/dav/alice/docs/",
        "/dav/alice/docs/",
        "/dav/alice/docs/",
        "/site/",
        "/files/",
        "/dav/bert/private/",
    )
    return st.tuples(
        st.sampled_from(
            _READS + _WRITES + ("GET", "PUT", "PUT", "MKCOL", "LOCK", "MOVE", "COPY", "PROPFIND")
        ),
        st.tuples(st.sampled_from(starts), st.sampled_from(_USUAL)).map(
            lambda pair: pair[0] + quote(pair[1])
        ),
        st.just(""),
        st.one_of(
            st.none(), st.binary(max_size=50), st.sampled_from(_XML), st.sampled_from(_XML).flatmap(damaged)
        ),
        st.sampled_from(([], [], [("destination", f"http://{HOST}/dav/alice/docs/b")], [("depth", "1")])),
    )
