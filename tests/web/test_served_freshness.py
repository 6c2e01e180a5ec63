"""A server of several processes shows each change with the next request, whichever process answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.settings import Settings, StoreSettings
from tests.serving import Served, serving
from tests.web.publishing import HOST, SITE, LibraryAuthor

VISITS = 24
OTHER = FlistName("alice", "other")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, workers=2) as started:
        yield started


@pytest.fixture
def author(served: Served) -> Iterator[LibraryAuthor]:
    library = Library(Settings(store=StoreSettings(data=str(served.data))), time.time_ns)
    yield LibraryAuthor(library)
    library.close()


def seen(served: Served) -> set[str]:
    """What visitors see, each over a connection of its own, so that every process gets some."""
    texts = set()
    for _ in range(VISITS):
        with httpx.Client(base_url=served.url, headers={"Host": HOST}) as client:
            texts.add(client.get("/index.html").text)
    return texts


def test_every_process_shows_a_change_with_the_next_request(served: Served, author: LibraryAuthor) -> None:
    author.flist(SITE, {"index.html": "first"})
    author.flist(OTHER, {"index.html": "other"})
    author.expose(SITE)
    first = author.head()
    assert seen(served) == {"first"}
    author.write("index.html", "second")
    assert seen(served) == {"second"}
    author.flists.rollback(OPERATOR, SITE, first)
    assert seen(served) == {"first"}
    author.expose(OTHER)
    assert seen(served) == {"other"}
    served.mylist("unexpose", "--host", HOST)
    assert all("There is nothing here" in text for text in seen(served))
