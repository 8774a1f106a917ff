"""What is wanted: the wheel or sdist behind a link, and the name its bytes have on disk. No I/O."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# The hashes that name the same bytes wherever they come from. All three are beyond doubt, so the first is simply the
# one that nearly every index gives: two indexes of which one adds sha512 must still arrive at the same name.
IDENTITIES = ("sha256", "sha512", "sha384")
# Checked when an index offers nothing better, but nobody should find other bytes under such a name (sha224 only for its
# rarity).
WEAKER = ("sha224", "sha1", "md5")
_HEX_LENGTHS = {"sha256": 64, "sha512": 128, "sha384": 96, "sha224": 56, "sha1": 40, "md5": 32}


class Digest(NamedTuple):
    """The digest that the link promises."""

    name: str
    """A name of hashlib's, one of IDENTITIES or WEAKER."""
    hexdigest: str
    """Lower-case hexadecimal."""

    @property
    def is_identity(self) -> bool:
        """Whether equal digests prove equal bytes, so that any server may supply the rest."""
        return self.name in IDENTITIES


def choose_digest(hashes: Mapping[str, str]) -> Digest | None:
    """The digest to check, out of all that a link offers; None when it offers none that can be right.

    A value of the wrong length is passed over: no file could ever match it, and pip will say so in its own words.
    """
    for name in IDENTITIES + WEAKER:
        value = hashes.get(name, "").lower()
        if len(value) == _HEX_LENGTHS[name] and re.fullmatch("[0-9a-f]+", value):
            return Digest(name, value)
    return None


def url_key(url: str) -> str:
    """The sha256 of a URL without fragment and userinfo.

    Recognises the URL without telling it to whoever reads the disk.
    """
    scheme, netloc, path, query, _fragment = urlsplit(url)
    bare = urlunsplit((scheme.lower(), netloc.rpartition("@")[2].lower(), path, query, ""))
    return hashlib.sha256(bare.encode("utf-8", "surrogatepass")).hexdigest()


class Artifact(NamedTuple):
    """The wheel or sdist wanted."""

    url: str
    """Without fragment. May carry credentials and tokens: never stored, never logged."""
    filename: str
    """The link's last path component, for people."""
    digest: Digest | None = None
    """None when the link has no hash."""

    def __repr__(self) -> str:
        return f"Artifact({self.filename!r}, {self.digest!r})"

    @property
    def key(self) -> str:
        """64 hexadecimal digits: the name of the partial on disk."""
        if self.digest is None or not self.digest.is_identity:
            return url_key(self.url)
        if self.digest.name == "sha256":
            return self.digest.hexdigest
        return hashlib.sha256(f"{self.digest.name}={self.digest.hexdigest}".encode()).hexdigest()

    @property
    def is_https(self) -> bool:
        """Whether the server proved who it is."""
        return self.url.lower().startswith("https://")

    @property
    def host(self) -> str:
        """The host to show in lists: no userinfo, no port."""
        return urlsplit(self.url).hostname or ""
