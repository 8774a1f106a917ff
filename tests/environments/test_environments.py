"""The helpers that the other tests rely on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from environments.pips import MORE_PIPS, PIPS, why_unsupported
from environments.processes import CommandFailed, run_checked
from environments.variables import isolated_variables, scrubbed_variables

HARMFUL = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/",
    "PIP_RESUME": "1",
    "PYTHONPATH": "/no/such/directory",
    "VIRTUAL_ENV": "/no/such/environment",
}
NETWORK = {
    "REQUESTS_CA_BUNDLE": "/no/such/file",
    "SSL_CERT_FILE": "/no/such/file",
    "https_proxy": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "localhost",
}


@pytest.fixture
def harmful_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**HARMFUL, **NETWORK}.items():
        monkeypatch.setenv(name, value)


def test_a_process_under_test_inherits_no_settings_of_pip_python_certificates_or_proxies(
    harmful_environment: None,
) -> None:
    variables = scrubbed_variables()

    assert "PATH" in variables
    assert not variables.keys() & {*HARMFUL, *NETWORK}


def test_a_process_that_uses_the_network_inherits_certificates_and_proxies(harmful_environment: None) -> None:
    variables = scrubbed_variables(network=True)

    assert {name: variables[name] for name in NETWORK} == NETWORK
    assert not variables.keys() & HARMFUL.keys()


def test_a_pip_under_test_gets_only_the_settings_that_isolate_it(harmful_environment: None, tmp_path: Path) -> None:
    variables = isolated_variables(tmp_path / "home", tmp_path / "tmp", tmp_path / "cache")

    settings = {name for name in variables if name.startswith("PIP_")}
    assert settings == {"PIP_CACHE_DIR", "PIP_CONFIG_FILE", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_INPUT"}
    assert variables["HOME"] == str(tmp_path / "home")
    assert not variables.keys() & NETWORK.keys()


def test_run_checked_returns_both_outputs_of_a_command_that_succeeds() -> None:
    script = "import sys; print('out', flush=True); print('err', file=sys.stderr)"

    assert run_checked(sys.executable, "-c", script).splitlines() == ["out", "err"]


def test_run_checked_raises_the_output_of_a_command_that_fails() -> None:
    with pytest.raises(CommandFailed, match="reason of the failure"):
        run_checked(sys.executable, "-c", "raise SystemExit('reason of the failure')")


def test_run_checked_ends_a_command_that_takes_too_long() -> None:
    with pytest.raises(CommandFailed, match=r"still running after 0\.5 s"):
        run_checked(sys.executable, "-c", "import time; time.sleep(60)", timeout_s=0.5)


@pytest.mark.parametrize("pip_version", [*PIPS, *MORE_PIPS])
def test_every_pip_is_supported_on_python_3_11(pip_version: str) -> None:
    assert why_unsupported(pip_version, (3, 11)) is None


@pytest.mark.parametrize(
    ("pip_version", "python", "word"),
    [
        pytest.param("21.3.1", (3, 12), "older", id="old pip on a new Python"),
        pytest.param("26.3", (3, 9), "newer", id="new pip on an old Python"),
        pytest.param("25.0.1", (3, 8), "newer", id="Python that pip-resume does not support"),
    ],
)
def test_an_unsupported_combination_of_pip_and_python_has_a_reason(
    pip_version: str, python: tuple[int, int], word: str
) -> None:
    reason = why_unsupported(pip_version, python)

    assert reason is not None
    assert f"needs an {word} Python" in reason or f"needs a {word} Python" in reason
