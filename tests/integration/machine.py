"""A machine with one pip and one cache directory, for runs of the engine in this process over real sockets."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest
from integration.fakes import FakeClock, RecordingDisplay
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession
from pip._vendor.requests import Request as PipsRequest

from pip_resume.artifact import Artifact, choose_digest
from pip_resume.engine import transfer
from pip_resume.engine.clock import Clock
from pip_resume.engine.handover import Finished
from pip_resume.engine.interfaces import Display, Transport
from pip_resume.engine.reading import BLOCK_BYTES, Speeds
from pip_resume.errors import GaveUp, PipError, Report
from pip_resume.inside_pip import compat
from pip_resume.inside_pip.run import RUN
from pip_resume.inside_pip.transport import PipTransport
from pip_resume.protocol.checkpoint import Checkpoint, parse_checkpoint
from pip_resume.protocol.retry import Options
from pip_resume.storage.store import Store

# Before the download module: pip 25.1 to 25.3 cannot import that one first, because of a circular import.
importlib.import_module("pip._internal.operations.prepare")
DOWNLOAD_MODULE: ModuleType = sys.modules["pip._internal.network.download"]
BOOT_ID = "the boot of this test"
DEFAULTS = Options()
ONE_ATTEMPT = Options(retries=0)
"""As with ``--resume-retries 0``: the run ends at the first broken connection."""
# These variables of the user who runs the tests would change the requests.
VARIABLES_OF_REQUESTS = (
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"),
    *(name for scheme in ("http", "https", "all", "no") for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper())),
)


TransportClass = Callable[[ModuleType, PipSession, Link, Artifact], PipTransport]


@dataclass(frozen=True)
class Outcome:
    """The result of a run that succeeded."""

    path: Path
    content: bytes
    content_type: str
    display: RecordingDisplay
    elapsed_s: float
    """Duration of the run by its clock."""


def attempts_alone(retries: int) -> Options:
    """Return the options for a run that ends after so many retries without a new byte, however short they are."""
    return Options(retries=retries, patience_s=0.0)


def run_download(
    artifact: Artifact,
    transport: Transport,
    store: Store,
    display: Display,
    clock: Clock,
    directory: Path,
    *,
    options: Options,
    speeds: Speeds | None = None,
) -> Finished:
    """Run `transfer.download` with a new temporary directory inside `directory`. Raises what it raises.

    Check that pip's temporary directory has the file and nothing else at the end, and nothing after an error.
    """
    location = Path(tempfile.mkdtemp(prefix="run-", dir=directory))
    try:
        finished = transfer.download(artifact, location, transport, store, display, options, clock, speeds or Speeds())
    except BaseException:
        assert list(location.iterdir()) == []
        raise
    assert [finished.path] == list(location.iterdir())
    return finished


class Machine:
    """Each download is one run of pip: it has a new session, and shares the cache directory with the other runs."""

    def __init__(
        self,
        directory: Path,
        ca_file: Path | None = None,
        *,
        cache_directory: Path | None = None,
        caches_http: bool = True,
    ) -> None:
        """Make `directory`. The cache is inside it unless `cache_directory` is given.

        `caches_http` is whether pip caches what 127.0.0.1 sends over http.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.cache_directory = cache_directory or directory / "cache"
        self.store = Store(self.cache_directory, BOOT_ID)
        """For the tests themselves. Each run has a store of its own."""
        self._directory = directory
        self.ca_file = ca_file
        self._trusted_hosts = ["127.0.0.1"] if caches_http else []

    def session(self) -> PipSession:
        """Make a session of pip, as with ``--retries 0 --no-input``, and ``--trusted-host 127.0.0.1`` to cache http."""
        session: Any = PipSession(cache=str(self.cache_directory), trusted_hosts=self._trusted_hosts)
        session.auth.prompting = False
        if self.ca_file is not None:
            session.verify = str(self.ca_file)
        opened: PipSession = session
        return opened

    def run(
        self,
        link: Link,
        display: Display,
        clock: Clock,
        *,
        options: Options = DEFAULTS,
        session: PipSession | None = None,
        boot_id: str = BOOT_ID,
        speeds: Speeds | None = None,
        transport_class: TransportClass = PipTransport,
        answered: tuple[str, ...] = (),
    ) -> Finished:
        """Download once, and close the session. Raises what `transfer.download` raises.

        `answered` are the hosts, with their ports, that have answered earlier in this run of pip.
        """
        RUN.forget()
        for host in answered:
            RUN.answered(host)
        artifact = artifact_of(link)
        with closing(session or self.session()) as opened, closing(Store(self.cache_directory, boot_id)) as store:
            transport = transport_class(DOWNLOAD_MODULE, opened, link, artifact)
            return run_download(
                artifact, transport, store, display, clock, self._directory, options=options, speeds=speeds
            )

    def download(
        self,
        link: Link,
        *,
        options: Options = DEFAULTS,
        session: PipSession | None = None,
        display: RecordingDisplay | None = None,
        clock: Clock | None = None,
        boot_id: str = BOOT_ID,
        speeds: Speeds | None = None,
    ) -> Outcome:
        """Download once, with a display that records and a fake clock. Raises what `transfer.download` raises."""
        display, clock = display or RecordingDisplay(), clock or FakeClock()
        started_s = clock.elapsed_s()
        finished = self.run(link, display, clock, options=options, session=session, boot_id=boot_id, speeds=speeds)
        elapsed_s = clock.elapsed_s() - started_s
        return Outcome(finished.path, finished.path.read_bytes(), finished.content_type, display, elapsed_s)

    def download_partly(self, link: Link) -> Report:
        """Download once without retries: the run ends at the first broken connection."""
        return self.give_up(link, options=ONE_ATTEMPT)

    def interrupt(self, link: Link, *, after: int) -> int:
        """Download once and press Ctrl-C after `after` bytes, or up to a block later; return the offset then."""
        display = RecordingDisplay(interrupt_after=after)
        with pytest.raises(KeyboardInterrupt):
            self.download(link, display=display)
        (offset,) = display.interrupted_offsets
        assert after <= offset < after + BLOCK_BYTES
        return offset

    def give_up(self, link: Link, *, options: Options = DEFAULTS, clock: Clock | None = None) -> Report:
        """Download once; the run gives up."""
        with pytest.raises(GaveUp) as given_up:
            self.download(link, options=options, clock=clock)
        report: Report = given_up.value.report
        return report

    def refusal(self, link: Link) -> str:
        """Download once from a server that refuses; return pip's error message."""
        with pytest.raises(PipError) as error:
            self.download(link)
        return str(error.value.cause)

    def part_path(self, link: Link) -> Path:
        """Return the path of the bytes that the store has, or would have, of an artifact."""
        return self.store.path / f"{artifact_of(link).key}.part"

    def own_part_path(self, link: Link) -> Path:
        """Return the same path for a user whose partial cannot have the first name, since that is another user's."""
        return self.store.path / f"{artifact_of(link).key}-u{os.geteuid()}.part"

    def record_path(self, link: Link) -> Path:
        """Return the path of the record beside these bytes."""
        return self.part_path(link).with_suffix(".json")

    def stored(self, link: Link) -> bytes | None:
        """Return the bytes that the next run finds; None without a partial."""
        path = self.part_path(link)
        return path.read_bytes() if path.exists() else None

    def checkpoint(self, link: Link) -> Checkpoint:
        """Return the record beside the stored bytes."""
        found = parse_checkpoint(self.record_path(link).read_bytes())
        assert found is not None
        return found

    def files_in_store(self) -> list[str]:
        """Return the names of all files in the store."""
        return sorted(path.name for path in self.store.path.glob("*"))

    def files_in_cache(self) -> dict[Path, bytes]:
        """Return all files below the cache directory, the store included, and their content. There is at least one."""
        found = {path: path.read_bytes() for path in self.cache_directory.rglob("*") if path.is_file()}
        assert found
        return found

    def cache_entry(self, url: str) -> tuple[bytes, Mapping[str, str]] | None:
        """Return body and fields of the entry that pip's cache has for a URL, fresh or not; None without an entry.

        The names of the fields are in lower case. The entry is read with pip's own code.
        """
        with closing(self.session()) as session:
            request = session.prepare_request(PipsRequest("GET", url, headers=DOWNLOAD_MODULE.HEADERS))
            controller: Any = getattr(session.get_adapter(url), "controller", None)
            found = None if controller is None else controller._load_from_cache(request)
            if found is None:
                return None
            with closing(found):
                return found.read(decode_content=False), {k.lower(): v for k, v in found.headers.items()}

    def cached_body(self, url: str) -> bytes | None:
        """Return the body of the entry that pip's cache has for a URL; None without an entry."""
        entry = self.cache_entry(url)
        return None if entry is None else entry[0]

    def download_with_plain_pip(self, url: str) -> bytes:
        """Download through pip's session alone, without this package. pip's cache stores the file in its own way."""
        with closing(self.session()) as session:
            response = session.get(url, headers=DOWNLOAD_MODULE.HEADERS, stream=True)
            with closing(response):
                response.raise_for_status()
                return b"".join(iter(lambda: response.raw.read(65536, decode_content=False), b""))


def artifact_of(link: Link) -> Artifact:
    """Make the artifact of a link, as the download step does."""
    return Artifact(link.url_without_fragment, link.filename, choose_digest(compat.link_hashes(link)))


def hashed_link(url: str, content: bytes, *, name: str = "sha256") -> Link:
    """Make a link with the hash of `content` in its fragment."""
    return Link(f"{url}#{name}={hashlib.new(name, content).hexdigest()}")
