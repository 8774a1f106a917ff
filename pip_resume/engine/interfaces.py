"""What a download asks of its host: a transport for one link, and somebody who tells the user. Only shapes, no code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn, Protocol

from pip_resume.errors import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pip_resume.protocol.messages import ResponseHead
    from pip_resume.protocol.retry import Budget
    from pip_resume.storage.partial import Partial


class Answer(Protocol):
    """One answer, its body still to be read."""

    @property
    def head(self) -> ResponseHead:
        """Status and fields."""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes of the body, undecoded.

        Empty at its end. Raises ConnectionLost for whatever ends it before that.
        """

    def close(self) -> None:
        """Drop the connection unless the body was read to its end. Raises nothing."""


class Transport(Protocol):
    """pip's session, for one link. Always asks for the link's own URL: a signed redirect is made anew."""

    def first(self) -> Answer:
        """A plain GET as pip itself would send it, with pip's cache and pip's retries. Raises PipError."""

    def get(self, fields: Mapping[str, str]) -> Answer:
        """One GET with these additional fields and no retries but ours. Raises ConnectionLost or PipError."""

    def cached(self) -> Answer | None:
        """What pip's HTTP cache has for the link, without asking the server; None when nothing. Raises nothing."""

    def cached_file(self, answer: Answer) -> Path | None:
        """Where pip's cache has the body of its answer as a file, only to be read; None when there is no such file."""

    def evict(self, answer: Answer) -> None:
        """Remove what pip's HTTP cache has for this answer. Raises nothing."""

    def reject(self, answer: Answer) -> NoReturn:
        """Raise PipError with what pip would raise for this status."""

    def filename(self, answer: Answer) -> str:
        """The name pip would give the file, one path component. Raises PipError when pip would refuse it."""

    def hand_over(self, partial: Partial, body: Path, answer: Answer | None) -> None:
        """Give the finished, right file to pip's HTTP cache, as if downloaded in one go. Raises nothing.

        ``body`` has the bytes; ``answer`` is the last one of this run, None when no request was needed.
        """


class Break(NamedTuple):
    """One attempt that failed, for the history in the final message."""

    cause: str
    """A few words, nothing of it from the server."""
    offset: int
    """Bytes held when it ended."""
    new_bytes: int
    """How far it passed the highest offset so far."""
    after_s: float
    """Seconds since the download began."""
    stage: Stage = Stage.BODY


class Report(NamedTuple):
    """Why a download was given up, and what is left of it."""

    filename: str
    offset: int
    complete_length: int | None
    is_kept: bool
    """Whether the next run finds the bytes."""
    breaks: tuple[Break, ...]
    come_back_s: float | None = None
    """Seconds after which the server wants to be asked again, when that is why."""


class Display(Protocol):
    """Tells the user, in pip's words and at pip's verbosity."""

    def starting(self, head: ResponseHead | None, offset: int, complete_length: int | None) -> None:
        """The download starts, resumes at an offset above 0, or (no head) needs no request."""

    def bar(
        self, blocks: Iterable[bytes], head: ResponseHead, first_pos: int, complete_length: int | None
    ) -> Iterator[bytes]:
        """Pass the blocks on, with pip's progress bar from first_pos on where pip would show one."""

    def lost(self, failure: Break, complete_length: int | None, budget: Budget, delay_s: float) -> None:
        """An attempt failed; the next one follows after ``delay_s`` seconds."""

    def starting_over(self, reason: str) -> None:
        """What is held cannot be used."""

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        """Another pip downloads the same artifact and has this much of it."""

    def kept(self, offset: int, complete_length: int | None) -> None:
        """The download is interrupted, the bytes are there for the next run."""

    def not_again(self, offset: int, complete_length: int) -> None:
        """The download is finished, and this much of it was not downloaded again."""

    def store_unusable(self, error: Exception) -> None:
        """Nothing can be kept for the next run; the download goes on."""
