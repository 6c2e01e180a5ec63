"""Every row of the HTTP table, asked of a site in process: from the catalog, and from memory."""

from __future__ import annotations

import pytest

from mylist_dav.errors import MylistError
from mylist_dav.server.exchanges.heads import plain_refusal, request_of
from mylist_dav.server.exchanges.limits import EngineLimits
from mylist_dav.wire.messages import Response
from tests.web.publishing import HOST, Publisher, ask
from tests.web.rows import ROWS, Answer, Row, check, headers_of, name_of, target_of


def answered(publisher: Publisher, response: Response) -> Answer:
    """A response with what an engine adds."""
    body = publisher.body(response)
    headers = {name.lower(): value for name, value in response.headers} | {"date": "now"}
    if response.status not in (204, 304):
        headers["content-length"] = str(
            len(body) if response.content_length is None else response.content_length
        )
    return Answer(response.status, headers, body, response.close)


def asked(publisher: Publisher, row: Row, plain: Answer) -> Answer:
    """The request as an engine makes it of the lines of the row, or refuses it."""
    headers = [(name.lower(), value) for name, value in headers_of(row, plain, HOST)]
    try:
        request = request_of(
            row["request"]["method"], target_of(row), "1.1", headers, "", "http", EngineLimits()
        )
    except MylistError as error:
        return answered(publisher, plain_refusal(error))
    return answered(publisher, ask(publisher.front, request))


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_site_answers_like_the_row(publisher: Publisher, row: Row, warm: bool) -> None:
    publisher.flist(files=row["files"])
    publisher.expose()
    plain = answered(publisher, publisher.ask(target_of(row)))
    if not warm:
        publisher.forget()
    answer = asked(publisher, row, plain)
    check(row, answer, plain, lambda location: answered(publisher, publisher.ask(location)))


def test_the_whole_table_is_run() -> None:
    assert len(ROWS) == 96
