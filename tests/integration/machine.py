"""A machine with one pip: its cache directory lives on from run to run, its clock only moves when somebody sleeps."""

from __future__ import annotations

import hashlib
import importlib
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession
from pip._vendor.requests import Request as PipsRequest

from pip_resume.artifact import Artifact, choose_digest
from pip_resume.engine import transfer
from pip_resume.errors import FailedAttempt, GaveUp, PipError, Report
from pip_resume.inside_pip import compat
from pip_resume.inside_pip.transport import PipTransport
from pip_resume.protocol.checkpoint import Checkpoint, parse_checkpoint
from pip_resume.protocol.endings import Ending
from pip_resume.protocol.messages import Held, Request, ResponseHead
from pip_resume.protocol.retry import Budget
from pip_resume.protocol.verdicts import OVERLAP_BYTES, Verdict
from pip_resume.storage.store import Store

# In pip 25.1 to 25.3 pip's download module cannot be the first of its circle to be imported.
importlib.import_module("pip._internal.operations.prepare")
MODULE: ModuleType = sys.modules["pip._internal.network.download"]
BOOT_ID = "the boot of this test"
# What requests would read from whoever runs the tests.
FOREIGN = (
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"),
    *(name for scheme in ("http", "https", "all", "no") for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper())),
)
START_S = 1_700_000_000.0


class FakeClock:
    """Stands still but for sleeping, which takes no time."""

    def __init__(self) -> None:
        self.slept_s: list[float] = []

    def now_s(self) -> float:
        return START_S + sum(self.slept_s)

    def elapsed_s(self) -> float:
        return sum(self.slept_s)

    def sleep_s(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)

    def chance(self) -> float:
        return 0.5


# The arguments have the names of host.Display, so that they can be given by name.
# ruff: noqa: ARG002


@dataclass
class Told:
    """What the user is told, kept in order."""

    started: list[tuple[bool, int, int | None]] = field(default_factory=list)
    """Whether from pip's cache; offset; complete-length."""
    breaks: list[FailedAttempt] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    """Why it started over."""
    saved: list[int] = field(default_factory=list)
    patience: int | None = None
    """Bytes of a body after which the user presses Ctrl-C."""
    kept_offsets: list[int] = field(default_factory=list)
    unusable: list[Exception] = field(default_factory=list)

    def starting(self, head: ResponseHead | None, offset: int, complete_length: int | None) -> None:
        self.started.append((head is not None and head.from_cache, offset, complete_length))

    @contextmanager
    def bar(
        self, blocks: Iterable[bytes], head: ResponseHead, first_pos: int, complete_length: int | None
    ) -> Iterator[Iterator[bytes]]:
        yield self._until_interrupted(blocks)

    def _until_interrupted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        seen = 0
        for block in blocks:
            yield block
            seen += len(block)
            if self.patience is not None and seen >= self.patience:
                raise KeyboardInterrupt

    def connection_lost(
        self, failure: FailedAttempt, complete_length: int | None, budget: Budget, delay_s: float
    ) -> None:
        self.breaks.append(failure)

    def starting_over(self, reason: str) -> None:
        self.reasons.append(reason)

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        raise AssertionError("there is no other pip in these tests")

    def interrupted(self, offset: int, complete_length: int | None) -> None:
        self.kept_offsets.append(offset)

    def resumed(self, saved: int, complete_length: int) -> None:
        self.saved.append(saved)

    def store_unusable(self, error: Exception) -> None:
        self.unusable.append(error)

    def requested(self, request: Request, held: Held) -> None:
        pass

    def judged(self, head: ResponseHead, verdict: Verdict) -> None:
        pass

    def concluded(self, ending: Ending, held: Held) -> None:
        pass


@dataclass(frozen=True)
class Outcome:
    """What one run of pip has."""

    path: Path
    content: bytes
    content_type: str
    told: Told
    slept_s: float


class Machine:
    """Each download is a run of pip of its own, with a new session over the same cache directory."""

    def __init__(self, directory: Path, ca_file: Path | None = None) -> None:
        self.cache_directory = directory / "cache"
        self.store = Store(self.cache_directory, BOOT_ID)
        self._directory = directory
        self._ca_file = ca_file
        self._serial = itertools.count()

    def session(self) -> PipSession:
        """pip's own, with ``--trusted-host 127.0.0.1`` (so that http is cached), ``--retries 0`` and ``--no-input``."""
        session: Any = PipSession(cache=str(self.cache_directory), trusted_hosts=["127.0.0.1"])
        session.auth.prompting = False
        if self._ca_file is not None:
            session.verify = str(self._ca_file)
        opened: PipSession = session
        return opened

    def download(
        self, link: Link, *, retries: int = 5, session: PipSession | None = None, told: Told | None = None
    ) -> Outcome:
        """One run. Raises GaveUp and PipError as ``transfer.download`` does."""
        location = self._directory / f"run-{next(self._serial)}"
        location.mkdir()
        told, clock = told or Told(), FakeClock()
        artifact = artifact_of(link)
        with closing(session or self.session()) as opened:
            transport = PipTransport(MODULE, opened, link, artifact)
            finished = transfer.download(artifact, location, transport, self.store, told, Budget(retries), clock)
        assert [finished.path] == list(location.iterdir()), "nothing of ours is left in pip's temporary directory"
        content = finished.path.read_bytes()
        return Outcome(finished.path, content, finished.content_type, told, sum(clock.slept_s))

    def interrupted(self, link: Link) -> Report:
        """One run that has no patience, and so ends at the first break like one that is stopped."""
        return self.given_up(link, retries=0)

    def stopped(self, link: Link, *, after: int) -> int:
        """One run that is stopped with Ctrl-C after about so many bytes; the offset then."""
        told = Told(patience=after)
        with pytest.raises(KeyboardInterrupt):
            self.download(link, told=told)
        (offset,) = told.kept_offsets
        assert after <= offset < after + OVERLAP_BYTES
        return offset

    def given_up(self, link: Link, *, retries: int) -> Report:
        """One run whose patience is not enough."""
        with pytest.raises(GaveUp) as given_up:
            self.download(link, retries=retries)
        report: Report = given_up.value.report
        return report

    def refused(self, link: Link) -> str:
        """One run that the server refuses: what pip says."""
        with pytest.raises(PipError) as refusal:
            self.download(link)
        return str(refusal.value.cause)

    def part(self, link: Link) -> Path:
        """Where the bytes of an artifact are kept, if they are."""
        return self.store.part_path(artifact_of(link))

    def kept(self, link: Link) -> bytes | None:
        """What is kept for the next run, None if nothing."""
        path = self.part(link)
        return path.read_bytes() if path.exists() else None

    def checkpoint(self, link: Link) -> Checkpoint:
        """The record beside the bytes kept."""
        found = parse_checkpoint(self.part(link).with_suffix(".json").read_bytes())
        assert found is not None
        return found

    def left_in_store(self) -> list[str]:
        """All the files below our directory."""
        return sorted(path.name for path in self.store.directory.glob("*"))

    def entry(self, url: str) -> tuple[bytes, Mapping[str, str]] | None:
        """Body and fields of what pip's cache has for a URL, fresh or not, read with pip's own code; None: nothing."""
        with closing(self.session()) as session:
            request = session.prepare_request(PipsRequest("GET", url, headers=MODULE.HEADERS))
            controller: Any = getattr(session.get_adapter(url), "controller", None)
            found = None if controller is None else controller._load_from_cache(request)
            if found is None:
                return None
            with closing(found):
                return found.read(decode_content=False), {k.lower(): v for k, v in found.headers.items()}

    def fetch_with_plain_pip(self, url: str) -> bytes:
        """One download through pip's session alone, which fills pip's cache in its own way."""
        with closing(self.session()) as session, closing(session.get(url, headers=MODULE.HEADERS, stream=True)) as got:
            got.raise_for_status()
            return b"".join(iter(lambda: got.raw.read(65536, decode_content=False), b""))


def artifact_of(link: Link) -> Artifact:
    """As the download step makes it of a link."""
    return Artifact(link.url_without_fragment, link.filename, choose_digest(compat.link_hashes(link)))


def hashed(url: str, content: bytes, *, name: str = "sha256") -> Link:
    """A link with the hash of this content in its fragment."""
    return Link(f"{url}#{name}={hashlib.new(name, content).hexdigest()}")
