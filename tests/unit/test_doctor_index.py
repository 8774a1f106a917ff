"""What the doctor makes of an index: the table of resumes, who keeps finished files, and errors in words."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from pip_resume.commands.doctor import index_errors, shell
from pip_resume.commands.doctor.finding import BROKEN, NOTE, OK, PART
from pip_resume.commands.doctor.index import NOBODY, OURS, PIP, ROWS, examine, keeper, resumes, summary
from pip_resume.commands.doctor.index_errors import Typed
from pip_resume.protocol.planning import STORED_FROM_BYTES

RANGE = {"status": 206, "row": "206, and the digest decides", "reason": "", "is_part": True, "same_bytes": True}
REFUSED = {"status": 403, "row": "no response to a range", "reason": "refused", "is_part": False, "same_bytes": None}
WHOLE = {"status": 200, "row": "200", "reason": "", "is_part": False, "same_bytes": None}
CACHE = {"is_on": True, "takes_it": True, "leads_there": True, "is_used": True, "no_store": False}
GOOD: dict[str, Any] = {
    "project": "sample",
    "file": "sample-1.0-py3-none-any.whl",
    "host": "files.example",
    "digest": "sha256",
    "length": 2_000_000,
    "coding": "",
    "is_https": True,
    "redirects": [],
    "is_signed": False,
    "etag": "strong",
    "date": "strong",
    "is_storable": True,
    "cache": CACHE,
    "range": RANGE,
    "if_range_same": RANGE,
    "if_range_other": WHOLE,
    "continues": RANGE,
}
NO_HASH = {**GOOD, "digest": None}
NO_VALIDATOR = {name: value for name, value in NO_HASH.items() if name != "continues"}


def with_range(**changes: object) -> dict[str, Any]:
    return {**GOOD, "range": {**RANGE, **changes}}


@pytest.mark.parametrize(
    ("seen", "within", "across", "why"),
    [
        pytest.param(GOOD, True, True, "", id="hash and ranges"),
        pytest.param(NO_HASH, True, True, "", id="no hash, a validator, https"),
        pytest.param({**GOOD, "is_too_short": True}, False, False, "too short", id="file of one byte"),
        pytest.param(with_range(**WHOLE), False, False, "ignores Range", id="Range ignored"),
        pytest.param(with_range(**REFUSED), False, False, "cannot be used", id="Range refused"),
        pytest.param(with_range(**{**REFUSED, "status": None}), False, False, "does not respond", id="closed"),
        pytest.param(with_range(**{**REFUSED, "row": "busy"}), False, False, "too busy", id="busy"),
        pytest.param(with_range(same_bytes=False), False, False, "wrong bytes", id="wrong bytes"),
        pytest.param(with_range(same_bytes=None), True, True, "", id="bytes not compared"),
        pytest.param(NO_VALIDATOR, False, False, "without a strong validator", id="no hash, no validator"),
        pytest.param({**NO_HASH, "continues": WHOLE}, False, False, "its own", id="no hash, If-Range not accepted"),
        pytest.param(
            {**NO_HASH, "continues": {**RANGE, "same_bytes": False}},
            False,
            False,
            "wrong bytes",
            id="no hash, wrong bytes",
        ),
        pytest.param(
            {**NO_HASH, "is_storable": False, "is_https": False}, True, False, "without https", id="no hash, http"
        ),
        pytest.param({**NO_HASH, "is_storable": False}, True, False, "without a hash", id="no hash, not storable"),
        pytest.param({**GOOD, "is_storable": False, "is_https": False}, True, True, "", id="hash over http"),
    ],
)
def test_resumes_follow_from_the_first_row_that_applies(
    seen: dict[str, Any], within: bool, across: bool, why: str
) -> None:
    found = resumes(seen)

    assert (found.within, found.across) == (within, across)
    assert why in found.why
    assert bool(found.why) is not across


def test_every_row_that_denies_a_resume_says_why() -> None:
    assert [row for row in ROWS if bool(row.resumes.why) is row.resumes.across] == []


@pytest.mark.parametrize(
    ("cache", "digest", "can_keep", "expected"),
    [
        pytest.param({}, "sha256", True, PIP, id="pip's cache takes it"),
        pytest.param({}, None, False, PIP, id="pip's cache needs no hash"),
        pytest.param({"takes_it": False}, "sha256", True, OURS, id="no-store"),
        pytest.param({"leads_there": False}, "sha256", True, OURS, id="redirect"),
        pytest.param({"takes_it": False}, None, True, NOBODY, id="no-store without a hash"),
        pytest.param({"takes_it": False}, "sha256", False, NOBODY, id="no-store and no store"),
        pytest.param({"is_on": False}, "sha256", False, NOBODY, id="cache off"),
    ],
)
def test_a_finished_file_is_kept_by_pip_else_by_us_if_it_has_a_hash(
    cache: dict[str, bool], digest: str | None, can_keep: bool, expected: str
) -> None:
    seen = {**GOOD, "digest": digest, "cache": {**CACHE, **cache}}

    assert keeper(seen, can_keep=can_keep) == expected


@pytest.mark.parametrize(
    ("cache", "reason"),
    [
        pytest.param({"no_store": True}, "the server forbids it (no-store)", id="no-store"),
        pytest.param(
            {"takes_it": True, "leads_there": False},
            "it would not find the file again behind a redirect that is not permanent",
            id="redirect",
        ),
        pytest.param({"is_used": False}, "it takes nothing over http", id="http"),
        pytest.param({}, "no ETag, max-age or Expires allows it", id="http of a trusted host, or https"),
    ],
)
def test_the_reason_why_pips_cache_does_not_take_a_file_is_the_true_one(cache: dict[str, bool], reason: str) -> None:
    seen = {**GOOD, "is_https": False, "cache": {**CACHE, "takes_it": False, **cache}}

    texts = [finding.text for finding in examine(seen, can_keep=True) if finding.topic == "cache"]

    assert texts == [f"pip's cache does not take the file: {reason}"]


@pytest.mark.parametrize(
    ("seen", "can_keep", "level", "text"),
    [
        pytest.param(GOOD, True, OK, "Resumes within a run: yes. Resumes across runs: yes.", id="works"),
        pytest.param(
            GOOD,
            False,
            PART,
            "Resumes within a run: yes. Resumes across runs: no (nothing can be kept here).",
            id="nothing can be kept",
        ),
        pytest.param(
            with_range(**WHOLE),
            True,
            BROKEN,
            "Resumes: no (the server ignores Range, and sends the complete file).",
            id="Range ignored",
        ),
    ],
)
def test_the_last_findings_say_what_follows(seen: dict[str, Any], can_keep: bool, level: str, text: str) -> None:
    result, kept = examine(seen, can_keep=can_keep)[-2:]

    assert (result.level, result.text) == (level, text)
    assert (kept.level, kept.text) == (OK, "Finished files are kept by: pip's cache.")


@pytest.mark.parametrize(
    ("error", "text", "remedy"),
    [
        pytest.param({"status": 401}, "requires a user name and a password (401)", "USER:PASSWORD@", id="401"),
        pytest.param({"status": 403}, "refuses the request (403)", "USER:PASSWORD@", id="403"),
        pytest.param({"status": 404}, "No matching distribution found for sample", " doctor PROJECT", id="404"),
        pytest.param({"status": 407}, "the proxy requires a user name and a password", "--proxy http://USER", id="407"),
        pytest.param({"status": 500}, "answered 500; try again later", "", id="500"),
        pytest.param({"kind": "certificate"}, "the certificate of", "--cert FILE", id="certificate"),
        pytest.param({"kind": "proxy"}, "no connection to", "--proxy http://HOST:PORT", id="proxy"),
        pytest.param({"kind": "connection"}, "no connection to", "--index-url URL", id="connection"),
        pytest.param({"kind": "page"}, "index.example: the cause", "--index-url URL", id="not a page"),
        pytest.param({"kind": "other"}, "index.example: the cause", "", id="other"),
        pytest.param(
            {"kind": "proxy", "cause": "the proxy answered 407"},
            "the proxy requires a user name and a password (407)",
            "--proxy http://USER:PASSWORD@HOST:PORT",
            id="407 over https",
        ),
        pytest.param(
            {"kind": "connection", "cause": "read timed out"},
            "index.example does not respond",
            "--index-url",
            id="silent",
        ),
        pytest.param(
            {"kind": "not trusted", "host": "index.example:8080"},
            "pip ignores index.example:8080, because it is http and not a trusted host",
            "--trusted-host index.example",
            id="http, not trusted",
        ),
    ],
)
def test_an_error_is_one_line_with_a_remedy(error: dict[str, Any], text: str, remedy: str) -> None:
    failure = {"kind": "status", "status": None, "cause": "the cause", "host": "index.example", **error}

    for seen in ({"project": "sample", "failures": [failure]}, {"project": "sample", "error": failure}):
        (finding,) = examine(seen, can_keep=True)

        assert (finding.level, finding.topic) == (BROKEN, "index")
        assert text in finding.text
        assert (remedy in finding.remedy) if remedy else (finding.remedy == "")
        assert set(summary(seen, can_keep=True).values()) == {None}


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        pytest.param([], " doctor sample --cert FILE", id="nothing else"),
        pytest.param([["--cert", "OLD"]], " doctor sample --cert FILE", id="the same option"),
        pytest.param(
            [["--index-url", "https://me:secret@index.example/simple/"], ["--pre"]],
            " doctor sample --index-url 'https://****@index.example/simple/' --pre --cert FILE",
            id="other options, without the password",
        ),
    ],
)
def test_a_remedy_repeats_what_was_typed(
    options: list[list[str]], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_errors, "quoted", functools.partial(shell.quoted, shell.SH))
    failure = {"kind": "certificate", "status": None, "cause": "the cause", "host": "index.example"}

    seen = {"project": "sample", "failures": [failure]}
    (finding,) = examine(seen, can_keep=True, typed=Typed("sample", options))

    assert finding.remedy.endswith(remedy)


@pytest.mark.parametrize(
    ("url", "text", "scheme"),
    [
        pytest.param("http://index.example/", "(401)", "http", id="http"),
        pytest.param("https://index.example/", "(401)", "https", id="https"),
        pytest.param("http://index.example.org/", "(401)", "https", id="http of a different host"),
        pytest.param("http://me:secret@index.example/", "it does not accept those that were given", "http", id="wrong"),
    ],
)
def test_a_missing_password_is_told_from_a_wrong_one(url: str, text: str, scheme: str) -> None:
    failure = {"kind": "status", "status": 401, "cause": "", "host": "index.example"}
    typed = Typed("sample", [["--index-url", url]])

    (finding,) = examine({"project": "sample", "failures": [failure]}, can_keep=True, typed=typed)

    assert finding.text.endswith(text)
    assert finding.remedy.endswith(f"--index-url {scheme}://USER:PASSWORD@index.example/...")


def test_a_short_option_is_replaced_by_the_remedy() -> None:
    failure = {"kind": "connection", "status": None, "cause": "connection refused", "host": "index.example"}
    typed = Typed("sample", [["-i", "https://index.example/simple/"]])

    (finding,) = examine({"project": "sample", "failures": [failure]}, can_keep=True, typed=typed)

    assert finding.remedy.endswith(" doctor sample --index-url URL")


def test_a_file_that_is_missing_is_not_taken_for_a_missing_project() -> None:
    seen = {**GOOD, "error": {"kind": "status", "status": 404, "host": "files.example"}}

    (finding,) = examine(seen, can_keep=True)

    assert finding.text == "the index names sample-1.0-py3-none-any.whl, but files.example does not have it (404)"
    assert (finding.level, finding.remedy) == (BROKEN, "")


def test_a_page_in_the_place_of_the_file_is_reported() -> None:
    (finding,) = examine({**GOOD, "is_page": True}, can_keep=True)

    assert finding.level == BROKEN
    assert finding.text.startswith("files.example sent a web page instead of the file")
    assert set(summary({**GOOD, "is_page": True}, can_keep=True).values()) == {None}


@pytest.mark.parametrize(
    ("length", "is_said"), [(STORED_FROM_BYTES, True), (STORED_FROM_BYTES + 1, False), (None, False)]
)
def test_a_file_that_is_too_small_to_be_stored_is_noted(length: int | None, is_said: bool) -> None:
    findings = examine({**GOOD, "length": length}, can_keep=True)

    notes = [finding.text for finding in findings if finding.level == NOTE]
    assert notes == (["this file has up to 1.0 MB: only larger ones are kept for the next run"] if is_said else [])


def test_an_index_that_cannot_be_reached_is_more_important_than_one_without_the_project() -> None:
    missing = {"kind": "status", "status": 404, "cause": "", "host": "first.example"}
    silent = {"kind": "connection", "status": None, "cause": "connection refused", "host": "second.example"}

    (finding,) = examine({"project": "sample", "failures": [missing, silent]}, can_keep=True)
    (local,) = examine({"project": "sample", "is_local": True, "failures": [silent]}, can_keep=True)

    assert finding.text == local.text == "no connection to second.example: connection refused"


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        pytest.param({"project": "six", "failures": [{"status": 404}]}, NOTE, id="the default project"),
        pytest.param({"project": "six"}, NOTE, id="no file of the default project"),
        pytest.param({"project": "sample", "failures": [{"status": 404}]}, BROKEN, id="a project that was named"),
        pytest.param({"project": "six", "failures": [{"status": 404}, {"status": 503}]}, BROKEN, id="a busy index"),
        pytest.param({"project": "six", "error": {"kind": "connection"}}, BROKEN, id="no connection"),
        pytest.param({"project": "six", "pip_error": "no"}, BROKEN, id="an error of pip"),
    ],
)
def test_only_an_index_without_the_default_project_is_normal(seen: dict[str, Any], level: str) -> None:
    (finding,) = examine(seen, can_keep=True, default="six")

    assert finding.level == level


def test_an_index_that_was_skipped_is_noted_unless_it_has_no_such_project() -> None:
    missing = {"kind": "status", "status": 404, "cause": "", "host": "first.example"}
    silent = {"kind": "connection", "status": None, "cause": "connection refused", "host": "second.example"}

    findings = examine({**GOOD, "failures": [missing, silent]}, can_keep=True)

    notes = [finding.text for finding in findings if finding.level == NOTE]
    assert notes == ["skipped: no connection to second.example: connection refused"]


def test_text_of_the_server_cannot_control_the_terminal() -> None:
    findings = examine({**GOOD, "file": "sample\x1b[31m", "coding": "gzip\x07"}, can_keep=True)

    assert [finding for finding in findings if not finding.text.isprintable()] == []


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        pytest.param({"uses_no_index": True}, OK, id="--no-index"),
        pytest.param({"project": "sample", "is_local": True}, NOTE, id="file on this machine"),
        pytest.param({"project": "sample"}, BROKEN, id="no file for this Python"),
        pytest.param({"pip_error": "no such option: --cert"}, BROKEN, id="error of pip"),
    ],
)
def test_without_a_response_there_is_one_finding(seen: dict[str, Any], level: str) -> None:
    (finding,) = examine(seen, can_keep=True)

    assert finding.level == level
    assert set(summary(seen, can_keep=True).values()) == {None}
