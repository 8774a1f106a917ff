"""The table LAST_REQUESTS row by row: whether a plain request follows although the limits are spent."""

from __future__ import annotations

import pytest

from pip_resume.protocol.last_request import LAST_REQUESTS, PlainRequests, Spent, last_request
from pip_resume.protocol.trust import FULL, MOST_REFUSALS, Asking

IN_DOUBT = FULL._replace(barren=1)
PROBING = FULL._replace(asking=Asking.PROBE, barren=2)
GIVEN_UP = FULL._replace(asking=Asking.PLAIN, refusals=1)
SENT = PlainRequests(is_sent=True)
REFUSED = Spent(PROBING, SENT, was_ranged=True, is_status=True, attempts=3, are_allowed=True)
"""Two ranges were refused, and an outage has spent a third attempt."""
NONE_SO_FAR = REFUSED._replace(plain=PlainRequests())
GIVEN_UP_LAST = REFUSED._replace(trust=GIVEN_UP, is_status=False)

# For each row: its name, and whether a plain request follows; then the cases in which it decides.
CASES: dict[tuple[str, bool], dict[str, Spent]] = {
    ("Range in doubt, and no plain request so far", True): {
        "after one barren range": NONE_SO_FAR._replace(trust=IN_DOUBT),
        "after two": NONE_SO_FAR,
        "a host that is silent": NONE_SO_FAR._replace(is_status=False),
        "no --resume-retries": NONE_SO_FAR._replace(trust=IN_DOUBT, are_allowed=False),
    },
    ("Range works", False): {"the last body came to a range": NONE_SO_FAR._replace(trust=FULL)},
    ("one has followed before", False): {
        "ranges are refused": REFUSED._replace(plain=SENT._replace(was_last=True)),
        "Range was given up": GIVEN_UP_LAST._replace(plain=SENT._replace(was_last=True)),
    },
    ("no --resume-retries", False): {
        "ranges are refused": REFUSED._replace(are_allowed=False),
        "Range was given up": GIVEN_UP_LAST._replace(are_allowed=False),
    },
    ("Range given up", True): {
        "the last range was silent": GIVEN_UP_LAST,
        "it was refused": GIVEN_UP_LAST._replace(is_status=True),
        "plain requests have failed in the outage before it": GIVEN_UP_LAST._replace(plain=SENT._replace(failed=3)),
        "for good": GIVEN_UP_LAST._replace(trust=GIVEN_UP._replace(refusals=MOST_REFUSALS)),
    },
    ("Range refused twice after an outage", True): {"two refusals, and one attempt before them": REFUSED},
    ("nothing points to Range", False): {
        "the last request was plain": GIVEN_UP_LAST._replace(was_ranged=False),
        "a plain request has failed as well": REFUSED._replace(plain=SENT._replace(failed=1)),
        "no outage has spent the attempts": REFUSED._replace(attempts=2),
        "no status": REFUSED._replace(is_status=False),
        "one refusal": REFUSED._replace(trust=IN_DOUBT),
    },
}


@pytest.mark.parametrize(
    ("spent", "row", "is_sent"),
    [
        pytest.param(spent, row, is_sent, id=f"{row}: {case}")
        for (row, is_sent), cases in CASES.items()
        for case, spent in cases.items()
    ],
)
def test_a_row_decides_whether_a_plain_request_follows(spent: Spent, row: str, is_sent: bool) -> None:
    decided = last_request(spent)

    assert (decided.name, decided.is_sent) == (row, is_sent)


def test_every_row_decides_at_least_one_case() -> None:
    assert [row for row, _is_sent in CASES] == [row.name for row in LAST_REQUESTS]


@pytest.mark.parametrize(("is_probe", "is_sent"), [(True, False), (False, True)])
def test_a_probe_is_no_request_for_the_file(is_probe: bool, is_sent: bool) -> None:
    assert PlainRequests().after_sent(is_probe=is_probe).is_sent is is_sent


def test_a_probe_after_a_request_for_the_file_changes_nothing() -> None:
    assert SENT.after_sent(is_probe=True) == SENT


def test_failures_count_until_a_body_has_brought_something() -> None:
    failed = SENT.after_failure().after_failure()

    assert failed == SENT._replace(failed=2)
    assert failed.after_body() == SENT
