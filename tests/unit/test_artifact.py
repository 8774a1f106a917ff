"""Which digest is checked, and which name an artifact's bytes have on disk."""

from __future__ import annotations

import hashlib

import pytest

from pip_resume.artifact import Artifact, Digest, choose_digest, url_key

HEX = {name: hashlib.new(name, b"").hexdigest() for name in ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")}
URL = "https://index.test:8080/files/a-1.whl?x=1"


def some(*names: str) -> dict[str, str]:
    return {name: HEX[name] for name in names}


@pytest.mark.parametrize(
    ("hashes", "name"),
    [
        pytest.param({}, None, id="none"),
        pytest.param(some("md5"), "md5", id="md5 alone"),
        pytest.param(some("md5", "sha1", "sha224"), "sha224", id="the strongest of the weak"),
        pytest.param(some("sha512", "sha384", "sha256", "md5"), "sha256", id="sha256 before the longer ones"),
        pytest.param(some("sha384", "sha512"), "sha512", id="sha512 before sha384"),
        pytest.param({"sha256": "abc", **some("md5")}, "md5", id="one that is too short is passed over"),
        pytest.param({"sha256": "g" * 64}, None, id="no hexadecimal"),
        pytest.param({"sha256": "\u0660" * 64}, None, id="digits of another script"),
        pytest.param({"blake2b": "0" * 64, "sha3_256": "0" * 64}, None, id="kinds that pip does not know"),
        pytest.param({"sha256": HEX["sha256"].upper()}, "sha256", id="capitals"),
    ],
)
def test_the_best_hash_that_can_be_right_is_checked(hashes: dict[str, str], name: str | None) -> None:
    expected = None if name is None else Digest(name, HEX[name])

    assert choose_digest(hashes) == expected


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("HTTPS://Index.Test:8080/files/a-1.whl?x=1", id="scheme and host in capitals"),
        pytest.param("https://user:pass@index.test:8080/files/a-1.whl?x=1", id="userinfo"),
        pytest.param(URL + "#sha256=00", id="a fragment"),
    ],
)
def test_urls_of_the_same_thing_have_one_key(other: str) -> None:
    assert url_key(other) == url_key(URL)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("http://index.test:8080/files/a-1.whl?x=1", id="scheme"),
        pytest.param("https://index.test/files/a-1.whl?x=1", id="port"),
        pytest.param("https://index.test:8080/files/A-1.whl?x=1", id="path in capitals"),
        pytest.param("https://index.test:8080/files/a-1.whl?x=2", id="query"),
    ],
)
def test_urls_of_different_things_have_keys_of_their_own(other: str) -> None:
    assert url_key(other) != url_key(URL)


@pytest.mark.parametrize("name", ["sha256", "sha512", "sha384"])
def test_a_strong_digest_names_the_bytes_wherever_they_come_from(name: str) -> None:
    digest = Digest(name, HEX[name])

    here, there = Artifact(URL, "a", digest), Artifact("http://mirror.test/b", "b", digest)

    assert here.key == there.key
    assert here.key != Artifact(URL, "a").key


@pytest.mark.parametrize("name", ["sha224", "sha1", "md5"])
def test_a_weak_digest_names_nothing(name: str) -> None:
    assert Artifact(URL, "a", Digest(name, HEX[name])).key == Artifact(URL, "a").key == url_key(URL)


def test_the_key_of_each_kind_is_a_file_name_of_its_own() -> None:
    keys = {Artifact(URL, "a", Digest(name, HEX[name])).key for name in ("sha256", "sha512", "sha384")}

    assert len(keys) == 3
    assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for key in keys)


def test_what_is_shown_of_an_artifact_has_no_secret() -> None:
    artifact = Artifact("https://user:s3cr3t@index.test:8080/a?token=s3cr3t", "a-1.whl")

    assert "s3cr3t" not in repr(artifact)
    assert artifact.host == "index.test"
