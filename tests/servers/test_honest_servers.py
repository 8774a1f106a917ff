"""The honest server, nginx, and what an index offers."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
import urllib3
from installer.sources import WheelFile
from servers.client import CONTENT, SIZE
from servers.fault_server import Answer, FaultServer
from servers.index_pages import Artifact, honest, html_page, json_page, make_sdist, make_wheel, noise, publish
from servers.range_server import RangeServer, Redirect, Resource, SignedRedirect

if TYPE_CHECKING:
    from pathlib import Path

    from servers.certificates import Certificates
    from servers.client import Client
    from servers.fixtures import StartNginx


class TestRangeServer:
    def test_credentials_are_asked_for(self, https_range_server: RangeServer, client: Client) -> None:
        https_range_server.holds("/f", Resource(CONTENT))
        https_range_server.requires("user", "secret")

        refused = client.get(https_range_server.url("/f"))
        let_in = client.get(https_range_server.url("/f"), **urllib3.make_headers(basic_auth="user:secret"))

        assert (refused.status, let_in.status) == (401, 200)
        assert refused.headers["WWW-Authenticate"].lower().startswith("basic")

    def test_redirects_are_followed(self, http_range_server: RangeServer, client: Client) -> None:
        http_range_server.holds("/f", Resource(CONTENT))
        http_range_server.holds("/old", Redirect("/f", 301))

        assert client.follow(http_range_server.url("/old")).data == CONTENT

    def test_a_signed_address_is_good_for_one_request(self, http_range_server: RangeServer, client: Client) -> None:
        http_range_server.holds("/f", SignedRedirect(Resource(CONTENT)))
        first = client.follow(http_range_server.url("/f"))

        again = client.get(http_range_server.url(first.geturl() or ""))

        assert (first.data, again.status) == (CONTENT, 403)
        assert client.follow(http_range_server.url("/f"), Range="bytes=9-").data == CONTENT[9:]

    def test_fields_are_sent_as_given_and_bytes_counted(self, http_range_server: RangeServer, client: Client) -> None:
        http_range_server.holds("/f", Resource(CONTENT, fields={"Cache-Control": "no-store", "Vary": "X"}))

        response = client.get(http_range_server.url("/f"), Range="bytes=40000-")

        assert (response.headers["Cache-Control"], response.headers["Vary"]) == ("no-store", "X")
        assert http_range_server.requests("/f")[0].first_pos == 40_000
        assert http_range_server.sent("/f") == 10_000

    def test_the_index_speaks_html_and_json(self, http_range_server: RangeServer, client: Client) -> None:
        artifact = Artifact("spam-1.0.tar.gz", b"content", ("sha256", "md5"))
        http_range_server.publish(artifact)

        page = client.get(http_range_server.url("/simple/spam/"))
        as_json = client.get(http_range_server.url("/simple/spam/"), Accept="application/vnd.pypi.simple.v1+json")

        assert f'href="/files/spam-1.0.tar.gz#sha256={artifact.sha256}"'.encode() in page.data
        assert as_json.json()["files"][0]["hashes"] == artifact.told_hashes()


class TestIndexPages:
    def test_a_wheel_is_right_by_its_record(self, tmp_path: Path) -> None:
        name, content = make_wheel("spam-eggs", "2.0", size=SIZE, seed=3, requires=("ham",))
        (tmp_path / name).write_bytes(content)

        with WheelFile.open(tmp_path / name) as wheel:
            wheel.validate_record()
            assert "Requires-Dist: ham" in wheel.read_dist_info("METADATA")
        assert SIZE < len(content) < SIZE + 2000
        assert make_wheel("spam-eggs", "2.0", size=SIZE, seed=3, requires=("ham",)) == (name, content)
        assert make_wheel("spam-eggs", "2.0", size=SIZE, seed=4) != (name, content)

    def test_an_sdist_builds_itself(self, tmp_path: Path) -> None:
        name, content = make_sdist("spam-eggs", "2.0", size=SIZE)
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(tmp_path, filter="data")
        source = tmp_path / name[: -len(".tar.gz")]

        built = subprocess.run(
            [sys.executable, "-c", "import backend; print(backend.build_wheel('.'))"],
            check=True, cwd=source, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

        with zipfile.ZipFile(source / built.stdout.strip()) as wheel:
            assert wheel.read("spam_eggs/payload.bin") == noise(SIZE, 0)
        assert make_sdist("spam-eggs", "2.0", size=SIZE) == (name, content)

    def test_pages_claim_what_the_artifact_says(self) -> None:
        bare = Artifact("spam-1.0.tar.gz", b"", hashes=())
        wrong = Artifact("spam-1.0.tar.gz", b"", wrong_hashes={"sha256": "00"}, base_url="https://other.test")
        described = Artifact("spam-1.0-py3-none-any.whl", b"", metadata=b"Name: spam")

        assert b'href="/files/spam-1.0.tar.gz">' in html_page(bare).body
        assert b'href="https://other.test/files/spam-1.0.tar.gz#sha256=00"' in html_page(wrong).body
        assert b"data-core-metadata" in html_page(described).body
        assert json.loads(json_page(described).body)["files"][0]["core-metadata"] == described.told_metadata()

    def test_published_files_are_served_until_scripted(self, http_server: FaultServer, client: Client) -> None:
        artifact = Artifact(*make_wheel("spam"), metadata=b"Name: spam")
        publish(http_server, artifact, page=json_page)
        http_server.plays(artifact.path, Answer(503), honest(artifact))

        assert client.get(http_server.url(artifact.index_path)).headers["Content-Type"].endswith("json")
        assert [client.get(http_server.url(artifact.path)).status for _ in range(2)] == [503, 200]
        assert client.get(http_server.url(artifact.path + ".metadata")).data == b"Name: spam"


class TestNginx:
    def test_ranges_and_if_range(self, nginx_or_skip: StartNginx, client: Client) -> None:
        nginx = nginx_or_skip()
        nginx.write("/f.whl", CONTENT, modified_s=1_600_000_000)
        etag = client.get(nginx.url("/f.whl")).headers["ETag"]

        same = client.get(nginx.url("/f.whl"), Range="bytes=40000-", If_Range=etag)
        nginx.write("/f.whl", CONTENT[::-1], modified_s=1_700_000_000)
        changed = client.get(nginx.url("/f.whl"), Range="bytes=40000-", If_Range=etag)

        assert (same.status, same.data) == (206, CONTENT[40000:])
        assert (changed.status, changed.data) == (200, CONTENT[::-1])
        served = nginx.served("/f.whl")
        assert [(s.status, s.range, s.if_range) for s in served[1:]] == [(n, "bytes=40000-", etag) for n in (206, 200)]

    def test_directives_and_certificates(
        self, nginx_or_skip: StartNginx, certificates: Certificates, client: Client
    ) -> None:
        nginx = nginx_or_skip("max_ranges 0;", certificates)
        nginx.publish(Artifact(*make_wheel("spam")))

        page = client.get(nginx.url("/simple/spam/"), Range="bytes=1-")

        assert nginx.url("/").startswith("https://")
        assert (page.status, b"/files/spam-1.0" in page.data) == (200, True)

    def test_a_wrong_directive_is_reported(self, nginx_or_skip: StartNginx) -> None:
        with pytest.raises(RuntimeError, match="unknown directive"):
            nginx_or_skip("nonsense on;")
