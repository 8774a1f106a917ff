"""The digest that is checked, and the name that the bytes of an artifact have on disk."""

from __future__ import annotations

import hashlib

import pytest

from pip_resume.artifact import Artifact, Digest, choose_digest, url_key

HEX = {name: hashlib.new(name, b"").hexdigest() for name in ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")}
URL = "https://index.test:8080/files/a-1.whl?x=1"


def hashes_of(*names: str) -> dict[str, str]:
    return {name: HEX[name] for name in names}


@pytest.mark.parametrize(
    ("hashes", "name"),
    [
        pytest.param({}, None, id="no hash"),
        pytest.param(hashes_of("md5"), "md5", id="md5 alone"),
        pytest.param(hashes_of("md5", "sha1", "sha224"), "sha224", id="sha224 before sha1 and md5"),
        pytest.param(hashes_of("sha512", "sha384", "sha256", "md5"), "sha256", id="sha256 before sha512 and sha384"),
        pytest.param(hashes_of("sha384", "sha512"), "sha512", id="sha512 before sha384"),
        pytest.param({"sha256": "abc", **hashes_of("md5")}, "md5", id="too short a value is ignored"),
        pytest.param({"sha256": "g" * 64}, None, id="not hexadecimal"),
        pytest.param({"sha256": "\u0660" * 64}, None, id="digits of a different script"),
        pytest.param({"blake2b": "0" * 64, "sha3_256": "0" * 64}, None, id="algorithms that pip does not know"),
        pytest.param({"sha256": HEX["sha256"].upper()}, "sha256", id="upper case"),
    ],
)
def test_the_best_valid_hash_is_checked(hashes: dict[str, str], name: str | None) -> None:
    expected = None if name is None else Digest(name, HEX[name])

    assert choose_digest(hashes) == expected


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("HTTPS://Index.Test:8080/files/a-1.whl?x=1", id="scheme and host in upper case"),
        pytest.param("https://user:pass@index.test:8080/files/a-1.whl?x=1", id="userinfo"),
        pytest.param(URL + "#sha256=00", id="fragment"),
    ],
)
def test_urls_of_the_same_file_have_the_same_key(other: str) -> None:
    assert url_key(other) == url_key(URL)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("http://index.test:8080/files/a-1.whl?x=1", id="scheme"),
        pytest.param("https://index.test/files/a-1.whl?x=1", id="port"),
        pytest.param("https://index.test:8080/files/A-1.whl?x=1", id="path in upper case"),
        pytest.param("https://index.test:8080/files/a-1.whl?x=2", id="query"),
    ],
)
def test_urls_of_different_files_have_different_keys(other: str) -> None:
    assert url_key(other) != url_key(URL)


@pytest.mark.parametrize("name", ["sha256", "sha512", "sha384"])
def test_the_key_of_a_strong_digest_is_the_same_for_every_url(name: str) -> None:
    digest = Digest(name, HEX[name])

    here, there = Artifact(URL, "a", digest), Artifact("http://mirror.test/b", "b", digest)

    assert here.key == there.key
    assert here.key != Artifact(URL, "a").key


@pytest.mark.parametrize("name", ["sha224", "sha1", "md5"])
def test_the_key_of_a_weak_digest_is_that_of_the_url(name: str) -> None:
    assert Artifact(URL, "a", Digest(name, HEX[name])).key == Artifact(URL, "a").key == url_key(URL)


def test_the_keys_of_different_algorithms_are_different_file_names() -> None:
    keys = {Artifact(URL, "a", Digest(name, HEX[name])).key for name in ("sha256", "sha512", "sha384")}

    assert len(keys) == 3
    assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for key in keys)


def test_the_repr_of_an_artifact_has_no_secret() -> None:
    artifact = Artifact("https://user:s3cr3t@index.test:8080/a?token=s3cr3t", "a-1.whl")

    assert "s3cr3t" not in repr(artifact)
    assert artifact.host == "index.test"
