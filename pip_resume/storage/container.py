"""Whether an archive is complete and undamaged, by its own checksums. For files that no hash proves."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import BinaryIO

_BLOCK_BYTES = 1024 * 1024
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


def _is_sound_zip(file: BinaryIO) -> bool:
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except NotImplementedError:  # A compression that this Python does not know: pip cannot unpack it either.
        return True
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error):
        return False


def _is_sound_stream(file: BinaryIO, name: str) -> bool:
    import zlib

    try:
        with _decompressed(file, name) as stream:
            while stream.read(_BLOCK_BYTES):
                pass
    except Exception as error:
        if isinstance(error, (OSError, EOFError, ValueError, zlib.error)) or type(error).__name__ == "LZMAError":
            return False
        raise
    return True


def _decompressed(file: BinaryIO, name: str) -> IO[bytes]:
    if name.endswith(_GZIP):
        import gzip

        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    if name.endswith(_BZIP2):
        import bz2

        return cast("IO[bytes]", bz2.BZ2File(file))
    import lzma

    return cast("IO[bytes]", lzma.LZMAFile(file))
