"""How a download that cannot go on ends: with pip's own error, without secrets, and with what to do next."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, BLOCK_BYTES, files_of_the_plugin, stored_bytes
from e2e.outages import AGAIN, HALF, busy, cut, download_command, without_frame
from environments.environment import Environments
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


@OLDEST_AND_NEWEST
def test_a_wrong_certificate_on_the_second_request_ends_the_download_with_pips_own_error(
    environments: Environments, certificates: Certificates, tmp_path: Path, pip_version: str
) -> None:
    others = issue_certificates(tmp_path / "others")
    context, wrong_context = certificates.server_context(), others.server_context()
    options = ("--cert", str(certificates.ca_file), "--timeout", "1", "--retries", "0")
    with FaultServer(context) as server, FaultServer(wrong_context) as wrong:
        publish(server, BIG)
        server.plays(BIG.path, cut(BIG, then=Then.STALL), honest(BIG))
        pip = environments.with_plugin(pip_version)
        running = pip.start(*download_command(server), *options)
        server.wait_until_sent(BIG.path, HALF)
        context.load_cert_chain(others.server_chain, others.server_key)
        ours = running.wait()
        assert len(server.requests(BIG.path)) == 1
        with FaultServer(certificates.server_context()) as index:
            index.plays(BIG.index_path, html_page(dataclasses.replace(BIG, base_url=wrong.url(""))))
            plain = environments.without_plugin(pip_version).run(*download_command(index), *options)

    assert ours.returncode == plain.returncode
    assert final_error(ours.stderr) == final_error(plain.stderr)
    assert ours.stderr.count("WARNING: Connection lost at ") == 1
    assert len(re.findall(r"WARNING: Kept 1\.[45] MB of 3\.0 MB of ", ours.stderr)) == 1
    assert stored_bytes(pip.cache_dir) > HALF - BLOCK_BYTES


@OLDEST_AND_NEWEST
def test_an_unreachable_file_server_causes_the_output_of_plain_pip(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    with FaultServer() as files:
        files.refuse()
        http_server.plays(BIG.index_path, html_page(dataclasses.replace(BIG, base_url=files.url(""))))
        command = (*download_command(http_server), "--retries", "1")
        plain = environments.without_plugin(pip_version).run(*command)
        ours = environments.with_plugin(pip_version).run(*command)

    assert ours.returncode == plain.returncode != 0
    assert ours.stdout == plain.stdout
    assert final_error(ours.stderr) == final_error(plain.stderr)
    warnings = [[line[:60] for line in run.stderr.splitlines() if "WARNING" in line] for run in (plain, ours)]
    assert warnings[0] == warnings[1] != []


def test_ctrl_c_during_a_wait_ends_the_download_at_once_with_one_line_about_the_stored_bytes(
    environments: Environments, http_server: FaultServer, typical_pip_version: str
) -> None:
    pip = environments.with_plugin(typical_pip_version)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), busy(503, Retry_After="55"))

    running = pip.start(*download_command(http_server))
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
    assert stored_bytes(pip.cache_dir) == HALF


def test_secrets_in_urls_are_neither_in_the_output_nor_in_stored_files(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin("21.3.1")
    link = f'<a href="{BIG.path}?token={SECRET}#sha256={BIG.sha256}">{BIG.filename}</a>'
    http_server.plays(BIG.index_path, Answer(200, {"Content-Type": "text/html"}, link.encode()))
    http_server.plays(BIG.path, cut(BIG, HALF // 2), cut(BIG, HALF // 2), NoResponse(), busy(503, Retry_After="3600"))
    index = http_server.url("/simple/").replace("//", f"//user:{SECRET}@")

    result = pip.run("download", "--no-deps", "--index-url", index, "big")

    assert result.returncode == 1
    assert http_server.requests(BIG.path)[-1].request.path.endswith(f"?token={SECRET}")
    assert result.stderr.count("WARNING: ") == 3
    assert AGAIN in without_frame(result.stderr)
    assert SECRET not in result.stderr
    ours = files_of_the_plugin(pip.cache_dir)
    assert len(ours) == 2
    assert not any(SECRET.encode() in path.read_bytes() or SECRET in path.name for path in ours)
