"""nginx, if it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from servers.client import CONTENT
from servers.index_pages import Artifact, make_wheel

if TYPE_CHECKING:
    from servers.certificates import Certificates
    from servers.client import Client
    from servers.fixtures import StartNginx


def test_nginx_serves_ranges_and_checks_if_range(nginx_or_skip: StartNginx, client: Client) -> None:
    nginx = nginx_or_skip()
    nginx.write("/f.whl", CONTENT, modified_s=1_600_000_000)
    etag = client.get(nginx.url("/f.whl")).headers["ETag"]

    same = client.get(nginx.url("/f.whl"), Range="bytes=40000-", If_Range=etag)
    nginx.write("/f.whl", CONTENT[::-1], modified_s=1_700_000_000)
    changed = client.get(nginx.url("/f.whl"), Range="bytes=40000-", If_Range=etag)

    assert (same.status, same.data) == (206, CONTENT[40000:])
    assert (changed.status, changed.data) == (200, CONTENT[::-1])
    served = nginx.served("/f.whl")
    assert [(s.status, s.range, s.if_range) for s in served[1:]] == [(n, "bytes=40000-", etag) for n in (206, 200)]


def test_nginx_uses_directives_and_certificates(
    nginx_or_skip: StartNginx, certificates: Certificates, client: Client
) -> None:
    nginx = nginx_or_skip("max_ranges 0;", certificates)
    nginx.publish(Artifact(*make_wheel("spam")))

    page = client.get(nginx.url("/simple/spam/"), Range="bytes=1-")

    assert nginx.url("/").startswith("https://")
    assert (page.status, b"/files/spam-1.0" in page.data) == (200, True)


def test_an_unknown_directive_is_an_error(nginx_or_skip: StartNginx) -> None:
    with pytest.raises(RuntimeError, match="unknown directive"):
        nginx_or_skip("nonsense on;")
