"""File systems and servers without what most have: links, copies in the kernel, free names, a size, an answer."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from integration.machine import Machine
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    NEXT_RUN_RANGE,
    OTHER_CONTENT,
    PATH,
    WITHOUT_RANGES,
    cut,
    link_with_hash,
    link_with_partial,
    link_without_hash,
)
from servers.fault_server import Answer, FaultServer, NoResponse

from pip_resume.commands.doctor import shell

FICLONE = 0x40049409
"""The request of ioctl_ficlone(2)."""


def refuse(number: int) -> object:
    """Return a function that fails as a system call does that a file system lacks."""

    def call(*_arguments: object, **_named: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return call


@pytest.fixture
def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT, exFAT and some network file systems."""
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))


@pytest.fixture
def without_copies_in_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not Linux, an old kernel, or two file systems."""
    ioctl = fcntl.ioctl

    def ioctl_without_clones(descriptor: int, request: int, *arguments: Any) -> Any:
        if request == FICLONE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return ioctl(descriptor, request, *arguments)

    monkeypatch.setattr(fcntl, "ioctl", ioctl_without_clones)
    monkeypatch.setattr(os, "copy_file_range", refuse(errno.EXDEV), raising=False)


def assert_resumed_and_cached(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT, FILE)
    link = link_with_hash(http_server)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert machine.cached_body(link.url_without_fragment) == CONTENT


def test_without_hard_links_the_file_is_copied_and_cached(
    without_links: None, machine: Machine, http_server: FaultServer
) -> None:
    assert_resumed_and_cached(machine, http_server)
    assert machine.files_in_store() == []


def test_without_copies_in_the_kernel_the_bytes_are_copied_by_us(
    without_links: None, without_copies_in_the_kernel: None, machine: Machine, http_server: FaultServer
) -> None:
    assert_resumed_and_cached(machine, http_server)


def test_a_second_partial_is_begun_without_copies_in_the_kernel(
    without_copies_in_the_kernel: None, machine: Machine, http_server: FaultServer
) -> None:
    # The server had a file with an equal start, so that some of the bytes held are copied.
    changed = CONTENT[:500_000] + OTHER_CONTENT[500_000:]
    http_server.plays(PATH, cut(replace(FILE, content=changed)), WITHOUT_RANGES)
    link = link_with_hash(http_server)
    machine.download_partly(link)

    assert machine.download(link).content == CONTENT


def test_where_all_names_are_taken_nothing_is_stored_and_the_warning_says_so(
    machine: Machine, http_server: FaultServer
) -> None:
    http_server.plays(PATH, FILE)
    link = link_with_hash(http_server)
    for path in (machine.part_path(link), machine.own_part_path(link)):
        path.mkdir(parents=True)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert len(outcome.display.store_errors) == 1
    assert "are taken by files that cannot be used" in str(outcome.display.store_errors[0])


def test_where_the_free_space_is_not_known_the_bytes_are_stored(
    machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", refuse(errno.ENOSYS))
    link = link_with_partial(machine, http_server, FILE)

    assert machine.download(link).content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]


def test_bytes_that_came_over_http_without_a_hash_are_not_used_in_a_later_run(
    machine: Machine, https_server: FaultServer
) -> None:
    link = link_with_partial(machine, https_server, FILE, has_hash=False)
    record = machine.record_path(link)
    record.write_text(json.dumps({**json.loads(record.read_text()), "is_https": False}))

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, None]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(504), id="the gateway gets no answer"),
        pytest.param(NoResponse(), id="the server closes the connection"),
    ],
)
def test_a_stale_cache_entry_is_used_if_the_server_does_not_answer(
    answer: Answer | NoResponse, machine: Machine, http_server: FaultServer
) -> None:
    http_server.plays(PATH, replace(FILE, fields={"Cache-Control": "max-age=0"}))
    link = link_with_hash(http_server)
    machine.download(link)
    http_server.plays(PATH, answer)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert http_server.sent(PATH) == len(CONTENT)


def test_a_stale_cache_entry_without_a_hash_is_not_used(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, replace(FILE, fields={"Cache-Control": "max-age=0"}))
    link = link_without_hash(http_server)
    machine.download(link)
    http_server.plays(PATH, Answer(503))

    assert "503" in machine.refusal(link)


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps")
def test_without_proc_the_names_of_the_parents_are_those_that_ps_prints(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    of_proc = list(shell._names_of_parents())

    # As on macOS and the BSDs.
    monkeypatch.setattr(shell, "Path", lambda path: tmp_path / str(path).lstrip("/"))

    assert list(shell._names_of_parents()) == of_proc != []
