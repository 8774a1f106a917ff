"""Interfaces that the engine needs from pip: Transport (one link) and Display (messages). Protocols only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol, Union

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pip_resume.errors import FailedAttempt
    from pip_resume.protocol.endings import Ending
    from pip_resume.protocol.last_request import LastRequest
    from pip_resume.protocol.messages import Held, Request, ResponseHead
    from pip_resume.protocol.retry import Budget, Limits, Reached
    from pip_resume.protocol.verdicts import Verdict
    from pip_resume.storage.partial import Partial


Block = Union[bytes, memoryview]
"""Bytes of a body. A memoryview is valid until the next read."""


class Response(Protocol):
    """One response whose body has not been read yet."""

    @property
    def head(self) -> ResponseHead:
        """Status and fields."""

    @property
    def timeout_s(self) -> float:
        """The longest time that ``read`` waits for a byte."""

    def read(self, size: int) -> Block:
        """Return what has arrived, up to ``size`` bytes, undecoded. Wait for the first byte; empty at the end.

        The next read may use the same memory. Raises ConnectionLost if the body ends in any other way.
        """

    def has_more(self, wait_s: float) -> bool:
        """Whether ``read`` would return at once, after waiting for up to ``wait_s`` seconds. Raises nothing."""

    def close(self) -> None:
        """Close the connection, unless the body was read to its end. Raises nothing."""


class Transport(Protocol):
    """pip's session and its cache, for one link.

    Every request goes to the link's own URL, so that a redirect to a signed URL is made anew.
    """

    @property
    def timeout_s(self) -> float:
        """The longest time that one request waits for its response."""

    @property
    def reached(self) -> Reached:
        """Which hosts have answered in this run of pip."""

    def first(self) -> Response:
        """Send a plain GET as pip itself would, with pip's cache and pip's retries. Raises NoResponse or PipError."""

    def get(self, fields: Mapping[str, str], *, with_cache: bool = False, timeout_s: float | None = None) -> Response:
        """Send one GET with these additional fields, without pip's retries and, unless ``with_cache``, past its cache.

        Each read of this response waits for ``timeout_s`` seconds; None means pip's own ``--timeout``. Raises
        ConnectionLost or PipError.
        """

    def cached(self) -> Response | None:
        """Return what pip's HTTP cache has for the link, without asking a server; None if nothing. Raises nothing."""

    def cached_file(self, response: Response) -> Path | None:
        """Return the file in which pip's cache has the body of ``response``, to be read only; None without one."""

    def leave_to_pip(self) -> bool:
        """Leave the hash of the file to pip; return False if pip would not verify it and request a wrong one again."""

    def evict(self, response: Response) -> None:
        """Remove the entry that pip's HTTP cache has for this response. Raises nothing."""

    def reject(self, response: Response) -> NoReturn:
        """Raise PipError with what pip would raise for this status."""

    def filename(self, response: Response) -> str:
        """Return the name that pip would give the file: one path component. Raises PipError if pip would refuse it."""

    def store_in_cache(self, partial: Partial, body: Path, response: Response | None) -> bool:
        """Give a complete, verified file to pip's HTTP cache, as if it had come in one response. Raises nothing.

        ``body`` has the bytes. ``response`` is the last one of this run, None if no request was needed. Return whether
        pip finds the file there now for the link: the rules of its cache may forbid that.
        """


class Display(Protocol):
    """Tells the user what happens, in pip's words and at pip's verbosity."""

    def starting(self, head: ResponseHead | None, offset: int, complete_length: int | None) -> None:
        """The download starts, or resumes at an offset above 0, or (head is None) needs no request."""

    def bar(
        self, blocks: Iterable[Block], head: ResponseHead, first_pos: int, complete_length: int | None
    ) -> AbstractContextManager[Iterator[Block]]:
        """Pass the blocks on, with pip's progress bar from first_pos on where pip would show one.

        The bar ends with the context, before any other line is written. Raises PipError if stdout cannot be written.
        """

    def attempt_failed(
        self, failure: FailedAttempt, complete_length: int | None, budget: Budget, limits: Limits, delay_s: float
    ) -> None:
        """An attempt failed; the next one follows after ``delay_s`` seconds, until ``limits`` are spent."""

    def waiting(self, left_s: float, idle_s: float) -> None:
        """A wait goes on for ``left_s`` seconds; the last progress was ``idle_s`` seconds ago. Called each second."""

    def starting_over(self, reason: str) -> None:
        """Bytes that are held are not used."""

    def asking_plainly(self, reason: str) -> None:
        """A response cannot be used, so the complete file is requested; what is held stays."""

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        """Another pip downloads the same artifact and has ``offset`` bytes of it."""

    def other_has_ended(self) -> None:
        """The wait for another pip is over."""

    def range_ignored(self, *, is_conditional: bool) -> None:
        """The server sends the complete file instead of a part, because of If-Range if ``is_conditional``."""

    def requesting(self) -> AbstractContextManager[None]:
        """In this context a request waits for its response, after the host has answered before."""

    def checking(self, size: int) -> AbstractContextManager[None]:
        """In this context ``size`` bytes of an earlier run are read back and verified."""

    def copying(self, size: int) -> AbstractContextManager[None]:
        """In this context ``size`` bytes are given to pip and to its cache. Copies are needed where links are not."""

    def interrupted(self, offset: int, complete_length: int | None, advice: str) -> None:
        """The download is interrupted; the next run finds ``offset`` bytes. ``advice`` says what it does with them."""

    def nothing_kept(self, offset: int, complete_length: int | None) -> None:
        """The download is interrupted, and the next run finds none of the ``offset`` bytes."""

    def no_space(self, directory: Path, needed: int) -> None:
        """A directory has too little free space for a file of ``needed`` bytes."""

    def resumed(self, saved: int, complete_length: int) -> None:
        """The download is complete, and ``saved`` bytes of it did not have to be downloaded again."""

    def store_unusable(self, error: Exception) -> None:
        """Nothing can be stored for the next run. The download goes on."""

    def requested(self, request: Request, held: Held) -> None:
        """A request is about to be sent (for the log of ``pip -vv``)."""

    def judged(self, head: ResponseHead, verdict: Verdict) -> None:
        """A row of VERDICTS has decided what a response means (for the log of ``pip -vv``)."""

    def concluded(self, ending: Ending, held: Held) -> None:
        """A row of ENDINGS has decided what the end of a body means (for the log of ``pip -vv``)."""

    def spent(self, row: LastRequest) -> None:
        """The limits are spent, and a row of LAST_REQUESTS has decided what follows (for the log of ``pip -vv``)."""

    def body_lost(self, cause: str, held: Held) -> None:
        """A connection was lost before the end of a body (for the log of ``pip -vv``)."""
