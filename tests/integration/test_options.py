"""What pip's options mean for a download, on a pip that resumes and on one that does not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pip._internal.network.session import PipSession

from pip_resume.inside_pip.options import options_of


@pytest.mark.parametrize(
    ("downloader", "retries", "same_ends"),
    [
        pytest.param(SimpleNamespace(_resume_retries=30), 30, 30, id="plain pip would request 31 bodies"),
        pytest.param(SimpleNamespace(), 30, 5, id="plain pip would request one body"),
        pytest.param(SimpleNamespace(), 2, 2, id="plain pip would request one body, and few retries"),
    ],
)
def test_bodies_with_the_same_end_are_limited_by_what_plain_pip_would_request(
    downloader: SimpleNamespace, retries: int, same_ends: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_RESUME_RETRIES", str(retries))

    options = options_of(downloader, PipSession())

    assert (options.retries, options.same_ends) == (retries, same_ends)
