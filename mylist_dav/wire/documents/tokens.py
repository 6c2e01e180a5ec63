"""Tokens of the account that asks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mylist_dav.wire.documents import Asked, FlistText, TimeNs, Told

LabelText = Annotated[str, Field(max_length=200, examples=["Finder on the laptop"])]


class TokenAsked(Asked):
    label: LabelText = ""
    days: float | None = Field(
        None, gt=0, le=36_600, description="how long it holds; null: as the server has it"
    )
    flist: FlistText | None = Field(None, description="the only flist that it is for")
    read_only: bool = False


class TokenMade(Told):
    token: str = Field(description="the password; it is not shown again")
    token_id: str
    account: str = Field(description="the user name that goes with it")
    expires_ns: TimeNs


class TokenTold(Told):
    token_id: str
    label: str
    flist: str | None
    read_only: bool
    created_ns: TimeNs
    expires_ns: TimeNs
    used_ns: TimeNs = Field(description="within ten minutes; 0: never")


class TokensTold(Told):
    tokens: list[TokenTold] = Field(description="newest first")
    next: str | None
