"""What an operating system says about a lock, and what is made of it."""

from __future__ import annotations

import errno
import os

import pytest

from pip_resume.storage import file_lock

HELD = [
    pytest.param(errno.EWOULDBLOCK, id="flock of Linux, BSD and macOS"),
    pytest.param(errno.EACCES, id="locking of Windows, and some Unix systems by POSIX"),
    pytest.param(errno.EDEADLK, id="locking of Windows after ten attempts"),
]
NO_LOCKS = [
    pytest.param(errno.ENOLCK, id="NFS without its lock service"),
    pytest.param(errno.EOPNOTSUPP, id="a file system in user space that knows none"),
    pytest.param(errno.ENOSYS, id="a kernel that knows none"),
    pytest.param(errno.EINVAL, id="a file that cannot be locked"),
    pytest.param(errno.EIO, id="a lock server that does not answer"),
    pytest.param(errno.EBADF, id="NFS, for a file that is not open for writing"),
]


def answer(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the system answer every wish for a lock with this error."""

    def refuse(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file_lock, "_lock", refuse)


@pytest.mark.parametrize("number", HELD)
def test_a_lock_that_another_has_is_not_ours(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, number)

    assert not file_lock.try_lock(0)


@pytest.mark.parametrize("number", NO_LOCKS)
def test_without_locks_everybody_may_go_on(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, number)

    assert file_lock.try_lock(0)
