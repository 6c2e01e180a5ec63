"""What was done, by whom, from where: the rows of the audit, what is asked of them, and sums of traffic."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

BUCKET_NS = 3600 * 1_000_000_000
"""Failed logins are counted by the hour."""

FAILED_PAIRS_MAX = 1_000
"""Most pairs of an address and a name whose failed logins are told apart in one hour; all others are counted as one."""

LIMIT_MAX = 100_000
"""Most rows of one answer."""


class Action(StrEnum):
    """Everything that is recorded. The words are stored, and are what filters name."""

    LOGIN = "login"
    LOGIN_FAILED = "login-failed"
    LOGOUT = "logout"
    CREATE = "create"
    DELETE_FLIST = "delete-flist"
    UPLOAD = "upload"
    MKDIR = "mkdir"
    DELETE = "delete"
    MOVE = "move"
    COPY = "copy"
    ATTRIBUTES = "attributes"
    IMPORT = "import"
    ROLLBACK = "rollback"
    CHANGE = "change"
    UPLOAD_BLOCKS = "upload-blocks"
    DELETE_BLOCKS = "delete-blocks"
    COLLECT = "collect"
    COMMIT = "commit"
    RENAME = "rename"
    LABEL = "label"
    UNLABEL = "unlabel"
    DOWNLOAD = "download"
    EXPORT = "export"
    PRIVATE = "private"
    GRANT = "grant"
    EXPOSE = "expose"
    UNEXPOSE = "unexpose"
    ACCOUNT_ADD = "account-add"
    ACCOUNT_CHANGE = "account-change"
    KEY_ADD = "key-add"
    KEY_REMOVE = "key-remove"
    TOKEN_ADD = "token-add"
    TOKEN_REVOKE = "token-revoke"
    SERVER_KEY = "server-key"
    JOB_START = "job-start"
    JOB_CANCEL = "job-cancel"


class Audited(NamedTuple):
    """One row. account: '' for the owner of the data directory and for guests. address: '' for local commands.

    flist: 'account/name' or ''. detail: a JSON object, as text. repeats, size_bytes: of what is counted together.
    """

    audit_id: int
    at_ns: int
    account: str
    address: str
    request_id: str
    action: str
    flist: str
    detail: str
    repeats: int
    size_bytes: int


class Wanted(NamedTuple):
    """Which rows are asked for. None: whatever it is. since_ns is included, until_ns is not.

    before_id: rows before the one of this id, in the order of the answer; for the next page. limit: at most so many.
    """

    account: str | None = None
    flist: str | None = None
    action: Action | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    before_id: int | None = None
    limit: int = 100


class TallyKind(StrEnum):
    ACCOUNT = "account"
    FLIST = "flist"
    EXPOSURE = "exposure"


class Tally(NamedTuple):
    """Sums since counting began. name: of an account, a flist, or a host name or prefix."""

    kind: TallyKind
    name: str
    requests: int
    up_bytes: int
    down_bytes: int


class Failure(NamedTuple):
    """Somebody who could not log in. account and key: what they said they were, '' if nothing or nothing known."""

    address: str
    account: str
    key: str


OTHERS = Failure("", "", "")
"""All those that are not told apart any more."""
