"""The one verb: download an artifact, with as few bytes as the server and the bytes we hold allow."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.body import blocks
from pip_resume.checkpoint import Checkpoint, kept_fields, with_length
from pip_resume.errors import GaveUp, HostError, LineBroken, PartialBusy, ServerBusy, WrongBytes
from pip_resume.holding import FULL, Holding
from pip_resume.patience import Patience
from pip_resume.protocol import Action, Asked, Verdict, judge, plan_request, retry_after_s

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.clock import Clock
    from pip_resume.host import Answer, Display, Transport
    from pip_resume.retry import Budget
    from pip_resume.store import Store

_MOST_WRONG = 2
"""After so many wrong files the last one is given to pip, to judge it in its own words."""
_MOST_REFUSALS = 2
"""After so many answers to Range that cannot be used no more are asked for in this run."""


class Finished(NamedTuple):
    """A file that pip may have."""

    path: Path
    content_type: str


def download(
    artifact: Artifact,
    location: Path,
    transport: Transport,
    store: Store | None,
    display: Display,
    budget: Budget,
    clock: Clock,
) -> Finished:
    """Download an artifact into the directory ``location``, and give it to pip's cache.

    ``store`` is None where nothing may be kept for the next run. Raises HostError for what is pip's or the server's to
    say, GaveUp when the budget is spent, OSError when even ``location`` cannot be written.
    """
    holding = Holding(artifact, location, store, display)
    run = _Run(
        artifact, location, transport, holding, display, Patience(artifact.filename, budget, display, clock), clock
    )
    try:
        while True:
            try:
                return run.obtain()
            except PartialBusy:
                holding.wait_for_other(clock)
                run.begin_again()
    except BaseException as error:
        holding.last_until_next_run()
        # Of what was given up the final message tells.
        kept = holding.kept
        if isinstance(error, (KeyboardInterrupt, HostError)) and kept is not None:
            display.kept(kept.offset, kept.checkpoint.complete_length)
        raise
    finally:
        holding.release()


class _Run:
    """One download within one run of pip."""

    def __init__(
        self,
        artifact: Artifact,
        location: Path,
        transport: Transport,
        holding: Holding,
        display: Display,
        patience: Patience,
        clock: Clock,
    ) -> None:
        self._artifact = artifact
        self._location = location
        self._transport = transport
        self._holding = holding
        self._display = display
        self._patience = patience
        self._clock = clock
        self._has_asked = False
        self._has_told = False
        self._avoids_ranges = False
        self._refusals = 0
        self._wrong = 0

    def begin_again(self) -> None:
        """Forget that something was asked: pip's cache may have the file by now."""
        self._has_asked = False

    def obtain(self) -> Finished:
        """Look into pip's cache and into the store, then ask until the file is whole and right. Raises PartialBusy."""
        holding = self._holding
        if holding.may_find_earlier():
            finished = self._from_cache()
            if finished is not None:
                holding.forget_earlier()
                return finished
            holding.claim_earlier()
            self._patience.begin_at(holding.held.offset)
        while True:
            try:
                finished = self._verify(None) if holding.is_whole else self._attempt()
            except WrongBytes as wrong:
                self._wrong += 1
                self._start_over(str(wrong))
                continue
            except LineBroken as broken:
                finished = self._after_break(broken)
            if finished is not None:
                return finished

    def _from_cache(self) -> Finished | None:
        """Take a whole, right copy out of pip's cache: it wins, also over a partial."""
        answer = self._transport.cached()
        if answer is None:
            return None
        with contextlib.closing(answer):
            verdict = judge(Asked(), answer.head, self._holding.held)
            finished = self._receive(answer, verdict) if verdict.action is Action.APPEND else None
        if finished is None:
            self._holding.drop()
        return finished

    def _attempt(self) -> Finished | None:
        """Send one request and do what its answer means; None when there is more to ask for."""
        held = self._holding.held
        asked = Asked() if self._avoids_ranges else plan_request(held)
        with contextlib.closing(self._ask(asked)) as answer:
            verdict = judge(asked, answer.head, held)
            if verdict.action in (Action.APPEND, Action.REPLACE):
                return self._receive(answer, verdict)
            if verdict.action is Action.VERIFY:
                return self._verify(answer)
            if verdict.action is Action.WAIT:
                raise ServerBusy(answer, retry_after_s(answer.head, self._clock.now_s()))
            if verdict.action is Action.FAIL or self._wrong >= _MOST_WRONG:
                self._transport.reject(answer)
            self._avoid_ranges(verdict.reason)
            return None

    def _ask(self, asked: Asked) -> Answer:
        # Only the very first request, and a plain one, is all pip's: "server unreachable" then reads as it always did.
        is_first, self._has_asked = not self._has_asked, True
        if is_first and not asked.fields:
            return self._transport.first()
        return self._transport.get(asked.fields)

    def _receive(self, answer: Answer, verdict: Verdict) -> Finished | None:
        """Write down the body of an answer, and see whether the file is whole then."""
        holding = self._holding
        if answer.head.from_cache:
            source = self._transport.cached_file(answer)
            if source is not None and holding.take_file(source):
                self._tell_start(answer, verdict)
                return self._at_end(answer, verdict, holding.held.offset)
        holding.prepare(answer.head, verdict, self._checkpoint_of(answer, verdict))
        self._tell_start(answer, verdict)
        position = verdict.first_pos
        bar = self._display.bar(blocks(answer, verdict, self._clock), answer.head, position, verdict.complete_length)
        try:
            for block in bar:
                holding.write(position, block, verdict)
                position += len(block)
        except LineBroken:
            if not answer.head.from_cache:
                raise
            return self._wrong_digest(answer)
        finally:
            # The bar ends before anything else is said, or the two would share a line.
            getattr(bar, "close", bool)()
        return self._at_end(answer, verdict, position)

    def _tell_start(self, answer: Answer, verdict: Verdict) -> None:
        if not self._has_told:
            self._has_told = True
            # A body from 0 is only compared with what is held: nothing is resumed.
            offset = self._holding.held.offset if verdict.first_pos else 0
            self._display.starting(answer.head, offset, verdict.complete_length)

    def _checkpoint_of(self, answer: Answer, verdict: Verdict) -> Checkpoint:
        """What an answer tells about the representation whose bytes follow."""
        return Checkpoint(
            filename=self._transport.filename(answer),
            content_type=answer.head.fields.get("content-type", ""),
            host=self._artifact.host,
            complete_length=verdict.complete_length,
            fields=kept_fields(answer.head.fields),
            url_key=answer.head.url_key,
            created_s=self._clock.now_s(),
        )

    def _at_end(self, answer: Answer, verdict: Verdict, position: int) -> Finished | None:
        """Find out whether a body that has ended by itself makes the file whole."""
        holding, partial = self._holding, self._holding.partial
        if verdict.end is not None and position < verdict.end:
            if answer.head.from_cache:
                return self._wrong_digest(answer)
            raise LineBroken("closed early")
        length = verdict.complete_length
        if length is None and self._artifact.digest is None:
            length = partial.checkpoint.complete_length
        if length is None and verdict.end is None and answer.head.is_chunked:
            length = position
        if length is not None and position < length:
            raise LineBroken("the server sent only a part")
        if length is not None and not partial.has_rival and partial.offset > length:
            # Too many bytes held, or the server sent too few: the digest tells, and only one of the two files stays.
            partial.start_rival(length, with_length(partial.checkpoint, length))
        if length is None and verdict.end is not None and not holding.reads_right():
            raise LineBroken("the server did not say how much there is")
        return self._verify(answer)

    def _verify(self, answer: Answer | None) -> Finished | None:
        """Check the digest, where there is one, of a file that lacks nothing; None to go on after a wrong one."""
        holding = self._holding
        if answer is None:
            offset = holding.held.offset
            self._display.starting(None, offset, offset)
            holding.resumed_at = offset
        if self._artifact.digest is None or holding.reads_right():
            return self._finish(answer)
        if answer is not None and answer.head.is_cut_like_its_end:
            raise LineBroken("closed early")
        return self._wrong_digest(answer)

    def _wrong_digest(self, answer: Answer | None) -> Finished | None:
        """Start over, once; the next wrong file is pip's to judge."""
        partial = self._holding.partial
        self._wrong += 1
        if answer is not None and answer.head.from_cache:
            self._transport.evict(answer)
            self._display.starting_over("pip's cache has a wrong copy")
            self._holding.drop()
        elif answer is not None and self._wrong >= _MOST_WRONG and (self._holding.is_from_zero or partial.has_rival):
            finished = self._finished(answer)
            partial.place_unproved(finished.path)
            return finished
        elif partial.has_rival:
            self._display.starting_over("the server sent a wrong file")
            partial.drop_rival()
        else:
            self._start_over("it does not have the digest that the link promises")
        return None

    def _finish(self, answer: Answer | None) -> Finished:
        """Give the right file to pip, then to pip's cache; only then is the partial gone."""
        partial = self._holding.partial
        finished = self._finished(answer)
        try:
            partial.place(finished.path)
        except OSError as error:
            if error.errno not in FULL:
                raise
            # pip would fare no better there; the next run needs no request.
            raise HostError(error) from error
        if answer is None or not answer.head.from_cache:
            self._transport.hand_over(partial, finished.path, answer)
        partial.discard()
        self._holding.discard_left()
        if self._holding.resumed_at:
            self._display.not_again(self._holding.resumed_at, partial.offset)
        return finished

    def _finished(self, answer: Answer | None) -> Finished:
        """Name the file as the first answer for its bytes had it named."""
        checkpoint = self._holding.partial.checkpoint
        name, content_type = checkpoint.filename, checkpoint.content_type
        if answer is not None:
            name = name or self._transport.filename(answer)
            content_type = content_type or answer.head.fields.get("content-type", "")
        return Finished(self._location / (name or self._artifact.filename), content_type)

    def _avoid_ranges(self, reason: str) -> None:
        """Ask for the whole file next. Where the digest is known what is held stays until it is overtaken."""
        if self._avoids_ranges:
            self._wrong += 1
        self._avoids_ranges = True
        self._refusals += 1
        self._display.starting_over(reason)
        if self._artifact.digest is None:
            self._holding.reset()

    def _start_over(self, reason: str) -> None:
        """Begin at 0, since the bytes held are wrong; so seldom that it cannot loop."""
        self._display.starting_over(reason)
        self._holding.reset()
        if self._wrong < _MOST_WRONG:
            self._patience.begin_at(0)
        else:
            self._avoids_ranges = True

    def _after_break(self, broken: LineBroken) -> Finished | None:
        """Wait for the next attempt. Raises GaveUp, or HostError where pip has the better words."""
        holding = self._holding
        held = holding.held
        if held.offset:
            holding.partial.drop_rival()
            if holding.is_whole:
                return None
            # A body without a length may have ended exactly where the file does, only without saying so.
            if held.checkpoint.complete_length is None and held.digest_known and holding.reads_right():
                return self._finish(None)
        try:
            kept = holding.kept
            self._patience.wait_after(broken, held, is_kept=kept is not None and kept.offset >= held.offset)
        except GaveUp:
            if isinstance(broken, ServerBusy) and held.offset == 0:
                self._transport.reject(broken.answer)
            raise
        if self._refusals < _MOST_REFUSALS and self._wrong < _MOST_WRONG:
            # It may have been one proxy on one bad day, and without Range every further break begins at 0.
            self._avoids_ranges = False
        return None
