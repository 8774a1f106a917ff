"""A situation: everything that a server, a network and a user do, as one value.

A situation acts on time, on the bytes sent so far, and on the fields of a request. It never acts on the number of a
request, because plain pip and pip-resume send different numbers of requests. Seconds are seconds of the simulated
clock. A share is a position in the file between 0.0 (its first byte) and 1.0 (its end).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal

FOREVER = math.inf

LinkHash = Literal["sha256", "md5", "none", "requirements"]
Etag = Literal["strong", "weak", "unquoted", "changing", "none"]
LastModified = Literal["old", "recent", "none"]
Caching = Literal["max-age", "not said", "no-store"]
Framing = Literal["length", "chunked", "close", "unfinished chunks", "length too long", "length too short"]
Scheme = Literal["https", "http"]
Support = Literal[
    "honoured", "ignored", "starts late", "starts early", "other bytes", "multipart", "200 with Content-Range"
]
ContentRange = Literal[
    "standard", "no unit", "equals sign", "spaces", "no length", "missing", "last-pos is the length", "length plus 1"
]
IfRange = Literal["honoured", "ignored"]
AtEnd = Literal["416", "416 without length", "200", "empty 206"]
CutHow = Literal["close", "reset", "tls record", "tls eof", "silence", "error page"]
OutageHow = Literal["refused", "unreachable", "dns", "silence", "certificate"]
RefusalHow = Literal["status", "close", "reset", "silence", "login page", "login redirect"]
Of = Literal["range", "plain", "any"]
RetryAfter = Literal["none", "seconds", "date"]
Build = Literal["different", "one byte", "longer"]
NewValidators = Literal["new", "same", "new date only"]
HopTo = Literal["same host", "other host", "signed", "http"]
StopHow = Literal["kill", "ctrl-c"]
Cached = Literal["nothing", "right", "old build", "wrong bytes", "truncated", "cut", "empty"]
Before = Literal["nothing", "index page", "metadata", "index page and metadata"]


@dataclass(frozen=True)
class Moment:
    """When this share of the file has gone out for the first time, and so many seconds later."""

    share: float = 0.0
    """0.0 is the start of the first run."""
    plus_s: float = 0.0


@dataclass(frozen=True)
class File:
    """The file, and what the server says about it."""

    size: int = 1_200_000
    """In bytes."""
    link_hash: LinkHash = "sha256"
    """Where the hash stands: in the link (sha256 or md5), only in the requirements file, or nowhere."""
    etag: Etag = "strong"
    last_modified: LastModified = "old"
    """`recent` is within the minute before Date, which makes it a weak validator."""
    has_date: bool = True
    caching: Caching = "max-age"
    """Cache-Control. pip stores a file that has an ETag even if nothing is said."""
    framing: Framing = "length"
    is_labelled_gzip: bool = False
    """Whether each response says Content-Encoding: gzip although the bytes are the file's own."""
    gzip_from: Moment | None = None
    """From when on the server compresses the complete file although nobody asked; None: never."""


@dataclass(frozen=True)
class Ranges:
    """What the server does with Range."""

    support: Support = "honoured"
    content_range: ContentRange = "standard"
    if_range: IfRange = "honoured"
    has_validators: bool = True
    """Whether a 206 has ETag and Last-Modified."""
    at_end: AtEnd = "416"
    """The response to a range that starts at the end of the file."""
    most_bytes: int = 0
    """The largest part that one 206 has; 0: no limit."""
    is_labelled_gzip: bool = False
    """Whether a 206 says Content-Encoding: gzip although a 200 does not."""


@dataclass(frozen=True)
class Cut:
    """The body of a response ends too early."""

    how: CutHow = "close"
    at: float | None = None
    """The share of the file at which it happens, when that share goes out for the first time."""
    every: int = 0
    """If above 0: every connection ends after so many bytes of bodies."""
    until_s: float = FOREVER
    """For `every`: until when, in seconds since the start of the first run. Exclusive."""

    @property
    def name(self) -> str:
        """What is noted when a cut has happened that happens once."""
        return f"{self.how} at {self.at}"


@dataclass(frozen=True)
class Outage:
    """No connection can be made for some time."""

    how: OutageHow = "refused"
    begins: Moment = Moment(0.5)
    lasts_s: float = 20.0


@dataclass(frozen=True)
class Refusal:
    """Some requests do not get the file for some time."""

    how: RefusalHow = "status"
    of: Of = "range"
    status: int = 403
    """For `status` only."""
    begins: Moment = Moment()
    lasts_s: float = FOREVER
    retry_after: RetryAfter = "none"
    retry_after_s: int = 10


@dataclass(frozen=True)
class Slow:
    """The connection is slow for some time."""

    bytes_per_s: float = 10_000.0
    begins: Moment = Moment(0.5)
    lasts_s: float = FOREVER
    only_open: bool = False
    """Whether only connections that are open at that moment become slow."""


@dataclass(frozen=True)
class Replacement:
    """A different build of the file takes its place on the server. The index knows it in the next run."""

    begins: Moment = Moment(0.5)
    build: Build = "different"
    validators: NewValidators = "new"


@dataclass(frozen=True)
class Sleep:
    """The computer sleeps, its clock goes on meanwhile, and its connections are dead when it wakes up."""

    begins: Moment = Moment(0.5)
    lasts_s: float = 3600.0


@dataclass(frozen=True)
class Hop:
    """One redirect on the way to the file."""

    status: int = 302
    to: HopTo = "other host"
    begins: Moment = Moment()
    """From when on; before that it leads to the same host."""


@dataclass(frozen=True)
class Stop:
    """The user, or the system, ends a run of pip."""

    how: StopHow = "kill"
    share: float = 0.5
    """The share of the file at which it happens, when that share arrives for the first time in all runs. So a run that
    has failed before is not spared by it."""

    @property
    def name(self) -> str:
        """What is noted when it has happened."""
        return f"{self.how} at {self.share}"


@dataclass(frozen=True)
class User:
    """What the user does."""

    stops: tuple[Stop, ...] = ()
    gap_s: float = 10.0
    """Seconds between the end of a run that failed and the start of the next one."""
    retries: int = 5
    resume_retries: int | None = None
    """None if the user does not give that option."""
    timeout_s: int = 15
    cached: Cached = "nothing"
    """What pip's HTTP cache has for the link before the first run. `cut` is an entry whose body lacks its second half,
    `empty` one without any byte of it, `truncated` one that says that its first half is all."""
    before: Before = "nothing"
    """What a run requests before the file."""


@dataclass(frozen=True)
class Situation:
    """A server, a network and a user. By default everything works."""

    file: File = File()
    scheme: Scheme = "https"
    is_link_signed: bool = False
    """Whether the link has a query that is new in each run."""
    hops: tuple[Hop, ...] = ()
    ranges: Ranges = Ranges()
    bytes_per_s: float = 5_000_000.0
    cuts: tuple[Cut, ...] = ()
    outages: tuple[Outage, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    slow: tuple[Slow, ...] = ()
    replacement: Replacement | None = None
    serves_stale: bool = False
    """Whether a cache on the way has an old build for requests without Cache-Control: no-cache."""
    sleeps: tuple[Sleep, ...] = ()
    user: User = User()

    @property
    def is_orderly(self) -> bool:
        """Whether a complete download without any trouble brings the right file."""
        return self.file.framing != "length too short"


def as_source(value: object) -> str:
    """Return Python source that makes the value. Whatever has its default value is left out."""
    if isinstance(value, tuple):
        inner = ", ".join(as_source(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if value == FOREVER:
        return "FOREVER"
    if not hasattr(value, "__dataclass_fields__"):
        return repr(value)
    changed = changed_fields(value)
    return f"{type(value).__name__}({', '.join(f'{name}={as_source(item)}' for name, item in changed.items())})"


def changed_fields(value: Any) -> dict[str, Any]:
    """Return the fields of a value of this module that do not have their default."""
    default = type(value)()
    present = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: item for name, item in present.items() if item != getattr(default, name)}
