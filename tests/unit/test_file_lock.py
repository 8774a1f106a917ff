"""Which errors of the operating system mean that a different process has the lock."""

from __future__ import annotations

import errno
import os

import pytest

from pip_resume.storage import file_lock

HELD_BY_OTHER = [
    pytest.param(errno.EWOULDBLOCK, id="flock on Linux, BSD and macOS"),
    pytest.param(errno.EACCES, id="locking on Windows; POSIX allows it too"),
    pytest.param(errno.EDEADLK, id="locking on Windows after ten attempts"),
]
NO_LOCKS = [
    pytest.param(errno.ENOLCK, id="NFS without its lock service"),
    pytest.param(errno.EOPNOTSUPP, id="file system in user space without locks"),
    pytest.param(errno.ENOSYS, id="kernel without locks"),
    pytest.param(errno.EINVAL, id="file that cannot be locked"),
    pytest.param(errno.EIO, id="no response from the lock server"),
    pytest.param(errno.EBADF, id="NFS, file not open for writing"),
]


def let_locking_fail(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Make every attempt to lock a file raise this error of the system."""

    def refuse(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file_lock, "_lock", refuse)


@pytest.mark.parametrize("number", HELD_BY_OTHER)
def test_a_lock_held_by_a_different_process_is_not_ours(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    let_locking_fail(monkeypatch, number)

    assert not file_lock.try_lock(0)


@pytest.mark.parametrize("number", NO_LOCKS)
def test_every_process_may_continue_without_locks(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    let_locking_fail(monkeypatch, number)

    assert file_lock.try_lock(0)
