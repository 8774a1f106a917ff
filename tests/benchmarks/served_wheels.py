"""Wheels of any size, written block by block, and the nginx that offers them and counts what it sends."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servers.certificates import issue_certificates
from servers.index_pages import Artifact, core_metadata, html_page, record_hash
from servers.nginx import Nginx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK_BYTES = 1024 * 1024
# As the public package index says it of its files.
DIRECTIVES = """
        sendfile on;
        access_log {directory}/traffic.log combined;
        location /files/ {{ add_header Cache-Control "max-age=365000000, immutable, public"; }}
        location /slow/ {{ alias {directory}/root/; limit_rate {slow_rate}; }}
"""
SLOW_BYTES_PER_S = 16 * 1024 * 1024
_LOGGED = re.compile(r'^\S+ - \S+ \[.*?\] ".*?" \d+ (\d+) ', re.MULTILINE)
# nginx writes its log when it is done with a request, which may be a moment after the client is.
_LOG_S = 0.03


@dataclass(frozen=True)
class Published:
    """A wheel that the server has."""

    project: str
    filename: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Traffic:
    """What the server has sent up to a moment."""

    body_bytes: int
    requests: int


class Site:
    """nginx over https with two simple indexes: one as fast as can be, one whose files come at a limited rate."""

    def __init__(self, directory: Path) -> None:
        self.certificates = issue_certificates(directory / "certificates")
        self._directory = directory / "nginx"
        directives = DIRECTIVES.format(directory=self._directory, slow_rate=SLOW_BYTES_PER_S)
        self._nginx = Nginx(self._directory, directives, self.certificates)

    @property
    def index_url(self) -> str:
        return self._nginx.url("/simple/")

    @property
    def slow_index_url(self) -> str:
        return self._nginx.url("/slow-simple/")

    def publish_wheel(self, project: str, size: int) -> Published:
        """Make a wheel of `size` bytes and some hundred more, stored and not compressed, and offer it."""
        filename = f"{project.replace('-', '_')}-1.0-py3-none-any.whl"
        path = self.path(filename)
        path.parent.mkdir(exist_ok=True)
        write_wheel(path, project, size)
        published = Published(project, filename, sha256_of(path), path.stat().st_size)
        for index, base_url in (("simple", ""), ("slow-simple", "/slow")):
            self._nginx.write(f"/{index}/{project}/index.html", page_of(published, base_url))
        return published

    def path(self, filename: str) -> Path:
        """Where the served file is."""
        return self._nginx.root / "files" / filename

    def withdraw(self, published: Published) -> None:
        """Free the space that a wheel takes."""
        self.path(published.filename).unlink()

    def traffic(self) -> Traffic:
        """Of everything so far."""
        time.sleep(_LOG_S)
        sent = [int(size) for size in _LOGGED.findall((self._directory / "traffic.log").read_text())]
        return Traffic(sum(sent), len(sent))

    def close(self) -> None:
        self._nginx.close()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def page_of(published: Published, base_url: str) -> bytes:
    """The project's page; the hash is known, so that the content need not be in memory."""
    told = {"sha256": published.sha256}
    return html_page(Artifact(published.filename, b"", hashes=(), wrong_hashes=told, base_url=base_url)).body


def write_wheel(path: Path, project: str, size: int) -> None:
    """Write a wheel that installs everywhere; its payload is noise, the same for the same project."""
    module = project.replace("-", "_")
    folder = f"{module}-1.0.dist-info"
    texts = {
        f"{module}/__init__.py": b"",
        f"{folder}/METADATA": core_metadata(project, "1.0"),
        f"{folder}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name},{record_hash(text)},{len(text)}\n" for name, text in texts.items()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        digest = hashlib.sha256()
        with archive.open(zipfile.ZipInfo(f"{module}/payload.bin"), "w", force_zip64=True) as member:
            for block in noise_blocks(project, size):
                digest.update(block)
                member.write(block)
        encoded = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
        record.append(f"{module}/payload.bin,sha256={encoded},{size}\n")
        texts[f"{folder}/RECORD"] = "".join([*record, f"{folder}/RECORD,,\n"]).encode()
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name), text)


def noise_blocks(seed: str, size: int) -> Iterator[bytes]:
    """Bytes that no compression makes smaller."""
    source = random.Random(seed)
    for start in range(0, size, BLOCK_BYTES):
        yield source.randbytes(min(BLOCK_BYTES, size - start))


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(BLOCK_BYTES), b""):
            digest.update(block)
    return digest.hexdigest()
