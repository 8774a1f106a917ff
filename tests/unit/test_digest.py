"""The digest that is computed while a file is written, for every order of blocks."""

from __future__ import annotations

import hashlib
from typing import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resume.artifact import Digest
from pip_resume.storage.digest import CATCH_UP_BYTES, RunningDigest

CONTENT = bytes(range(256)) * 16


def reader_of(content: bytes, sizes: list[int] | None = None) -> Callable[[int, int], bytes]:
    def read_at(position: int, size: int) -> bytes:
        if sizes is not None:
            sizes.append(size)
        return content[position : position + size]

    return read_at


@pytest.mark.parametrize("name", ["sha256", "sha512", "sha384", "sha224", "sha1", "md5"])
def test_blocks_in_order_are_hashed_at_once(name: str) -> None:
    running = RunningDigest(Digest(name, hashlib.new(name, CONTENT).hexdigest()))

    for position in range(0, len(CONTENT), 100):
        running.update(position, CONTENT[position : position + 100])

    assert running.hashed == len(CONTENT)
    assert running.matches()


def test_a_wrong_byte_does_not_match() -> None:
    running = RunningDigest(Digest("sha256", hashlib.sha256(CONTENT).hexdigest()))

    running.update(0, CONTENT[:-1] + b"x")

    assert not running.matches()


def test_a_block_after_a_gap_is_hashed_by_catching_up() -> None:
    running = RunningDigest(Digest("sha256", hashlib.sha256(CONTENT).hexdigest()))
    running.update(1000, CONTENT[1000:])
    assert running.hashed == 0

    while running.catch_up(reader_of(CONTENT), len(CONTENT)):
        pass

    assert running.matches()


def test_catching_up_reads_blocks_of_limited_size() -> None:
    content = bytes(2 * CATCH_UP_BYTES + 5)
    sizes: list[int] = []
    running = RunningDigest(Digest("sha256", hashlib.sha256(content).hexdigest()))

    while running.catch_up(reader_of(content, sizes), len(content)):
        pass

    assert sizes == [CATCH_UP_BYTES, CATCH_UP_BYTES, 5]
    assert running.matches()


def test_catching_up_ends_at_the_end_of_the_file() -> None:
    running = RunningDigest(Digest("sha256", hashlib.sha256(CONTENT).hexdigest()))

    while running.catch_up(reader_of(CONTENT[:10]), len(CONTENT)):
        pass

    assert running.hashed == 10
    assert not running.matches()


@given(st.binary(max_size=200), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200), st.booleans())))
def test_the_digest_is_right_for_every_order_of_blocks(content: bytes, steps: list[tuple[int, int, bool]]) -> None:
    running = RunningDigest(Digest("sha256", hashlib.sha256(content).hexdigest()))

    for position, size, catches_up in steps:
        if catches_up:
            running.catch_up(reader_of(content), min(position, len(content)))
        else:
            running.update(position, content[position : position + size])

    assert running.hashed <= len(content)
    assert running.matches() or running.hashed < len(content)
    while running.catch_up(reader_of(content), len(content)):
        pass
    assert running.matches()
