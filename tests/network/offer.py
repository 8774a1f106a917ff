"""What the server's host offers: one wheel below a simple index, and the certificate that vouches for the host."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme
from network.hosts import SERVER_ADDRESS
from servers.index_pages import Artifact, core_metadata, make_wheel, noise

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = "big"
INDEX_URL = f"https://{SERVER_ADDRESS}/simple/"


@dataclass(frozen=True)
class Offer:
    """The same size makes the same wheel in every process."""

    folder: Path
    """Of the certificates."""
    payload_bytes: int
    """Of the wheel, which is some hundred bytes larger."""
    bytes_per_s: int
    """How fast each connection is served."""

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def chain(self) -> Path:
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        return self.folder / "server.key"

    def artifact(self) -> Artifact:
        """Make the wheel."""
        filename, content = make_wheel(PROJECT, size=self.payload_bytes)
        return Artifact(filename, content, metadata=core_metadata(PROJECT, "1.0"))


@dataclass(frozen=True)
class Expected:
    """What a client has to end up with."""

    file_url: str
    size: int
    """Of the wheel, in bytes."""
    digests: dict[str, str]
    """The sha256 of the wheel and of the file that an installation leaves, by file name."""

    def is_right(self, folder: Path) -> bool | None:
        """Return whether the files below the folder have the right digests, None if there is none of them."""
        found = [path for name in self.digests for path in folder.rglob(name)]
        if not found:
            return None
        return all(hashlib.sha256(path.read_bytes()).hexdigest() == self.digests[path.name] for path in found)


def expected(offer: Offer) -> Expected:
    artifact = offer.artifact()
    payload = hashlib.sha256(noise(offer.payload_bytes, seed=0)).hexdigest()
    digests = {artifact.filename: artifact.sha256, "payload.bin": payload}
    return Expected(f"https://{SERVER_ADDRESS}{artifact.path}", len(artifact.content), digests)


def make_offer(folder: Path, payload_bytes: int, bytes_per_s: int) -> Offer:
    """Issue the certificates."""
    folder.mkdir(parents=True, exist_ok=True)
    offer = Offer(folder, payload_bytes, bytes_per_s)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(offer.ca_file))
    server = authority.issue_cert(SERVER_ADDRESS)
    server.private_key_pem.write_to_path(str(offer.key))
    for certificate in server.cert_chain_pems:
        certificate.write_to_path(str(offer.chain), append=True)
    return offer
