"""Names of accounts, flists and entries, and what is refused in them."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple, Self

from mylist_dav.errors import BadName

NAME_BYTES_MAX = 255
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_account_name(name: str) -> str:
    """Return name if it may name an account: 1-64 of a-z 0-9 . _ -, first a letter or digit. Raises BadName."""
    if not _ACCOUNT.fullmatch(name):
        raise BadName(
            f"{name[:80]!r} cannot name an account: use 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit"
        )
    return name


def check_entry_name(name: str) -> str:
    """Return name if it may name an entry. Raises BadName.

    Refused: empty, '.', '..', '/', NUL, lone surrogates, and more than 255 bytes of UTF-8.
    """
    if not name or name in (".", ".."):
        raise BadName(f"{name!r} cannot name an entry")
    if "/" in name or "\0" in name:
        raise BadName(f"{name[:80]!r} cannot name an entry: '/' and NUL are not allowed in a name")
    if not name.isascii():
        try:
            length = len(name.encode())
        except UnicodeEncodeError as error:
            raise BadName(f"{ascii(name)[:80]} cannot name an entry: it is not valid Unicode") from error
    else:
        length = len(name)
    if length > NAME_BYTES_MAX:
        raise BadName(
            f"{name[:40]!r}… cannot name an entry: {length} bytes, and {NAME_BYTES_MAX} are allowed"
        )
    return name


def other_normal_form(name: str) -> str | None:
    """The other Unicode normal form of name (NFC for NFD and the reverse), or None if there is only one."""
    if name.isascii():
        return None
    composed = unicodedata.normalize("NFC", name)
    if composed != name:
        return composed
    decomposed = unicodedata.normalize("NFD", name)
    return decomposed if decomposed != name else None


class FlistName(NamedTuple):
    """The full name of a flist: account/name."""

    account: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 'account/name'. Raises BadName."""
        account, slash, name = text.partition("/")
        if not slash or not name:
            raise BadName(f"{text[:80]!r} does not name a flist: ACCOUNT/NAME is expected")
        return cls.checked(account, name)

    @classmethod
    def checked(cls, account: str, name: str) -> Self:
        """Both parts, checked. Raises BadName."""
        return cls(check_account_name(account), check_flist_name(name))

    def __str__(self) -> str:
        return f"{self.account}/{self.name}"


def check_label_name(name: str) -> str:
    """Return name if it may name a revision: 1-64 of A-Z a-z 0-9 . _ -, first a letter or digit. Raises BadName."""
    if not _LABEL.fullmatch(name):
        raise BadName(
            f"{name[:80]!r} cannot name a revision: use 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit"
        )
    return name


def check_flist_name(name: str) -> str:
    """Return name if it may name a flist: an entry name without control characters or a leading dot. Raises BadName."""
    check_entry_name(name)
    if name.startswith(".") or any(unicodedata.category(c) == "Cc" for c in name):
        raise BadName(f"{name[:80]!r} cannot name a flist: no leading dot, no control characters")
    return name
