"""Errors of the services as error objects of JSON-RPC: code and name of outcomes.py, and nothing of foreign ones."""

from __future__ import annotations

import logging

from mylist_dav.errors import MylistError, TooMany
from mylist_dav.outcomes import outcome, problem_of
from mylist_dav.rpc.messages import ErrorObject
from mylist_dav.wire.documents.changes import refusal_members

log = logging.getLogger(__name__)


def error_object(error: Exception) -> ErrorObject:
    """What a caller is told of an error."""
    message = str(error) if isinstance(error, MylistError) else "an unexpected error"
    more = refusal_members(error)
    if isinstance(error, TooMany):
        more["retry_after_seconds"] = error.retry_after_seconds
    return ErrorObject(outcome(error).rpc, message, problem_of(error), more)


def noted(error: Exception, method: str, request_id: str) -> Exception:
    """The error to tell of, once the log has what is ours to mend."""
    if not isinstance(error, MylistError):
        log.error("%s %s failed", request_id, method, exc_info=error)
        return MylistError(f"an unexpected error; it is in the log as {request_id}")
    if outcome(error).http >= 500:
        log.warning("%s %s: %s", request_id, method, error)
    return error
