"""What pip-resume may need more than plain pip where it does more: compares, heals, and tries ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from never_worse.server import SHIFT_EARLY
from never_worse.situation import Moment

if TYPE_CHECKING:
    from never_worse.playing import Played, Run
    from never_worse.situation import Outage, Refusal, Situation

OVERLAP_BYTES = 64 * 1024
"""What pip-resume may request again at a time, to compare it."""
READ_AHEAD_BYTES = 256 * 1024
"""What may be lost when a run is killed or a body ends early: it was received, but not yet written."""
BARREN_RANGES = 3
"""So many ranged requests may come to nothing before a plain one is read: two, then one after its head."""


SHORT_DELAY_S = 1.25
"""The wait after a second connection that has brought little."""
SMALL_PART_BYTES = 64 * 1024
"""Parts below this size are not requested without an end."""
SLOWER_AFTER_OUTAGE = 1.1
"""The end of an outage is noticed after a tenth of its length."""
USABLE_SUPPORT = ("honoured", "starts early")
"""What a server does with Range if its parts are of use."""
MOST_REFUSALS = 2
"""So often does one run find out that a server does not answer to Range."""


def allowed_bytes(situation: Situation, ours: Played) -> int:
    """Return how many bytes more than plain pip's are no violation."""
    broken = sum(run.breaks + (run.ended.how in ("killed", "interrupted")) for run in ours.runs)
    return overlap_bytes(situation, ours) + READ_AHEAD_BYTES * broken + healing_bytes(situation, ours)


def overlap_bytes(situation: Situation, ours: Played) -> int:
    """Return the bytes that are requested again to compare them: in each run, without a hash in each ranged request."""
    overlaps = len(ours.runs)
    if situation.file.link_hash == "none":
        overlaps += sum(request.first_pos is not None for run in ours.runs for request in run.requests)
    return OVERLAP_BYTES * overlaps


def healing_bytes(situation: Situation, ours: Played) -> int:
    """Return the bytes that right bytes may cost: one fresh download is promised after wrong ones.

    In a run that ends with a wrong digest it may be in vain. And plain pip may then have the file in its cache by
    luck: it stores the wrong file, which the index names in the next run.
    """
    in_vain = 2 * sum("HashMismatch" in run.ended.text for run in ours.runs)
    has_pages = any(cut.how == "error page" for cut in situation.cuts) and situation.file.link_hash == "none"
    # Without a hash each page within a body is a part that differs, after which the complete file is requested.
    restarts = 0 if _can_be_joined(situation) and not has_pages else sum(run.breaks for run in ours.runs)
    refused = sum(_gave_up_range(situation, run) for run in ours.runs)
    # An interim response without a final one counts as an empty file: pip's cache is not used after that.
    interim = [refusal for refusal in situation.refusals if refusal.of != "range" and refusal.status < 200]
    refused += situation.user.cached == "right" and bool(interim)
    # A sleep in the middle of a body costs that body where ranges come to nothing. Plain pip may have slept between its
    # runs.
    refused += len(situation.sleeps) if situation.ranges.support not in USABLE_SUPPORT else 0
    return situation.file.size * (in_vain + restarts + refused + sends_wrong_bytes(situation))


def healing_s(situation: Situation, ours: Played) -> float:
    """Return the seconds that right bytes may take. A fresh download may come over a slow connection."""
    slowest = min((slow.bytes_per_s for slow in situation.slow), default=situation.bytes_per_s)
    fresh_s = healing_bytes(situation, ours) / min(slowest, situation.bytes_per_s)
    # A silence that falls between two parts is noticed by nobody.
    silences = sum(cut.how == "silence" for cut in situation.cuts) if situation.ranges.most_bytes else 0
    unnoticed_s = float(silences * situation.user.timeout_s)
    if situation.user.cached in ("cut", "empty"):
        # The end of what pip's cache has is requested again. A cut there, and an outage after it, are for us only.
        unnoticed_s += SLOWER_AFTER_OUTAGE * sum(outage.lasts_s for outage in situation.outages)
        unnoticed_s += situation.user.timeout_s * sum(cut.how == "silence" for cut in situation.cuts)
    if situation.ranges.support == "starts early" and 0 < situation.ranges.most_bytes < SMALL_PART_BYTES:
        unnoticed_s += SHORT_DELAY_S
    return fresh_s + unnoticed_s + overlap_bytes(situation, ours) / min(slowest, situation.bytes_per_s)


def _gave_up_range(situation: Situation, run: Run) -> int:
    """Return how often the complete file came after, or instead of, a range that had come to nothing."""
    ranges = situation.ranges
    is_usable = ranges.support in USABLE_SUPPORT and _says_where(situation)
    # A part that starts so early, and is so short, ends before the first byte that was requested.
    is_usable = is_usable and not (ranges.support == "starts early" and 0 < ranges.most_bytes <= SHIFT_EARLY)
    # Where many small parts are missing, the complete file is likely to be faster.
    is_usable = is_usable and not 0 < ranges.most_bytes < SMALL_PART_BYTES
    is_usable = is_usable and not ranges.is_labelled_gzip
    # An interim response to a range is not used, but noted with the status of the response that follows it.
    is_usable = is_usable and not any(100 <= refusal.status < 200 for refusal in situation.refusals)
    # What a redirect leads to is the response to the same request, and so is what follows a refusal of a plain request.
    heads = [
        head
        for head in run.requests
        if head.status not in (301, 302, 303, 307, 308) and (head.first_pos is not None or head.status in (200, 203))
    ]
    given_up = sum(
        later.first_pos is None
        and later.status == 200
        and earlier.first_pos is not None
        and not (is_usable and earlier.status == 206)
        for earlier, later in zip(heads, heads[1:])
    )
    ignored = sum(head.first_pos is not None and head.status == 200 for head in heads)
    # A connection that crawls is given up, too, and then the complete file may come instead of the rest.
    return given_up + (ignored if situation.slow else 0)


def _says_where(situation: Situation) -> bool:
    """Whether a part can be placed: by its Content-Range, or, with a hash, because it has the length of the rest."""
    if situation.ranges.content_range not in ("missing", "last-pos is the length", "length plus 1"):
        return True
    ranges, file = situation.ranges, situation.file
    has_length = file.framing == "length" and ranges.support == "honoured" and not ranges.most_bytes
    return has_length and file.link_hash in ("sha256", "md5")


def _can_be_joined(situation: Situation) -> bool:
    """Whether the parts of a file may be put together: by its hash, or by a strong validator (RFC 9110 section 8.8).

    Without a hash the parts must say, too, to what and where they belong (sections 14.4 and 15.3.7). A pip that resumes
    does it without both. That is a risk that pip-resume does not take.
    """
    file = situation.file
    # A date that is different in each response says that the file is, too.
    has_validator = (file.etag == "strong" and file.last_modified != "recent") or (
        file.last_modified == "old" and file.has_date
    )
    says_where = situation.ranges.content_range == "standard" and situation.ranges.has_validators
    # Whoever is on the way may have sent what comes over http.
    is_secure_to_the_end = all(hop.to != "http" or hop.begins == Moment() for hop in situation.hops)
    return file.link_hash != "none" or (has_validator and says_where and is_secure_to_the_end)


def may_be_luck(situation: Situation, plain: Played, ours: Played) -> bool:
    """Whether plain pip has joined parts that nothing proved to belong together, or was early enough.

    Where ranges have other bytes and the whole file changes as well, only the moment of a request decides who gets it.
    And what begins when so much of the file has gone out, begins later for a side that has downloaded less.
    """
    # A run before the last one counts as well: how soon it reached the point where it was stopped.
    is_joined = any(request.status == 206 for run in plain.runs for request in run.requests)
    is_early = situation.ranges.support == "other bytes" and situation.file.gzip_from is not None
    # RFC 9110 section 15.3.7.1: a part must say where it belongs.
    has_no_place = situation.ranges.content_range == "missing"
    is_unproved = is_joined and (not _can_be_joined(situation) or has_no_place)
    is_unproved |= has_no_place and any(refusal.of != "range" for refusal in situation.refusals)
    # Nothing can be continued, and only a request with Range gets a file: plain pip sends one, and starts over with it.
    is_unproved |= not _can_be_joined(situation) and any(refusal.of == "plain" for refusal in situation.refusals)
    # The first bytes of a small file are not worth a range: all of it is requested again, while that is not refused.
    is_small = situation.user.cached == "cut" and situation.file.size <= OVERLAP_BYTES
    is_unproved |= is_small and is_joined and any(refusal.of == "plain" for refusal in situation.refusals)
    is_elsewhere = _was_before_trouble(situation, plain, ours) or _was_beyond_trouble(situation, plain)
    return is_early or is_unproved or is_elsewhere or _was_after_trouble(situation, plain, ours)


def _was_after_trouble(situation: Situation, plain: Played, ours: Played) -> bool:
    """Whether plain pip needed so long for its runs that a refusal was over, of which all runs of pip-resume told.

    They have ended earlier, with the error that plain pip would have shown.
    """
    if (plain.runs_needed or 0) < 2 or ours.runs_needed is not None:
        return False
    begun_s, ended_s = plain.runs[-1].begun_s, ours.runs[-1].ended_s
    is_told = all("Error: Status" in run.ended.text for run in ours.runs)
    return is_told and any(
        refusal.of != "range"
        and ended_s < _begins_s(situation, ours, refusal.begins) + refusal.lasts_s
        and ended_s < begun_s
        for refusal in situation.refusals
    )


def _was_beyond_trouble(situation: Situation, plain: Played) -> bool:
    """Whether an outage began at a byte that plain pip had in its cache, and that pip-resume has requested again.

    It does so to compare the last bytes of a cached body that lacks its end.
    """
    requests = plain.runs[-1].requests
    if situation.user.cached != "cut" or not requests:
        return False
    begins = {int(outage.begins.share * situation.file.size) for outage in situation.outages} - {0}
    return any(position < (requests[-1].first_pos or 0) for position in begins)


def _begins_s(situation: Situation, side: Played, moment: Moment) -> float:
    position = int(moment.share * situation.file.size)
    return (side.reached.get(position, float("inf")) if position else 0.0) + moment.plus_s


def _was_before_trouble(situation: Situation, plain: Played, ours: Played) -> bool:
    """Whether trouble began after the last request of plain pip, but before the last one of pip-resume.

    That is a server that refuses, a file that is replaced or compressed, a network in which new connections
    fail, or a computer that sleeps.
    """
    if (plain.runs_needed or 0) < 2:
        return False
    has_no_answer = not ours.runs[-1].requests
    last_s, our_last_s = (
        max((head.at_s for head in side.runs[-1].requests), default=side.runs[-1].ended_s) for side in (plain, ours)
    )
    begins = [refusal.begins for refusal in situation.refusals if refusal.of != "range"]
    begins += [sleep.begins for sleep in situation.sleeps]
    begins += [situation.file.gzip_from] if situation.file.gzip_from is not None else []
    # Otherwise it has to wait for the end of the outage. A host without an answer in a run gets pip's --retries.
    if situation.user.resume_retries == 0 or has_no_answer:
        begins += [outage.begins for outage in situation.outages if outage.how in ("refused", "unreachable", "dns")]
    begins += [situation.replacement.begins] if situation.replacement is not None else []
    return any(
        _begins_s(situation, plain, each) > last_s and _begins_s(situation, ours, each) < our_last_s for each in begins
    )


def sends_wrong_bytes(situation: Situation) -> bool:
    """Whether bytes come that do not belong to the file, so that they are noticed only at its end."""
    return (
        situation.ranges.support == "other bytes"
        or situation.replacement is not None
        or situation.serves_stale
        or any(cut.how == "error page" for cut in situation.cuts)
    )


def has_failed_sooner(situation: Situation, plain: Played, ours: Played) -> bool:
    """Whether more runs have failed only because each of them told sooner of an outage, or of a server that refuses.

    Plain pip was in the same trouble, and has spent it in one run.
    """
    troubles: list[Outage | Refusal] = [
        *situation.outages,
        *(refusal for refusal in situation.refusals if refusal.of != "range"),
    ]
    ends_s = [_begins_s(situation, ours, trouble.begins) + trouble.lasts_s for trouble in troubles]
    is_told = bool(ends_s) and all(run.ended_s < max(ends_s) for run in ours.runs[:-1])
    return is_told and (plain.runs_needed or 0) > 1


def asked_to_wait_s(situation: Situation, plain: Played, ours: Played) -> float:
    """Return the seconds that a server has asked for more often than it has asked plain pip.

    Who sends a request while it is busy has to wait as long as it says. A moment later it may not be busy any more.
    """
    longest_s = max((each.retry_after_s for each in situation.refusals if each.retry_after != "none"), default=0)
    told, told_plain = (
        sum(head.status in (429, 503) for run in side.runs for head in run.requests) for side in (ours, plain)
    )
    return float(longest_s * max(told - told_plain, 0))


def parts_s(situation: Situation, plain: Played, ours: Played) -> float:
    """Return the seconds of trouble that began after the last request of plain pip, and before that of pip-resume.

    Only for a server that sends small parts: it sends the complete file to plain pip, whose If-Range it rejects.
    """
    is_complete = all(request.status != 206 for request in plain.runs[-1].requests)
    if not situation.ranges.most_bytes or not is_complete:
        return 0.0
    last_s, our_last_s = (max((head.at_s for head in side.runs[-1].requests), default=0.0) for side in (plain, ours))
    troubles: list[Outage | Refusal] = [
        *situation.outages,
        *(refusal for refusal in situation.refusals if refusal.of != "range"),
    ]
    return sum(
        SLOWER_AFTER_OUTAGE * trouble.lasts_s
        for trouble in troubles
        if _begins_s(situation, plain, trouble.begins) > last_s
        and _begins_s(situation, ours, trouble.begins) < our_last_s
    )


def slept_s(situation: Situation, plain: Played, ours: Played) -> float:
    """Return the seconds that sleeps cost which began in a run of pip-resume, and in no run of plain pip.

    After a sleep the connections of the run are gone. That is noticed after ``--timeout``.
    """

    def is_in_run(side: Played, begins_s: float) -> bool:
        return any(run.begun_s <= begins_s < run.ended_s for run in side.runs)

    return sum(
        sleep.lasts_s + situation.user.timeout_s
        for sleep in situation.sleeps
        if is_in_run(ours, _begins_s(situation, ours, sleep.begins))
        and not is_in_run(plain, _begins_s(situation, plain, sleep.begins))
    )


def barren_s(ours: Played) -> float:
    """Return the seconds that the longest ranged requests without a file cost in each run, and the waits after them.

    So do plain requests that a server asks to repeat later. It counts only where plain pip has given up, and was
    started again by its user: then these are tries that plain pip does not make.
    """
    total_s = 0.0
    for run in ours.runs:
        ends_s = [request.at_s for request in run.requests[1:]] + [run.ended_s]
        barren = (
            end_s - request.at_s
            for request, end_s in zip(run.requests, ends_s)
            if (request.first_pos is not None and request.status not in (200, 206)) or request.status in (429, 503)
        )
        total_s += sum(sorted(barren)[-BARREN_RANGES * MOST_REFUSALS :])
    return total_s
