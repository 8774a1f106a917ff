"""What the server's host offers: one wheel below a simple index, and the certificate that vouches for the host."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trustme
from network.hosts import SERVER_ADDRESS
from servers.index_pages import Artifact, core_metadata, make_wheel, noise

if TYPE_CHECKING:
    from collections.abc import Mapping
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


class Left(enum.Enum):
    """What a client has left on the disk."""

    RIGHT = "right"
    WRONG = "WRONG"
    INCOMPLETE = "incomplete"
    """Shorter than the file."""
    NOTHING = "no file"


@dataclass(frozen=True)
class Expected:
    """What a client has to end up with."""

    file_url: str
    filename: str
    """Of the wheel."""
    contents: Mapping[str, bytes] = field(repr=False)
    """The wheel and the file that an installation leaves, by file name."""

    @property
    def size(self) -> int:
        """Of the wheel, in bytes."""
        return len(self.contents[self.filename])

    def left_in(self, folder: Path) -> Left:
        """Return what the folder has of the file; that is the wheel, or what an installation makes of it."""
        found = [path for name in self.contents for path in folder.rglob(name)]
        if not found:
            return Left.NOTHING
        if any(path.stat().st_size < len(self.contents[path.name]) for path in found):
            return Left.INCOMPLETE
        return Left.RIGHT if all(path.read_bytes() == self.contents[path.name] for path in found) else Left.WRONG


def expected(offer: Offer) -> Expected:
    artifact = offer.artifact()
    contents = {artifact.filename: artifact.content, "payload.bin": noise(offer.payload_bytes, seed=0)}
    return Expected(f"https://{SERVER_ADDRESS}{artifact.path}", artifact.filename, contents)


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
