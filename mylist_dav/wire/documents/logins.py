"""Logging in, whom a token is of, and the server's key. docs/login.md is the contract."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, RootModel, Tag

from mylist_dav.model.actors import Role
from mylist_dav.wire.documents import INTEGER_MAX, Asked, Told

KeyText = Annotated[str, Field(max_length=1000, description="64 hex digits, or an OpenSSH line")]
SignatureText = Annotated[str, Field(pattern="^[0-9a-fA-F]{128}$", description="64 bytes as hex digits")]
NonceText = Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$", description="32 bytes as hex digits")]
UtcText = Annotated[str, Field(examples=["2026-01-31T12:00:00Z"])]


class ChallengeAsked(Asked):
    key: KeyText
    server: str | None = Field(None, max_length=300, description="one of the server's public addresses")


class Challenge(Told):
    challenge: str = Field(description="the text to sign")
    expires: UtcText
    signature: SignatureText


class LoginByChallenge(Asked):
    key: KeyText
    challenge: str = Field(max_length=4096)
    signature: SignatureText


class LoginByTime(Asked):
    key: KeyText
    server: str = Field(max_length=300)
    time: int = Field(ge=0, le=INTEGER_MAX, description="seconds since 1970")
    nonce: NonceText
    signature: SignatureText


def _which(found: object) -> str:
    by_challenge = "challenge" in found if isinstance(found, dict) else isinstance(found, LoginByChallenge)
    return "challenge" if by_challenge else "time"


class LoginAsked(
    RootModel[
        Annotated[
            Annotated[LoginByChallenge, Tag("challenge")] | Annotated[LoginByTime, Tag("time")],
            Discriminator(_which),
        ]
    ]
):
    """A challenge and its signature, or the time and its signature, without asking first."""


class LoggedIn(Told):
    token: str
    expires: UtcText
    account: str
    role: Role


class Who(Told):
    account: str
    role: Role
    flist: str | None = Field(description="the only flist that the token is for; null: all")
    read_only: bool


class KeyChange(Told):
    old: str
    new: str
    time: int
    signature: str


class ServerKeyTold(Told):
    key: str
    openssh: str
    server: str | None = Field(description="the public address; null: this server gives no challenges")
    changes: list[KeyChange]
