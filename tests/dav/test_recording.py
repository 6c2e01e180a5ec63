"""What a WebDAV client does is recorded with its address, and what it takes is counted."""

from __future__ import annotations

from base64 import b64encode

import pytest

from mylist_dav.errors import Unauthenticated
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.audit import Action, Audited, Tally, TallyKind, Wanted
from mylist_dav.wire.messages import Request, Response
from tests.dav.driver import HOST, ROOT, Driver


def asked(dav: Driver, method: str, path: str, credentials: str | None = None) -> Response:
    """The response, before it is sent."""
    fields = [("authorization", credentials or dav.credentials)]
    request = Request(
        method, f"{ROOT}/{path}", "", fields, HOST, HOST, client="192.0.2.1", request_id="0123456789ab"
    )
    response = dav.front_end.respond(request)
    assert isinstance(response, Response)
    return response


def send(dav: Driver, method: str, path: str, size_bytes: int = 0) -> None:
    """Ask, and tell the meter what an engine would."""
    response = asked(dav, method, path)
    assert response.meter is not None
    response.meter.sent(response.status, size_bytes)


def rows(dav: Driver, action: Action) -> list[Audited]:
    dav.library.ledger.flush()
    return dav.library.audit.rows(OPERATOR, Wanted(action=action))


def test_a_change_has_the_address_and_the_id_of_its_request(dav: Driver) -> None:
    asked(dav, "MKCOL", "folder")
    [row] = rows(dav, Action.MKDIR)
    assert (row.account, row.address, row.request_id) == ("alice", "192.0.2.1", "0123456789ab")


def test_a_get_of_a_file_is_a_download_and_nothing_else_is(dav: Driver) -> None:
    dav.put("f", b"12345")
    dav.mkcol("d")
    send(dav, "GET", "f", 5)
    for method, path in (("HEAD", "f"), ("GET", "d/"), ("PROPFIND", "f"), ("OPTIONS", "f")):
        send(dav, method, path)
    [row] = rows(dav, Action.DOWNLOAD)
    assert (row.account, row.flist, row.detail, row.size_bytes) == ("alice", "alice/docs", '{"path":"f"}', 5)


def test_what_goes_up_and_down_is_summed_with_the_number_of_requests(dav: Driver) -> None:
    dav.library.ledger.flush()
    request = Request(
        "PUT",
        f"{ROOT}/f",
        "",
        [("authorization", dav.credentials)],
        HOST,
        HOST,
        content_length=5,
        has_body=True,
    )
    sink = dav.front_end.respond(request)
    assert not isinstance(sink, Response)
    sink.write(b"12345")
    stored = sink.finish()
    assert stored.meter is not None
    stored.meter.sent(stored.status, 0)
    send(dav, "GET", "f", 5)
    dav.library.ledger.flush()
    with dav.library.catalog.view() as view:
        assert view.records.tallies(TallyKind.ACCOUNT) == [Tally(TallyKind.ACCOUNT, "alice", 2, 5, 5)]
        assert view.records.tallies(TallyKind.FLIST) == [Tally(TallyKind.FLIST, "alice/docs", 2, 5, 5)]


@pytest.mark.parametrize(
    ("given", "detail"), [("alice:wrong", '{"account":"alice"}'), ("nobody:wrong", "{}"), (":wrong", "{}")]
)
def test_a_password_that_does_not_hold_is_counted(dav: Driver, given: str, detail: str) -> None:
    wrong = "Basic " + b64encode(given.encode()).decode()
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            asked(dav, "GET", "f", wrong)
    [row] = rows(dav, Action.LOGIN_FAILED)
    assert (row.detail, row.repeats, row.account, row.address) == (detail, 3, "", "192.0.2.1")


def test_who_gives_nothing_is_not_counted_as_a_failed_login(dav: Driver) -> None:
    assert dav.send("GET", "f", anonymous=True).status == 401
    assert rows(dav, Action.LOGIN_FAILED) == []
