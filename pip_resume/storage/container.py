"""Whether an archive is complete and undamaged, by its own checksums. For files that no hash proves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import BinaryIO, Callable
    from zipfile import ZipFile

_BLOCK_BYTES = 1024 * 1024
_ZIP_END_BYTES = 22
"""Size of the end record of a zip without its comment (APPNOTE.TXT section 4.3.16)."""
_ZIP = (".whl", ".zip", ".egg")
_GZIP = (".tar.gz", ".tgz", ".tar.z")
_BZIP2 = (".tar.bz2", ".tbz", ".tbz2")
_XZ = (".tar.xz", ".txz", ".tar.lzma", ".tlz")


def is_sound(file: BinaryIO, filename: str) -> bool | None:
    """Read a whole archive and compare its checksums: the CRC of each member of a zip, those of gzip, bzip2 and xz.

    None if the format has no checksums, or this Python lacks what is needed to read it.
    """
    name = filename.lower()
    try:
        if name.endswith(_ZIP):
            return _is_sound_zip(file)
        if name.endswith((*_GZIP, *_BZIP2, *_XZ)):
            return _is_sound_stream(file, name)
    except ImportError:
        pass
    return None


def is_zip(filename: str) -> bool:
    """Whether a file is a zip by its name. Whether its end is there is known without reading all of it."""
    return filename.lower().endswith(_ZIP)


def has_end(file: BinaryIO, filename: str) -> bool:
    """Whether the end of an archive is that of the file. True if the format does not tell. The members are not read."""
    if not filename.lower().endswith(_ZIP):
        return True
    import zipfile

    try:
        with zipfile.ZipFile(file) as archive:
            return _fills_file(archive, file)
    except (OSError, EOFError, NotImplementedError, ValueError, zipfile.BadZipFile):
        return False


def _is_sound_zip(file: BinaryIO) -> bool:
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(file) as archive:
            return _fills_file(archive, file) and archive.testzip() is None
    except NotImplementedError:  # A compression that this Python does not know: pip cannot unpack it either.
        return True
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error):
        return False


def _fills_file(archive: ZipFile, file: BinaryIO) -> bool:
    """Whether nothing is before the first member of a zip, or after its end record. zipfile overlooks both."""
    comment = archive.comment
    file.seek(-_ZIP_END_BYTES - len(comment), os.SEEK_END)
    record = file.read(_ZIP_END_BYTES)
    starts_at_0 = min((member.header_offset for member in archive.infolist()), default=0) == 0
    return starts_at_0 and record.startswith(b"PK\5\6") and record.endswith(len(comment).to_bytes(2, "little"))


def _is_sound_stream(file: BinaryIO, name: str) -> bool:
    import zlib

    if not file.read(1):
        return False
    file.seek(0)
    try:
        if name.endswith(_GZIP):
            return _is_sound_gzip(file)
        return _is_sound_bzip2_or_xz(file, _decompressor(name))
    except Exception as error:
        if isinstance(error, (OSError, EOFError, ValueError, zlib.error)) or type(error).__name__ == "LZMAError":
            return False
        raise


def _is_sound_gzip(file: BinaryIO) -> bool:
    import gzip

    with gzip.GzipFile(fileobj=file) as stream:
        while stream.read(_BLOCK_BYTES):
            pass
    return True


def _decompressor(name: str) -> Callable[[], Any]:
    if name.endswith(_BZIP2):
        import bz2

        return bz2.BZ2Decompressor
    import lzma

    return lzma.LZMADecompressor


def _is_sound_bzip2_or_xz(file: BinaryIO, start: Callable[[], Any]) -> bool:
    """Whether the file is streams of this format up to its end. BZ2File and LZMAFile overlook what follows them."""
    stream = start()
    is_inside = False
    while block := file.read(_BLOCK_BYTES):
        while block or (is_inside and not stream.needs_input):
            if not is_inside:
                block = block.lstrip(b"\0")  # Padding between streams, and after the last one.
                if not block:
                    break
                stream, is_inside = start(), True
            stream.decompress(block, _BLOCK_BYTES)
            is_inside = not stream.eof
            block = stream.unused_data if stream.eof else b""
    return not is_inside
