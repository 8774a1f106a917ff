"""A line that keeps breaking, with real pips: it finishes, or the user knows why it did not and has lost nothing."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import pytest
from e2e.halves import BIG, BLOCK_BYTES, OVERLAP_BYTES, half, held_bytes, names
from e2e.real_pip import PIPS, Environment, Environments, index_options
from servers.certificates import Certificates, issue_certificates
from servers.fault_server import Answer, FaultServer, FileAnswer, NoResponse, Then
from servers.index_pages import Artifact, honest, html_page, publish, wheel_artifact
from servers.proxy import Proxy

SOME_PIPS = ("21.3.1", "25.0.1", "26.3")
HALF = half(BIG)
WHOLE = honest(BIG)
AGAIN = "run the same command again to continue"
LOST = r"  WARNING: Connection lost at (.+) of 3\.0 MB \((.+)\); resuming, attempt 2 of 6 without progress"
SECRET = "s3cret"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`version`: three pips that differ most, all six kinds with --all-pips; a mark of the test's own limits it."""
    own = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "version" in metafunc.fixturenames and not any("version" in names_of for names_of in own):
        pips = PIPS if metafunc.config.getoption("--all-pips") else SOME_PIPS
        metafunc.parametrize("version", pips, ids=[f"pip {pip}" for pip in pips])


def cut(artifact: Artifact, after: int | None = None, then: Then = Then.DROP, **more: Any) -> FileAnswer:
    """Breaks off at half unless told otherwise."""
    return dataclasses.replace(honest(artifact), cut_after=after or half(artifact), then=then, **more)


def busy(status: int, **fields: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in fields.items()}, b"busy")


def download(server: FaultServer, artifact: Artifact = BIG) -> tuple[str, ...]:
    return ("download", "--no-deps", *index_options(server), artifact.project)


def is_complete(pip: Environment, artifact: Artifact = BIG) -> bool:
    return (pip.work / artifact.filename).read_bytes() == artifact.content


def in_one_line(text: str) -> str:
    """Without the frame that newer pips draw around an error, and without their line breaks."""
    return re.sub(r"[\s\u2500-\u257f\u00d7>]+", " ", text)


def test_ten_resets_in_one_download_end_well_and_cost_a_block_each(
    environment: Environments, http_server: FaultServer, version: str
) -> None:
    pip = environment(version)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG, len(BIG.content) // 10, Then.RESET))

    result = pip.run(*download(http_server))

    assert result.returncode == 0, result.text
    assert is_complete(pip)
    lost = [re.fullmatch(LOST, line) for line in result.stderr.splitlines()]
    assert all(lost)
    assert len(lost) == len(http_server.requests(BIG.path)) - 1 >= 9
    assert http_server.fetched_twice(BIG.path) <= BLOCK_BYTES * len(lost)


@pytest.mark.parametrize(
    ("version", "then"),
    [("21.3.1", Then.GARBAGE_TLS), ("25.0.1", Then.BAD_MAC), ("26.3", Then.GARBAGE_TLS), ("26.3", Then.BAD_MAC)],
)
def test_fault_of_tls_in_mid_body_is_one_line_and_one_request_more(
    environment: Environments, https_server: FaultServer, certificates: Certificates, version: str, then: Then
) -> None:
    pip = environment(version)
    publish(https_server, BIG)
    https_server.plays(BIG.path, cut(BIG, then=then), WHOLE)

    result = pip.run("download", "--no-deps", *index_options(https_server, certificates), "big")

    assert result.returncode == 0, result.text
    assert is_complete(pip)
    (lost,) = (re.fullmatch(LOST, line) for line in result.stderr.splitlines())
    assert lost is not None
    assert lost[2].startswith("TLS: ")
    assert https_server.statuses(BIG.path) == [200, 206]
    assert https_server.fetched_twice(BIG.path) <= BLOCK_BYTES


def test_server_that_answers_500_for_ever_is_asked_six_times_and_then_the_user_knows_what_to_do(
    environment: Environments, http_server: FaultServer, pytestconfig: pytest.Config
) -> None:
    """All pips at once: each waits for most of the time."""
    versions = PIPS if pytestconfig.getoption("--all-pips") else SOME_PIPS
    artifacts = {version: wheel_artifact(f"big{n}", size=3_000_000, seed=n) for n, version in enumerate(versions)}
    publish(http_server, *artifacts.values())
    for artifact in artifacts.values():
        http_server.plays(artifact.path, cut(artifact), busy(500))

    pips = {version: environment(version) for version in versions}
    running = {version: pips[version].start(*download(http_server, artifacts[version])) for version in versions}
    results = {version: running[version].wait() for version in versions}

    for version, artifact in artifacts.items():
        result, statuses = results[version], http_server.statuses(artifact.path)
        assert (result.returncode, statuses) == (1, [200, 500, 500, 500, 500, 500]), version
        assert "Traceback" not in result.text
        waits = [line for line in result.stderr.splitlines() if "; waiting " in line]
        assert [re.sub(r"[\d.]+ s", "N s", line.strip()) for line in waits] == [
            f"WARNING: The server answered 500; waiting N s before trying again, attempt {n} of 6 without progress"
            for n in (3, 4, 5, 6)
        ]
        said = in_one_line(result.stderr)
        failed = rf"Download of {names(artifact)} failed at 1\.5 MB of 3\.0 MB after [\d.]+ s: the server answered 500"
        assert re.search(failed, said), said
        history = r"6 attempts failed: .*at 1\.5 MB after .* s: closed early.*the server answered 500 \(5 times\)"
        assert re.search(history, said)
        assert f"What was downloaded is kept: {AGAIN}." in said
        assert http_server.url("") not in said.partition("without progress")[2]
        assert held_bytes(pips[version].cache_dir) == half(artifact)

        http_server.plays(artifact.path, honest(artifact))
        again = pips[version].run(*download(http_server, artifact))

        assert again.returncode == 0, again.text
        assert is_complete(pips[version], artifact)
        assert http_server.asked_ranges(artifact.path)[6:] == [f"bytes={half(artifact) - OVERLAP_BYTES}-"]


def test_line_that_dies_at_60_percent_costs_the_next_run_the_rest_alone(
    environment: Environments, http_server: FaultServer
) -> None:
    pip = environment("26.3")
    publish(http_server, BIG)
    at = len(BIG.content) * 6 // 10
    http_server.plays(BIG.path, cut(BIG, at, refuse_s=math.inf), WHOLE)

    result = pip.run(*download(http_server))

    assert result.returncode == 1, result.text
    said = in_one_line(result.stderr)
    assert "failed at 1.8 MB of 3.0 MB after" in said
    assert "connection refused (5 times)" in said
    assert AGAIN in said
    assert http_server.asked_ranges(BIG.path) == [None]

    http_server.listen_again()
    again = pip.run(*download(http_server))

    assert again.returncode == 0, again.text
    assert is_complete(pip)
    assert http_server.asked_ranges(BIG.path) == [None, f"bytes={at - OVERLAP_BYTES}-"]
    assert http_server.fetched_twice(BIG.path) == OVERLAP_BYTES


def test_server_that_is_away_for_three_seconds_is_waited_for(
    environment: Environments, http_server: FaultServer
) -> None:
    pip = environment("26.3")
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG, refuse_s=3), WHOLE)

    result = pip.run(*download(http_server))

    assert result.returncode == 0, result.text
    assert is_complete(pip)
    assert "WARNING: No response (connection refused); waiting" in result.stderr
    assert http_server.statuses(BIG.path) == [200, 206]


@pytest.mark.parametrize("version", ["25.0.1"])
def test_busy_server_is_given_its_time(environment: Environments, http_server: FaultServer, version: str) -> None:
    pip = environment(version)
    publish(http_server, BIG)
    answer = busy(503, Retry_After="1")
    http_server.plays(BIG.path, cut(BIG), answer, busy(429, Retry_After="2"), WHOLE)

    result = pip.run(*download(http_server))

    assert result.returncode == 0, result.text
    assert is_complete(pip)
    assert [line.strip() for line in result.stderr.splitlines()][1:] == [
        "WARNING: The server answered 503; waiting 1 s before trying again, attempt 3 of 6 without progress",
        "WARNING: The server answered 429; waiting 2 s before trying again, attempt 4 of 6 without progress",
    ]
    assert result.seconds >= 3
    assert http_server.statuses(BIG.path) == [200, 503, 429, 206]


@pytest.mark.parametrize(("version", "verbosity"), [("21.3.1", "-q"), ("26.3", ""), ("26.3", "-q"), ("26.3", "-qq")])
def test_server_that_wants_to_be_left_alone_is_and_the_error_is_said_to_whom_pip_says_errors(
    environment: Environments, http_server: FaultServer, version: str, verbosity: str
) -> None:
    pip = environment(version)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), busy(503, Retry_After="3600"))

    result = pip.run(*download(http_server), *filter(None, [verbosity]))

    assert result.returncode == 1
    assert http_server.statuses(BIG.path) == [200, 503]
    assert f"What was downloaded is kept: the server asks to wait 60 min, then {AGAIN}." in in_one_line(result.stderr)
    assert ("WARNING" in result.stderr) == (verbosity != "-qq")
    assert bool(result.stdout) == (not verbosity)
    assert held_bytes(pip.cache_dir) == HALF


def test_no_retries_means_the_first_break_is_the_end(environment: Environments, http_server: FaultServer) -> None:
    pip = environment("26.3")
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), WHOLE)

    result = pip.run(*download(http_server), "--resume-retries", "0")

    assert result.returncode == 1
    assert http_server.statuses(BIG.path) == [200]
    assert "Connection lost" not in result.stderr
    assert f"What was downloaded is kept: {AGAIN}." in in_one_line(result.stderr)
    assert held_bytes(pip.cache_dir) == HALF


def last_words(stderr: str) -> list[str]:
    """What is left when pip's own last error is compared between two environments: no paths, no addresses, no ports."""
    error = re.search(r"^(error: [\s\S]*|ERROR: Exception:|[\w.]+Error: .*)\Z", stderr.rstrip(), re.MULTILINE)
    assert error is not None, stderr
    return re.sub(r"0x[0-9a-f]+|(?<=[:=])\d{4,5}\b|_ssl\.c:\d+", "*", error[0]).splitlines()


@pytest.mark.parametrize("version", ["21.3.1", "26.3"])
def test_certificate_that_is_wrong_on_the_second_request_is_final_and_in_pips_own_words(
    environment: Environments, certificates: Certificates, tmp_path: Any, version: str
) -> None:
    others = issue_certificates(tmp_path / "others")
    context, wrong_context = certificates.server_context(), others.server_context()
    trust = ("--cert", str(certificates.ca_file), "--timeout", "1", "--retries", "0")
    with FaultServer(context) as server, FaultServer(wrong_context) as wrong:
        publish(server, BIG)
        server.plays(BIG.path, cut(BIG, then=Then.STALL), WHOLE)
        pip = environment(version)
        running = pip.start(*download(server), *trust)
        server.wait_until_sent(BIG.path, HALF)
        context.load_cert_chain(others.server_chain, others.server_key)
        ours = running.wait()
        assert len(server.requests(BIG.path)) == 1
        with FaultServer(certificates.server_context()) as index:
            index.plays(BIG.index_path, html_page(dataclasses.replace(BIG, base_url=wrong.url(""))))
            plain = environment.without_plugin(version).run(*download(index), *trust)

    assert ours.returncode == plain.returncode
    assert last_words(ours.stderr) == last_words(plain.stderr)
    assert ours.stderr.count("WARNING: Connection lost at ") == 1
    assert len(re.findall(r"WARNING: Kept 1\.[45] MB of 3\.0 MB of ", ours.stderr)) == 1
    assert held_bytes(pip.cache_dir) > HALF - BLOCK_BYTES


@pytest.mark.parametrize("version", ["21.3.1", "26.3"])
def test_server_of_files_that_cannot_be_reached_at_all_reads_as_it_always_did(
    environment: Environments, http_server: FaultServer, version: str
) -> None:
    with FaultServer() as files:
        files.refuse()
        http_server.plays(BIG.index_path, html_page(dataclasses.replace(BIG, base_url=files.url(""))))
        command = (*download(http_server), "--retries", "1")
        plain = environment.without_plugin(version).run(*command)
        ours = environment(version).run(*command)

    assert ours.returncode == plain.returncode != 0
    assert ours.stdout == plain.stdout
    assert last_words(ours.stderr) == last_words(plain.stderr)
    warnings = [[line[:60] for line in run.stderr.splitlines() if "WARNING" in line] for run in (plain, ours)]
    assert warnings[0] == warnings[1] != []


def test_ctrl_c_while_waiting_ends_it_at_once_and_says_once_what_is_kept(
    environment: Environments, http_server: FaultServer, version: str
) -> None:
    pip = environment(version)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), busy(503, Retry_After="55"))

    running = pip.start(*download(http_server))
    running.wait_for_output("waiting 55 s before trying again")
    running.interrupt()
    result = running.wait(30)

    assert result.returncode == 1
    assert [line.strip() for line in result.stderr.splitlines()][-2:] == [
        f"WARNING: Kept 1.5 MB of 3.0 MB of {BIG.filename}; {AGAIN}",
        "ERROR: Operation cancelled by user",
    ]
    assert result.stderr.count("Kept") == 1
    assert len(http_server.requests(BIG.path)) == 2
    assert held_bytes(pip.cache_dir) == HALF


@pytest.mark.parametrize("version", ["21.3.1"])
def test_no_line_about_a_break_and_nothing_on_disk_tells_a_secret(
    environment: Environments, http_server: FaultServer, version: str
) -> None:
    pip = environment(version)
    link = f'<a href="{BIG.path}?token={SECRET}#sha256={BIG.sha256}">{BIG.filename}</a>'
    http_server.plays(BIG.index_path, Answer(200, {"Content-Type": "text/html"}, link.encode()))
    http_server.plays(BIG.path, cut(BIG, HALF // 2), cut(BIG, HALF // 2), NoResponse(), busy(503, Retry_After="3600"))
    index = http_server.url("/simple/").replace("//", f"//user:{SECRET}@")

    result = pip.run("download", "--no-deps", "--index-url", index, "big")

    assert result.returncode == 1
    assert http_server.requests(BIG.path)[-1].request.path.endswith(f"?token={SECRET}")
    assert result.stderr.count("WARNING: ") == 3
    assert AGAIN in in_one_line(result.stderr)
    assert SECRET not in result.stderr
    ours = [path for path in pip.cache_dir.rglob("*") if "pip-resume" in path.parts and path.is_file()]
    assert len(ours) == 2
    assert not any(SECRET.encode() in path.read_bytes() or SECRET in path.name for path in ours)


@pytest.mark.parametrize("version", ["21.3.1", "26.3"])
def test_proxy_that_dies_in_the_middle_is_waited_for(
    environment: Environments, https_server: FaultServer, certificates: Certificates, version: str
) -> None:
    pip = environment(version)
    publish(https_server, BIG)
    with Proxy() as proxy:
        proxy.dies_after(HALF)
        command = ("download", "--no-deps", "--proxy", proxy.url, *index_options(https_server, certificates), "big")
        running = pip.start(*command)
        running.wait_for_output("No response (proxy: connection refused); waiting")
        proxy.revive()
        result = running.wait()

        assert result.returncode == 0, result.text
        assert is_complete(pip)
        assert https_server.statuses(BIG.path) == [200, 206]
        # What the proxy had taken in and not passed on is not ours to keep; TLS takes a part of what it passed on.
        assert https_server.requests(BIG.path)[1].first_pos >= HALF - 2 * BLOCK_BYTES
