"""How a download that cannot go on ends: with pip's own error, without secrets, and with what to do next."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, files_of_the_plugin, stored_bytes
from e2e.outages import AGAIN, HALF, busy, cut, download_command, is_complete, without_frame
from environments.environment import Environments
from environments.processes import Result
from servers.certificates import Certificates, issue_certificates
from servers.fault_server import Answer, FaultServer, NoResponse, Then
from servers.index_pages import honest, html_page, publish

OLDEST_AND_NEWEST = pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
SECRET = "s3cret"


def final_error(stderr: str) -> list[str]:
    """Return the lines of pip's last error, without addresses, ports and line numbers, which differ between runs."""
    error = re.search(r"^(error: [\s\S]*|ERROR: Exception:|[\w.]+Error: .*)\Z", stderr.rstrip(), re.MULTILINE)
    assert error is not None, stderr
    return re.sub(r"0x[0-9a-f]+|(?<=[:=])\d{4,5}\b|_ssl\.c:\d+", "*", error[0]).splitlines()


def warnings(result: Result) -> list[str]:
    lines = (line.strip() for line in without_addresses(result.stderr).splitlines())
    return [line for line in lines if line.startswith("WARNING")]


def without_addresses(text: str) -> str:
    """Return the text without addresses of objects, which differ between runs."""
    return re.sub(r"0x[0-9a-f]+", "*", text)


@OLDEST_AND_NEWEST
def test_a_certificate_that_stays_wrong_from_the_second_request_on_ends_the_download_with_pips_own_error(
    environments: Environments, certificates: Certificates, tmp_path: Path, pip_version: str
) -> None:
    others = issue_certificates(tmp_path / "others")
    context, wrong_context = certificates.server_context(), others.server_context()
    options = ("--cert", str(certificates.ca_file), "--timeout", "1", "--retries", "0")
    with FaultServer(context) as server, FaultServer(wrong_context) as wrong:
        publish(server, BIG)
        server.plays(BIG.path, cut(BIG, then=Then.STALL), honest(BIG))
        pip = environments.with_plugin(pip_version)
        running = pip.start(*download_command(server), *options, env={"PIP_RESUME_PATIENCE": "3s"})
        server.wait_until_sent(BIG.path, HALF)
        context.load_cert_chain(others.server_chain, others.server_key)
        ours = running.wait()
        assert len(server.requests(BIG.path)) == 1
        with FaultServer(certificates.server_context()) as index:
            index.plays(BIG.index_path, html_page(dataclasses.replace(BIG, base_url=wrong.url(""))))
            plain = environments.without_plugin(pip_version).run(*download_command(index), *options)

    assert ours.returncode == plain.returncode
    assert final_error(ours.stderr) == final_error(plain.stderr)
    assert [line.strip() for line in ours.stderr.splitlines() if "WARNING" in line] == [
        "WARNING: Connection lost at 1.5 of 3.0 MB (read timed out); resuming",
        "WARNING: No response (TLS: certificate verify failed); trying again for up to 3 s",
        f"WARNING: Kept 1.5 of 3.0 MB of {BIG.filename}; {AGAIN}",
    ]
    assert ours.seconds >= 3  # The patience. How soon the connection was lost before it depends on the machine.
    assert stored_bytes(pip.cache_dir) == HALF


@OLDEST_AND_NEWEST
def test_an_unreachable_index_causes_the_output_of_plain_pip(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    http_server.refuse()
    command = (*download_command(http_server), "--retries", "1")
    plain = environments.without_plugin(pip_version).run(*command)
    ours = environments.with_plugin(pip_version).run(*command)

    assert ours.returncode == plain.returncode != 0
    assert ours.stdout == plain.stdout
    assert "Connection refused" in plain.stderr
    assert without_addresses(ours.stderr) == without_addresses(plain.stderr)


@OLDEST_AND_NEWEST
def test_an_unreachable_file_server_is_waited_for_and_then_causes_the_error_of_plain_pip(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    with FaultServer() as files:
        files.refuse()
        http_server.plays(BIG.index_path, html_page(dataclasses.replace(BIG, base_url=files.url(""))))
        command = (*download_command(http_server), "--retries", "1")
        plain = environments.without_plugin(pip_version).run(*command)
        ours = environments.with_plugin(pip_version).run(*command, env={"PIP_RESUME_PATIENCE": "2"})

    assert ours.returncode == plain.returncode != 0
    assert ours.stdout == plain.stdout
    assert final_error(ours.stderr) == final_error(plain.stderr)
    assert warnings(plain) != []
    assert warnings(ours) == [*warnings(plain), "WARNING: No response (connection refused); trying again for up to 2 s"]


@OLDEST_AND_NEWEST
def test_a_file_server_that_is_down_at_the_first_request_is_waited_for_while_the_index_is_up(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    with FaultServer() as files:
        publish(files, BIG)
        files.refuse(4)
        http_server.plays(BIG.index_path, html_page(dataclasses.replace(BIG, base_url=files.url(""))))
        result = pip.run(*download_command(http_server), "--retries", "0")

        assert result.returncode == 0, result.text
        assert is_complete(pip)
        assert warnings(result) == ["WARNING: No response (connection refused); trying again for up to 60 s"]
        assert files.statuses(BIG.path) == [200]


def test_ctrl_c_during_a_wait_ends_the_download_at_once_with_one_line_about_the_stored_bytes(
    environments: Environments, http_server: FaultServer, typical_pip_version: str
) -> None:
    pip = environments.with_plugin(typical_pip_version)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), busy(503, Retry_After="55"))

    running = pip.start(*download_command(http_server))
    running.wait_for_output("The server answered 503; trying again")
    running.interrupt()
    result = running.wait(30)

    assert result.returncode == 1
    assert [line.strip() for line in result.stderr.splitlines()][-2:] == [
        f"WARNING: Kept 1.5 of 3.0 MB of {BIG.filename}; {AGAIN}",
        "ERROR: Operation cancelled by user",
    ]
    assert result.stderr.count("Kept") == 1
    assert len(http_server.requests(BIG.path)) == 2
    assert stored_bytes(pip.cache_dir) == HALF


def test_secrets_in_urls_are_neither_in_the_output_nor_in_stored_files(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin("21.3.1")
    link = f'<a href="{BIG.path}?token={SECRET}#sha256={BIG.sha256}">{BIG.filename}</a>'
    http_server.plays(BIG.index_path, Answer(200, {"Content-Type": "text/html"}, link.encode()))
    http_server.plays(BIG.path, cut(BIG, HALF // 2), cut(BIG, HALF // 2), NoResponse(), busy(503, Retry_After="3601"))
    index = http_server.url("/simple/").replace("//", f"//user:{SECRET}@")

    result = pip.run("download", "--no-deps", "--index-url", index, "big", env={"PIP_RESUME_PATIENCE": "1h"})

    assert result.returncode == 1
    assert http_server.requests(BIG.path)[-1].request.path.endswith(f"?token={SECRET}")
    assert result.stderr.count("WARNING: ") == 3
    assert AGAIN in without_frame(result.stderr)
    assert SECRET not in result.stderr
    ours = files_of_the_plugin(pip.cache_dir)
    # The last one is empty; its time says when old partials were last looked for.
    assert [path.name for path in ours] == [f"{BIG.sha256}.json", f"{BIG.sha256}.part", "pruned"]
    assert not any(SECRET.encode() in path.read_bytes() for path in ours)
