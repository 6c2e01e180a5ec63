"""WsgiDAV as the protocol library: its stack, with our methods in the place of those that write or list.

WsgiDAV's own methods lock per process, write in several steps, and answer some requests wrongly; ours call one verb of
the services each. What stays its own: dispatch, which methods exist, OPTIONS, and the texts of statuses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from wsgidav.dav_error import DAVError, get_http_status_string  # type: ignore[import-untyped]
from wsgidav.request_resolver import RequestResolver  # type: ignore[import-untyped]
from wsgidav.request_server import RequestServer  # type: ignore[import-untyped]
from wsgidav.wsgidav_app import WsgiDAVApp  # type: ignore[import-untyped]

from mylist_dav.dav.calls import Call
from mylist_dav.dav.changing import copy, delete, mkcol, move
from mylist_dav.dav.locking import lock, unlock
from mylist_dav.dav.proppatch import proppatch
from mylist_dav.dav.provider import CALL_KEY, Environ, Provider
from mylist_dav.dav.refusals import METHODS
from mylist_dav.wire.messages import Headers, Response

StartResponse = Callable[..., Any]

_DROPPED = frozenset(("date", "content-length", "connection"))
"""Header fields that the engine sets itself."""


class LocksElsewhere:
    """Stands for a lock manager, so that WsgiDAV offers LOCK. Locks are kept and checked by the services."""

    def check_write_permission(self, **_: object) -> None:
        raise NotImplementedError("the services check locks, inside of their transactions")


class MethodServer(RequestServer):  # type: ignore[misc]
    """The methods. Each takes the Call out of the environ and gives back what our function of that name answers."""

    def do_MKCOL(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        return _run(mkcol, environ, start_response)

    def do_DELETE(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        return _run(delete, environ, start_response)

    def do_COPY(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        return _run(copy, environ, start_response)

    def do_MOVE(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        return _run(move, environ, start_response)

    def do_PROPPATCH(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        return _run(proppatch, environ, start_response)

    def do_LOCK(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        return _run(lock, environ, start_response)

    def do_UNLOCK(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        return _run(unlock, environ, start_response)


class Resolver(RequestResolver):  # type: ignore[misc]
    """Hands requests to one MethodServer, where WsgiDAV makes a RequestServer for each."""

    def __init__(self, wsgidav_app: WsgiDAVApp, next_app: object, config: dict[str, Any]) -> None:
        super().__init__(wsgidav_app, next_app, config)
        self._server: MethodServer | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if self._server is None:
            self._server = MethodServer(environ["wsgidav.provider"])
        return self._server(environ, start_response)  # type: ignore[no-any-return]


class Protocol:
    """A WsgiDAV application, called in process."""

    def __init__(self) -> None:
        # It tells of every request that it refuses, as an error; the access log does that.
        logging.getLogger("wsgidav").setLevel(logging.CRITICAL)
        provider = Provider()
        self._app = WsgiDAVApp(
            {
                "provider_mapping": {"/": provider},
                "middleware_stack": [Resolver],
                "lock_storage": None,
                "property_manager": None,
                "logging": {"enable": False},
                "verbose": 1,
                "hotfixes": {"re_encode_path_info": False, "unquote_path_info": False},
            }
        )
        provider.set_lock_manager(LocksElsewhere())

    def answer(self, call: Call) -> Response:
        """Run one request through WsgiDAV. Raises what our methods raise."""
        started: list[tuple[str, Headers]] = []

        def start_response(status: str, headers: Headers, exc_info: object = None) -> None:
            started[:] = [(status, headers)]

        try:
            body = b"".join(self._app(_environ(call), start_response))
        except DAVError as error:
            return _of_dav_error(error)
        status, headers = started[0]
        kept = [field for field in headers if field[0].lower() not in _DROPPED]
        return Response(int(status[:3]), kept, body)


def _run(method: Callable[[Call], Response], environ: Environ, start_response: StartResponse) -> list[bytes]:
    """Answer with one of our methods, whose bodies are always whole."""
    response = method(environ[CALL_KEY])
    assert isinstance(response.body, bytes)
    length = ("Content-Length", str(len(response.body)))
    start_response(get_http_status_string(response.status), [*response.headers, length])
    return [response.body]


def _of_dav_error(error: DAVError) -> Response:
    """A refusal of WsgiDAV itself: an unknown method, OPTIONS of what is not there."""
    headers: Headers = [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")]
    if error.value == 405:
        headers.append(("Allow", METHODS))
    return Response(error.value, headers, f"{get_http_status_string(error)}\n".encode())


def _environ(call: Call) -> Environ:
    """A WSGI environ (PEP 3333) of what WsgiDAV reads, with the path decoded and its text as it is."""
    request = call.request
    slash = "/" if call.location.directory and call.location.names else ""
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": "/" + "/".join(call.location.names) + slash,
        "QUERY_STRING": request.query,
        "CONTENT_LENGTH": str(len(call.body)),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(call.body),
        "wsgidav.auth.user_name": call.actor.account,
        CALL_KEY: call,
    }
    return environ
