"""Settings: TOML, then the environment, then the command line; what is wrong stops the start and is named."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav import settings
from mylist_dav.errors import BadSettings
from mylist_dav.settings import LimitSettings, ServerSettings, Settings, load, parse_listen


def test_nothing_given_means_every_default() -> None:
    assert load() == Settings()
    assert load().server.listen == ("127.0.0.1:8080",)
    assert load().store.durability == "full"


def test_the_file_gives_way_to_the_environment_and_that_to_the_command_line() -> None:
    document = '[server]\nworkers = 1\nthreads = 2\nstop_seconds = 3\n[store]\ndata = "a"'
    environ = {"MYLIST_SERVER_THREADS": "20", "MYLIST_SERVER_STOP_SECONDS": "30"}
    found = load(document, environ, {"server.stop_seconds": 300})
    assert (found.server.workers, found.server.threads, found.server.stop_seconds) == (1, 20, 300)
    assert found.store.data == "a"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        pytest.param("[sever]\nworkers = 1", r"\[sever\] is no section.*'server'", id="section"),
        pytest.param("[server]\nworker = 1", r"\[server\] has no setting 'worker'.*'workers'", id="key"),
        pytest.param("[server]\nzzzzzz = 1", r"\[server\] has no setting 'zzzzzz'$", id="key unlike any"),
        pytest.param("workers = 1", "'workers' stands outside of a section", id="no section"),
        pytest.param("[server", "not TOML", id="syntax"),
        pytest.param("[server]\nworkers = 1\nworkers = 2", "not TOML", id="twice"),
        pytest.param(
            '[server]\nworkers = "1"', r"\[server\] workers must be a whole number", id="text for number"
        ),
        pytest.param(
            "[server]\nworkers = true", r"\[server\] workers must be a whole number", id="bool for number"
        ),
        pytest.param(
            "[server]\nworkers = 1.0", r"\[server\] workers must be a whole number", id="float for number"
        ),
        pytest.param(
            "[sites]\nwelcome = 1", r"\[sites\] welcome must be true or false", id="number for bool"
        ),
        pytest.param(
            '[sites]\nwelcome = "true"', r"\[sites\] welcome must be true or false", id="text for bool"
        ),
        pytest.param(
            '[server]\nhosts = "a"', r"\[server\] hosts must be a list of strings", id="text for list"
        ),
        pytest.param(
            "[server]\nhosts = [1]", r"\[server\] hosts must be a list of strings", id="list of numbers"
        ),
        pytest.param(
            "[server]\npublic_url = []", r"\[server\] public_url must be a string", id="list for text"
        ),
        pytest.param(
            "[server.listen]\na = 1", r"\[server\] listen must be a list of strings", id="table for list"
        ),
        pytest.param(
            "[server]\nworkers = -1", r"\[server\] workers must lie between 0 and 256; it is -1", id="bounds"
        ),
        pytest.param(
            '[server]\nengine = "nginx"',
            r'\[server\] engine must be one of "uvloop", "cheroot"; it',
            id="choice",
        ),
        pytest.param("[server]\nlisten = []", r"\[server\] listen must name at least one", id="no address"),
        pytest.param('[server]\nlisten = ["a:1", "a:1"]', r"\[server\] listen .* twice", id="address twice"),
        pytest.param('[server]\nlisten = ["8080"]', r"\[server\] listen .*HOST:PORT", id="no host"),
        pytest.param(
            '[server]\ntrusted_proxies = ["10.0.0.1/8"]', r"trusted_proxies holds '10", id="host bits set"
        ),
        pytest.param(
            '[server]\nhosts = ["A.example"]', r"\[server\] hosts holds 'A.example'", id="upper case"
        ),
        pytest.param('[server]\nhosts = ["a:80"]', r"\[server\] hosts holds 'a:80'", id="host with port"),
        pytest.param(
            '[server]\npublic_url = "https://a/"', r"\[server\] public_url must look like", id="url with path"
        ),
        pytest.param(
            '[server]\npublic_url = "https://u@a"',
            r"\[server\] public_url must look like",
            id="url with user",
        ),
        pytest.param('[store]\ndata = " "', r"\[store\] data must not be empty", id="empty path"),
        pytest.param(
            "[tokens]\ndays_default = 400", r"\[tokens\] days_default must not be above days_max", id="days"
        ),
        pytest.param(
            "[limits]\ntarget_bytes_max = 65536", r"target_bytes_max must not be above header", id="target"
        ),
        pytest.param(
            "[limits]\nxml_bytes_max = 67108864\nbody_budget_bytes = 1048576", "xml_bytes_max must", id="xml"
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_named(document: str, says: str) -> None:
    with pytest.raises(BadSettings, match=says):
        load(document)


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("MYLIST_SERVER_WORKER", "1", "MYLIST_SERVER_WORKER .* no setting.*'MYLIST_SERVER_WORKERS'"),
        ("MYLIST_SEVER_WORKERS", "1", "MYLIST_SEVER_WORKERS .* no setting.*'MYLIST_SERVER_WORKERS'"),
        ("MYLIST_SERVER_WORKERS", "one", "MYLIST_SERVER_WORKERS must be a whole number"),
        ("MYLIST_SERVER_WORKERS", "", "MYLIST_SERVER_WORKERS must be a whole number"),
        ("MYLIST_SERVER_WORKERS", "9" * 5000, "MYLIST_SERVER_WORKERS must be a whole number"),
        ("MYLIST_SERVER_WORKERS", "-1", r"\[server\] workers must lie between"),
        ("MYLIST_SITES_WELCOME", "False", "MYLIST_SITES_WELCOME must be true or false"),
        ("MYLIST_SITES_WELCOME", "0", "MYLIST_SITES_WELCOME must be true or false"),
        ("MYLIST_SITES_WELCOME", "", "MYLIST_SITES_WELCOME must be true or false"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(variable: str, text: str, says: str) -> None:
    with pytest.raises(BadSettings, match=says):
        load(environ={variable: text})


def test_values_of_the_environment_are_read_by_the_type_of_the_setting() -> None:
    found = load(
        environ={
            "MYLIST_SITES_WELCOME": "false",
            "MYLIST_LIMITS_XML_BYTES_MAX": "2_097_152",
            "MYLIST_SERVER_LISTEN": "127.0.0.1:80, [::1]:80",
            "MYLIST_SERVER_HOSTS": "",
            "MYLIST_STORE_DATA": "/var/lib/mylist",
        }
    )
    assert found.sites.welcome is False
    assert found.limits.xml_bytes_max == 2 * 1024 * 1024
    assert found.server.listen == ("127.0.0.1:80", "[::1]:80")
    assert found.server.hosts == ()
    assert found.store.data == "/var/lib/mylist"


@pytest.mark.parametrize(
    "variable", ["MYLIST_PORT", "MYLIST_SERVICE_HOST", "MYLIST_REQUIRE_PROGRAMS", "MYLIST", "HOME"]
)
def test_variables_that_are_no_settings_are_left_alone(variable: str) -> None:
    assert load(environ={variable: "x"}) == Settings()


def test_the_command_line_cannot_name_an_unknown_setting_either() -> None:
    with pytest.raises(BadSettings, match="'data'"):
        load(given={"store.date": "x"})


def test_a_section_with_a_bad_value_cannot_be_made() -> None:
    with pytest.raises(BadSettings, match="workers"):
        ServerSettings(workers=-1)
    with pytest.raises(BadSettings, match="workers"):
        dataclasses.replace(ServerSettings(), workers=True)


def test_settings_do_not_change_after_the_start() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().server.workers = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:0", ("::1", 0)),
        ("files.example.org:443", ("files.example.org", 443)),
    ],
)
def test_an_address_has_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "a",
        "a:",
        "a:b",
        "a:65536",
        "a:-1",
        "::1:80",
        "[a]:80",
        "[::1]",
        "a b:80",
        "a:٣",
        "http://a:80",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadSettings):
        parse_listen(text)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.tuples(st.text(), st.text())


@given(st.sampled_from([each for cls in settings.SECTIONS.values() for each in cls.declared()]), VALUES)
def test_any_value_is_taken_or_refused_with_the_name_of_its_setting(
    setting: settings.Setting, value: Any
) -> None:
    cls = settings.SECTIONS[setting.section]
    try:
        made = cls(**{setting.name: value})
    except BadSettings as error:
        assert setting.name in str(error)
    else:
        assert type(getattr(made, setting.name)) is type(setting.default)


def test_every_setting_has_a_help_line_with_a_full_stop() -> None:
    lines = [each.help_line for cls in settings.SECTIONS.values() for each in cls.declared()]
    assert [line for line in lines if not line.endswith(".") or "|" in line or len(line) > 110] == []


def test_limits_are_never_without_bounds() -> None:
    assert [each.name for each in LimitSettings.declared() if each.check(2**63) is None] == []


PEER = '[[peers]]\nname = "a"\nurl = "https://a.example"\n'


def test_peers_are_tables_of_their_own() -> None:
    found = load(
        PEER + 'key = "00"\n[[peers]]\nname = "b"\nurl = "http://b.example:8080"\nprivate = true'
    ).peers
    assert [(peer.name, peer.url, peer.key, peer.private) for peer in found] == [
        ("a", "https://a.example", "00", False),
        ("b", "http://b.example:8080", "", True),
    ]
    assert load().peers == ()


@pytest.mark.parametrize(
    ("document", "says"),
    [
        pytest.param('[peers]\nname = "a"', "write \\[\\[peers\\]\\]", id="one table"),
        pytest.param("peers = 1", "write \\[\\[peers\\]\\]", id="no table"),
        pytest.param('[[peers]]\nname = "a"', "has a name and a url", id="no url"),
        pytest.param(PEER + PEER, "names of their own", id="name twice"),
        pytest.param(PEER + "privat = true", "no setting 'privat'.*'private'", id="key"),
        pytest.param(PEER + "private = 1", "private must be true or false", id="type"),
        pytest.param(PEER.replace('"a"', '"A b"'), "name must be 1 to 64", id="name"),
        pytest.param(PEER.replace("example", "example/x"), "url must look like", id="path"),
    ],
)
def test_a_peer_that_is_set_up_wrongly_stops_the_start(document: str, says: str) -> None:
    with pytest.raises(BadSettings, match=says):
        load(document)


def test_peers_cannot_be_given_in_the_environment() -> None:
    with pytest.raises(BadSettings, match="MYLIST_PEERS_URL"):
        load("", {"MYLIST_PEERS_URL": "https://a.example"})
