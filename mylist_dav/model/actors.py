"""Who acts."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    GUEST = "guest"
    USER = "user"
    ADMIN = "admin"


class Actor(NamedTuple):
    """Who asks for something. account is '' for a guest; label is what a commit records."""

    account: str
    role: Role

    @property
    def label(self) -> str:
        return self.account or self.role.value


GUEST = Actor("", Role.GUEST)
OPERATOR = Actor("", Role.ADMIN)
"""The owner of the data directory, working on it with local commands."""
