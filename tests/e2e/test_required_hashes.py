"""Hashes that only a requirements file has: they are worth as much as those of an index."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
from e2e.broken_downloads import (
    BIG,
    assert_resumed_at_half,
    half,
    index_options,
    stored_files,
    wait_until_stored,
)
from e2e.single_file import COMPLETE, SIZE, STALLED, TWO_PIPS, Download, cached_completely, publish_scripted
from environments.environment import Environment, Environments
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then

WITHOUT_HASH = dataclasses.replace(BIG, hashes=())
"""The same file, whose link on the index has no hash."""
RIGHT = f"sha256:{BIG.sha256}"
RIGHT_SHA512 = f"sha512:{hashlib.sha512(BIG.content).hexdigest()}"
OTHER = f"sha256:{hashlib.sha256(b'a different file').hexdigest()}"
"""The hash of a different file."""
MISMATCH = "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE"


def write_command(folder: Path, options: tuple[str, ...], *hashes: str) -> tuple[str | Path, ...]:
    """Write a requirements file with these hashes; return the command that downloads it, except for the directory."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{BIG.project}==1.0 {' '.join(f'--hash={each}' for each in hashes)}\n")
    return ("download", "--no-deps", *options, "--require-hashes", "-r", requirements, "--dest")


def download(pip: Environment, command: tuple[str | Path, ...]) -> Download:
    target = pip.new_target()
    result = pip.run(*command, target)
    wheel = target / BIG.filename
    return Download(result, hashlib.sha256(wheel.read_bytes()).hexdigest() if wheel.exists() else None)


@TWO_PIPS
@pytest.mark.parametrize("hashes", [(RIGHT,), (OTHER, RIGHT)], ids=["one hash", "two hashes"])
def test_a_download_is_resumed_in_the_next_run_by_the_hash_of_the_requirements_file(
    environments: Environments, http_server: FaultServer, pip_version: str, tmp_path: Path, hashes: tuple[str, ...]
) -> None:
    """Over http, where nothing is stored for a link without a hash."""
    pip = environments.with_plugin(pip_version)
    responses = (dataclasses.replace(each, etag=None, last_modified=None) for each in (STALLED, COMPLETE))
    publish_scripted(http_server, *responses, artifact=WITHOUT_HASH)
    command = write_command(tmp_path, index_options(http_server), *hashes)

    running = pip.start(*command, pip.new_target())
    wait_until_stored(pip.cache_dir, half(BIG))
    running.kill_and_wait()
    result, sha256 = download(pip, command)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert_resumed_at_half(http_server, BIG, is_later_run=True)


@TWO_PIPS
def test_a_wrong_hash_in_the_requirements_file_ends_in_pips_own_error_and_leaves_nothing_of_the_file(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    tmp_path: Path,
) -> None:
    plain, pip = environments.without_plugin(pip_version), environments.with_plugin(pip_version)
    publish_scripted(https_server, COMPLETE, artifact=WITHOUT_HASH)
    command = write_command(tmp_path, index_options(https_server, certificates), OTHER)

    of_plain = download(plain, command)
    https_server.forget()
    ours = download(pip, command)

    assert (ours.result.returncode, ours.sha256) == (of_plain.result.returncode, None) == (1, None)
    assert MISMATCH in of_plain.result.stderr
    error = of_plain.result.stderr.splitlines()
    warning = f"  WARNING: Starting over with {BIG.filename}: its hash is not the expected one"
    assert ours.result.stderr.splitlines() == [warning, *error]
    # The second download rules out an accident. Plain pip keeps the wrong file in its cache, and so needs none.
    assert https_server.asked_ranges(BIG.path) == [None, None]
    assert (cached_completely(pip.cache_dir), stored_files(pip.cache_dir)) == ([], [])
    assert cached_completely(plain.cache_dir) == [True]


@TWO_PIPS
def test_a_wrong_hash_in_the_requirements_file_costs_no_download_if_the_file_has_the_hash_of_the_index(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    tmp_path: Path,
) -> None:
    plain, pip = environments.without_plugin(pip_version), environments.with_plugin(pip_version)
    publish_scripted(https_server, COMPLETE, artifact=BIG)
    options = index_options(https_server, certificates)

    for each in (plain, pip):
        https_server.forget()
        wrong = download(each, write_command(tmp_path, options, OTHER))
        right = download(each, write_command(tmp_path, options, RIGHT))

        assert (wrong.result.returncode, wrong.sha256) == (1, None), wrong.result.text
        assert MISMATCH in wrong.result.stderr
        assert (right.result.returncode, right.sha256) == (0, BIG.sha256), right.result.text
        assert https_server.asked_ranges(BIG.path) == [None]


@TWO_PIPS
def test_a_wrong_hash_in_the_requirements_file_does_not_remove_the_file_from_pips_cache(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    tmp_path: Path,
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_scripted(https_server, COMPLETE, artifact=WITHOUT_HASH)
    options = index_options(https_server, certificates)
    assert download(pip, write_command(tmp_path, options, RIGHT)).result.returncode == 0
    https_server.forget()

    wrong = download(pip, write_command(tmp_path, options, OTHER))
    requested = https_server.asked_ranges(BIG.path)
    https_server.forget()
    right = download(pip, write_command(tmp_path, options, RIGHT))

    assert (wrong.result.returncode, wrong.sha256) == (1, None), wrong.result.text
    assert MISMATCH in wrong.result.stderr
    # The one download shows that the server has the same file.
    assert requested == [None]
    assert (right.result.returncode, right.sha256) == (0, BIG.sha256), right.result.text
    assert https_server.asked_ranges(BIG.path) == []


@TWO_PIPS
def test_two_algorithms_in_the_requirements_file_leave_the_check_to_pip_and_nothing_of_a_wrong_file(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    tmp_path: Path,
) -> None:
    """pip takes a file that has any of the hashes. So none of them alone proves the file wrong."""
    pip = environments.with_plugin(pip_version)
    broken = dataclasses.replace(COMPLETE, cut_after=half(BIG), then=Then.CLOSE)
    wrong = dataclasses.replace(COMPLETE, flips=(SIZE // 4,))
    command = write_command(tmp_path, index_options(https_server, certificates), OTHER, RIGHT_SHA512)

    publish_scripted(https_server, wrong, artifact=WITHOUT_HASH)
    failed = download(pip, command)
    left = (cached_completely(pip.cache_dir), stored_files(pip.cache_dir))
    publish_scripted(https_server, broken, COMPLETE, artifact=WITHOUT_HASH)
    result, sha256 = download(pip, command)

    assert (failed.result.returncode, failed.sha256) == (1, None)
    assert MISMATCH in failed.result.stderr
    assert left == ([], [])
    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
