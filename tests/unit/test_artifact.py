"""The digest that is checked, and the name that the bytes of an artifact have on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

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


OTHER_SHA256 = "1" * 64


@pytest.mark.parametrize(
    ("required", "expected"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"sha256": []}, None, id="an algorithm without a hash"),
        pytest.param({"sha256": [HEX["sha256"]]}, Digest("sha256", HEX["sha256"]), id="one"),
        pytest.param({"sha512": (HEX["sha512"].upper(),)}, Digest("sha512", HEX["sha512"]), id="upper case"),
        pytest.param(
            {"sha256": [HEX["sha256"], OTHER_SHA256]},
            Digest("sha256", HEX["sha256"], (OTHER_SHA256,)),
            id="two files of one release",
        ),
        pytest.param(
            {"sha256": ["abc", "g" * 64, OTHER_SHA256]}, Digest("sha256", OTHER_SHA256), id="invalid ones are ignored"
        ),
        pytest.param({"sha256": ["abc"]}, None, id="invalid ones alone"),
        pytest.param({"blake2b": ["0" * 128]}, None, id="algorithm that pip does not know"),
        pytest.param(
            {"sha256": [HEX["sha256"]], "sha512": [HEX["sha512"]]},
            None,
            id="two algorithms: the file may have either hash",
        ),
        pytest.param(
            {"sha256": [HEX["sha256"]], "sha512": ["abc"]},
            Digest("sha256", HEX["sha256"]),
            id="two algorithms, one of them without a valid hash",
        ),
    ],
)
def test_without_a_hash_of_the_index_those_of_the_requirements_file_are_checked(
    required: dict[str, Sequence[str]], expected: Digest | None
) -> None:
    assert choose_digest({}, required) == expected
    assert choose_digest({"sha256": "abc"}, required) == expected


def test_a_hash_of_the_index_comes_before_those_of_the_requirements_file() -> None:
    assert choose_digest(hashes_of("md5"), {"sha256": [OTHER_SHA256]}) == Digest("md5", HEX["md5"])


@pytest.mark.parametrize(
    ("hexdigest", "matches"),
    [(HEX["sha256"], True), (OTHER_SHA256, True), ("2" * 64, False), ("", False), (HEX["md5"], False)],
    ids=["the first", "a further one", "none of them", "empty", "a different algorithm"],
)
def test_a_file_may_have_any_of_the_hashes(hexdigest: str, matches: bool) -> None:
    assert Digest("sha256", HEX["sha256"], (OTHER_SHA256,)).matches(hexdigest) is matches


@pytest.mark.parametrize(
    ("digest", "is_identity"),
    [
        *((Digest(name, HEX[name]), True) for name in ("sha256", "sha512", "sha384")),
        *((Digest(name, HEX[name]), False) for name in ("sha224", "sha1", "md5")),
        (Digest("sha256", HEX["sha256"], (OTHER_SHA256,)), False),
    ],
    ids=["sha256", "sha512", "sha384", "sha224", "sha1", "md5", "two sha256"],
)
def test_one_strong_digest_proves_equal_bytes(digest: Digest, is_identity: bool) -> None:
    assert digest.is_identity is is_identity


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


WEAK_DIGESTS = [
    *(pytest.param(Digest(name, HEX[name]), id=name) for name in ("sha224", "sha1", "md5")),
    pytest.param(Digest("sha256", HEX["sha256"], (OTHER_SHA256,)), id="two sha256"),
]


@pytest.mark.parametrize("digest", WEAK_DIGESTS)
def test_the_key_of_a_weak_digest_is_that_of_the_url_without_its_query(digest: Digest) -> None:
    key = Artifact(URL, "a", digest).key

    assert key == Artifact("https://index.test:8080/files/a-1.whl?signature=2", "a", digest).key
    assert key != Artifact("https://index.test:8080/files/b-1.whl?x=1", "a", digest).key
    assert key != Artifact(URL, "a").key


@pytest.mark.parametrize("digest", WEAK_DIGESTS)
def test_two_files_of_one_url_have_different_keys_because_of_their_digests(digest: Digest) -> None:
    other = Digest("sha1", "0" * 40) if digest.name == "md5" else Digest("md5", "0" * 32)
    changed = digest._replace(hexdigest="0" + digest.hexdigest[1:], others=("1" * 64,))

    keys = {Artifact(URL, "a", each).key for each in (digest, other, changed)}

    assert len(keys) == 3
    assert all(len(key) == 64 for key in keys)


def test_without_a_digest_the_query_belongs_to_the_key() -> None:
    assert Artifact(URL, "a").key == url_key(URL) != url_key(URL.partition("?")[0])


def test_a_key_depends_on_everything_that_it_is_made_of() -> None:
    assert len({url_key(URL), url_key(URL, "a"), url_key(URL, "b"), url_key(URL, "a", "b"), url_key(URL, "ab")}) == 5


def test_the_keys_of_different_algorithms_are_different_file_names() -> None:
    keys = {Artifact(URL, "a", Digest(name, HEX[name])).key for name in ("sha256", "sha512", "sha384")}

    assert len(keys) == 3
    assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for key in keys)


def test_the_repr_of_an_artifact_has_no_secret() -> None:
    artifact = Artifact("https://user:s3cr3t@index.test:8080/a?token=s3cr3t", "a-1.whl")

    assert "s3cr3t" not in repr(artifact)
    assert artifact.host == "index.test"


@pytest.mark.parametrize(
    ("url", "is_https", "host"),
    [
        pytest.param(URL, True, "index.test", id="https"),
        pytest.param("HTTPS://Index.Test/a", True, "index.test", id="upper case"),
        pytest.param("http://index.test/a", False, "index.test", id="http"),
        pytest.param("file:///a/https://x", False, "", id="file"),
    ],
)
def test_an_artifact_knows_its_host_and_whether_a_certificate_proves_it(url: str, is_https: bool, host: str) -> None:
    artifact = Artifact(url, "a")

    assert (artifact.is_https, artifact.host) == (is_https, host)


def test_a_url_that_is_not_text_has_a_key() -> None:
    assert len(url_key("https://index.test/\udcff")) == 64
