"""A browser, and a server that it looks at."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from mylist_dav.services.opening import Library
from mylist_dav.settings import Settings, StoreSettings
from tests.programs import require, require_program
from tests.serving import Served, serving
from tests.web.publishing import LibraryAuthor

HOST = "site.example.test"
OTHER_HOST = "other.example.test"
"""Of the same domain: what browsers call the same site, and another origin."""

FOREIGN_HOST = "elsewhere.test"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


@dataclass
class Shown:
    """A server, an author who fills it from another process, and a browser that resolves every host of .test to it."""

    served: Served
    author: LibraryAuthor
    browser: Any

    @property
    def url(self) -> str:
        return self.served.url

    @property
    def host_url(self) -> str:
        """The address of a site on a host name of its own."""
        return self.at(HOST)

    def at(self, host: str) -> str:
        """The address of the server under a host name."""
        return f"http://{host}:{self.served.port}"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One server and one browser for the tests of a module, which share neither flists nor prefixes."""
    program = require_program("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        require(False, "playwright is not installed")
    data = tmp_path_factory.mktemp("data")
    with serving(data) as served, sync_playwright() as playwright:
        library = Library(Settings(store=StoreSettings(data=str(data))), time.time_ns)
        rule = f"--host-resolver-rules=MAP *.test 127.0.0.1:{served.port}"
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, rule])
        try:
            yield Shown(served, LibraryAuthor(library), browser)
        finally:
            browser.close()
            library.close()


@pytest.fixture
def page(shown: Shown) -> Iterator[Any]:
    """A page in a context of its own, which notes what the browser complains of."""
    context = shown.browser.new_context()
    opened = context.new_page()
    yield opened
    context.close()
