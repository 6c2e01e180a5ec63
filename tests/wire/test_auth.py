from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.wire.auth import Basic, Bearer, parse_authorization


def basic(text: str | bytes) -> str:
    return "Basic " + b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.mark.parametrize(
    ("value", "credentials"),
    [
        ("Bearer abc.DEF-_~+/==", Bearer("abc.DEF-_~+/==")),
        ("bearer abc", Bearer("abc")),
        (" Bearer  abc ", Bearer("abc")),
        (basic("alice:secret"), Basic("alice", "secret")),
        (basic("alice:a:b"), Basic("alice", "a:b")),
        (basic("alice:"), Basic("alice", "")),
        (basic(":secret"), Basic("", "secret")),
        (basic("zoë:größe"), Basic("zoë", "größe")),
        (basic("alice:secret").replace("Basic", "BASIC"), Basic("alice", "secret")),
        (basic("alice:secret1").rstrip("="), Basic("alice", "secret1")),
    ],
)
def test_bearer_and_basic_credentials_are_read(value: str, credentials: Bearer | Basic) -> None:
    assert parse_authorization(value) == credentials


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer =",
        "Bearer é",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic é",
        "Basic a",
        basic("alice"),
        basic(b"alice:\xff"),
        basic("alice:a\nb"),
        basic("ali\0ce:b"),
        "Basic YWxp\nY2U6c2VjcmV0",
        'Digest username="alice"',
        "Negotiate abc",
        "abc",
        "Bearer " + "a" * 4096,
    ],
)
def test_anything_else_counts_as_no_credentials(value: str | None) -> None:
    assert parse_authorization(value) is None


@given(st.one_of(st.text(max_size=60), st.text(max_size=60).map("Basic {}".format), st.binary().map(basic)))
def test_no_value_raises(value: str) -> None:
    credentials = parse_authorization(value)
    assert credentials is None or isinstance(credentials, (Bearer, Basic))


@given(st.text("ab: é=", max_size=10).filter(lambda t: ":" not in t), st.text("ab: é=", max_size=10))
def test_basic_credentials_are_read_back(account: str, password: str) -> None:
    assert parse_authorization(basic(f"{account}:{password}")) == Basic(account, password)


def test_secrets_do_not_show_in_a_repr() -> None:
    assert "hush" not in repr(Bearer("hush")) + repr(Basic("alice", "hush"))
