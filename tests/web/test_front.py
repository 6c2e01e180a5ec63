"""The front end of sites: methods, redirects, headers, what stays hidden."""

from __future__ import annotations

import re
import threading

import pytest

from mylist_dav.errors import Busy, NotAllowed
from mylist_dav.model.actors import OPERATOR
from mylist_dav.model.names import FlistName
from mylist_dav.server.routing import Router
from mylist_dav.web.front import NowhereFrontEnd, SiteFrontEnd
from mylist_dav.web.policy import SANDBOX, content_type
from mylist_dav.wire.dates import parse_http_date
from mylist_dav.wire.messages import Request, Response
from tests.web.publishing import ELSEWHERE, HOST, Publisher, field, request_for

OTHER = FlistName("alice", "other")
BIG = bytes(range(256)) * 20_000


def same(one: Response, other: Response) -> bool:
    return (one.status, one.headers, one.body) == (other.status, other.headers, other.body)


# -- redirects -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/docs", "/docs/"),
        ("/docs?x=1&y=//z", "/docs/?x=1&y=//z"),
        ("//docs", "/docs/"),
        ("///docs///", "/docs/"),
        ("//docs//index.html", "/docs/index.html"),
        ("//docs/a%20b", "/docs/a%20b/"),
        ("//a.txt", "/a.txt"),
        ("//", "/"),
        ("//plain/", "/plain/"),
        ("/%5Cevil.example", "/%5Cevil.example/"),
        ("//%5Cevil.example", "/%5Cevil.example/"),
        ("//evil.example", "/evil.example/"),
        ("//evil.example//", "/evil.example/"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/pre"])
def test_a_redirect_stays_on_the_host_and_below_the_prefix(
    publisher: Publisher, target: str, location: str, prefix: str
) -> None:
    paths = ("docs/index.html", "docs/a b/index.html", "a.txt", "index.html", "plain/x", "\\evil.example/index.html",
             "evil.example/index.html")  # fmt: skip
    publisher.flist(files=dict.fromkeys(paths, "x"))
    publisher.expose(prefix=prefix) if prefix else publisher.expose()
    response = publisher.ask(prefix + target, ELSEWHERE if prefix else HOST)
    assert (response.status, field(response, "location")) == (308, prefix + location)
    assert publisher.ask(prefix + location, ELSEWHERE if prefix else HOST).status == 200


@pytest.mark.parametrize(
    "target",
    ["/%2Fevil.example", "/%2F%2Fevil.example/", "/docs%2Findex.html", "/docs%5Cindex.html", "/docs/%2F"],
)
def test_an_encoded_slash_never_separates(publisher: Publisher, target: str) -> None:
    publisher.flist(files={"docs/index.html": "x", "index.html": "y"})
    publisher.expose()
    assert publisher.ask(target).status == 404


def test_a_prefix_without_its_slash_is_completed(publisher: Publisher) -> None:
    publisher.flist(files={"index.html": "x"})
    publisher.expose(prefix="/a/b c")
    response = publisher.ask("/a/b%20c?q", ELSEWHERE)
    assert (response.status, field(response, "location")) == (308, "/a/b%20c/?q")


def test_a_redirect_is_asked_for_again_each_time(publisher: Publisher) -> None:
    publisher.flist(files={"docs/index.html": "x"})
    publisher.expose()
    assert field(publisher.ask("/docs"), "cache-control") == "max-age=0, must-revalidate"


# -- methods -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get"])
@pytest.mark.parametrize("target", ["/a.txt", "/none", "/"])
def test_other_methods_are_refused_alike_whatever_is_there(
    publisher: Publisher, method: str, target: str
) -> None:
    publisher.flist(files={"a.txt": "a"})
    publisher.expose()
    response = publisher.ask(target, method=method)
    assert (response.status, field(response, "allow")) == (405, "GET, HEAD, OPTIONS")
    assert same(response, publisher.ask("/a.txt", method="POST"))


def test_a_request_with_a_body_is_not_answered_on_the_event_loop(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "a"})
    publisher.expose()
    request = request_for("/a.txt", method="POST")
    request.has_body = True
    assert publisher.front.answer_now(request) is None
    assert publisher.front.respond(request).status == 405


@pytest.mark.parametrize("target", ["/a.txt", "/big", "/", "/none", "/folder/", "/withpage/none", "/docs"])
def test_head_has_the_headers_of_get_and_no_body(publisher: Publisher, target: str) -> None:
    publisher.flist(files={"a.txt": "a", "big": BIG, "index.html": "i", "folder/x": "x", "docs/index.html": "",
                           "withpage/404.html": "none"})  # fmt: skip
    publisher.expose()
    for _ in range(2):
        get, head = publisher.ask(target), publisher.ask(target, method="HEAD")
        assert (get.status, get.headers) == (head.status, head.headers)
        assert (head.content_length or 0) == len(publisher.body(get))
        assert publisher.ask(target, method="HEAD").body == b""


# -- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"x", b"y" * 65_536, b"z" * 65_537, BIG], ids=len)
def test_a_file_of_any_size_is_answered_whole_and_in_part(publisher: Publisher, content: bytes) -> None:
    publisher.flist(files={"f.bin": content})
    publisher.expose()
    for _ in range(2):
        response = publisher.ask("/f.bin")
        assert response.status == 200 and publisher.body(response) == content
        assert response.content_length == len(content)
    if len(content) > 10:
        part = publisher.ask("/f.bin", headers={"Range": "bytes=5-9"})
        assert part.status == 206 and publisher.body(part) == content[5:10]


def test_a_small_file_is_answered_from_memory_once_it_was_read(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "aaa"})
    publisher.expose()
    request = request_for("/a.txt")
    assert publisher.front.answer_now(request) is None, "nothing is in memory yet"
    publisher.body(publisher.front.respond(request))
    response = publisher.front.answer_now(request)
    assert response is not None and response.body == b"aaa"


def test_what_needs_no_body_is_answered_from_memory_even_if_the_body_is_not(publisher: Publisher) -> None:
    publisher.flist(files={"big": BIG})
    publisher.expose()
    etag = field(publisher.ask("/big"), "etag")
    assert etag is not None
    assert publisher.front.answer_now(request_for("/big")) is None
    for request, status in [
        (request_for("/big", method="HEAD"), 200),
        (request_for("/big", headers={"If-None-Match": etag}), 304),
        (request_for("/big", headers={"If-Match": '"other"'}), 412),
    ]:
        response = publisher.front.answer_now(request)
        assert response is not None and response.status == status


def test_answers_share_no_list_of_headers(publisher: Publisher) -> None:
    publisher.flist(files={"a.txt": "a"})
    publisher.expose(prefix="/p")
    for target in ("/p/a.txt", "/p/none", "/p/", "/p"):
        first = publisher.ask(target, ELSEWHERE)
        first.headers.append(("x", "y"))
        assert field(publisher.ask(target, ELSEWHERE), "x") is None, target


def test_threads_answer_alike(publisher: Publisher) -> None:
    publisher.flist(files={f"f{n}": str(n) for n in range(20)})
    publisher.expose()
    wrong: list[str] = []

    def visit() -> None:
        wrong.extend(f"f{n}" for n in range(20) if publisher.text(f"/f{n}") != str(n))

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("path", "given", "wanted"),
    [
        ("a.html", None, "text/html; charset=utf-8"),
        ("a.css", None, "text/css; charset=utf-8"),
        ("a.svg", None, "image/svg+xml"),
        ("a.unheardof", None, "application/octet-stream"),
        ("a.html", "text/plain", "text/plain; charset=utf-8"),
        ("a.txt", "text/plain; charset=iso-8859-1", "text/plain; charset=iso-8859-1"),
        ("a.html", "application/octet-stream", "text/html; charset=utf-8"),
        ("a.html", "nonsense", "text/html; charset=utf-8"),
        ("a", "image/png", "image/png"),
    ],
)
def test_the_type_is_the_given_one_or_that_of_the_name(
    publisher: Publisher, path: str, given: str | None, wanted: str
) -> None:
    publisher.flist()
    publisher.write(path, "x", content_type=given)
    publisher.expose()
    assert field(publisher.ask("/" + path), "content-type") == wanted


def test_a_type_that_would_break_its_line_counts_as_none(publisher: Publisher) -> None:
    publisher.flist()
    entry = publisher.write("a.html", "x")
    for given in ("text/plain\r\nX-Evil: 1", "text/plain; a=b\n", "text/plain; ü=1", "text", "a/b c"):
        assert content_type(entry._replace(content_type=given), "a.html") == "text/html; charset=utf-8"


def test_a_symlink_has_the_type_of_the_name_asked_for_else_of_what_it_leads_to(publisher: Publisher) -> None:
    publisher.flist(files={"page-1.html": "x"})
    publisher.link("page", "page-1.html")
    publisher.link("page.txt", "page-1.html")
    publisher.expose()
    assert field(publisher.ask("/page"), "content-type") == "text/html; charset=utf-8"
    assert field(publisher.ask("/page.txt"), "content-type") == "text/plain; charset=utf-8"


def test_pages_are_always_asked_for_again_and_other_files_when_it_is_set_so(publisher: Publisher) -> None:
    publisher.flist(files={"a.html": "x", "a.css": "x"})
    publisher.expose()
    assert field(publisher.ask("/a.css"), "cache-control") == "max-age=0, must-revalidate"
    publisher.front = SiteFrontEnd(publisher.sites, publisher.blocks, publisher.gates, max_age_seconds=60)
    assert field(publisher.ask("/a.css"), "cache-control") == "max-age=60"
    assert field(publisher.ask("/a.html"), "cache-control") == "max-age=0, must-revalidate"


# -- what is not there ---------------------------------------------------------------------------------------------


def test_the_404_page_of_a_site_is_sent_with_404_and_never_kept(publisher: Publisher) -> None:
    publisher.flist(files={"404.html": "ours", "a/x": "x"})
    publisher.expose()
    for _ in range(2):
        response = publisher.ask("/a/none", headers={"Range": "bytes=0-1"})
        assert (response.status, publisher.body(response)) == (404, b"ours")
        assert field(response, "cache-control") == "no-store"
        assert field(response, "content-range") is field(response, "etag") is None
    assert publisher.text("/404.html") == "ours"


def test_a_large_404_page_is_sent_whole(publisher: Publisher) -> None:
    publisher.flist(files={"404.html": BIG})
    publisher.expose()
    response = publisher.ask("/none")
    assert (response.status, publisher.body(response)) == (404, BIG)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "TRACE"])
def test_unknown_hosts_and_paths_all_look_the_same(publisher: Publisher, method: str) -> None:
    publisher.flist(files={"a.txt": "a"})
    publisher.flist(OTHER)
    publisher.expose()
    publisher.expose(OTHER, prefix="/empty", listing=False)
    router = Router(publisher.front, {}, NowhereFrontEnd(), NowhereFrontEnd(), [ELSEWHERE])
    answers = [
        _through(router, request_for(target, host, method))
        for target, host in [
            ("/a.txt", "unknown.example"),
            ("/", "unknown.example"),
            ("/dav/x", "unknown.example"),
            ("/a.txt", ELSEWHERE),
            ("/x/y/?z=1", ELSEWHERE),
            ("/", ELSEWHERE),
            ("/api/none", ELSEWHERE),
        ]
    ]
    assert all(same(answer, answers[0]) for answer in answers)
    assert answers[0].status == 404
    if method == "GET":
        assert same(_through(router, request_for("/none", HOST)), answers[0])
        assert same(_through(router, request_for("/empty/", ELSEWHERE)), answers[0])


class RootFrontEnd(NowhereFrontEnd):
    def respond(self, request: Request) -> Response:
        return Response(200, [], b"root")


def _through(router: Router, request: Request) -> Response:
    response = router.answer_now(request) or router.respond(request)
    assert isinstance(response, Response)
    return response


def test_a_reserved_path_of_an_exposed_host_belongs_to_the_site(publisher: Publisher) -> None:
    publisher.flist(files={"dav/index.html": "mine"})
    publisher.expose()
    router = Router(publisher.front, {"dav": NowhereFrontEnd()}, NowhereFrontEnd(), NowhereFrontEnd(), [])
    assert publisher.body(_through(router, request_for("/dav/"))) == b"mine"
    assert _through(router, request_for("/dav/", ELSEWHERE)).status == 404


def test_the_root_alone_is_a_route_of_its_own(publisher: Publisher) -> None:
    publisher.flist(files={"index.html": "mine"})
    publisher.expose()
    router = Router(publisher.front, {"": RootFrontEnd()}, NowhereFrontEnd(), NowhereFrontEnd(), [])
    assert publisher.body(_through(router, request_for("/", ELSEWHERE))) == b"root"
    assert publisher.body(_through(router, request_for("/?x", ELSEWHERE))) == b"root"
    assert _through(router, request_for("//", ELSEWHERE)).status == 404
    assert _through(router, request_for("//x", ELSEWHERE)).status == 404
    assert publisher.body(_through(router, request_for("/"))) == b"mine", (
        "an exposed host shows its site only"
    )


def test_a_router_sees_a_new_host_at_once(publisher: Publisher) -> None:
    publisher.flist(files={"index.html": "x"})
    router = Router(publisher.front, {}, NowhereFrontEnd(), NowhereFrontEnd(), [])
    assert _through(router, request_for("/")).status == 404
    publisher.expose()
    assert publisher.body(_through(router, request_for("/"))) == b"x"
    publisher.exposures.unexpose(OPERATOR, host=HOST)
    assert _through(router, request_for("/")).status == 404


def test_what_a_router_asked_holds_for_one_request_only(publisher: Publisher) -> None:
    publisher.flist(files={"index.html": "x"})
    assert not publisher.front.is_exposed_host(HOST) and not publisher.front.any_exposed_host()
    publisher.front.answer_now(request_for("/"))
    publisher.expose()
    assert publisher.text("/") == "x"
    assert publisher.front.any_exposed_host()


def test_errors_are_plain_pages_that_tell_no_more_than_their_status(publisher: Publisher) -> None:
    for error, status in [
        (NotAllowed("secret words"), 405),
        (Busy("secret words"), 503),
        (ValueError("secret"), 500),
    ]:
        response = publisher.front.render_error(request_for("/"), error)
        assert response.status == status and isinstance(response.body, bytes)
        assert b"secret" not in response.body and b"<h1>" in response.body
        assert field(response, "cache-control") == "no-store"
        assert (field(response, "retry-after") is not None) == (status == 503)
        assert (field(response, "allow") is not None) == (status == 405)


def test_while_the_catalog_cannot_be_read_at_once_the_event_loop_does_not_wait(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.flist(files={"a.txt": "a"})
    publisher.expose()

    def refuse() -> object:
        raise Busy("not now")

    monkeypatch.setattr(publisher.sites.freshness(), "look", refuse)
    assert publisher.front.answer_now(request_for("/a.txt")) is None


# -- shared origin -------------------------------------------------------------------------------------------------


def policies(response: Response) -> dict[str, str | None]:
    names = ("content-security-policy", "cross-origin-resource-policy", "access-control-allow-origin")
    return {name: field(response, name) for name in names}


@pytest.mark.parametrize(
    "target", ["/p/a.html", "/p/a.svg", "/p/a.css", "/p/a.js", "/p/f.woff2", "/p/none", "/p/a.json"]
)
def test_everything_on_a_prefix_is_sandboxed(publisher: Publisher, target: str) -> None:
    files = dict.fromkeys(("a.html", "a.svg", "a.css", "a.js", "f.woff2", "a.json", "404.html"), "x")
    publisher.flist(files=files)
    publisher.expose(prefix="/p")
    response = publisher.ask(target, ELSEWHERE)
    found = policies(response)
    assert found["content-security-policy"] == SANDBOX and "allow-same-origin" not in SANDBOX
    assert found["cross-origin-resource-policy"] == "cross-origin"
    readable = target.endswith((".css", ".js", ".woff2"))
    assert found["access-control-allow-origin"] == ("*" if readable else None)
    assert field(response, "x-content-type-options") == "nosniff"


def test_a_conditional_answer_keeps_the_sandbox(publisher: Publisher) -> None:
    publisher.flist(files={"a.html": "x"})
    publisher.expose(prefix="/p")
    etag = field(publisher.ask("/p/a.html", ELSEWHERE), "etag")
    response = publisher.ask("/p/a.html", ELSEWHERE, headers={"If-None-Match": etag or ""})
    assert response.status == 304 and field(response, "content-security-policy") == SANDBOX


def test_a_site_on_its_own_host_is_not_sandboxed(publisher: Publisher) -> None:
    publisher.flist(files={"a.html": "x"})
    publisher.expose()
    assert set(policies(publisher.ask("/a.html")).values()) == {None}


def test_a_service_worker_is_refused_on_a_prefix_and_allowed_on_a_host(publisher: Publisher) -> None:
    publisher.flist(files={"sw.js": "x"})
    publisher.expose(prefix="/p")
    publisher.expose()
    worker = {"Service-Worker": "script"}
    for _ in range(2):
        assert publisher.ask("/p/sw.js", ELSEWHERE, headers=worker).status == 403
        assert publisher.ask("/sw.js", headers=worker).status == 200
        publisher.body(publisher.ask("/p/sw.js", ELSEWHERE))


# -- listings ------------------------------------------------------------------------------------------------------


def test_a_listing_shows_folders_first_with_links_sizes_and_a_way_up(publisher: Publisher) -> None:
    publisher.flist(files={"d/b.txt": "b" * 1500, "d/a & <b>.html": "x", "d/Z/x": "x", "d/%41?#.txt": "y"})
    publisher.expose()
    page = publisher.text("/d/")
    assert re.findall(r'<li><a href="([^"]*)"', page) == [
        "/", "../", "./Z/", "./%2541%3F%23.txt", "./a%20&amp;%20%3Cb%3E.html", "./b.txt"
    ]  # fmt: skip
    assert "<bdi>a &amp; &lt;b&gt;.html</bdi>" in page and "<b>" not in page
    assert "1.5 kB" in page and "2023-11-14 22:" in page
    for href in ("/d/Z/", "/d/%2541%3F%23.txt", "/d/a%20&%20%3Cb%3E.html"):
        assert publisher.ask(href).status == 200


def test_the_root_listing_has_no_way_up_and_hides_dotfiles(publisher: Publisher) -> None:
    publisher.flist(files={".env": "x", ".well-known/x": "x", "a": "x"})
    publisher.expose(prefix="/p")
    page = publisher.text("/p/", ELSEWHERE)
    assert "../" not in page and ".env" not in page and ".well-known" not in page and '"./a"' in page


def test_an_empty_folder_says_so(publisher: Publisher) -> None:
    publisher.flist()
    publisher.expose()
    assert "Nothing is in this folder" in publisher.text("/")


def test_a_listing_has_an_etag_that_changes_with_the_tree_and_the_page(publisher: Publisher) -> None:
    publisher.flist(files={"a": "x", "b": "y"})
    publisher.expose()
    etag = field(publisher.ask("/"), "etag")
    assert etag is not None and etag.startswith('"listing-')
    unchanged = publisher.ask("/", headers={"If-None-Match": etag})
    assert unchanged.status == 304 and field(unchanged, "etag") == etag
    assert field(publisher.ask("/?after=a"), "etag") != etag
    publisher.write("c", "z")
    changed = publisher.ask("/", headers={"If-None-Match": etag})
    assert changed.status == 200 and field(changed, "etag") != etag


@pytest.mark.parametrize("prefix", ["", "/p"])
def test_a_listing_allows_its_own_style_and_nothing_else(publisher: Publisher, prefix: str) -> None:
    publisher.flist(files={"a": "x"})
    publisher.expose(prefix=prefix) if prefix else publisher.expose()
    policy = field(publisher.ask(prefix + "/", ELSEWHERE if prefix else HOST), "content-security-policy")
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.endswith(SANDBOX) == bool(prefix)


def test_a_large_folder_is_listed_in_pages_that_lead_to_each_other(publisher: Publisher) -> None:
    publisher.flist()
    publisher.folders(f"d{number:02}" for number in range(25))
    publisher.expose()
    publisher.front = SiteFrontEnd(publisher.sites, publisher.blocks, publisher.gates, listing_entries=10)

    def shown(target: str) -> tuple[list[str], dict[str, str]]:
        page = publisher.text(target)
        links = {rel: href for href, rel in re.findall(r'<a href="([^"]*)" rel="(prev|next)"', page)}
        return re.findall(r"<bdi>(d\d\d)/</bdi>", page), links

    first, first_links = shown("/")
    assert (len(first), first_links) == (10, {"next": "?after=d09"})
    second, second_links = shown("/?after=d09")
    assert (second[0], second_links) == ("d10", {"prev": "?before=d10", "next": "?after=d19"})
    third, third_links = shown("/?after=d19")
    assert (len(third), third_links) == (5, {"prev": "?before=d20"})
    assert shown("/?before=d20")[0] == second
    assert shown("/?before=d10") == (first, {"next": "?after=d09"})


@pytest.mark.parametrize(
    "query",
    ["after=%00", "after=" + "x" * 300, "after=%ff", "x" * 5_000, "&".join("abcdefghijklmnopqrstuvwxyz")],
)
def test_a_query_that_cannot_be_read_is_refused(publisher: Publisher, query: str) -> None:
    publisher.flist(files={"a": "x"})
    publisher.expose()
    assert publisher.ask("/?" + query).status == 400


def test_a_query_of_something_else_is_ignored(publisher: Publisher) -> None:
    publisher.flist(files={"a": "x"})
    publisher.expose()
    assert publisher.text("/?utm_source=x&y") == publisher.text("/")


def test_a_switch_to_older_content_is_never_older_than_the_switch(publisher: Publisher) -> None:
    publisher.flist(files={"/a.txt": "old"})
    publisher.expose()
    first = field(publisher.ask("/a.txt"), "last-modified")
    publisher.write("a.txt", "new")
    second = field(publisher.ask("/a.txt"), "last-modified")
    publisher.expose(at_jid=2)
    third = field(publisher.ask("/a.txt"), "last-modified")
    dates = [parse_http_date(each or "") for each in (first, second, third)]
    assert None not in dates and dates[0] < dates[1] < dates[2]  # type: ignore[operator]
