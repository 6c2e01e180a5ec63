"""Whatever lines are sent as a tree, it is taken whole or refused."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import MylistError
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.digest import EMPTY
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.wire.documents.trees import LINE, added_member_of, member_of
from tests.fuzz import likely
from tests.fuzz.bounds import some
from tests.fuzz.rig import World

taken: list[int] = []
TARGET = FlistName("alice", "lines")


@pytest.fixture(scope="module")
def library(world: World) -> Iterator[Library]:
    opened = Library(world.settings, time.time_ns)
    opened.flists.create(OPERATOR, TARGET)
    yield opened
    opened.close()
    assert taken, "some of them are good"


_PATHS = st.sampled_from(("a", "b", "a/b", "a/b/c", "b/a", "ä", "x" * 255))
_TIMES = st.sampled_from((0, 1, -(2**63) + 1))
_GOOD = st.one_of(
    st.fixed_dictionaries({"kind": st.just("directory"), "path": _PATHS}, optional={"mode": st.just(0o700)}),
    st.fixed_dictionaries({"kind": st.just("symlink"), "path": _PATHS, "target": _PATHS, "mtime_ns": _TIMES}),
    st.fixed_dictionaries({"kind": st.just("absent"), "path": _PATHS}),
    st.fixed_dictionaries(
        {
            "kind": st.just("file"),
            "path": _PATHS,
            "digest": st.just(str(EMPTY)),
            "size_bytes": st.just(0),
            "mtime_ns": _TIMES,
        },
        optional={"content_type": st.sampled_from(("", "text/x-odd")), "blocks": st.just([])},
    ),
)


@pytest.fixture(scope="module")
def bodies(world: World) -> st.SearchStrategy[bytes]:
    odd = likely.fitting(world, LINE.json_schema())
    found = st.one_of(st.lists(_GOOD, max_size=5), st.lists(st.one_of(_GOOD, _GOOD, odd), max_size=5))
    return found.map(lambda lines: "".join(json.dumps(line) + "\n" for line in lines).encode())


@some(200)
@given(data=st.data(), merge=st.booleans())
def test_lines_are_taken_whole_or_refused(
    library: Library, bodies: st.SearchStrategy[bytes], data: st.DataObject, merge: bool
) -> None:
    body = data.draw(bodies)
    body = data.draw(st.one_of(st.just(body), st.just(body), likely.damaged(body)))
    before = library.flists.get(OPERATOR, TARGET).head_jid
    source = library.imports.lines(io.BytesIO(body), member_of if merge else added_member_of)
    try:
        done = library.whole_trees.put(OPERATOR, TARGET, source, merge=merge)
    except MylistError:
        assert library.flists.get(OPERATOR, TARGET).head_jid == before
    else:
        taken.append(done.jid)
        assert (
            done.jid
            == library.flists.get(OPERATOR, TARGET).head_jid
            == before + (done.imported.jid is not None)
        )
