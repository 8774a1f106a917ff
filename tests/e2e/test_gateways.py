"""A gateway that does not let requests for a range through: one run downloads the file, where plain pip needs two."""

from __future__ import annotations

import dataclasses

import pytest
from e2e.broken_downloads import BIG, half, index_options, stored_files
from e2e.outages import MOST_ON_ITS_WAY, cut
from e2e.single_file import SIZE, TWO_PIPS, cached_completely, download_big, publish_scripted
from environments.environment import Environments
from servers.certificates import Certificates
from servers.fault_server import FaultServer, FileAnswer
from servers.index_pages import honest
from servers.journal import Request
from servers.script import Answer, Reply

PAGE = Answer(200, {"Content-Type": "text/html", "Cache-Control": "no-store"}, b"<html>log in, please</html>" * 200)


@dataclasses.dataclass(frozen=True)
class BehindGateway(FileAnswer):
    """A file behind a gateway, which sends a response of its own to every request for a range."""

    gateway: Answer = PAGE

    def reply(self, request: Request) -> Reply:
        return self.gateway.reply(request) if "range" in request.fields else super().reply(request)


def behind(gateway: Answer) -> BehindGateway:
    complete = honest(BIG)
    return BehindGateway(complete.content, complete.etag, complete.last_modified, complete.fields, gateway=gateway)


FAILED = "requests with Range have failed"
DIFFERENT = "The server sent a different file instead of a range"


@TWO_PIPS
@pytest.mark.parametrize(
    ("gateway", "statuses", "reasons"),
    [
        pytest.param(
            Answer(403),
            [200, 403, 200],
            [f"Requesting all of {BIG.filename}: the server refuses Range"],
            id="403",
        ),
        # One of these may pass. After two of them a request without a range shows that the server answers.
        pytest.param(
            Answer(500),
            [200, 500, 500, 200, 500, 200],
            ["The server answered 500; trying again for up to 5 min", f"Requesting all of {BIG.filename}: {FAILED}"],
            id="500",
        ),
        pytest.param(
            PAGE,
            [200, 200, 200, 200, 200, 200],
            [f"{DIFFERENT}; trying again for up to 5 min", f"Requesting all of {BIG.filename}: {FAILED}"],
            id="login page",
        ),
        pytest.param(
            Answer(302, {"Location": "/login"}),
            [200, 302, 302, 200, 302, 200],
            [f"{DIFFERENT}; trying again for up to 5 min", f"Requesting all of {BIG.filename}: {FAILED}"],
            id="redirect to a login page",
        ),
    ],
)
def test_a_refused_range_costs_one_complete_response_in_the_same_run(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    gateway: Answer,
    statuses: list[int],
    reasons: list[str],
) -> None:
    plain, pip = environments.without_plugin(pip_version), environments.with_plugin(pip_version)
    options = (*index_options(https_server, certificates), "--retries", "0")
    https_server.plays("/login", PAGE)

    publish_scripted(https_server, cut(BIG), behind(gateway))
    of_plain = [download_big(plain, *options) for _ in range(2)]
    publish_scripted(https_server, cut(BIG), behind(gateway))
    https_server.forget()
    result, sha256 = download_big(pip, *options)

    assert [run.result.returncode == 0 for run in of_plain] == [False, True]
    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    lost = "Connection lost at 1.5 of 3.0 MB (closed early); resuming"
    assert [line.strip() for line in result.stderr.splitlines()] == [f"WARNING: {line}" for line in (lost, *reasons)]
    exchanges = https_server.requests(BIG.path)
    assert [exchange.status for exchange in exchanges] == statuses
    first, *probes, last = (exchange.sent for exchange in exchanges if exchange.range is None)
    assert (first, last) == (half(BIG), SIZE)
    assert sum(probes) <= MOST_ON_ITS_WAY
    assert (cached_completely(pip.cache_dir), stored_files(pip.cache_dir)) == ([True], [])
