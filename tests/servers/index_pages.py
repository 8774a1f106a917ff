"""Wheels and sdists made by the tests, and the pages of a simple index for them (PEP 503, 629, 658, 691)."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import io
import json
import random
import re
import tarfile
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servers.script import Answer, FileAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from servers.fault_server import FaultServer

HTML_TYPE = "text/html; charset=utf-8"
JSON_TYPE = "application/vnd.pypi.simple.v1+json"
# What the public package index sends for its files: a cache never needs to request them again.
IMMUTABLE = "max-age=365000000, immutable, public"
LONG_AGO = "Fri, 03 Jan 2020 10:00:00 GMT"
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
# A day later, so that it is not before ZIP_EPOCH in any time zone: a zip file cannot have an earlier time.
ZIP_EPOCH_S = 315_619_200


@dataclass(frozen=True)
class Artifact:
    """A file on an index."""

    filename: str
    content: bytes = field(repr=False)
    hashes: tuple[str, ...] = ("sha256",)
    """Names of the algorithms whose hashes the page has. An HTML page has only the first. Empty for no hash."""
    wrong_hashes: Mapping[str, str] = field(default_factory=dict)
    """Hashes that replace the right ones on the page."""
    metadata: bytes | None = None
    """Served as a file of its own (PEP 658). None if it is not."""
    base_url: str = ""
    """The URL of a different server that has the file. Empty if the index itself has it."""

    @property
    def project(self) -> str:
        return re.sub(r"[-_.]+", "-", self.filename.split("-")[0]).lower()

    @property
    def path(self) -> str:
        return f"/files/{self.filename}"

    @property
    def index_path(self) -> str:
        return f"/simple/{self.project}/"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def page_hashes(self) -> dict[str, str]:
        """Return the hashes on the page, right or wrong."""
        right = {name: hashlib.new(name, self.content).hexdigest() for name in self.hashes}
        return {**right, **self.wrong_hashes}

    def page_metadata(self) -> dict[str, str]:
        """Return the hash of the metadata file, by its algorithm; empty if there is no such file."""
        return {"sha256": hashlib.sha256(self.metadata).hexdigest()} if self.metadata is not None else {}


def html_page(*artifacts: Artifact) -> Answer:
    """Return the project page in HTML, with one link for each artifact."""
    links = "\n".join(html_link(artifact) for artifact in artifacts)
    head = '<head><meta name="pypi:repository-version" content="1.0"></head>'
    page = f"<!DOCTYPE html><html>{head}<body>\n{links}\n</body></html>"
    return Answer(200, {"Content-Type": HTML_TYPE, "Cache-Control": "max-age=600, public"}, page.encode())


def html_link(artifact: Artifact) -> str:
    fragment = "".join(f"#{name}={digest}" for name, digest in list(artifact.page_hashes().items())[:1])
    hashes = ",".join(f"{name}={digest}" for name, digest in artifact.page_metadata().items())
    attribute = f' data-dist-info-metadata="{hashes}" data-core-metadata="{hashes}"' if hashes else ""
    target = html.escape(f"{artifact.base_url}{artifact.path}{fragment}")
    return f'<a href="{target}"{attribute}>{artifact.filename}</a><br>'


def json_page(*artifacts: Artifact) -> Answer:
    """Return the project page in JSON, with all hashes. pip reads it since 22.2."""
    files = [
        {
            "filename": artifact.filename,
            "url": artifact.base_url + artifact.path,
            "hashes": artifact.page_hashes(),
            "core-metadata": artifact.page_metadata() or False,
            "dist-info-metadata": artifact.page_metadata() or False,
        }
        for artifact in artifacts
    ]
    page = {"meta": {"api-version": "1.0"}, "name": artifacts[0].project, "files": files}
    return Answer(200, {"Content-Type": JSON_TYPE, "Cache-Control": "max-age=600, public"}, json.dumps(page).encode())


def honest(artifact: Artifact) -> FileAnswer:
    """Return the file as a good index serves it: a strong ETag, ranges, cacheable. dataclasses.replace changes it."""
    fields = {"Cache-Control": IMMUTABLE}
    return FileAnswer(artifact.content, etag=f'"{artifact.sha256[:32]}"', last_modified=LONG_AGO, fields=fields)


def publish(server: FaultServer, *artifacts: Artifact, page: Callable[..., Answer] = html_page) -> None:
    """Serve these artifacts, with their pages below /simple/. Each file is served correctly until it has a script."""
    for path in {artifact.index_path for artifact in artifacts}:
        server.plays(path, page(*(artifact for artifact in artifacts if artifact.index_path == path)))
    for artifact in artifacts:
        if not artifact.base_url:
            server.plays(artifact.path, honest(artifact))
        if artifact.metadata is not None:
            server.plays(artifact.path + ".metadata", Answer(200, {"Content-Type": "text/plain"}, artifact.metadata))


def core_metadata(name: str, version: str, requires: tuple[str, ...] = ()) -> bytes:
    """Return the METADATA of a wheel or the PKG-INFO of an sdist."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    return "\n".join([*lines, *(f"Requires-Dist: {each}" for each in requires), ""]).encode()


def noise(size: int, seed: int) -> bytes:
    """Return random bytes, which cannot be compressed. The same seed gives the same bytes."""
    return random.Random(seed).randbytes(size)


def make_wheel(
    name: str, version: str = "1.0", size: int = 1000, seed: int = 0, requires: tuple[str, ...] = ()
) -> tuple[str, bytes]:
    """Make a wheel for every platform, a few hundred bytes larger than `size`; return its file name and content."""
    module = name.replace("-", "_")
    folder = f"{module}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": f'__version__ = "{version}"\n'.encode(),
        f"{module}/payload.bin": noise(size, seed),
        f"{folder}/METADATA": core_metadata(name, version, requires),
        f"{folder}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},{record_hash(content)},{len(content)}\n" for path, content in files.items())
    files[f"{folder}/RECORD"] = f"{record}{folder}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, ZIP_EPOCH), content)
    return f"{module}-{version}-py3-none-any.whl", packed.getvalue()


def record_hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def wheel_artifact(
    name: str, version: str = "1.0", size: int = 1000, seed: int = 0, requires: tuple[str, ...] = ()
) -> Artifact:
    """Make a wheel whose link has a sha256, without a metadata file."""
    return Artifact(*make_wheel(name, version, size, seed, requires))


# The sdist contains its build backend, so that only Python is needed to build it.
BACKEND = """\
import os, shutil, zipfile

MODULE, VERSION = {module!r}, {version!r}
FOLDER = MODULE + "-" + VERSION + ".dist-info"
WHEEL = "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = MODULE + "-" + VERSION + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
        archive.writestr(MODULE + "/__init__.py", "__version__ = " + repr(VERSION) + "\\n")
        archive.write("payload.bin", MODULE + "/payload.bin")
        archive.write("PKG-INFO", FOLDER + "/METADATA")
        archive.writestr(FOLDER + "/WHEEL", WHEEL)
        archive.writestr(FOLDER + "/RECORD", "".join(n + ",,\\n" for n in archive.namelist()) + FOLDER + "/RECORD,,\\n")
    return name


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    os.makedirs(os.path.join(metadata_directory, FOLDER))
    shutil.copy("PKG-INFO", os.path.join(metadata_directory, FOLDER, "METADATA"))
    with open(os.path.join(metadata_directory, FOLDER, "WHEEL"), "w") as file:
        file.write(WHEEL)
    return FOLDER
"""
PROJECT = """\
[build-system]
requires = [{requires}]
build-backend = "backend"
backend-path = ["."]
"""


def make_sdist(
    name: str, version: str = "1.0", size: int = 1000, seed: int = 0, build_requires: tuple[str, ...] = ()
) -> tuple[str, bytes]:
    """Make an sdist with its own build backend, a little larger than `size`; return its file name and content."""
    module = name.replace("-", "_")
    files = {
        "PKG-INFO": core_metadata(name, version),
        "pyproject.toml": PROJECT.format(requires=", ".join(f'"{each}"' for each in build_requires)).encode(),
        "backend.py": BACKEND.format(module=module, version=version).encode(),
        "payload.bin": noise(size, seed),
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(f"{module}-{version}/{path}")
            member.size, member.mtime = len(content), ZIP_EPOCH_S
            archive.addfile(member, io.BytesIO(content))
    return f"{module}-{version}.tar.gz", gzip.compress(packed.getvalue(), 1, mtime=0)


def sdist_artifact(
    name: str, version: str = "1.0", size: int = 1000, seed: int = 0, build_requires: tuple[str, ...] = ()
) -> Artifact:
    """Make an sdist whose link has a sha256."""
    return Artifact(*make_sdist(name, version, size, seed, build_requires))
