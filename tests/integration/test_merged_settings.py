"""pip's sessions look through the environment once per host, and find in it what they would find each time."""

from __future__ import annotations

import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from pip._internal.network.session import PipSession

from pip_resume.inside_pip import merged_settings, own_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROXY, OTHER_PROXY = "http://proxy.example:3128", "http://other.example:3128"
URLS = [
    "https://files.example/a.whl",
    "https://user:password@files.example/b.whl",
    "https://mirror.example:8443/a.whl",
    "http://files.example/a.whl",
    "https://files.example/c.whl",
    "https://mirror.example:8443/b.whl",
]
MERGE = "merge_environment_settings"
pytestmark = pytest.mark.skipif(
    merged_settings.proxies_may_change(), reason="Windows and macOS have proxies in the settings of the system"
)


@pytest.fixture
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, clean_environment: None) -> None:
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def apply_and_undo() -> Iterator[None]:
    merged_settings.apply(PipSession)
    yield
    merged_settings.undo(PipSession)


def merged(session: PipSession) -> list[Mapping[str, Any]]:
    """Return what a session takes for each of URLS. The call is that of ``Session.request``."""
    merge: Callable[..., dict[str, Any]] = session.merge_environment_settings
    return [merge(url, session.proxies or {}, True, None, None) for url in URLS]


@pytest.fixture
def looked_through(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the URLs for which requests itself is asked, from now on."""
    merged_settings.undo(PipSession)
    urls: list[str] = []
    original: Callable[..., Any] = PipSession.merge_environment_settings

    def counted(session: PipSession, url: str, *given: Any, **named: Any) -> Any:
        urls.append(url)
        return original(session, url, *given, **named)

    monkeypatch.setattr(PipSession, MERGE, counted)
    merged_settings.apply(PipSession)
    return urls


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"HTTPS_PROXY": PROXY},
        {"https_proxy": PROXY, "http_proxy": OTHER_PROXY, "NO_PROXY": "mirror.example"},
        {"ALL_PROXY": PROXY, "no_proxy": "files.example,localhost"},
        {"https_proxy": PROXY, "no_proxy": "*"},
        {"REQUESTS_CA_BUNDLE": "/etc/bundle.pem"},
        {"CURL_CA_BUNDLE": "/etc/curl.pem", "https_proxy": PROXY},
    ],
    indirect=True,
)
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("proxies", [{}, {"https": OTHER_PROXY}, {"no_proxy": "files.example"}])
@pytest.mark.parametrize("attributes", [{}, {"verify": "/etc/own.pem"}, {"trust_env": False}, {"cert": "/etc/me.pem"}])
def test_a_session_finds_what_it_would_find_each_time(proxies: dict[str, str], attributes: dict[str, Any]) -> None:
    with closing(PipSession()) as session, closing(PipSession()) as plain:
        for each in (session, plain):
            each.proxies = dict(proxies)
            vars(each).update(attributes)
        found, copied = merged(session), merged(own_session.for_first_request(session))
        merged_settings.undo(PipSession)
        assert found == merged(plain)
        assert copied == merged(plain)
        assert session.proxies == plain.proxies


def test_the_environment_is_looked_through_once_per_host(looked_through: list[str]) -> None:
    with closing(PipSession()) as session:
        merged(session)
        merged(own_session.for_first_request(session))
    assert looked_through == URLS[:4]  # The second has credentials in its URL, the fourth is http.


@pytest.mark.parametrize(
    ("name", "value"),
    [("verify", "/etc/new.pem"), ("cert", "/etc/me.pem"), ("trust_env", False), ("proxies", {"https": OTHER_PROXY})],
)
@pytest.mark.parametrize("environment", [{"https_proxy": PROXY}], indirect=True)
@pytest.mark.usefixtures("environment")
def test_what_pip_changes_in_its_session_counts_at_once(name: str, value: object) -> None:
    with closing(PipSession()) as session, closing(PipSession()) as plain:
        before = merged(session)
        for each in (session, plain):
            setattr(each, name, value)
        after = merged(session)
        merged_settings.undo(PipSession)
        assert after == merged(plain) != before


@pytest.mark.parametrize("environment", [{"https_proxy": PROXY}], indirect=True)
@pytest.mark.usefixtures("environment")
def test_what_a_request_does_with_its_proxies_stays_there() -> None:
    with closing(PipSession()) as session:
        merged(session)[0]["proxies"]["https"] = OTHER_PROXY
        assert merged(session)[0]["proxies"]["https"] == PROXY


@pytest.mark.parametrize("odd", [["/etc/a.pem", "/etc/b.pem"], {"a": "b"}], ids=["list", "dict"])
def test_what_cannot_be_hashed_is_left_to_requests(odd: Any, looked_through: list[str]) -> None:
    with closing(PipSession()) as session:
        session.cert = odd
        assert [each["cert"] for each in merged(session) + merged(session)] == [odd] * 12
    assert looked_through == URLS * 2


def test_a_requests_with_other_parameters_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    merged_settings.undo(PipSession)
    monkeypatch.setattr(PipSession, MERGE, lambda _session, url: {"seen": url})
    merged_settings.apply(PipSession)
    with closing(PipSession()) as session:
        merge: Callable[..., Any] = session.merge_environment_settings
        assert merge("https://files.example/a") == {"seen": "https://files.example/a"}


def test_named_parameters_are_the_same_as_positional_ones(looked_through: list[str]) -> None:
    with closing(PipSession()) as session:
        named = session.merge_environment_settings(URLS[0], proxies={}, stream=True, verify=None, cert=None)
        assert named == merged(session)[0]
    assert looked_through[0] == URLS[0]
    assert looked_through.count(URLS[0]) == 1


def test_a_requests_with_another_result_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    merged_settings.undo(PipSession)
    monkeypatch.setattr(PipSession, MERGE, lambda _session, url, *_given: (url,))
    merged_settings.apply(PipSession)
    with closing(PipSession()) as session:
        found: list[Any] = [*merged(session)]
        assert found[:1] == [(URLS[0],)]


def test_proxies_from_the_settings_of_the_system_are_looked_up_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows and macOS: a laptop may change networks in the middle of a run."""
    merged_settings.undo(PipSession)
    before = PipSession.merge_environment_settings
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    merged_settings.apply(PipSession)
    assert PipSession.merge_environment_settings is before


def test_an_error_of_requests_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    merged_settings.undo(PipSession)

    def fail(*_given: object) -> None:
        raise ValueError("of requests")

    monkeypatch.setattr(PipSession, MERGE, fail)
    merged_settings.apply(PipSession)
    with closing(PipSession()) as session, pytest.raises(ValueError, match="of requests"):
        merged(session)
