"""Archives whose own checksums show whether they are complete and undamaged."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from typing import Callable

import pytest

from pip_resume.storage.container import has_end, is_sound

CONTENT = bytes(range(256)) * 40
NAMES = ("a-1.tar.gz", "a-1.tgz", "a-1.tar.bz2", "a-1.tbz", "a-1.tar.xz", "a-1.txz", "a-1.whl", "a-1.zip", "A-1.TAR.GZ")
STREAMS = tuple(name for name in NAMES if not name.endswith((".whl", ".zip")))


def lzma_alone(content: bytes) -> bytes:
    return lzma.compress(content, format=lzma.FORMAT_ALONE)


def zip_with(content: bytes, comment: bytes = b"") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/__init__.py", content)
        archive.comment = comment
    return packed.getvalue()


def packed(name: str, content: bytes = CONTENT) -> bytes:
    """Return an archive of the format that a file of this name has."""
    pack: Callable[[bytes], bytes] = zip_with
    if name.lower().endswith((".tar.gz", ".tgz")):
        pack = gzip.compress
    elif name.endswith((".tar.bz2", ".tbz")):
        pack = bz2.compress
    elif name.endswith((".tar.xz", ".txz")):
        pack = lzma.compress
    return pack(content)


def soundness(name: str, archive: bytes) -> bool | None:
    return is_sound(io.BytesIO(archive), name)


@pytest.mark.parametrize("name", NAMES)
def test_a_complete_archive_is_sound(name: str) -> None:
    assert soundness(name, packed(name)) is True


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_without_its_last_byte_is_damaged(name: str) -> None:
    assert soundness(name, packed(name)[:-1]) is False


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_that_was_cut_in_half_is_damaged(name: str) -> None:
    archive = packed(name)

    assert soundness(name, archive[: len(archive) // 2]) is False


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_with_one_changed_byte_in_the_middle_is_damaged(name: str) -> None:
    archive = bytearray(packed(name))
    archive[len(archive) // 2] ^= 0xFF

    assert soundness(name, bytes(archive)) is False


@pytest.mark.parametrize("name", NAMES)
def test_a_page_instead_of_an_archive_is_damaged(name: str) -> None:
    assert soundness(name, b"<html>Please log in</html>" * 20) is False


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_file_is_damaged(name: str) -> None:
    assert soundness(name, b"") is False


@pytest.mark.parametrize("name", STREAMS)
def test_an_archive_may_have_several_streams(name: str) -> None:
    assert soundness(name, packed(name) + packed(name, b"more")) is True


@pytest.mark.parametrize("name", STREAMS)
def test_a_second_stream_that_was_cut_is_damaged(name: str) -> None:
    assert soundness(name, packed(name) + packed(name)[:-4]) is False


@pytest.mark.parametrize("name", STREAMS)
def test_zeros_after_the_last_stream_are_padding(name: str) -> None:
    assert soundness(name, packed(name) + bytes(1024)) is True


@pytest.mark.parametrize("name", NAMES)
def test_a_page_after_the_archive_is_damage(name: str) -> None:
    assert soundness(name, packed(name) + b"<html>Please log in</html>") is False


def test_a_stream_that_unpacks_to_more_than_one_block_is_read_to_its_end() -> None:
    archive = bz2.compress(bytes(5 * 1024 * 1024))

    assert soundness("a-1.tar.bz2", archive) is True
    assert soundness("a-1.tar.bz2", archive[:-1]) is False


def test_the_old_format_of_lzma_has_an_end_that_is_found() -> None:
    archive = lzma_alone(CONTENT)

    assert soundness("a-1.tar.lzma", archive) is True
    assert soundness("a-1.tar.lzma", archive[:-8]) is False


def test_bytes_before_the_first_member_of_a_zip_are_damage() -> None:
    assert soundness("a-1.whl", b"junk" + zip_with(CONTENT)) is False


def test_a_zip_may_have_a_comment() -> None:
    archive = zip_with(CONTENT, b"made by a test")

    assert soundness("a-1.whl", archive) is True
    assert soundness("a-1.whl", archive[:-1]) is False


def test_a_zip_with_a_compression_that_this_python_does_not_know_is_left_to_pip() -> None:
    archive = zip_with(CONTENT)
    end_of_central_directory = archive.rindex(b"PK\5\6")
    central = archive.index(b"PK\1\2", 0, end_of_central_directory)
    changed = bytearray(archive)
    changed[8:10] = changed[central + 10 : central + 12] = (99).to_bytes(2, "little")

    assert soundness("a-1.whl", bytes(changed)) is True


@pytest.mark.parametrize("name", ["a-1.tar", "a-1.exe", "a-1.whl.metadata", "a"])
def test_of_a_format_without_checksums_nothing_is_known(name: str) -> None:
    assert soundness(name, CONTENT) is None


@pytest.mark.parametrize(("name", "module"), [("a-1.tar.bz2", "bz2"), ("a-1.tar.xz", "lzma"), ("a-1.whl", "zlib")])
def test_nothing_is_known_where_python_lacks_the_module(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = packed(name)
    monkeypatch.setitem(sys.modules, module, None)

    assert soundness(name, archive) is None


def test_the_end_of_a_zip_is_found_without_reading_the_rest() -> None:
    archive = bytearray(zip_with(CONTENT))
    archive[40] ^= 0xFF

    assert has_end(io.BytesIO(bytes(archive)), "a-1.whl") is True
    assert has_end(io.BytesIO(bytes(archive[:-1])), "a-1.WHL") is False
    assert has_end(io.BytesIO(b"any"), "a-1.tar.gz") is True
