"""Imports point down only."""

from __future__ import annotations

import pytest

from tests.tidy.layers import complaints
from tests.tidy.sources import PACKAGE, Source, python_files


def test_imports_point_down_only() -> None:
    found = [line for source in python_files(PACKAGE) for line in complaints(source)]
    assert found == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("store/files.py", "from mylist_dav.dav import app", id="upward"),
        pytest.param("store/files.py", "from mylist_dav import dav", id="upward through the package"),
        pytest.param("store/files.py", "def f():\n    import mylist_dav.dav.app", id="inside a function"),
        pytest.param("store/files.py", "from ..services import trees", id="relative"),
        pytest.param("services/trees.py", "from mylist_dav.wire.ranges import parse", id="services and wire"),
        pytest.param("dav/app.py", "from mylist_dav.web import pages", id="siblings"),
        pytest.param("client/push.py", "from mylist_dav.services import trees", id="client and services"),
        pytest.param("web/pages.py", "import cheroot", id="an engine outside of server"),
        pytest.param(
            "web/pages.py", "from wsgidav.wsgidav_app import WsgiDAVApp", id="wsgidav outside of dav"
        ),
        pytest.param("services/trees.py", "import apsw", id="SQL outside of store"),
        pytest.param("store/files.py", "import sqlite3", id="the system's SQLite"),
        pytest.param("shop/till.py", "", id="a part without a layer"),
    ],
)
def test_an_import_against_the_layers_is_found(path: str, text: str) -> None:
    assert len(list(complaints(Source(f"{PACKAGE}/{path}", text)))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("dav/app.py", "from mylist_dav.services import trees\nimport wsgidav"),
        ("dav/app.py", "from . import xml\nfrom .xml import parse\nfrom mylist_dav import __version__"),
        ("server/uv/loop.py", "import uvloop, httptools\nfrom ...wire import messages"),
        ("store/catalog/rows.py", "import apsw\nfrom mylist_dav.errors import NotFound"),
    ],
)
def test_imports_that_point_down_pass(path: str, text: str) -> None:
    assert list(complaints(Source(f"{PACKAGE}/{path}", text))) == []
