"""What it means that a body has ended by itself: one table, first match first. No I/O."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Callable, NamedTuple

from pip_resume.protocol.planning import MIN_OVERLAP_BYTES
from pip_resume.protocol.retry import QUICK_BYTES

if TYPE_CHECKING:
    from pip_resume.protocol.messages import Held, ResponseHead
    from pip_resume.protocol.verdicts import Verdict

_MOST_PARTS = 10
"""If more parts of the size of a small one are missing than this, the complete file is requested.

Up to this many are requested one after the other, without a wait.
"""


_MOST_UNKNOWN_PARTS = 2
"""The same if the server does not say how many bytes are missing."""


class Outcome(enum.Enum):
    """What to do after a body has ended."""

    LOST = "the connection ended before the body did: wait, then request the rest"
    TOO_LITTLE = "the server sends parts that are too small: request the complete file, plainly"
    CONTINUE = "pip's cache has only the start of the file: remove its entry, and request the rest"
    LESS_OVERLAP = "a part held nothing but a part of the overlap: request the rest with a smaller overlap"
    MORE = "the server sends the file in parts: request the next one at once"
    WRONG = "these bytes cannot be the file"
    CHECK = "nothing is missing as far as anybody has said: the digest decides"
    CHECK_OR_TOO_LITTLE = "the end is not certain: a right digest, or archive, means complete; a wrong one TOO_LITTLE"
    CHECK_START_OR_LOST = "the same for the start of what is held: more may have been sent than the file has"
    CHECK_OR_LOST = "the end is not certain: a right digest, or archive, means complete; a wrong one means LOST"


class Ended(NamedTuple):
    """A body that has ended, and what is held after it."""

    head: ResponseHead
    verdict: Verdict
    position: int
    """Where the body ended. Exclusive."""
    held: Held
    gained: int
    """Number of bytes that this body added to those held."""
    small: int = 0
    """Number of connections of this download that brought something, but little, since one that brought more."""
    earlier_end: int | None = None
    """Where an earlier complete body of this run ended with its connection, and seemed to be cut. Exclusive."""
    is_last_attempt: bool = False
    """Whether nothing more could be requested, since there are no --resume-retries."""

    @property
    def is_short(self) -> bool:
        return self.verdict.end is not None and self.position < self.verdict.end

    @property
    def length(self) -> int | None:
        """The complete-length as far as it is known now; None if it is not."""
        length = self.verdict.complete_length
        if length is None and not self.held.digest_known:
            length = self.held.checkpoint.complete_length
        if length is None and self.verdict.end is None and self.head.is_chunked:
            length = self.position
        return length

    @property
    def lacks_rest(self) -> bool:
        return self.length is not None and self.position < self.length

    @property
    def needs_many_parts(self) -> bool:
        """Whether so many parts of this size are missing that a complete response is likely to be faster."""
        rest = (self.length or self.held.checkpoint.complete_length or 0) - self.position
        return self.gained < QUICK_BYTES and rest > _MOST_PARTS * self.gained

    @property
    def is_within_overlap(self) -> bool:
        """Whether a part, without a hash, had only bytes that are held. A smaller overlap leaves room for new ones."""
        is_compared = 0 < self.verdict.first_pos < self.position and self.gained == 0
        return is_compared and not self.held.digest_known and self.held.overlap > MIN_OVERLAP_BYTES

    @property
    def is_of_unknown_length(self) -> bool:
        return self.length is None and self.verdict.end is not None

    @property
    def has_uncertain_length(self) -> bool:
        """Whether a part has come as a whole, but not with a length that can be used.

        It has no complete-length, or fewer bytes than its Content-Range says.
        """
        if self.is_short:
            return self.verdict.first_pos > 0 and self.position - self.verdict.first_pos == self.head.content_length
        return self.is_of_unknown_length

    @property
    def may_need_many_parts(self) -> bool:
        """Whether nobody says how many parts of this small size are missing, and some have come already."""
        return self.is_of_unknown_length and self.gained < QUICK_BYTES and self.small >= _MOST_UNKNOWN_PARTS

    @property
    def has_nothing_new(self) -> bool:
        """Whether a part, whose rest nobody knows, had only bytes that are held: a later run would get no further."""
        return self.is_of_unknown_length and self.gained == 0 and self.verdict.first_pos > 0

    @property
    def is_all_again(self) -> bool:
        """Whether this is all that is held, and an earlier complete body of this run ended at the same place."""
        return self.verdict.first_pos == 0 and self.position == self.earlier_end == self.held.offset

    @property
    def may_be_all(self) -> bool:
        """Whether this may be the complete file although it is only the start of what is held.

        It is if a gateway has sent a page within a body without a length. A cut at this place is as likely, so it must
        be the second end in this run: at the same place, or after one at the end of what is held. Or the last one.
        """
        is_start = self.verdict.first_pos == 0 and 0 < self.position < self.held.offset
        is_second = self.earlier_end in (self.position, self.held.offset)
        return is_start and self.length is None and (is_second or self.is_last_attempt)


class Ending(NamedTuple):
    """One row of the table: the first whose ``applies`` is true decides."""

    name: str
    section: str
    """The RFC and its section."""
    applies: Callable[[Ended], bool]
    outcome: Outcome
    reason: str = ""
    """What is wrong with the body, for people. Only with LOST, TOO_LITTLE and those that may be LOST."""


ENDINGS: tuple[Ending, ...] = (
    Ending(
        "a cut body from pip's cache",
        "RFC 9111 section 3.3",
        lambda ended: ended.is_short and ended.head.from_cache and ended.position > 0,
        Outcome.CONTINUE,
    ),
    Ending(
        "nothing from pip's cache",
        "RFC 9111 section 3.3",
        lambda ended: ended.is_short and ended.head.from_cache,
        Outcome.WRONG,
    ),
    Ending(
        # Plain pip would have requested the complete file.
        "a part of uncertain length, and no further attempt",
        "RFC 9110 section 14.4",
        lambda ended: ended.is_last_attempt and ended.has_uncertain_length,
        Outcome.CHECK_OR_TOO_LITTLE,
        "the server did not send the right length",
    ),
    Ending("closed early", "RFC 9112 section 8", lambda ended: ended.is_short, Outcome.LOST, "closed early"),
    Ending(
        "a part within the overlap",
        "RFC 9110 section 15.3.7",
        lambda ended: (ended.lacks_rest or ended.has_nothing_new) and ended.is_within_overlap,
        Outcome.LESS_OVERLAP,
    ),
    Ending(
        "one part of several",
        "RFC 9110 section 15.3.7",
        lambda ended: ended.lacks_rest and not ended.needs_many_parts,
        Outcome.MORE,
    ),
    Ending(
        "a small part of a long rest",
        "RFC 9110 section 15.3.7",
        lambda ended: ended.verdict.first_pos > 0 and ended.needs_many_parts,
        Outcome.TOO_LITTLE,
        "the server sends only small parts",
    ),
    Ending(
        "a small part",
        "RFC 9110 section 15.3.7",
        lambda ended: ended.lacks_rest,
        Outcome.LOST,
        "the server sent only a part",
    ),
    Ending(
        "a small part, complete-length unknown",
        "RFC 9110 section 14.4",
        lambda ended: ended.may_need_many_parts or ended.has_nothing_new,
        Outcome.CHECK_OR_TOO_LITTLE,
        "the server sends only small parts",
    ),
    Ending(
        "complete-length unknown",
        "RFC 9110 section 14.4",
        lambda ended: ended.is_of_unknown_length,
        Outcome.CHECK_OR_LOST,
        "the server did not send the complete length",
    ),
    Ending(
        "ended with the connection, twice at the same place",
        "RFC 9112 section 8",
        lambda ended: ended.head.may_be_cut and ended.is_all_again,
        Outcome.CHECK,
    ),
    Ending(
        "ended with the connection, before the end of what is held",
        "RFC 9112 section 8",
        lambda ended: ended.head.may_be_cut and ended.may_be_all,
        Outcome.CHECK_START_OR_LOST,
        "closed early",
    ),
    Ending(
        "ended with the connection",
        "RFC 9112 section 8",
        lambda ended: ended.head.may_be_cut and not (ended.held.digest_known and ended.held.is_complete),
        Outcome.CHECK_OR_LOST,
        "closed early",
    ),
    Ending("complete", "RFC 9112 section 6.3", lambda _ended: True, Outcome.CHECK),
)


def conclude(ended: Ended) -> Ending:
    """Tell what the end of a body means: the first row of ENDINGS that applies."""
    return next(row for row in ENDINGS if row.applies(ended))
