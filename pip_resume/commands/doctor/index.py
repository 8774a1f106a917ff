"""What the responses of the index mean for a resume, in words. Pure: from what was seen to findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, NamedTuple

from pip_resume.commands.doctor.finding import BROKEN, NOTE, OK, PART, Finding
from pip_resume.commands.doctor.index_errors import Seen, Typed, lacks_project, not_reached, of_error
from pip_resume.commands.formatting import counted, format_size
from pip_resume.protocol.planning import STORED_FROM_BYTES
from pip_resume.wording import printable

PIP, OURS, NOBODY = "pip's cache", "pip-resume", "nobody"


class Resumes(NamedTuple):
    """Whether a download is resumed within a run of pip, and in a later run, and why not."""

    within: bool
    across: bool
    why: str = ""


class Row(NamedTuple):
    """One row of the table: the first whose ``applies`` is true decides."""

    applies: Callable[[Seen], bool]
    resumes: Resumes


def _range(seen: Seen) -> Seen:
    found: Seen = seen.get("range") or {}
    return found


def _continues(seen: Seen) -> Seen:
    found: Seen = seen.get("continues") or {}
    return found


NOTHING = Resumes(False, False)
ROWS: tuple[Row, ...] = (
    Row(lambda seen: seen.get("is_too_short", False), NOTHING._replace(why="the file is too short to tell")),
    Row(
        lambda seen: _range(seen).get("row") == "busy",
        NOTHING._replace(why="the server is too busy at the moment; try again later"),
    ),
    Row(
        lambda seen: _range(seen).get("status") == 200,
        NOTHING._replace(why="the server ignores Range, and sends the complete file"),
    ),
    Row(
        lambda seen: _range(seen).get("status") is None,
        NOTHING._replace(why="the server does not respond to a request with Range"),
    ),
    Row(lambda seen: not _range(seen).get("is_part"), NOTHING._replace(why="ranges cannot be used")),
    Row(
        lambda seen: _range(seen).get("same_bytes") is False,
        NOTHING._replace(why="the server sends wrong bytes for a range"),
    ),
    Row(lambda seen: seen.get("digest") is not None, Resumes(True, True)),
    Row(
        lambda seen: "continues" not in seen,
        NOTHING._replace(why="without a hash and without a strong validator nothing proves that parts belong together"),
    ),
    Row(
        lambda seen: not _continues(seen).get("is_part") and _continues(seen).get("status") == 206,
        NOTHING._replace(why="without a hash the parts that the server sends cannot be used"),
    ),
    Row(
        lambda seen: not _continues(seen).get("is_part"),
        NOTHING._replace(why="without a hash the validator decides, and the server does not accept its own"),
    ),
    Row(
        lambda seen: _continues(seen).get("same_bytes") is False,
        NOTHING._replace(why="the server sends wrong bytes for a range"),
    ),
    Row(lambda seen: seen.get("is_storable", False), Resumes(True, True)),
    Row(
        lambda seen: not seen.get("is_https", False),
        Resumes(True, False, "without a hash and without https nothing is kept for the next run"),
    ),
    Row(lambda _seen: True, Resumes(True, False, "without a hash nothing is kept for the next run")),
)


def resumes(seen: Seen) -> Resumes:
    """Tell what a download of the file would do after a break: the first of ROWS that applies.

    It does not consider whether this machine can keep anything.
    """
    return next(row.resumes for row in ROWS if row.applies(seen))


def keeper(seen: Seen, *, can_keep: bool) -> str:
    """Return who keeps the finished file for later installs: PIP, OURS or NOBODY.

    ``can_keep`` is whether the directory for partial downloads can be used.
    """
    cache = seen["cache"]
    if cache["is_on"] and cache["takes_it"] and cache["leads_there"]:
        return PIP
    return OURS if can_keep and seen["digest"] is not None else NOBODY


def examine(seen: Seen, *, can_keep: bool, default: str = "", typed: Typed = Typed()) -> list[Finding]:  # noqa: B008
    """Return the findings about the index, the last of them with what follows.

    ``default`` is the project that is asked for if nobody names one. If an index does not have it, nothing is broken.
    """
    stopped = not_reached(seen, typed)
    if stopped is not None:
        is_normal = bool(default) and seen.get("project") == default and lacks_project(seen)
        return [replace(stopped, level=NOTE) if is_normal else stopped]
    return [
        *_skipped(seen, typed),
        _file(seen),
        _hash(seen),
        _ranges(seen),
        *_conditions(seen),
        *_follows(seen, can_keep=can_keep),
    ]


def summary(seen: Seen, *, can_keep: bool) -> dict[str, Any]:
    """Return for scripts what follows; None where that is unknown."""
    is_known = "cache" in seen and not_reached(seen, Typed()) is None
    found = resumes(seen) if is_known else NOTHING
    return {
        "resumes_within_a_run": found.within if is_known else None,
        "resumes_across_runs": found.across and can_keep if is_known else None,
        "finished_files_kept_by": keeper(seen, can_keep=can_keep) if is_known else None,
    }


# What was seen


def _skipped(seen: Seen, typed: Typed) -> list[Finding]:
    """Report the indexes that could not be asked although one of them has the file. That is normal for a 404."""
    unusual = [each for each in seen.get("failures", ()) if each.get("status") != 404]
    return [Finding(NOTE, "index", f"skipped: {of_error(each, seen, typed).text}") for each in unusual]


def _file(seen: Seen) -> Finding:
    size = "" if seen["length"] is None else f" ({format_size(seen['length'])})"
    scheme = "https" if seen["is_https"] else "http, which anybody on the way can change"
    way = f", after {counted(len(seen['redirects']), 'redirect')}" if seen["redirects"] else ""
    signed = " to a signed URL" if seen["is_signed"] else ""
    return Finding(OK, "index", printable(f"{seen['file']}{size} from {seen['host']} over {scheme}{way}{signed}"))


def _hash(seen: Seen) -> Finding:
    if seen["digest"] is None:
        return Finding(NOTE, "hash", "none: the index does not say which bytes are right")
    return Finding(OK, "hash", f"{seen['digest']}: it proves at the end that the bytes are right")


def _ranges(seen: Seen) -> Finding:
    found = _range(seen)
    if found.get("is_part") and found["same_bytes"] is not False:
        checked = "" if found["same_bytes"] is None else ", with the right bytes"
        return Finding(OK, "ranges", f"honoured: 206{checked}")
    if found.get("is_part"):
        return Finding(BROKEN, "ranges", "206, but the bytes are not those that were requested")
    if not found:
        return Finding(NOTE, "ranges", "not tried, because the file is too short")
    answer = f"no response ({found['reason']})" if found["status"] is None else str(found["status"])
    reason = found["reason"] if found["status"] not in {None, 200} else ""
    words = "ignored: 200, the complete file" if found["status"] == 200 else f"not usable: {answer}"
    return Finding(BROKEN, "ranges", f"{words}, {reason}" if reason else words)


def _conditions(seen: Seen) -> list[Finding]:
    tag = {"strong": "a strong ETag", "weak": "a weak ETag", "invalid": "an invalid ETag", "none": "no ETag"}
    date = {"strong": "Last-Modified", "weak": "a Last-Modified too young to rely on", "none": "no Last-Modified"}
    coding = f", Content-Encoding {seen['coding']}" if seen["coding"] else ""
    findings = [Finding(OK, "validators", printable(f"{tag[seen['etag']]}, {date[seen['date']]}{coding}"))]
    if "if_range_same" not in seen:
        why = "there is no strong validator to send" if _range(seen).get("is_part") else "it needs ranges"
        return [*findings, Finding(OK, "If-Range", f"not tried: {why}")]
    same, other = seen["if_range_same"], seen["if_range_other"]
    if not same["is_part"] and same["status"] == 206:
        text = f"not usable: 206, {same['reason']}"
    elif not same["is_part"]:
        text = f"the server does not accept its own validator ({same['status'] or same['reason']})"
    elif other["status"] == 206:
        text = "ignored: 206 for a different validator too. pip-resume compares the validators itself"
    elif other["status"] == 200:
        text = "honoured: 206 for the same validator, the complete file for a different one"
    else:
        text = f"206 for the same validator, {other['status'] or other['reason']} for a different one"
    return [*findings, Finding(OK, "If-Range", text)]


# What follows


def _follows(seen: Seen, *, can_keep: bool) -> list[Finding]:
    found, kept_by = resumes(seen), keeper(seen, can_keep=can_keep)
    across = found.across and can_keep
    why = found.why or ("" if can_keep else "nothing can be kept here")
    level = OK if across else PART if found.within else BROKEN
    answer = "yes" if across else f"no ({why})"
    if not found.within:
        text = f"Resumes: {answer}."
    elif across:
        text = "Resumes within a run: yes. Resumes across runs: yes."
    else:
        text = f"Resumes within a run: yes. Resumes across runs: {answer}."
    return [
        Finding(OK, "cache", _about_cache(seen, kept_by)),
        *_about_small_files(seen, across=across),
        Finding(level, "result", text),
        Finding(OK, "result", f"Finished files are kept by: {kept_by}."),
    ]


def _about_small_files(seen: Seen, *, across: bool) -> list[Finding]:
    if not across or seen["length"] is None or seen["length"] > STORED_FROM_BYTES:
        return []
    size = format_size(STORED_FROM_BYTES)
    return [Finding(NOTE, "store", f"this file has up to {size}: only larger ones are kept for the next run")]


def _about_cache(seen: Seen, kept_by: str) -> str:
    cache = seen["cache"]
    if not cache["is_on"]:
        return "pip's cache is off"
    if kept_by == PIP:
        return "pip's cache takes the file"
    if cache["no_store"]:
        reason = "the server forbids it (no-store)"
    elif cache["takes_it"]:
        reason = "it would not find the file again behind a redirect that is not permanent"
    elif not cache["is_used"]:
        reason = "it takes nothing over http"
    else:
        reason = "no ETag, max-age or Expires allows it"
    return f"pip's cache does not take the file: {reason}"
