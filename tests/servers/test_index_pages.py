"""Wheels, sdists and the pages of an index."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

from installer.sources import WheelFile
from servers.client import SIZE
from servers.fault_server import Answer, FaultServer
from servers.index_pages import Artifact, honest, html_page, json_page, make_sdist, make_wheel, noise, publish

if TYPE_CHECKING:
    from pathlib import Path

    from servers.client import Client


def test_a_wheel_agrees_with_its_record(tmp_path: Path) -> None:
    name, content = make_wheel("spam-eggs", "2.0", size=SIZE, seed=3, requires=("ham",))
    (tmp_path / name).write_bytes(content)

    with WheelFile.open(tmp_path / name) as wheel:
        wheel.validate_record()
        assert "Requires-Dist: ham" in wheel.read_dist_info("METADATA")
    assert SIZE < len(content) < SIZE + 2000
    assert make_wheel("spam-eggs", "2.0", size=SIZE, seed=3, requires=("ham",)) == (name, content)
    assert make_wheel("spam-eggs", "2.0", size=SIZE, seed=4) != (name, content)


def test_an_sdist_can_be_built(tmp_path: Path) -> None:
    name, content = make_sdist("spam-eggs", "2.0", size=SIZE)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        # Early releases of Python 3.9 to 3.11 have no filters.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path)
    source = tmp_path / name[: -len(".tar.gz")]

    built = subprocess.run(
        [sys.executable, "-c", "import backend; print(backend.build_wheel('.'))"],
        check=True, cwd=source, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    with zipfile.ZipFile(source / built.stdout.strip()) as wheel:
        assert wheel.read("spam_eggs/payload.bin") == noise(SIZE, 0)
    assert make_sdist("spam-eggs", "2.0", size=SIZE) == (name, content)


def test_a_page_has_the_links_and_hashes_of_the_artifact() -> None:
    bare = Artifact("spam-1.0.tar.gz", b"", hashes=())
    wrong = Artifact("spam-1.0.tar.gz", b"", wrong_hashes={"sha256": "00"}, base_url="https://other.test")
    described = Artifact("spam-1.0-py3-none-any.whl", b"", metadata=b"Name: spam")

    assert b'href="/files/spam-1.0.tar.gz">' in html_page(bare).body
    assert b'href="https://other.test/files/spam-1.0.tar.gz#sha256=00"' in html_page(wrong).body
    assert b"data-core-metadata" in html_page(described).body
    assert json.loads(json_page(described).body)["files"][0]["core-metadata"] == described.page_metadata()


def test_a_published_file_is_served_until_it_has_a_script(http_server: FaultServer, client: Client) -> None:
    artifact = Artifact(*make_wheel("spam"), metadata=b"Name: spam")
    publish(http_server, artifact, page=json_page)
    http_server.plays(artifact.path, Answer(503), honest(artifact))

    assert client.get(http_server.url(artifact.index_path)).headers["Content-Type"].endswith("json")
    assert [client.get(http_server.url(artifact.path)).status for _ in range(2)] == [503, 200]
    assert client.get(http_server.url(artifact.path + ".metadata")).data == b"Name: spam"
