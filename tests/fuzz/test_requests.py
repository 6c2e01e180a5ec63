"""Whatever is sent, every front end answers with what is documented, and the data stay whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.wire.messages import Request
from tests.fuzz import likely
from tests.fuzz.bounds import some
from tests.fuzz.rig import World, operations_of


@some(400)
@given(data=st.data())
def test_no_request_makes_a_front_end_fail(world: World, data: st.DataObject) -> None:
    sent = data.draw(likely.requests(world, operations_of(world)))
    world.ask(*sent)


@some(150)
@given(data=st.data())
def test_no_body_makes_the_operation_it_is_for_fail(world: World, data: st.DataObject) -> None:
    operations = [one for one in operations_of(world) if one.method == "POST"]
    one = data.draw(st.sampled_from(operations))
    target = likely.filled(one.path, [])
    fields = [("authorization", f"Bearer {world.tokens['alice']}"), ("content-type", "application/json")]
    if one.name != "logOut":
        world.ask(one.method, target, fields, data.draw(likely.bodies(world, [one])))


@some(200)
@given(data=st.data())
def test_digests_and_extensions_of_files_open_nothing_that_may_not_be_read(
    world: World, data: st.DataObject
) -> None:
    digest = data.draw(likely.names(world))
    for path in (f"/files/{likely.quoted(digest)}", f"/blocks/{likely.quoted(digest)}"):
        response = world.ask("GET", path, [("authorization", f"Bearer {world.tokens['alice']}")], None)
        assert response is None or response.status in (200, 400, 401, 404, 414, 422), (path, response.status)


def test_the_check_of_answers_can_fail(world: World) -> None:
    response = world.ask(
        "GET", "/api/v1/whoami", [("authorization", f"Bearer {world.tokens['alice']}")], None
    )
    assert response is not None
    response.status = 500
    with pytest.raises(AssertionError):
        world.look_at(Request("GET", "/", "", [], "h", "h"), response)
