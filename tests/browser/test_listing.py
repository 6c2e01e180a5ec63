"""Folder listings and error pages as people see them: on a phone, on a desk, without scripts, by day and night."""

from __future__ import annotations

from typing import Any

import pytest

from mylist_dav.model.names import FlistName
from tests.browser.conftest import HOST, Shown

SITE = FlistName("alice", "files")
LONG = (
    "a-file-with-a-name-that-goes-on-and-on-without-any-place-to-break-it-until-no-phone-can-hold-it-" * 2
    + ".txt"
)
FILES = {
    "docs/readme.md": "# hello",
    "docs/deep/er/still/x.txt": "x",
    LONG: "long",
    "photo.jpg": "x" * 2_345_678,
    "<img src=x onerror=alert(1)>.html": "x",
    "\u202egnp.exe": "x",
}
WIDTHS = [pytest.param(320, id="small phone"), pytest.param(390, id="phone"), pytest.param(1280, id="desk")]


@pytest.fixture(scope="module", autouse=True)
def site(shown: Shown) -> None:
    shown.author.flist(SITE, dict(FILES))
    shown.author.expose(SITE, prefix="/shelf")
    shown.author.expose(SITE, host=HOST)


def opened(shown: Shown, path: str, **options: Any) -> Any:
    """A page in a context with these options, without scripts of its own and with a list of complaints."""
    context = shown.browser.new_context(java_script_enabled=False, **options)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.goto(shown.url + path)
    return page


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["/shelf/", "/shelf/docs/deep/er/still/", "/none"])
def test_a_page_fits_its_screen(shown: Shown, width: int, path: str) -> None:
    page = opened(shown, path, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_every_link_is_large_enough_for_a_thumb(shown: Shown) -> None:
    page = opened(shown, "/shelf/docs/deep/er/", viewport={"width": 390, "height": 800})
    heights = page.evaluate("[...document.querySelectorAll('a')].map(a => a.getBoundingClientRect().height)")
    assert len(heights) >= 4 and min(heights) >= 44
    page.context.close()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
@pytest.mark.parametrize("path", ["/shelf/", "/none"])
def test_a_page_follows_the_colour_scheme(shown: Shown, scheme: str, dark: bool, path: str) -> None:
    page = opened(shown, path, color_scheme=scheme)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(colour.removeprefix("rgb(").split(",")[0])
    assert (red < 60) is dark
    page.context.close()


@pytest.mark.parametrize("path", ["/shelf/", "/shelf/docs/"])
def test_the_browser_has_nothing_to_complain_of(shown: Shown, path: str) -> None:
    page = opened(shown, path)
    assert page.complaints == []
    page.context.close()


def test_one_walks_down_and_up_without_scripts(shown: Shown) -> None:
    page = opened(shown, "/shelf/")
    page.click("text=docs/")
    assert page.url == f"{shown.url}/shelf/docs/"
    page.click("text=deep/")
    assert page.inner_text("h1") == "deep"
    page.click("text=Parent folder")
    assert page.url == f"{shown.url}/shelf/docs/"
    page.click("nav >> text=shelf")
    assert page.url == f"{shown.url}/shelf/"
    page.context.close()


def test_a_name_is_shown_as_text_and_cannot_turn_its_surroundings(shown: Shown) -> None:
    page = opened(shown, "/shelf/")
    names = page.evaluate("[...document.querySelectorAll('.name bdi')].map(e => e.textContent)")
    assert set(names) == {"docs/", *(path for path in FILES if "/" not in path)}
    assert page.query_selector("main img") is None
    page.context.close()


def test_a_listing_begins_at_the_top(shown: Shown) -> None:
    page = opened(shown, "/shelf/", viewport={"width": 390, "height": 800})
    assert page.evaluate("document.querySelector('h1').getBoundingClientRect().top") < 60
    assert page.evaluate("document.querySelector('.rows svg').getBoundingClientRect().width") == 24
    page.context.close()
