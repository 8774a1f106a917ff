"""`pip-resume demo` in a real environment: it shows a resumed download, and reports one only if there was one."""

from __future__ import annotations

import re
import shutil

import pytest
from environments.checkout import HOOK, PACKAGE, copy_package
from environments.environment import Environment, Environments
from environments.processes import Result

# Enough for a machine on which everything takes five times as long.
DEMO_TIMEOUT_S = 100.0
# Variables that the demo must not pass on: each of them alone would make its pips fail.
HARMFUL_VARIABLES = {
    "PIP_NO_INDEX": "1",
    "PIP_REQUIRE_VIRTUALENV": "nonsense",
    "PIP_NO_CACHE_DIR": "1",
    "REQUESTS_CA_BUNDLE": "/no/such/file",
    "http_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}

pytestmark = pytest.mark.timeout(150)


def run_demo(pip: Environment, **variables: str) -> Result:
    return pip.run_python("-m", "pip_resume", "demo", env=variables, timeout_s=DEMO_TIMEOUT_S)


def fetched_mb(text: str) -> list[list[float]]:
    """Return the megabytes fetched until pip was killed and after that, without the plugin and with it."""
    return [[float(mb) for mb in found] for found in re.findall(r"Fetched ([0-9.]+) MB, then ([0-9.]+) MB", text)]


def test_the_demo_shows_a_restart_without_the_plugin_and_a_resume_with_it(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")
    pip.variables.pop("PIP_RESUME")

    ended = run_demo(pip, **HARMFUL_VARIABLES)

    assert (ended.returncode, ended.stderr) == (0, ""), ended.text
    (plain_first, plain_again), (first, rest) = fetched_mb(ended.stdout)
    assert 6.0 < plain_first < 12.0
    assert plain_again == 12.0
    # More than the file: the overlap, what was on its way when pip was killed, and rounding.
    assert 12.0 <= first + rest < 12.0 + 1.0
    assert rest < 6.0
    assert ended.stdout.count("(killed)") == 2
    assert ended.stdout.count("Successfully installed large-demo-1.0") == 2
    resumed = r"Resuming download .*large_demo-1.0-py3-none-any.whl \([0-9.]+ MB/12.0 MB\)"
    assert len(re.findall(resumed, ended.stdout)) == 1
    verdict = ended.stdout.splitlines()[-1]
    assert verdict == f"pip-resume works: the second run fetched {rest} MB instead of 12.0 MB."
    assert list(pip.temporary.iterdir()) == []
    assert not pip.cache_dir.exists()


def test_the_demo_works_from_a_checkout_with_an_old_pip(environments: Environments) -> None:
    pip = environments.without_plugin("21.3.1")
    # The two files that an editable installation has in site-packages.
    (pip.site_packages / "_editable_impl_pip_resume.pth").write_text(f"{PACKAGE.parent}\n")
    shutil.copy(PACKAGE / HOOK, pip.site_packages)

    ended = run_demo(pip)

    assert ended.returncode == 0, ended.text
    assert "with this environment's pip 21.3.1" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("pip-resume works: ")


def test_the_demo_reports_that_the_plugin_does_not_reach_pip(environments: Environments) -> None:
    pip = environments.without_plugin("26.3")
    copy_package(pip.work)

    ended = run_demo(pip)

    assert ended.returncode == 1, ended.text
    assert fetched_mb(ended.stdout)[1][1] == 12.0
    assert ended.stdout.splitlines()[-1] == (
        "pip-resume did not resume: the wheel was downloaded again. To find out why: pip-resume doctor"
    )


def test_ctrl_c_ends_the_demo_with_one_line_and_leaves_no_files(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")
    running = pip.start_python("-m", "pip_resume", "demo")
    running.wait_for_output("Downloading")

    running.interrupt()
    ended = running.wait()

    assert ended.returncode == 130, ended.text
    assert ended.stderr == "pip-resume: interrupted\n"
    assert list(pip.temporary.iterdir()) == []


def test_the_demo_reports_a_missing_pip_in_one_line(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")
    shutil.rmtree(pip.site_packages / "pip")

    ended = run_demo(pip)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"pip-resume: `pip --version` fails here ({pip.python}: No module named pip)\n"
