"""Every setting, declared once: its default, its help line, its check. Immutable after the start.

`load` reads a TOML document, then the environment (MYLIST_SECTION_KEY), then what the command line gave; the
later wins. A key that is unknown, ill-typed or out of its bounds raises BadSettings, which names it. `reference`
and `table` make conf/mylist.toml and the table in docs/operating.md from the same declarations.

Nothing here opens a file or reads the environment: both are arguments. It is long because all settings stand in one
place, where one can read them.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

from mylist_dav.errors import BadSettings

PEERS_MAX = 100
ENGINES = ("uvloop", "cheroot")
OLD_ENGINES = {"granian": "uvloop"}
"""Names that scripts and files may still have, each with the engine that serves in its place."""
KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4

Value = str | int | bool | tuple[str, ...]
Check = Callable[[Any], str | None]
"""What is wrong with a value, as the end of a sentence that begins with its name; None if nothing is."""

Assignment = tuple[str, str, Value]
"""Section, key, value."""

T = TypeVar("T", str, int, bool, tuple[str, ...])


def one_of(*choices: str) -> Check:
    """One of these words."""
    listed = ", ".join(f'"{choice}"' for choice in choices)
    return lambda value: None if value in choices else f"must be one of {listed}"


def between(low: int, high: int) -> Check:
    """A whole number, bounds included."""
    return lambda value: None if low <= value <= high else f"must lie between {low:_} and {high:_}"


def filled(value: str) -> str | None:
    return None if value.strip() else "must not be empty"


def any_value(value: object) -> str | None:
    return None


def parse_listen(text: str) -> tuple[str, int]:
    """HOST:PORT or [V6]:PORT as (host, port); port 0 takes a free one. Raises BadSettings."""
    host, colon, digits = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", digits) or int(digits) > 65535:
        raise BadSettings(
            f"{text!r} is not an address to listen on: HOST:PORT is expected, as in 127.0.0.1:8080"
        )
    if bracketed:
        host = host[1:-1]
    if not host or (":" in host) != bracketed or re.search(r"[\s/@\[\]]", host):
        raise BadSettings(
            f"{text!r} is not an address to listen on: write IPv6 as [::1]:8080, any address as 0.0.0.0:8080"
        )
    return host, int(digits)


def _addresses(values: tuple[str, ...]) -> str | None:
    if not values:
        return "must name at least one HOST:PORT"
    for value in values:
        try:
            parse_listen(value)
        except BadSettings as error:
            return f"is refused: {error}"
    return "names the same address twice" if len(set(values)) < len(values) else None


def parse_rpc_listen(text: str) -> tuple[str, int] | str:
    """http://HOST:PORT as (host, port), unix:PATH as the path. Raises BadSettings."""
    kind, colon, place = text.partition(":")
    if colon and kind == "unix" and place and "\0" not in place:
        return place
    if colon and kind == "http" and place.startswith("//"):
        return parse_listen(place[2:])
    raise BadSettings(
        f"{text!r} is not an address for JSON-RPC: http://127.0.0.1:8091 and unix:rpc.sock would be"
    )


def _rpc_addresses(values: tuple[str, ...]) -> str | None:
    for value in values:
        try:
            parse_rpc_listen(value)
        except BadSettings as error:
            return f"is refused: {error}"
    return "names the same address twice" if len(set(values)) < len(values) else None


def _engine(value: str) -> str | None:
    return None if value in OLD_ENGINES else one_of(*ENGINES)(value)


def _networks(values: tuple[str, ...]) -> str | None:
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError:
            return f"holds {value!r}, which is not a network such as 10.0.0.0/8 or ::1/128"
    return None


def _host_names(values: tuple[str, ...]) -> str | None:
    for value in values:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?", value):
            return f"holds {value!r}, which is not a host name in lower case without port"
    return None


def _peer_name(value: str) -> str | None:
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", value):
        return None
    return "must be 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit"


def _domain(value: str) -> str | None:
    return None if not value else _host_names((value,))


def _public_url(value: str) -> str | None:
    if not value or re.fullmatch(r"https?://[^\s/?#@]+", value):
        return None
    return "must look like https://files.example.org, without a path or a trailing slash"


class Setting(NamedTuple):
    """A declaration. The type of the default is the type of the setting."""

    section: str
    name: str
    default: Value
    help_line: str
    check: Check

    def refuse_unless_right(self, value: object) -> None:
        """Raise BadSettings unless value has the type of the default and passes the check."""
        name = f"[{self.section}] {self.name}"
        of_kind = type(value) is type(self.default)  # not isinstance: True is an int
        if not of_kind or (isinstance(value, tuple) and not all(type(item) is str for item in value)):
            raise BadSettings(f"{name} must be {_kind(self.default)}, and {value!r} is not")
        wrong = self.check(value)
        if wrong is not None:
            raise BadSettings(f"{name} {wrong}; it is {value!r}")


def _setting(default: T, help_line: str, check: Check = any_value) -> T:
    """A field of a section."""
    return field(default=default, metadata={"help_line": help_line, "check": check})


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table of settings. Making one checks every field, so that no section with a bad value exists.

    section: its name in TOML and in the environment.
    """

    section: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for setting in self.declared():
            setting.refuse_unless_right(getattr(self, setting.name))

    @classmethod
    def declared(cls) -> list[Setting]:
        """The settings of this section, in order."""
        return [Setting(cls.section, f.name, cast(Value, f.default), **f.metadata) for f in fields(cls)]

    def _ordered(self, small: str, large: str) -> None:
        """Raise BadSettings where the setting named small is above the one named large."""
        if getattr(self, small) > getattr(self, large):
            raise BadSettings(f"[{self.section}] {small} must not be above {large}")


@dataclass(frozen=True, kw_only=True)
class ServerSettings(Section):
    """Where and how the server answers."""

    section: ClassVar[str] = "server"

    listen: tuple[str, ...] = _setting(
        ("127.0.0.1:8080",), "Addresses to listen on, each HOST:PORT; port 0 takes a free one.", _addresses
    )
    engine: str = _setting(
        "uvloop",
        "HTTP engine: uvloop (fastest) or cheroot (pure Python); granian is an old name of uvloop.",
        _engine,
    )
    workers: int = _setting(0, "Worker processes; 0 is one per core, at most 4.", between(0, 256))
    one_core_each: bool = _setting(
        True, "Keep each worker on one processor core: its threads get in each other's way across cores."
    )
    threads: int = _setting(16, "Threads per worker for work that waits on the disk.", between(1, 1024))
    hosts: tuple[str, ...] = _setting(
        (), "The server's own host names, lower case; empty is any host without an exposure.", _host_names
    )
    public_url: str = _setting(
        "",
        "Address the server is known by, as in https://files.example.org; logins are signed for it.",
        _public_url,
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (), "Networks whose X-Forwarded-For, -Proto and -Host count; empty is nobody's.", _networks
    )
    stop_seconds: int = _setting(
        15, "Time for running requests to end when the server stops.", between(0, 3600)
    )
    access_log: str = _setting("off", "Access log: off, combined or json.", one_of("off", "combined", "json"))
    access_log_file: str = _setting(
        "", "File of the access log, reopened on SIGHUP; empty is standard error."
    )
    log_level: str = _setting(
        "info", "Least severe message that is logged.", one_of("debug", "info", "warning", "error")
    )


@dataclass(frozen=True, kw_only=True)
class LimitSettings(Section):
    """What one client may ask of the server. Names are limited to 255 bytes and paths to 4096, always."""

    section: ClassVar[str] = "limits"

    body_bytes_max: int = _setting(TIB, "Largest body of a PUT or an upload.", between(1, 2**53))
    xml_bytes_max: int = _setting(MIB, "Largest XML or JSON body.", between(KIB, 64 * MIB))
    target_bytes_max: int = _setting(8000, "Longest request target.", between(256, 64 * KIB))
    header_bytes_max: int = _setting(32 * KIB, "Largest header section of a request.", between(KIB, MIB))
    header_fields_max: int = _setting(100, "Most header fields of a request.", between(10, 1000))
    connections_max: int = _setting(4096, "Most connections of one worker.", between(1, 1_000_000))
    header_timeout_seconds: int = _setting(15, "Time for a header section to arrive.", between(1, 3600))
    idle_timeout_seconds: int = _setting(60, "Time a connection is kept between requests.", between(1, 3600))
    body_idle_seconds: int = _setting(30, "Longest silence inside a request body.", between(1, 3600))
    body_rate_bytes_min: int = _setting(
        256, "Slowest rate of a request body, in bytes a second.", between(1, MIB)
    )
    body_budget_bytes: int = _setting(
        64 * MIB, "Memory of one worker for request bodies on their way in.", between(MIB, TIB)
    )
    write_stall_seconds: int = _setting(60, "Time a client may take no byte of an answer.", between(1, 3600))
    entries_max: int = _setting(10_000_000, "Most entries of one flist.", between(1, 1_000_000_000))
    propfind_entries_max: int = _setting(
        1_000_000, "Most entries of one PROPFIND answer.", between(1, 100_000_000)
    )
    archive_members_max: int = _setting(
        1_000_000, "Most members of an uploaded archive, or lines of a tree.", between(1, 100_000_000)
    )
    archive_bytes_max: int = _setting(
        TIB, "Largest size of an uploaded archive when unpacked.", between(1, 2**53)
    )
    lock_seconds_max: int = _setting(
        86_400, "Longest life of a WebDAV lock that is not refreshed.", between(60, 31_536_000)
    )
    locks_max: int = _setting(10_000, "Most locks of one flist.", between(1, 10_000_000))

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ordered("target_bytes_max", "header_bytes_max")
        self._ordered("xml_bytes_max", "body_budget_bytes")


@dataclass(frozen=True, kw_only=True)
class StoreSettings(Section):
    """Where the blocks and the catalog lie."""

    section: ClassVar[str] = "store"

    data: str = _setting("store", "Data directory, relative to where the server is started.", filled)
    durability: str = _setting(
        "full",
        "full: what is acknowledged survives a power cut; os: left to the system.",
        one_of("full", "os"),
    )
    cache_bytes: int = _setting(128 * MIB, "Memory of one worker for verified blocks.", between(0, TIB))
    collect_grace_hours: int = _setting(
        24, "How long blocks stay after nothing refers to them any more.", between(1, 24 * 366)
    )
    collect_every_minutes: int = _setting(
        60, "How often the server looks for such blocks; 0 is never.", between(0, 60 * 24 * 366)
    )


@dataclass(frozen=True, kw_only=True)
class CatalogSettings(Section):
    """The SQL database of names, commits and rights."""

    section: ClassVar[str] = "catalog"

    busy_seconds: int = _setting(10, "Time to wait for another writer before answering 503.", between(1, 300))


@dataclass(frozen=True, kw_only=True)
class AccountSettings(Section):
    """What users may do without an admin."""

    section: ClassVar[str] = "accounts"

    self_service: bool = _setting(
        False, "Users make, write and delete flists under their own name, within their quota."
    )
    base_domain: str = _setting(
        "",
        "With self_service: users show their own flists as websites, alice at alice.DOMAIN; empty is nowhere.",
        _domain,
    )


@dataclass(frozen=True, kw_only=True)
class TokenSettings(Section):
    """The secrets handed out after a login."""

    section: ClassVar[str] = "tokens"

    days_default: int = _setting(1, "Life of a token when nothing else is asked.", between(1, 3660))
    days_max: int = _setting(366, "Longest life of a token that may be asked for.", between(1, 3660))
    over_plain_http: str = _setting(
        "warn",
        "Tokens over plain HTTP from other machines: warn in the log, refuse, or allow.",
        one_of("warn", "refuse", "allow"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ordered("days_default", "days_max")


@dataclass(frozen=True, kw_only=True)
class AuditSettings(Section):
    """The record of what was done."""

    section: ClassVar[str] = "audit"

    days: int = _setting(365, "How long rows of the audit are kept.", between(1, 36_500))


@dataclass(frozen=True, kw_only=True)
class HealthSettings(Section):
    """What /healthz and /metrics say, and to whom."""

    section: ClassVar[str] = "health"

    metrics_from: tuple[str, ...] = _setting(
        ("127.0.0.0/8", "::1/128"),
        "Networks that may read /metrics without a token; admins may from anywhere.",
        _networks,
    )
    free_bytes_min: int = _setting(
        GIB, "With less room on the disk than this, /healthz says that it is short.", between(0, 2**53)
    )
    free_inodes_min: int = _setting(
        10_000, "With fewer free inodes than this, /healthz says that room is short.", between(0, 2**53)
    )


@dataclass(frozen=True, kw_only=True)
class RateSettings(Section):
    """How often a server may be asked at /api, /flist, /blocks, /files, /sync and /rpc; WebDAV and sites are free."""

    section: ClassVar[str] = "rates"

    account_requests: int = _setting(
        60_000,
        "Requests of one account that may come at once, and again in each minute; 0 is no limit.",
        between(0, 1_000_000_000),
    )
    address_requests: int = _setting(
        60_000,
        "The same for one address (a /64 of IPv6); all that come through an untrusted proxy share one.",
        between(0, 1_000_000_000),
    )
    guest_requests: int = _setting(
        6_000, "The same for what one address asks without credentials.", between(0, 1_000_000_000)
    )


@dataclass(frozen=True, kw_only=True)
class FileSettings(Section):
    """Single files by their digest, at /files."""

    section: ClassVar[str] = "files"

    digests_are_keys: bool = _setting(
        False,
        "Whoever knows the digest of a file in a flist that is not private may read it, without a login.",
    )


@dataclass(frozen=True, kw_only=True)
class JobSettings(Section):
    """Work that outlives a request."""

    section: ClassVar[str] = "jobs"

    threads: int = _setting(2, "Jobs that each worker runs at once; 0: none at all.", between(0, 64))
    unfinished_max: int = _setting(1000, "Most jobs that wait or run.", between(1, 100_000))
    unfinished_per_account_max: int = _setting(
        20, "Most jobs of one account that wait or run.", between(1, 100_000)
    )
    days: int = _setting(7, "How long jobs that have ended can be looked at.", between(1, 3660))
    rows_max: int = _setting(10_000, "Most ended jobs that are kept.", between(1, 1_000_000))
    waiters_max: int = _setting(
        200, "Requests of one worker that wait for a job; others are answered at once.", between(0, 100_000)
    )
    body_bytes_max: int = _setting(
        256 * GIB, "Largest size together of archives that wait to be imported.", between(MIB, 2**53)
    )


@dataclass(frozen=True, kw_only=True)
class SiteSettings(Section):
    """How exposures are shown to browsers."""

    section: ClassVar[str] = "sites"

    welcome: bool = _setting(True, "Publish the welcome site at /welcome/ on the first start.")
    max_age_seconds: int = _setting(
        0, "Time a browser may show a file without asking again; 0 asks always.", between(0, 31_536_000)
    )
    listing_entries_max: int = _setting(
        10_000, "Most entries that a folder listing shows.", between(1, 1_000_000)
    )
    protected_prefixes: bool = _setting(
        False,
        "Let prefixes be secret too: by Basic and Bearer only, and weaker than on a host name (see Exposures).",
    )
    visit_hours: int = _setting(
        24, "Time until a visitor of a protected site has to come in by its form again.", between(1, 8760)
    )


@dataclass(frozen=True, kw_only=True)
class RpcSettings(Section):
    """JSON-RPC, beside /rpc on the server's own hosts."""

    section: ClassVar[str] = "rpc"

    local_socket: bool = _setting(
        True, "Answer the owner of the data directory on run/rpc.sock in it, without a token."
    )
    listen: tuple[str, ...] = _setting(
        (), "Further addresses, for who has a token: http://HOST:PORT or unix:PATH each.", _rpc_addresses
    )
    batch_calls_max: int = _setting(100, "Most calls of one batch.", between(1, 10_000))


@dataclass(frozen=True, kw_only=True)
class PeerSettings(Section):
    """Another server that this one may copy to: one table for each peer. This server logs in there with its own key."""

    section: ClassVar[str] = "peers"

    name: str = _setting("backup", "What it is called here.", _peer_name)
    url: str = _setting(
        "https://backup.example.org", "Its address, the one it has as its own public_url.", _public_url
    )
    key: str = _setting(
        "", "Its public key, as its /api/v1/server-key tells it; empty takes whatever it shows."
    )
    private: bool = _setting(False, "Its address may lie in a private network, and be http.")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All sections. Settings() holds every default."""

    server: ServerSettings = field(default_factory=ServerSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    catalog: CatalogSettings = field(default_factory=CatalogSettings)
    accounts: AccountSettings = field(default_factory=AccountSettings)
    tokens: TokenSettings = field(default_factory=TokenSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    jobs: JobSettings = field(default_factory=JobSettings)
    sites: SiteSettings = field(default_factory=SiteSettings)
    rpc: RpcSettings = field(default_factory=RpcSettings)
    files: FileSettings = field(default_factory=FileSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    rates: RateSettings = field(default_factory=RateSettings)
    peers: tuple[PeerSettings, ...] = ()


SECTIONS: dict[str, type[Section]] = {
    cls.section: cls
    for cls in (
        ServerSettings,
        LimitSettings,
        StoreSettings,
        CatalogSettings,
        AccountSettings,
        TokenSettings,
        AuditSettings,
        JobSettings,
        SiteSettings,
        RpcSettings,
        FileSettings,
        HealthSettings,
        RateSettings,
    )
}
"""The sections in the order of the reference."""


def load(
    document: str = "", environ: Mapping[str, str] | None = None, given: Mapping[str, Value] | None = None
) -> Settings:
    """The settings of a start.

    document: the text of a TOML file. environ: the environment. given: what the command line says, by
    "section.key". Raises BadSettings.
    """
    values: dict[str, dict[str, Value]] = {section: {} for section in SECTIONS}
    for section, key, value in (
        *_from_toml(document),
        *_from_environ(environ or {}),
        *_from_given(given or {}),
    ):
        values[section][key] = value
    sections: dict[str, Any] = {section: cls(**values[section]) for section, cls in SECTIONS.items()}
    return Settings(**sections, peers=_peers_from_toml(document))


def variable(section: str, key: str) -> str:
    """The environment variable of a setting."""
    return f"MYLIST_{section}_{key}".upper()


def reference() -> str:
    """The text of conf/mylist.toml: every setting, commented out, with its default."""
    head = (
        "# Every setting of mylist-dav with its default. Take the '#' before a key away to change it.\n"
        "# A setting can also be given in the environment as MYLIST_SECTION_KEY, lists with commas between:\n"
        "# MYLIST_SERVER_LISTEN=127.0.0.1:8080,[::1]:8080. The environment wins over this file.\n"
    )
    sections = "".join(f"\n[{name}]  # {_about(cls)}\n" + _commented(cls) for name, cls in SECTIONS.items())
    return head + sections + _peer_example()


def _peer_example() -> str:
    """How a peer is written: there is none by default."""
    lines = [f"{each.name} = {_toml(each.default)}  # {each.help_line}" for each in PeerSettings.declared()]
    return f"\n# {_about(PeerSettings)}\n#\n" + "".join(f"#   {line}\n" for line in ["[[peers]]", *lines])


def table() -> str:
    """The settings as a Markdown table for each section, as docs/operating.md shows them."""
    return "\n".join(_section_table(cls) for cls in (*SECTIONS.values(), PeerSettings))


def _section_table(cls: type[Section]) -> str:
    rows = "".join(
        f"| `{each.name}` | `{_toml(each.default)}` | {each.help_line} |\n" for each in cls.declared()
    )
    return f"### [{cls.section}]\n\n{_about(cls)}\n\n| key | default | what |\n|---|---|---|\n{rows}"


def _about(cls: type[Section]) -> str:
    return " ".join((cls.__doc__ or "").split())


def _commented(cls: type[Section]) -> str:
    return "".join(f"# {each.help_line}\n#{each.name} = {_toml(each.default)}\n" for each in cls.declared())


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:_}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number"
    return "a list of strings" if isinstance(value, tuple) else "a string"


def _declaration(section: str, key: str) -> Setting:
    """The declaration of a setting. Raises BadSettings with the nearest name when there is none."""
    if section not in SECTIONS:
        raise BadSettings(f"[{section}] is no section of the settings{_nearest(section, SECTIONS)}")
    settings = {each.name: each for each in SECTIONS[section].declared()}
    if key not in settings:
        raise BadSettings(f"[{section}] has no setting {key!r}{_nearest(key, settings)}")
    return settings[key]


def _nearest(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def _from_toml(document: str) -> Iterator[Assignment]:
    try:
        tables = tomllib.loads(document)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"the settings file is not TOML: {error}") from error
    for section, keys in tables.items():
        if section == PeerSettings.section:
            continue
        if not isinstance(keys, dict):
            raise BadSettings(f"{section!r} stands outside of a section: write it below one, as in [server]")
        if section not in SECTIONS:
            raise BadSettings(f"[{section}] is no section of the settings{_nearest(section, SECTIONS)}")
        for key, value in keys.items():
            _declaration(section, key)
            yield section, key, tuple(value) if isinstance(value, list) else value


def _peers_from_toml(document: str) -> tuple[PeerSettings, ...]:
    """The tables [[peers]] of a document that _from_toml has read."""
    tables = tomllib.loads(document).get(PeerSettings.section, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadSettings("each peer is a table of its own: write [[peers]] above it")
    known = [each.name for each in PeerSettings.declared()]
    for table in tables:
        for key in table:
            if key not in known:
                raise BadSettings(f"[[peers]] has no setting {key!r}{_nearest(key, known)}")
        if not {"name", "url"} <= table.keys():
            raise BadSettings("[[peers]] has a name and a url, each of them")
    peers = tuple(PeerSettings(**table) for table in tables)
    if len({peer.name for peer in peers}) < len(peers) or len(peers) > PEERS_MAX:
        raise BadSettings(f"[[peers]] have names of their own, and are {PEERS_MAX} at most")
    return peers


def _from_environ(environ: Mapping[str, str]) -> Iterator[Assignment]:
    """Settings among the environment variables.

    Other names may begin with MYLIST_ too (an orchestrator sets MYLIST_PORT for a service called mylist), so only
    what lies in a section, or looks like a misspelt setting, is refused.
    """
    known = {variable(each.section, each.name): each for cls in SECTIONS.values() for each in cls.declared()}
    within = tuple(variable(section, "") for section in (*SECTIONS, PeerSettings.section))
    for name in sorted(name for name in environ if name.startswith("MYLIST_")):
        setting = known.get(name)
        if setting is not None:
            yield setting.section, setting.name, _read(name, environ[name], setting.default)
        elif name.startswith(within) or difflib.get_close_matches(name, known, n=1, cutoff=0.9):
            raise BadSettings(f"{name} in the environment is no setting{_nearest(name, known)}")


def _read(name: str, text: str, default: Value) -> Value:
    """The text of an environment variable as a value of the type of the default. Raises BadSettings."""
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise BadSettings(f"{name} must be true or false, and {text!r} is not")
        return text == "true"
    if isinstance(default, int):
        if not re.fullmatch(r"-?[0-9]+(_[0-9]+)*", text) or len(text) > 40:
            raise BadSettings(f"{name} must be a whole number, and {text[:80]!r} is not")
        return int(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",")) if text.strip() else ()
    return text


def _from_given(given: Mapping[str, Value]) -> Iterator[Assignment]:
    for name, value in given.items():
        section, _, key = name.partition(".")
        _declaration(section, key)
        yield section, key, value
