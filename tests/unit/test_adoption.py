"""How many bytes of an earlier run count: each case of `storage.adoption.trusted_length`."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pip_resume.artifact import Artifact, Digest
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage.adoption import is_sparse, trusted_length

HELD, SYNCED, LENGTH, INODE = 700, 300, 1000, 5
URL = "https://files.test/big-1.0-py3-none-any.whl"
HASHED = Artifact(URL, "big-1.0-py3-none-any.whl", Digest("sha256", "0" * 64))
UNHASHED = HASHED._replace(digest=None)
RECORD = Checkpoint(complete_length=LENGTH, boot_id="this boot", inode=INODE, synced=SYNCED)


def part(size: int = HELD, inode: int = INODE, blocks: int = 0) -> Any:
    """Return what `adoption` looks at of a part file. A block has 512 bytes."""
    status = SimpleNamespace(st_ino=inode, st_blocks=blocks)
    return SimpleNamespace(offset=size, status=cast("os.stat_result", status))


@pytest.mark.parametrize(
    ("artifact", "record", "boot_id", "size", "trusted"),
    [
        pytest.param(HASHED, RECORD, "this boot", HELD, HELD, id="with a hash, in the same boot: all"),
        pytest.param(HASHED, RECORD, "next boot", HELD, SYNCED, id="with a hash, after a reboot: what was synced"),
        pytest.param(HASHED, RECORD, "", HELD, HELD, id="with a hash, this boot has no name: all"),
        pytest.param(HASHED, RECORD._replace(boot_id=""), "this boot", HELD, HELD, id="with a hash, from no boot: all"),
        pytest.param(HASHED, RECORD._replace(boot_id=""), "", HELD, HELD, id="with a hash, no boot has a name: all"),
        pytest.param(HASHED, RECORD._replace(inode=6), "this boot", HELD, HELD, id="with a hash, different inode: all"),
        pytest.param(HASHED, RECORD._replace(is_https=False), "this boot", HELD, HELD, id="with a hash, http: all"),
        pytest.param(HASHED, RECORD, "this boot", LENGTH, LENGTH, id="a complete file: all"),
        pytest.param(HASHED, RECORD, "this boot", LENGTH + 1, 0, id="more than the complete-length: none"),
        pytest.param(HASHED, RECORD._replace(complete_length=None), "this boot", 5000, 5000, id="unknown length: all"),
        pytest.param(HASHED, RECORD._replace(synced=900), "next boot", HELD, HELD, id="more synced than there is: all"),
        pytest.param(UNHASHED, RECORD, "this boot", HELD, HELD, id="without a hash, in the same boot: all"),
        pytest.param(UNHASHED, RECORD._replace(inode=6), "this boot", HELD, 0, id="record of a different file: none"),
        pytest.param(UNHASHED, RECORD, "next boot", HELD, SYNCED, id="without a hash, after a reboot: what was synced"),
        pytest.param(UNHASHED, RECORD._replace(inode=6), "next boot", HELD, SYNCED, id="copied elsewhere: the same"),
        pytest.param(UNHASHED, RECORD, "", HELD, SYNCED, id="without a hash, this boot has no name: what was synced"),
        pytest.param(UNHASHED, RECORD._replace(boot_id=""), "", HELD, SYNCED, id="without a hash, no boot has a name"),
        pytest.param(UNHASHED, RECORD._replace(is_https=False), "this boot", HELD, 0, id="came over http: none"),
        pytest.param(
            UNHASHED._replace(url=URL.replace("https", "http")), RECORD, "this boot", HELD, 0, id="an http link: none"
        ),
    ],
)
def test_so_many_bytes_of_an_earlier_run_count(
    artifact: Artifact, record: Checkpoint, boot_id: str, size: int, trusted: int
) -> None:
    assert trusted_length(artifact, part(size), record, boot_id) == trusted


@pytest.mark.parametrize(
    ("size", "blocks", "sparse"),
    [
        pytest.param(1_000_000, 0, True, id="nothing on the disk"),
        pytest.param(1_000_000, 1_945, True, id="4 KiB and some bytes are missing"),
        pytest.param(1_000_000, 1_946, False, id="less than 4 KiB are missing: a part of a block"),
        pytest.param(1_000_000, 1_954, False, id="all of it is on the disk"),
        pytest.param(3_000, 0, False, id="a few bytes, which some file systems have beside the inode"),
    ],
)
def test_a_file_with_holes_is_found(size: int, blocks: int, sparse: bool) -> None:
    assert is_sparse(part(size, blocks=blocks)) == sparse
