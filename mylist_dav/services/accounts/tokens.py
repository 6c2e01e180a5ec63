"""What a token looks like, and what is kept of it."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_PREFIX = "mylist_"
"""So that a token that lies where it should not is recognised."""

TOKEN_CHARS_MAX = 200
TOKENS_MAX = 10_000
"""Tokens of one account that have not expired."""


def new_secret() -> str:
    """A new token: 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is kept. Tokens carry 256 random bits: a fast hash is as good as a slow one."""
    return hashlib.sha256(token.encode()).digest()


def token_id(hashed: bytes) -> str:
    """What a token is called in lists and in the audit: the beginning of what is kept of it."""
    return hashed.hex()[:12]
