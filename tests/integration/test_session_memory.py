"""What depends on a session alone is made once for it, and anew as soon as the session is a different one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from pip._internal.network.session import PipSession

from pip_resume.inside_pip import http_cache, own_session
from pip_resume.inside_pip.options import options_of
from pip_resume.inside_pip.run import RUN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def session(tmp_path: Path) -> Iterator[PipSession]:
    with closing(PipSession(cache=str(tmp_path / "http"), retries=5)) as opened:
        yield opened


def test_all_downloads_of_a_session_use_one_copy_of_it(session: PipSession) -> None:
    first = own_session.for_first_request(session)
    assert own_session.for_first_request(session) is first
    assert first is not session


def test_a_trusted_host_that_is_added_later_is_trusted_in_the_copy(session: PipSession) -> None:
    """``--trusted-host`` in a requirements file comes after the session was made."""
    url = "https://trusted.example/file"
    untrusted: Any = own_session.for_first_request(session).get_adapter(url)
    session.add_trusted_host("trusted.example")
    trusted: Any = own_session.for_first_request(session).get_adapter(url)
    assert type(untrusted) is not type(trusted)
    assert type(trusted) is type(session.get_adapter(url))


@pytest.mark.parametrize(("name", "value"), [("verify", "/etc/other.pem"), ("timeout", 3), ("proxies", {"http": "p"})])
def test_a_changed_attribute_is_seen_in_the_copy(session: PipSession, name: str, value: object) -> None:
    own_session.for_first_request(session)
    setattr(session, name, value)
    assert getattr(own_session.for_first_request(session), name) == value


def test_each_session_has_its_own_copy_cache_and_options(session: PipSession, tmp_path: Path) -> None:
    directories = [RUN.of_session(http_cache.cache_directory, session)]
    waits_s = [RUN.of_session(options_of, session, None).connect_waits_s]
    copies = [own_session.for_first_request(session)]
    with closing(PipSession(cache=str(tmp_path / "other"), retries=2)) as other:
        directories.append(RUN.of_session(http_cache.cache_directory, other))
        waits_s.append(RUN.of_session(options_of, other, None).connect_waits_s)
        copies.append(own_session.for_first_request(other))
        assert copies[1].adapters.keys() == other.adapters.keys()
    assert directories == [tmp_path / "http", tmp_path / "other"]
    assert list(map(len, waits_s)) == [5, 2]
    assert copies[0] is not copies[1]
