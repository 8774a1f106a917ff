"""The one verb: download an artifact, with as few bytes as the server and the bytes we hold allow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pip_resume.artifact import Artifact
from pip_resume.checkpoint import Checkpoint, kept_fields, with_length
from pip_resume.clock import Clock
from pip_resume.errors import GaveUp, LineBroken, PartialBusy, ServerBusy, StoreUnusable, WrongBytes
from pip_resume.host import Answer, Break, Display, Report, Transport
from pip_resume.partial import Partial
from pip_resume.protocol import OVERLAP_BYTES, Action, Asked, Held, Verdict, is_kept, judge, plan_request, retry_after_s
from pip_resume.retry import MAX_RETRY_AFTER_S, Budget, Pace
from pip_resume.store import Store

_STALL_S = 30.0
"""A holder whose file has not grown for this long is left alone."""
_POLL_S = 0.5
_MOST_WRONG = 2
"""After so many wrong files the last one is given to pip, to judge it in its own words."""


@dataclass(frozen=True)
class Finished:
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
    """Download an artifact into the directory ``location`` and give it to pip's cache.

    ``store`` is None where nothing may be kept for the next run. Raises HostError for what is pip's or the server's to say, GaveUp
    when the budget is spent; OSError when even ``location`` cannot be written.
    """
    run = _Run(artifact, location, transport, store, display, budget, clock)
    try:
        while True:
            try:
                return run.obtain()
            except PartialBusy:
                run.wait_for_other()
    except BaseException as error:
        run.interrupted(error)
        raise
    finally:
        run.release()


class _Run:
    """One download within one run of pip."""

    def __init__(
        self,
        artifact: Artifact,
        location: Path,
        transport: Transport,
        store: Store | None,
        display: Display,
        budget: Budget,
        clock: Clock,
    ) -> None:
        self._artifact = artifact
        self._location = location
        self._transport = transport
        self._store = store
        self._display = display
        self._budget = budget
        self._clock = clock
        self._started_s = clock.elapsed_s()
        self._partial: Partial | None = None
        self._offered = Checkpoint()
        self._overlap = 0
        self._highest = 0
        self._resumed_at = 0
        self._has_asked = False
        self._has_told = False
        self._avoids_ranges = False
        self._wrong = 0
        self._from_zero = True
        self._breaks: list[Break] = []

    def obtain(self) -> Finished:
        """Look into pip's cache and into the store, then ask until the file is whole and right."""
        if self._partial is None and self._store is not None and self._store.holds(self._artifact):
            finished = self._from_cache()
            if finished is not None:
                return finished
            self._claim_earlier()
        while True:
            try:
                finished = self._verify(None) if self._is_whole else self._attempt()
            except WrongBytes as wrong:
                self._start_over(str(wrong))
                continue
            except LineBroken as broken:
                finished = self._after_break(broken)
            if finished is not None:
                return finished

    def _attempt(self) -> Finished | None:
        """Send one request and do what its answer means; None when there is more to ask for."""
        held = self._held
        asked = Asked() if self._avoids_ranges else plan_request(held)
        with contextlib.closing(self._ask(asked)) as answer:
            verdict = judge(asked, answer.head, held)
            if verdict.action in (Action.APPEND, Action.REPLACE):
                return self._receive(answer, verdict)
            if verdict.action is Action.VERIFY:
                return self._verify(answer)
            if verdict.action is Action.WAIT:
                raise ServerBusy(answer, retry_after_s(answer.head, self._clock.now_s()))
            if verdict.action is Action.RESTART and self._wrong < _MOST_WRONG:
                self._avoid_ranges(verdict.reason)
                return None
            self._transport.reject(answer)

    def _ask(self, asked: Asked) -> Answer:
        # Only the very first request, and a plain one, is entirely pip's: "server unreachable" then reads as it always did.
        is_first, self._has_asked = not self._has_asked, True
        if is_first and not asked.fields:
            return self._transport.first()
        return self._transport.get(asked.fields)

    def _receive(self, answer: Answer, verdict: Verdict) -> Finished | None:
        """Write down the body of an answer, and see whether the file is whole then."""
        partial = self._prepare(answer, verdict)
        if not self._has_told:
            self._has_told = True
            self._display.starting(answer.head, partial.offset, verdict.complete_length)
        if verdict.first_pos:
            self._resumed_at = max(self._resumed_at, partial.offset)
        position = verdict.first_pos
        with contextlib.closing(
            self._display.bar(self._blocks(answer, verdict), answer.head, position, verdict.complete_length)
        ) as bar:
            for block in bar:
                self._write(position, block, verdict)
                position += len(block)
        self._overlap = 0
        return self._at_end(answer, verdict, position)

    def _blocks(self, answer: Answer, verdict: Verdict) -> Iterator[bytes]:
        """The body, block by block, no further than it may go."""
        pace = Pace(self._clock.elapsed_s())
        rest = None if verdict.end is None else verdict.end - verdict.first_pos
        while rest is None or rest > 0:
            block = answer.read(pace.block_bytes)
            if not block:
                return
            if rest is not None:
                # A chunked body may be longer than its Content-Range says: what is too much was never asked for.
                block = block[:rest]
                rest -= len(block)
            yield block
            if not pace.after_block(len(block), self._clock.elapsed_s()):
                raise LineBroken("slower than 1 KiB/s")

    def _write(self, position: int, block: bytes, verdict: Verdict) -> None:
        """Put a block where it belongs: compare what we have of it, append what we have not."""
        try:
            self._put(position, block, verdict)
        except OSError as error:
            self._leave_store(error)
            self._put(position, block, verdict)

    def _put(self, position: int, block: bytes, verdict: Verdict) -> None:
        partial = self._partial
        assert partial is not None
        known = 0 if partial.has_rival else max(0, min(partial.offset - position, len(block)))
        if known:
            same = partial.common_length(position, block[:known])
            if same < known:
                self._differs(position + same, verdict)
                known = same
        if known < len(block):
            partial.append(memoryview(block)[known:])

    def _differs(self, position: int, verdict: Verdict) -> None:
        """The body is not what we hold. A 200 goes on in a file of its own; a part of such a file is of no use."""
        partial = self._partial
        assert partial is not None
        if verdict.first_pos > 0 or self._artifact.digest is None:
            raise WrongBytes("the bytes kept are not those on the server")
        partial.start_rival(position, self._offered)

    def _at_end(self, answer: Answer, verdict: Verdict, position: int) -> Finished | None:
        """The body has ended by itself; whole, or is there more to ask for?"""
        partial = self._partial
        assert partial is not None
        if verdict.end is not None and position < verdict.end:
            if answer.head.from_cache:
                return self._wrong_digest(answer)
            raise LineBroken("the connection was closed early")
        length = verdict.complete_length
        if length is None and verdict.end is None and answer.head.is_chunked:
            length = position
        if length is not None and position < length:
            raise LineBroken("the server sent only a part")
        if length is not None and not partial.has_rival and partial.offset > length:
            partial.cut(length)
        if length is None and self._artifact.digest is None and verdict.end is not None:
            raise LineBroken("the server did not say how much there is")
        return self._verify(answer)

    def _verify(self, answer: Answer | None) -> Finished | None:
        """Nothing is missing: check the digest where there is one, and finish or start over."""
        partial = self._partial
        assert partial is not None
        if answer is None:
            self._display.starting(None, partial.offset, partial.offset)
            self._resumed_at = partial.offset
        if self._artifact.digest is None or self._reads_right():
            return self._finish(answer)
        if (
            answer is not None
            and answer.head.status < 400
            and answer.head.is_close_delimited
            and not answer.head.from_cache
        ):
            # Its end looks like any cut: an interruption, not tampering.
            raise LineBroken("the connection was closed early")
        return self._wrong_digest(answer)

    def _wrong_digest(self, answer: Answer | None) -> Finished | None:
        """Start over, once; the next wrong file is pip's to judge."""
        partial = self._partial
        assert partial is not None
        self._wrong += 1
        from_cache = answer is not None and answer.head.from_cache
        if from_cache and answer is not None:
            self._transport.evict(answer)
            self._display.starting_over("pip's cache has a wrong copy")
            self._drop()
        elif answer is not None and self._wrong >= _MOST_WRONG and (self._from_zero or partial.has_rival):
            finished = Finished(self._destination(answer), self._content_type(answer))
            partial.place_unproved(finished.path)
            return finished
        elif partial.has_rival:
            self._display.starting_over("the server sent a wrong file")
            partial.drop_rival()
        else:
            self._start_over("the file does not have the digest that the link promises")
        return None

    def _finish(self, answer: Answer | None) -> Finished:
        """The file is right: to pip, then to pip's cache, and only then is the partial gone."""
        partial = self._partial
        assert partial is not None
        finished = Finished(self._destination(answer), self._content_type(answer))
        partial.place(finished.path)
        length = partial.offset
        if answer is None or not answer.head.from_cache:
            self._transport.hand_over(partial, finished.path, answer)
        partial.discard()
        if self._resumed_at:
            self._display.not_again(self._resumed_at, length)
        return finished

    def _destination(self, answer: Answer | None) -> Path:
        assert self._partial is not None
        name = self._partial.checkpoint.filename
        if not name and answer is not None:
            name = self._transport.filename(answer)
        return self._location / (name or self._artifact.filename)

    def _content_type(self, answer: Answer | None) -> str:
        assert self._partial is not None
        told = "" if answer is None else answer.head.fields.get("content-type", "")
        return self._partial.checkpoint.content_type or told

    # What we hold

    @property
    def _held(self) -> Held:
        partial = self._partial
        if partial is None:
            return Held(digest_known=self._artifact.digest is not None)
        return Held(partial.offset, partial.checkpoint, self._artifact.digest is not None, self._overlap)

    @property
    def _is_whole(self) -> bool:
        """Whether no request is needed. Without a hash the bytes of an earlier run are compared first."""
        return self._held.is_whole and (self._artifact.digest is not None or self._overlap == 0)

    def _from_cache(self) -> Finished | None:
        """A whole, right copy in pip's cache wins, also over a partial."""
        answer = self._transport.cached()
        if answer is None:
            return None
        with contextlib.closing(answer):
            self._partial = Partial.in_directory(self._location, self._artifact)
            finished = self._receive(answer, judge(Asked(), answer.head, self._held))
        if finished is None:
            self._drop()
        return finished

    def _claim_earlier(self) -> None:
        """Take over what an earlier run has left. Raises PartialBusy."""
        partial = self._claim()
        if partial is not None and partial.offset:
            self._overlap = OVERLAP_BYTES
            self._from_zero = False
            self._highest = partial.offset
        self._partial = partial

    def _claim(self) -> Partial | None:
        """The store's partial, or None where the store cannot be used. Raises PartialBusy."""
        if self._store is None:
            return None
        try:
            return self._store.claim(self._artifact)
        except (OSError, StoreUnusable) as error:
            self._display.store_unusable(error)
            self._store = None
            return None

    def _prepare(self, answer: Answer, verdict: Verdict) -> Partial:
        """The partial that the body goes into, with what this answer tells written down before its first byte."""
        self._offered = Checkpoint(
            filename=self._transport.filename(answer),
            content_type=answer.head.fields.get("content-type", ""),
            host=self._artifact.host,
            complete_length=verdict.complete_length,
            fields=kept_fields(answer.head.fields),
            url_key=answer.head.url_key,
            created_s=self._clock.now_s(),
        )
        if self._partial is None:
            self._partial = self._new_partial(answer, verdict)
        try:
            self._write_down(verdict)
        except OSError as error:
            self._leave_store(error)
            self._write_down(verdict)
        return self._partial

    def _write_down(self, verdict: Verdict) -> None:
        partial = self._partial
        assert partial is not None
        if verdict.action is Action.REPLACE:
            self._display.starting_over(verdict.reason)
            self._resumed_at = 0
            partial.reset(self._offered)
        elif partial.offset == 0:
            partial.note(self._offered)
        elif verdict.complete_length not in (None, partial.checkpoint.complete_length):
            partial.note(with_length(partial.checkpoint, verdict.complete_length))

    def _new_partial(self, answer: Answer, verdict: Verdict) -> Partial:
        """Where the bytes of a first answer go: to the store when they are worth it, else to pip's temporary directory."""
        if self._store is not None and not answer.head.from_cache and is_kept(answer.head, self._artifact):
            if self._store.has_room(verdict.complete_length or 0):
                kept = self._claim()
                if kept is not None:
                    return kept
            else:
                self._display.store_unusable(
                    StoreUnusable(f"too little space is left in {self._store.cache_directory}")
                )
                self._store = None
        return Partial.in_directory(self._location, self._artifact)

    def _leave_store(self, error: OSError) -> None:
        """The disk takes no more: go on in pip's temporary directory, with the bytes held. Raises what cannot be helped."""
        partial = self._partial
        if partial is None or not partial.is_kept:
            raise error
        self._display.store_unusable(error)
        self._store = None
        try:
            self._partial = partial.move_to(self._location)
        except OSError:
            partial.discard()
            self._partial = None
            raise LineBroken("the bytes kept could not be saved from a failing disk") from None

    def _reads_right(self) -> bool:
        """Whether the digest matches; a disk that cannot be read back has nothing right."""
        assert self._partial is not None
        try:
            return self._partial.has_right_digest()
        except OSError:
            return False

    def _drop(self) -> None:
        if self._partial is not None:
            self._partial.discard()
            self._partial = None

    # When it goes wrong

    def _avoid_ranges(self, reason: str) -> None:
        """Ask for the whole file from here on. Where the digest is known the bytes held stay until they are overtaken."""
        if self._avoids_ranges:
            self._wrong += 1
        self._avoids_ranges = True
        self._display.starting_over(reason)
        if self._artifact.digest is None:
            self._reset()

    def _start_over(self, reason: str) -> None:
        """The bytes held are wrong: begin at 0, at most so often that it cannot loop."""
        self._display.starting_over(reason)
        self._reset()
        self._from_zero = True
        if self._wrong < _MOST_WRONG:
            self._highest = 0
        else:
            self._avoids_ranges = True

    def _reset(self) -> None:
        self._overlap = 0
        self._resumed_at = 0
        if self._partial is not None:
            try:
                self._partial.reset(Checkpoint())
            except OSError:
                self._drop()

    def _after_break(self, broken: LineBroken) -> Finished | None:
        """Count the failed attempt and wait as long as it is due. Raises GaveUp, or HostError where pip has the better words."""
        partial = self._partial
        offset = 0 if partial is None else partial.offset
        if partial is not None:
            partial.drop_rival()
            # A body without a length may have ended exactly where the file does, only without saying so.
            if (
                offset
                and partial.checkpoint.complete_length is None
                and self._artifact.digest is not None
                and self._reads_right()
            ):
                return self._finish(None)
        failure = Break(str(broken), offset, max(offset - self._highest, 0), self._clock.elapsed_s() - self._started_s)
        self._breaks.append(failure)
        self._highest = max(self._highest, offset)
        self._budget = self._budget.after(failure.new_bytes)
        patience_s = broken.retry_after_s or 0.0 if isinstance(broken, ServerBusy) else 0.0
        if self._budget.is_spent or patience_s > MAX_RETRY_AFTER_S:
            if isinstance(broken, ServerBusy) and offset == 0:
                self._transport.reject(broken.answer)
            raise GaveUp(self._report(patience_s if patience_s > MAX_RETRY_AFTER_S else None))
        delay_s = max(self._budget.delay_s(self._clock.chance()), patience_s)
        self._display.lost(failure, self._held.checkpoint.complete_length, self._budget, delay_s)
        self._clock.sleep_s(delay_s)
        return None

    def _report(self, come_back_s: float | None) -> Report:
        held = self._held
        is_kept = self._partial is not None and self._partial.is_kept and held.offset > 0
        name = held.checkpoint.filename or self._artifact.filename
        return Report(name, held.offset, held.checkpoint.complete_length, is_kept, tuple(self._breaks), come_back_s)

    def interrupted(self, error: BaseException) -> None:
        """Make what we hold last until the next run, however this one ends."""
        partial = self._partial
        if partial is None or not partial.is_kept or partial.offset == 0:
            return
        with contextlib.suppress(OSError):
            partial.keep()
        if isinstance(error, KeyboardInterrupt):
            self._display.kept(partial.offset, partial.checkpoint.complete_length)

    def release(self) -> None:
        """Let go of the partial."""
        if self._partial is not None:
            self._partial.close()

    def wait_for_other(self) -> None:
        """Wait while another pip downloads the same artifact; a holder that stalls is left alone."""
        store = self._store
        if store is None:
            return
        size, grown_s = store.size_held(self._artifact), self._clock.elapsed_s()
        while store.is_claimed(self._artifact):
            self._display.waiting_for_other(size or 0, store.length_told(self._artifact))
            self._clock.sleep_s(_POLL_S)
            size_now, now_s = store.size_held(self._artifact), self._clock.elapsed_s()
            if size_now != size:
                size, grown_s = size_now, now_s
            elif now_s - grown_s >= _STALL_S:
                self._store = None
                break
        # pip's cache may have the file by now, and then nothing needs to be asked.
        self._has_asked = False
