"""Names below the domain of users' sites: a site, or nothing; never the console."""

from __future__ import annotations

from mylist_dav.model.actors import OPERATOR
from mylist_dav.server.routing import Router
from mylist_dav.web.front import NowhereFrontEnd
from mylist_dav.wire.messages import Request, Response
from tests.web.publishing import Publisher, request_for


class Console(NowhereFrontEnd):
    def respond(self, request: Request) -> Response:
        return Response(200, [], b"console")


def test_below_the_domain_of_sites_there_is_never_the_console(publisher: Publisher) -> None:
    """What a site has left in a browser must not meet it there, once the site is gone."""
    nowhere = NowhereFrontEnd()
    router = Router(
        publisher.front,
        {"": Console()},
        nowhere,
        nowhere,
        [],
        site_domain="sites.test",
        called=["files.sites.test"],
    )

    def at(host: str) -> tuple[int, bytes]:
        request = request_for("/", host)
        response = router.answer_now(request) or router.respond(request)
        assert isinstance(response, Response)
        return response.status, publisher.body(response)

    publisher.flist(files={"index.html": "mine"})
    publisher.expose(host="alice.sites.test")
    assert at("alice.sites.test") == (200, b"mine")
    publisher.exposures.unexpose(OPERATOR, host="alice.sites.test")
    for host in ("alice.sites.test", "x.alice.sites.test", "nobody.sites.test"):
        assert at(host)[0] == 404
    for host in ("files.sites.test", "sites.test", "othersites.test", "127.0.0.1"):
        assert at(host) == (200, b"console")
