"""`pip-resume demo` in a real environment: it shows what it claims, and claims it only where it is so."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from e2e.real_pip import Environment, Environments
from e2e.running import Result, start_with_pipes

import pip_resume

PACKAGE = Path(pip_resume.__file__).parent
# Room for a machine on which everything takes five times as long.
DEMO_S = 100.0
# What must not reach the demo's pips: each of these alone would make them fail.
HOSTILE = {
    "PIP_NO_INDEX": "1",
    "PIP_REQUIRE_VIRTUALENV": "nonsense",
    "PIP_NO_CACHE_DIR": "1",
    "REQUESTS_CA_BUNDLE": "/no/such/file",
    "http_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}

pytestmark = pytest.mark.timeout(150)


def demo(pip: Environment, **variables: str) -> Result:
    return pip.run_python("-m", "pip_resume", "demo", env=variables, timeout=DEMO_S)


def fetched_mb(text: str) -> list[list[float]]:
    """Bytes fetched until pip was killed and after that, without the plugin and with it."""
    return [[float(mb) for mb in found] for found in re.findall(r"Fetched ([0-9.]+) MB, then ([0-9.]+) MB", text)]


def test_the_demo_shows_pip_starting_again_without_us_and_going_on_with_us(environment: Environments) -> None:
    pip = environment("26.3")
    pip.variables.pop("PIP_RESUME")

    ended = demo(pip, **HOSTILE)

    assert (ended.returncode, ended.stderr) == (0, ""), ended.text
    (plain_first, plain_again), (first, rest) = fetched_mb(ended.stdout)
    assert 6.0 < plain_first < 12.0
    assert plain_again == 12.0
    # The overlap, what was under way when pip was killed, and rounding.
    assert 12.0 <= first + rest < 12.0 + 1.0
    assert rest < 6.0
    assert ended.stdout.count("(killed)") == 2
    assert ended.stdout.count("Successfully installed large-demo-1.0") == 2
    assert (
        len(re.findall(r"Resuming download .*large_demo-1.0-py3-none-any.whl \([0-9.]+ MB/12.0 MB\)", ended.stdout))
        == 1
    )
    verdict = ended.stdout.splitlines()[-1]
    assert verdict == f"pip-resume works: the second run fetched {rest} MB instead of 12.0 MB."
    assert list(pip.temporary.iterdir()) == []
    assert not pip.cache_dir.exists()


def test_the_demo_works_from_a_checkout_with_an_old_pip(environment: Environments) -> None:
    pip = environment.without_plugin("21.3.1")
    # What an editable installation puts there.
    (pip.site_packages / "_editable_impl_pip_resume.pth").write_text(f"{PACKAGE.parent}\n")
    shutil.copy(PACKAGE / "pip_resume_hook.pth", pip.site_packages)

    ended = demo(pip)

    assert ended.returncode == 0, ended.text
    assert "with this environment's pip 21.3.1" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("pip-resume works: ")


def test_where_the_plugin_does_not_reach_pip_the_demo_says_so(environment: Environments) -> None:
    pip = environment.without_plugin("26.3")
    shutil.copytree(PACKAGE, pip.work / "pip_resume", ignore=shutil.ignore_patterns("__pycache__"))

    ended = demo(pip)

    assert ended.returncode == 1, ended.text
    assert fetched_mb(ended.stdout)[1][1] == 12.0
    assert ended.stdout.splitlines()[-1] == (
        "pip-resume did not resume: the wheel was downloaded again. To find out why: pip-resume doctor"
    )


def test_ctrl_c_ends_the_demo_with_one_line_and_leaves_nothing(environment: Environments) -> None:
    pip = environment("26.3")
    command = [str(pip.python), "-m", "pip_resume", "demo"]
    running = start_with_pipes(command, pip.variables, pip.work)
    running.wait_for_output("Downloading")

    running.interrupt()
    ended = running.wait()

    assert ended.returncode == 130, ended.text
    assert ended.stderr == "pip-resume: interrupted\n"
    assert list(pip.temporary.iterdir()) == []


def test_without_a_pip_the_demo_says_so_in_one_line(environment: Environments) -> None:
    pip = environment("26.3")
    shutil.rmtree(pip.site_packages / "pip")

    ended = demo(pip)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"pip-resume: `pip --version` fails here ({pip.python}: No module named pip)\n"
