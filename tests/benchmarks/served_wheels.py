"""Wheels of any size, written block by block, and the nginx that serves them and counts the bytes it sends."""

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
# Cache-Control is that of the files on the public package index.
DIRECTIVES = """
        sendfile on;
        access_log {directory}/traffic.log combined;
        location /files/ {{ add_header Cache-Control "max-age=365000000, immutable, public"; }}
        location /slow/ {{ alias {directory}/root/; limit_rate {slow_rate}; }}
"""
SLOW_BYTES_PER_S = 16 * 1024 * 1024
_LOGGED = re.compile(r'^\S+ - \S+ \[.*?\] ".*?" \d+ (\d+) ', re.MULTILINE)
# nginx writes its log at the end of a request, which may be shortly after the client has its response.
_LOG_DELAY_S = 0.03


@dataclass(frozen=True)
class ServedWheel:
    """A wheel on the server."""

    project: str
    filename: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Traffic:
    """What the server has sent so far."""

    body_bytes: int
    requests: int


class Site:
    """nginx over https with two simple indexes: one at full speed, one whose files are sent at a limited rate."""

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

    def publish_wheel(self, project: str, size: int) -> ServedWheel:
        """Make a wheel of `size` bytes and some hundred more, without compression, and publish it."""
        filename = f"{project.replace('-', '_')}-1.0-py3-none-any.whl"
        path = self.path(filename)
        path.parent.mkdir(exist_ok=True)
        write_wheel(path, project, size)
        wheel = ServedWheel(project, filename, sha256_of(path), path.stat().st_size)
        for index, base_url in (("simple", ""), ("slow-simple", "/slow")):
            self._nginx.write(f"/{index}/{project}/index.html", page_of(wheel, base_url))
        return wheel

    def path(self, filename: str) -> Path:
        """Return the path on disk of a served file."""
        return self._nginx.root / "files" / filename

    def traffic(self) -> Traffic:
        """Return what the server has sent in all its requests so far."""
        time.sleep(_LOG_DELAY_S)
        sent = [int(size) for size in _LOGGED.findall((self._directory / "traffic.log").read_text())]
        return Traffic(sum(sent), len(sent))

    def run_on(self, cpus: set[int]) -> None:
        """Let the server use these processors only."""
        self._nginx.run_on(cpus)

    def close(self) -> None:
        self._nginx.close()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def page_of(wheel: ServedWheel, base_url: str) -> bytes:
    """Return the page of the project; the hash is given, so that the content need not be in memory."""
    hashes = {"sha256": wheel.sha256}
    return html_page(Artifact(wheel.filename, b"", hashes=(), wrong_hashes=hashes, base_url=base_url)).body


def write_wheel(path: Path, project: str, size: int) -> None:
    """Write a wheel for every platform; its payload is random bytes, the same ones for the same project."""
    module = project.replace("-", "_")
    folder = f"{module}-1.0.dist-info"
    files = {
        f"{module}/__init__.py": b"",
        f"{folder}/METADATA": core_metadata(project, "1.0"),
        f"{folder}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name},{record_hash(content)},{len(content)}\n" for name, content in files.items()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        digest = hashlib.sha256()
        with archive.open(zipfile.ZipInfo(f"{module}/payload.bin"), "w", force_zip64=True) as member:
            for block in noise_blocks(project, size):
                digest.update(block)
                member.write(block)
        encoded = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
        record.append(f"{module}/payload.bin,sha256={encoded},{size}\n")
        files[f"{folder}/RECORD"] = "".join([*record, f"{folder}/RECORD,,\n"]).encode()
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def noise_blocks(seed: str, size: int) -> Iterator[bytes]:
    """Yield random bytes, which cannot be compressed, the same ones for the same seed."""
    source = random.Random(seed)
    for start in range(0, size, BLOCK_BYTES):
        yield source.randbytes(min(BLOCK_BYTES, size - start))


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(BLOCK_BYTES), b""):
            digest.update(block)
    return digest.hexdigest()
