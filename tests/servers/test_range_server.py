"""The correct server made with werkzeug."""

from __future__ import annotations

from typing import TYPE_CHECKING

import urllib3
from servers.client import CONTENT
from servers.index_pages import Artifact
from servers.range_server import RangeServer, Redirect, Resource, SignedRedirect

if TYPE_CHECKING:
    from servers.client import Client


def test_credentials_are_required(https_range_server: RangeServer, client: Client) -> None:
    https_range_server.holds("/f", Resource(CONTENT))
    https_range_server.requires("user", "secret")

    without = client.get(https_range_server.url("/f"))
    with_credentials = client.get(https_range_server.url("/f"), **urllib3.make_headers(basic_auth="user:secret"))

    assert (without.status, with_credentials.status) == (401, 200)
    assert without.headers["WWW-Authenticate"].lower().startswith("basic")


def test_redirects_are_followed(http_range_server: RangeServer, client: Client) -> None:
    http_range_server.holds("/f", Resource(CONTENT))
    http_range_server.holds("/old", Redirect("/f", 301))

    assert client.follow(http_range_server.url("/old")).data == CONTENT


def test_a_signed_url_works_for_one_request(http_range_server: RangeServer, client: Client) -> None:
    http_range_server.holds("/f", SignedRedirect(Resource(CONTENT)))
    first = client.follow(http_range_server.url("/f"))

    again = client.get(http_range_server.url(first.geturl() or ""))

    assert (first.data, again.status) == (CONTENT, 403)
    assert client.follow(http_range_server.url("/f"), Range="bytes=9-").data == CONTENT[9:]


def test_fields_are_sent_unchanged_and_bytes_are_counted(http_range_server: RangeServer, client: Client) -> None:
    http_range_server.holds("/f", Resource(CONTENT, fields={"Cache-Control": "no-store", "Vary": "X"}))

    response = client.get(http_range_server.url("/f"), Range="bytes=40000-")

    assert (response.headers["Cache-Control"], response.headers["Vary"]) == ("no-store", "X")
    assert http_range_server.requests("/f")[0].first_pos == 40_000
    assert http_range_server.sent("/f") == 10_000


def test_the_index_has_html_and_json(http_range_server: RangeServer, client: Client) -> None:
    artifact = Artifact("spam-1.0.tar.gz", b"content", ("sha256", "md5"))
    http_range_server.publish(artifact)

    page = client.get(http_range_server.url("/simple/spam/"))
    as_json = client.get(http_range_server.url("/simple/spam/"), Accept="application/vnd.pypi.simple.v1+json")

    assert f'href="/files/spam-1.0.tar.gz#sha256={artifact.sha256}"'.encode() in page.data
    assert as_json.json()["files"][0]["hashes"] == artifact.page_hashes()
