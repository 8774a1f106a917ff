"""The same bytes behind other URLs, on other indexes and behind a password; no secret is stored on disk."""

from __future__ import annotations

import base64
import dataclasses

import pytest
from e2e.broken_downloads import BIG, OVERLAP_BYTES, half, index_options, range_from, stored_bytes, stored_files
from e2e.single_file import (
    COMPLETE,
    STALLED,
    TWO_PIPS,
    cached_completely,
    download_big,
    files_with,
    kill_big_at_half,
    publish_scripted,
    uncacheable_page,
)
from environments.environment import Environments
from servers.certificates import Certificates
from servers.fault_server import Answer, FaultServer, FileAnswer, Then
from servers.range_server import RangeServer, Resource, SignedRedirect

ON_OTHER_INDEX = Resource(BIG.content, '"of the other index"', fields={"Cache-Control": "max-age=3600"})
SECOND_RUN = range_from(half(BIG) - OVERLAP_BYTES)
"""The Range field of the first request of the second run."""
SECRET = b"s3cr3t"
USER, PASSWORD, TOKEN, COOKIE = (f"{SECRET.decode()}-{what}" for what in ("user", "password", "token", "cookie"))
USERINFO = base64.b64encode(f"{USER}:{PASSWORD}".encode())
UNAUTHORIZED = Answer(401, {"WWW-Authenticate": 'Basic realm="packages"'})


def publish_with_secrets(server: FaultServer, *responses: FileAnswer) -> None:
    """Publish the file for one run for each response.

    The page is refused with 401 at first in each run; the link has a token in its query, and the file sets a cookie.
    """
    page = uncacheable_page(BIG)
    with_token = page.body.replace(BIG.path.encode(), f"{BIG.path}?token={TOKEN}".encode())
    server.plays(BIG.index_path, *[UNAUTHORIZED, dataclasses.replace(page, body=with_token)] * len(responses))
    cookie = {"Set-Cookie": f"session={COOKIE}", "Cache-Control": "max-age=3600"}
    server.plays(BIG.path, *(dataclasses.replace(response, fields=cookie) for response in responses))


@TWO_PIPS
def test_a_redirect_to_a_url_that_works_only_once_is_followed_again_in_the_same_run_and_in_the_next(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    folders = (pip.cache_dir, pip.home, pip.temporary)
    signed = [f"/signed/{number}" for number in (1, 2, 3)]
    redirects = (Answer(302, {"Location": f"{path}?signature={SECRET.decode()}"}) for path in signed)
    publish_scripted(https_server, *redirects)
    broken_again = dataclasses.replace(COMPLETE, cut_after=500_000, then=Then.CLOSE)
    for path, response in zip(signed, (STALLED, broken_again, COMPLETE)):
        https_server.plays(path, response, Answer(403))
    options = index_options(https_server, certificates)

    kill_big_at_half(pip, *options)
    with_secret_between = files_with(SECRET, *folders)
    result, sha256 = download_big(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    ranges = [https_server.asked_ranges(path) for path in signed]
    assert ranges == [[None], [SECOND_RUN], [range_from(half(BIG) - OVERLAP_BYTES + 500_000)]]
    assert https_server.statuses(BIG.path) == [302, 302, 302]
    # pip's cache does not find its entry through a URL that works only once. What is stored is found by the hash.
    assert (cached_completely(pip.cache_dir), stored_bytes(pip.cache_dir)) == ([True], len(BIG.content))
    assert (with_secret_between, files_with(SECRET, *folders)) == ([], [])


@TWO_PIPS
@pytest.mark.parametrize(
    ("on_other_index", "statuses", "stored"),
    [
        pytest.param(ON_OTHER_INDEX, [206], 0, id="file"),
        # pip's cache does not find its entry through this redirect. What is stored is found by the hash.
        pytest.param(SignedRedirect(ON_OTHER_INDEX), [302, 206], len(BIG.content), id="redirect to a signed URL"),
    ],
)
def test_a_download_from_one_index_is_resumed_from_another_index_under_a_different_url(
    environments: Environments,
    http_server: FaultServer,
    https_range_server: RangeServer,
    certificates: Certificates,
    pip_version: str,
    on_other_index: Resource | SignedRedirect,
    statuses: list[int],
    stored: int,
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_scripted(http_server, STALLED)
    https_range_server.publish(dataclasses.replace(BIG, hashes=("md5", "sha256")))
    https_range_server.holds(BIG.path, on_other_index)
    kill_big_at_half(pip, *index_options(http_server))
    http_server.forget()

    result, sha256 = download_big(pip, *index_options(https_range_server, certificates))

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert http_server.requests() == []
    page, *rest = https_range_server.requests()
    assert (page.path, [exchange.status for exchange in rest]) == (BIG.index_path, statuses)
    assert rest[-1].range == SECOND_RUN
    assert (cached_completely(pip.cache_dir), stored_bytes(pip.cache_dir)) == ([True], stored)
    assert files_with(b"signature=", pip.cache_dir, pip.home, pip.temporary) == []


@TWO_PIPS
def test_credentials_requested_by_a_401_are_never_written_to_disk(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    folders = (pip.cache_dir, pip.home, pip.temporary)
    (pip.site_packages / "keyring.py").write_text(f"def get_password(service, user):\n    return {PASSWORD!r}\n")
    publish_with_secrets(https_server, STALLED, COMPLETE)
    index = https_server.url("/simple/").replace("://", f"://{USER}@")
    options = ("--index-url", index, "--cert", str(certificates.ca_file), "--keyring-provider", "import")

    kill_big_at_half(pip, *options)
    between = [files_with(secret, *folders) for secret in (SECRET, USERINFO)]
    result, sha256 = download_big(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert https_server.statuses(BIG.index_path) == [401, 200] * 2
    assert https_server.asked_ranges(BIG.path) == [None, SECOND_RUN]
    assert https_server.statuses(BIG.path) == [200, 206]
    for exchange in https_server.requests(BIG.path):
        assert exchange.request.path == f"{BIG.path}?token={TOKEN}"
        assert exchange.request.fields["authorization"] == f"Basic {USERINFO.decode()}"
    assert stored_files(pip.cache_dir) == []
    # The cookie is in pip's cache entry then: plain pip also stores every field of a response that it caches.
    afterwards = [files_with(secret, *folders) for secret in (*map(str.encode, (USER, PASSWORD, TOKEN)), USERINFO)]
    assert (between, afterwards) == ([[]] * 2, [[]] * 4)
    assert PASSWORD not in result.text
