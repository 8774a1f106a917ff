"""The statuses that decide about a retry."""

from __future__ import annotations

import re

import pytest

from pip_resume.protocol.statuses import NOT_IMPLEMENTED, WAIT_STATUSES, says_later


def test_every_status_that_asks_to_wait_has_a_source() -> None:
    source = re.compile("(RFC [0-9]{4} section [0-9.]+|Cloudflare|cPanel|proxies): .|pip retries it .")

    assert [status for status, text in WAIT_STATUSES.items() if source.match(text) is None] == []


@pytest.mark.parametrize("status", WAIT_STATUSES)
def test_every_status_of_the_table_says_later(status: int) -> None:
    assert says_later(status)


def test_of_all_statuses_four_of_4xx_and_all_of_5xx_but_two_say_later() -> None:
    assert {status for status in range(1000) if says_later(status)} == {
        *(408, 421, 425, 429),
        *(status for status in range(500, 600) if status not in (501, 505)),
    }


def test_no_status_has_two_meanings() -> None:
    assert not set(WAIT_STATUSES) & set(NOT_IMPLEMENTED)
