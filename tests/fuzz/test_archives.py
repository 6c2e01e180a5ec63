"""Whatever is in an archive, an import takes it whole or refuses it, and writes nowhere else."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mylist_dav.errors import MylistError
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from tests.fuzz import likely
from tests.fuzz.bounds import some
from tests.fuzz.rig import World

TARGET = FlistName("alice", "unpacked")


@pytest.fixture(scope="module")
def library(world: World) -> Iterator[Library]:
    opened = Library(world.settings, time.time_ns)
    yield opened
    opened.close()


@some(250)
@given(archive=likely.archives(), merge=st.booleans(), pieces=st.booleans())
def test_an_archive_is_taken_whole_or_refused(
    library: Library, archive: bytes, merge: bool, pieces: bool
) -> None:
    imports = library.imports
    source = imports.archive_pieces([archive]) if pieces else imports.archive(io.BytesIO(archive))
    before = _jid(library)
    try:
        done = imports.run(OPERATOR, TARGET, source, merge=merge, make=True)
    except MylistError:
        assert _jid(library) == before
    else:
        assert done.jid is None or done.jid == _jid(library)


def _jid(library: Library) -> int | None:
    try:
        return library.flists.get(OPERATOR, TARGET).head_jid
    except MylistError:
        return None
