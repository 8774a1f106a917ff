"""The same bytes behind other URLs, other indexes and a password, of which nothing is left on disk."""

from __future__ import annotations

import base64
import dataclasses

import pytest
from e2e.fetching import BOTH, SILENT, WHOLE, begin, cached, fetch, files_with, offer, page_not_to_be_kept
from e2e.halves import BIG, OVERLAP_BYTES, held_files
from e2e.real_pip import Environments, index_options
from servers.certificates import Certificates
from servers.fault_server import Answer, FaultServer, FileAnswer, Then
from servers.range_server import RangeServer, Resource, SignedRedirect

ELSEWHERE = Resource(BIG.content, '"of the other index"', fields={"Cache-Control": "max-age=3600"})
SECRET = b"s3cr3t"
USER, PASSWORD, TOKEN, COOKIE = (f"{SECRET.decode()}-{what}" for what in ("user", "password", "token", "cookie"))
USERINFO = base64.b64encode(f"{USER}:{PASSWORD}".encode())
REFUSAL = Answer(401, {"WWW-Authenticate": 'Basic realm="packages"'})


def offer_to_those_who_know(server: FaultServer, *answers: FileAnswer) -> None:
    """One run for each answer: refused at first, then let in; the link has a token in its query."""
    page = page_not_to_be_kept(BIG)
    with_token = page.body.replace(BIG.path.encode(), f"{BIG.path}?token={TOKEN}".encode())
    server.plays(BIG.index_path, *[REFUSAL, dataclasses.replace(page, body=with_token)] * len(answers))
    cookie = {"Set-Cookie": f"session={COOKIE}", "Cache-Control": "max-age=3600"}
    server.plays(BIG.path, *(dataclasses.replace(answer, fields=cookie) for answer in answers))


@BOTH
def test_a_url_that_is_good_for_one_request_is_made_anew_in_the_same_run_and_in_the_next(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    signed = [f"/signed/{number}" for number in (1, 2, 3)]
    offer(https_server, *(Answer(302, {"Location": f"{path}?signature={SECRET.decode()}"}) for path in signed))
    broken_again = dataclasses.replace(WHOLE, cut_after=500_000, then=Then.CLOSE)
    for path, answer in zip(signed, (SILENT, broken_again, WHOLE)):
        https_server.plays(path, answer, Answer(403))
    options = index_options(https_server, certificates)

    kept = begin(pip, *options)
    between = files_with(SECRET, pip)
    result, sha256 = fetch(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    again = kept - OVERLAP_BYTES
    ranges = [https_server.asked_ranges(path) for path in signed]
    assert ranges == [[None], [f"bytes={again}-"], [f"bytes={again + 500_000}-"]]
    assert https_server.statuses(BIG.path) == [302, 302, 302]
    assert (cached(pip.cache_dir), held_files(pip.cache_dir)) == ([True], [])
    assert (between, files_with(SECRET, pip)) == ([], [])


@BOTH
@pytest.mark.parametrize(
    ("elsewhere", "statuses"),
    [
        pytest.param(ELSEWHERE, [206], id="a file"),
        pytest.param(SignedRedirect(ELSEWHERE), [302, 206], id="a signed redirect"),
    ],
)
def test_what_one_index_has_begun_is_finished_from_another_that_calls_it_otherwise(
    environment: Environments,
    http_server: FaultServer,
    https_range_server: RangeServer,
    certificates: Certificates,
    pip_version: str,
    elsewhere: Resource | SignedRedirect,
    statuses: list[int],
) -> None:
    pip = environment(pip_version)
    offer(http_server, SILENT)
    https_range_server.publish(dataclasses.replace(BIG, hashes=("md5", "sha256")))
    https_range_server.holds(BIG.path, elsewhere)
    kept = begin(pip, *index_options(http_server))
    http_server.forget()

    result, sha256 = fetch(pip, *index_options(https_range_server, certificates))

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert http_server.requests() == []
    page, *rest = https_range_server.requests()
    assert (page.path, [exchange.status for exchange in rest]) == (BIG.index_path, statuses)
    assert rest[-1].range == f"bytes={kept - OVERLAP_BYTES}-"
    assert (cached(pip.cache_dir), held_files(pip.cache_dir)) == ([True], [])
    assert files_with(b"signature=", pip) == []


@BOTH
def test_of_credentials_that_a_401_asked_for_nothing_is_on_disk_between_the_runs_and_afterwards(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    (pip.site_packages / "keyring.py").write_text(f"def get_password(service, user):\n    return {PASSWORD!r}\n")
    offer_to_those_who_know(https_server, SILENT, WHOLE)
    index = https_server.url("/simple/").replace("://", f"://{USER}@")
    options = ("--index-url", index, "--cert", str(certificates.ca_file), "--keyring-provider", "import")

    kept = begin(pip, *options)
    between = [files_with(secret, pip) for secret in (SECRET, USERINFO)]
    result, sha256 = fetch(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert https_server.statuses(BIG.index_path) == [401, 200] * 2
    assert https_server.asked_ranges(BIG.path) == [None, f"bytes={kept - OVERLAP_BYTES}-"]
    assert https_server.statuses(BIG.path) == [200, 206]
    for exchange in https_server.requests(BIG.path):
        assert exchange.request.path == f"{BIG.path}?token={TOKEN}"
        assert exchange.request.fields["authorization"] == f"Basic {USERINFO.decode()}"
    assert held_files(pip.cache_dir) == []
    # A cookie is in pip's entry then, as every field of an answer is that plain pip caches.
    afterwards = [files_with(secret, pip) for secret in (*map(str.encode, (USER, PASSWORD, TOKEN)), USERINFO)]
    assert (between, afterwards) == ([[]] * 2, [[]] * 4)
    assert PASSWORD not in result.text
