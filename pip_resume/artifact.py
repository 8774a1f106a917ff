"""The wheel or source distribution that pip wants: its link, its digest, and the key of its partial on disk. No I/O."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Algorithms whose equal digests prove equal bytes, from any server. All three are collision-resistant. sha256 is first
# because nearly every index publishes it: two indexes lead to the same key even if one of them adds sha512.
IDENTITIES = ("sha256", "sha512", "sha384")
# Algorithms that are verified if the index publishes no better one, but never used as a key: collisions are known for
# sha1 and md5, and hardly any index publishes sha224.
WEAKER = ("sha224", "sha1", "md5")
_HEX_LENGTHS = {"sha256": 64, "sha512": 128, "sha384": 96, "sha224": 56, "sha1": 40, "md5": 32}


class Digest(NamedTuple):
    """The digest that the file must have."""

    name: str
    """The name that hashlib has for the algorithm; one of IDENTITIES or WEAKER."""
    hexdigest: str
    """Lower-case hexadecimal."""
    others: tuple[str, ...] = ()
    """Further digests that are right as well: a requirements file lists those of several files of one release."""

    @property
    def is_identity(self) -> bool:
        """Whether equal digests prove equal bytes, so that any server may send the rest of the file."""
        return self.name in IDENTITIES and not self.others

    def matches(self, hexdigest: str) -> bool:
        """Whether this is the digest, or one of the digests, that the file may have."""
        return hexdigest == self.hexdigest or hexdigest in self.others


def choose_digest(hashes: Mapping[str, str], required: Mapping[str, Sequence[str]] | None = None) -> Digest | None:
    """Return the digest to verify, out of those that the index gives; None if there is no well-formed one.

    ``hashes`` maps names of algorithms to hexadecimal digests; ``required`` has those of a requirements file, which are
    used if the index gives none, and if all of them are of one algorithm: pip takes a file that has any of them. A
    value of the wrong length is ignored here: no file can match it, and pip reports that itself.
    """
    for name in IDENTITIES + WEAKER:
        value = hashes.get(name, "").lower()
        if _is_well_formed(name, value):
            return Digest(name, value)
    allowed = [
        (name, value.lower())
        for name in IDENTITIES + WEAKER
        for value in (required or {}).get(name, ())
        if _is_well_formed(name, value.lower())
    ]
    if len({name for name, _ in allowed}) != 1:
        return None
    (name, first), *others = allowed
    return Digest(name, first, tuple(value for _, value in others))


def _is_well_formed(name: str, value: str) -> bool:
    return len(value) == _HEX_LENGTHS[name] and re.fullmatch("[0-9a-f]+", value) is not None


@functools.lru_cache(maxsize=16)
def url_key(url: str, *more: str) -> str:
    """Return the sha256 of a URL without its fragment and userinfo, and of ``more``, as 64 hexadecimal digits.

    It identifies the URL, and the URL itself cannot be read from the disk.
    """
    scheme, netloc, path, query, _fragment = urlsplit(url)
    bare = urlunsplit((scheme.lower(), netloc.rpartition("@")[2].lower(), path, query, ""))
    return hashlib.sha256("\n".join((bare, *more)).encode("utf-8", "surrogatepass")).hexdigest()


class Artifact(NamedTuple):
    """The wheel or source distribution that pip wants."""

    url: str
    """Without fragment. It may contain credentials and tokens, so it is never stored and never logged."""
    filename: str
    """The last path component of the link, to show to users."""
    digest: Digest | None = None
    """None when the link has no hash."""

    def __repr__(self) -> str:
        return f"Artifact({self.filename!r}, {self.digest!r})"

    @property
    def key(self) -> str:
        """The name of the partial on disk: 64 hexadecimal digits."""
        if self.digest is None:
            return url_key(self.url)
        if not self.digest.is_identity:
            # The query may be a signature that is different each time. The digest tells two files apart.
            return url_key(self.url.partition("?")[0], self.digest.name, self.digest.hexdigest)
        if self.digest.name == "sha256":
            return self.digest.hexdigest
        return hashlib.sha256(f"{self.digest.name}={self.digest.hexdigest}".encode()).hexdigest()

    @property
    def is_https(self) -> bool:
        """Whether the URL is https. With pip's --trusted-host no certificate proves who the server is."""
        return self.url.lower().startswith("https://")

    @property
    def host(self) -> str:
        """The host of the URL without userinfo and port, to show in lists; empty if the URL has none."""
        return urlsplit(self.url).hostname or ""


def canonical_project(filename: str) -> str:
    """Return the project of a file name: the part before the first ``-`` of a wheel, or the last ``-`` of an sdist."""
    if filename.endswith((".whl", ".whl.metadata")):
        return canonical_name(filename.partition("-")[0])
    return canonical_name(filename.rpartition("-")[0] or filename)


def canonical_name(project: str) -> str:
    """Return the normalized name of a project (PEP 503)."""
    return re.sub("[-_.]+", "-", project).lower()
