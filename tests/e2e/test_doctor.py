"""`pip-resume doctor` in each state that an environment can be in: what it says, what to type, and its exit code."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from e2e.real_pip import Environment, Environments
from e2e.running import Result

import pip_resume

PACKAGE = Path(pip_resume.__file__).parent
HOOK = "pip_resume_hook.pth"
NOT_CHAINING = "print('somebody else', file=__import__('sys').stderr)\n"
DOWNLOAD = "pip/_internal/network/download.py"


def doctor(pip: Environment, **variables: str) -> Result:
    return pip.run_python("-m", "pip_resume", "doctor", env=variables)


def report(pip: Environment, **variables: str) -> dict[str, Any]:
    """The same for a script; its own exit code is the one that it tells."""
    ended = pip.run_python("-m", "pip_resume", "doctor", "--json", env=variables)
    told: dict[str, Any] = json.loads(ended.stdout)
    assert told["exit_code"] == ended.returncode
    assert ended.stderr == ""
    return told


def found(told: dict[str, Any], topic: str, level: str) -> list[dict[str, str]]:
    return [each for each in told["findings"] if (each["topic"], each["level"]) == (topic, level)]


def not_ok(told: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["topic"], each["level"]) for each in told["findings"] if each["level"] != "ok"}


@pytest.fixture(autouse=True)
def no_other_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever these tests are run from: a `pip` of another Python in front would be worth a note."""
    directories = os.environ["PATH"].split(os.pathsep)
    monkeypatch.setenv("PATH", os.pathsep.join(each for each in directories if shutil.which("pip", path=each) is None))


@pytest.fixture
def by_pythonpath(environment: Environments) -> Environment:
    """An environment that does not have us, reached through PYTHONPATH; the doctor is run from where we are."""
    pip = environment.without_plugin("26.3")
    shutil.copytree(PACKAGE, pip.work / "pip_resume", ignore=shutil.ignore_patterns("__pycache__"))
    pip.variables["PIP_RESUME"] = "1"
    pip.variables["PYTHONPATH"] = str(pip.work / "pip_resume" / "sitecustomize")
    return pip


# On and off


def test_every_pip_is_reached_by_the_pth_file(environment: Environments, pip_version: str) -> None:
    told = report(environment(pip_version))

    assert (told["verdict"], told["exit_code"], not_ok(told)) == ("active", 0, set())
    assert [told["probe"][stage] for stage in ("armed", "fired", "patched")] == [True, True, True]
    assert told["probe"]["pip_version"] == pip_version
    assert told["probe"]["hook_points"]
    assert all(told["probe"]["hook_points"].values())


def test_the_report_can_be_read_by_people(environment: Environments) -> None:
    pip = environment("26.3")

    ended = doctor(pip)

    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[0] == f"pip-resume {pip_resume.__version__}"
    assert "ok  switch       PIP_RESUME=1 is on" in lines
    assert f"ok  .pth file    {pip.site_packages / HOOK}, as installed" in lines
    store = pip.cache_dir / "http-v2" / "pip-resume"
    assert f"ok  store        {store} (made when it is wanted)" in lines
    assert lines[-1] == "Verdict: active: pip continues broken downloads here"
    assert not store.exists()


@pytest.mark.parametrize("value", ["", "0", "maybe"], ids=["unset", "off", "neither"])
def test_switched_off_it_says_how_to_switch_on(environment: Environments, value: str) -> None:
    ended = doctor(environment("26.3"), PIP_RESUME=value)

    assert ended.returncode == 1
    assert "    type: export PIP_RESUME=1\n" in ended.stdout
    assert ended.stdout.endswith("Verdict: not active: it would work, but is switched off\n")


def test_pythonpath_reaches_an_environment_that_does_not_have_us(by_pythonpath: Environment) -> None:
    told = report(by_pythonpath)

    assert (told["verdict"], told["probe"]["patched"]) == ("active", True)
    (finding,) = found(told, "PYTHONPATH", "ok")
    assert by_pythonpath.variables["PYTHONPATH"] in finding["text"]
    (finding,) = found(told, ".pth file", "note")
    assert finding["remedy"] == ""


# Not reached


def test_a_sitecustomize_that_does_not_go_on_is_named_with_what_to_type(by_pythonpath: Environment) -> None:
    other = by_pythonpath.folder / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text(NOT_CHAINING)
    ours = by_pythonpath.variables["PYTHONPATH"]

    shadowed = report_despite_noise(by_pythonpath, os.pathsep.join([str(other), ours]))
    in_front = report_despite_noise(by_pythonpath, os.pathsep.join([ours, str(other)]))

    assert (shadowed["verdict"], shadowed["exit_code"]) == ("broken", 2)
    (finding,) = found(shadowed, "PYTHONPATH", "broken")
    assert str(other / "sitecustomize.py") in finding["text"]
    assert finding["remedy"] == f'export PYTHONPATH={ours}"${{PYTHONPATH:+:$PYTHONPATH}}"'
    assert in_front["verdict"] == "active"
    assert str(other) in found(in_front, "PYTHONPATH", "ok")[0]["text"]


def report_despite_noise(pip: Environment, pythonpath: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        pip.run_python("-m", "pip_resume", "doctor", "--json", env={"PYTHONPATH": pythonpath}).stdout
    )
    return told


def test_without_its_pth_file_or_with_another_one_it_says_how_to_repair_it(environment: Environments) -> None:
    pip = environment("26.3")
    hook = pip.site_packages / HOOK
    line = hook.read_text()
    hook.unlink()

    without = report(pip)
    hook.write_text(f"# changed\n{line}")
    changed = report(pip)

    assert (without["exit_code"], changed["exit_code"]) == (2, 2)
    assert {("live probe", "broken"), (".pth file", "broken")} <= not_ok(without)
    assert not_ok(changed) == {(".pth file", "broken")}
    for told in (without, changed):
        (finding,) = found(told, ".pth file", "broken")
        assert finding["remedy"] == f"{pip.python} -m pip install --force-reinstall --no-deps pip-resume"


def test_installed_into_a_mere_directory_it_says_that_no_pth_file_is_read_there(environment: Environments) -> None:
    pip = environment("26.3")
    target = pip.folder / "target"
    target.mkdir()
    for name in ("pip_resume", HOOK):
        shutil.move(pip.site_packages / name, target / name)

    told = report(pip, PYTHONPATH=str(target))

    (finding,) = found(told, ".pth file", "broken")
    assert str(target / HOOK) in finding["text"]
    assert finding["remedy"].startswith(f"export PYTHONPATH={target / 'pip_resume' / 'sitecustomize'}")


def test_where_the_package_is_gone_the_command_is_too_and_pip_works_without_a_word(environment: Environments) -> None:
    pip = environment("26.3")
    shutil.rmtree(pip.site_packages / "pip_resume")

    ended = doctor(pip)
    listed = pip.run("list")

    assert ended.returncode == 1
    assert ended.stderr == f"{pip.python}: No module named pip_resume\n"
    assert (listed.returncode, listed.stderr) == (0, "")


# Broken


@pytest.mark.parametrize("lost", ["inside_pip", "settings.py", "storage"])
def test_in_a_damaged_package_it_still_runs_and_names_the_damage(environment: Environments, lost: str) -> None:
    pip = environment("26.3")
    path = pip.site_packages / "pip_resume" / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()

    ended = doctor(pip)

    assert ended.returncode == 2
    assert "Traceback" not in ended.stdout + ended.stderr
    assert f"missing or changed since they were installed: pip_resume/{lost}" in ended.stdout
    assert "ensurepip" not in ended.stdout
    assert f"    type: {pip.python} -m pip install --force-reinstall --no-deps pip-resume\n" in ended.stdout


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_in_a_pip_that_lacks_what_we_build_on_the_missing_name_is_told(
    environment: Environments, pip_version: str
) -> None:
    pip = environment(pip_version)
    replace_in(pip.site_packages / DOWNLOAD, "_get_http_response_filename", "_of_another_name")

    told = report(pip)

    assert told["exit_code"] == 2
    (finding,) = found(told, "hook points", "broken")
    assert finding["text"] == "this pip has no pip._internal.network.download._get_http_response_filename"
    assert (told["probe"]["fired"], told["probe"]["patched"]) == (True, False)
    (finding,) = found(told, "live probe", "broken")
    assert "plain pip downloads" in finding["text"]
    assert finding["remedy"] == f"{pip.python} -m pip install --upgrade pip-resume"


def replace_in(path: Path, old: str, new: str) -> None:
    """In a copy of the file: other environments share the one that is there."""
    text = path.read_text("utf-8")
    assert old in text
    path.unlink()
    path.write_text(text.replace(old, new), "utf-8")


def test_without_a_pip_it_says_how_to_get_one(environment: Environments) -> None:
    pip = environment("26.3")
    shutil.rmtree(pip.site_packages / "pip")

    told = report(pip)

    assert told["exit_code"] == 2
    (finding,) = found(told, "pip", "broken")
    assert finding["text"] == "no pip in this environment (ModuleNotFoundError: No module named 'pip')"
    assert finding["remedy"] == f"{pip.python} -m ensurepip"


# The store


def test_a_store_that_cannot_be_written_is_told_with_the_reason(environment: Environments) -> None:
    pip = environment("26.3")
    store = pip.cache_dir / "http-v2" / "pip-resume"
    store.parent.mkdir(parents=True)
    store.touch()  # Forbids everybody, root too, to make a directory of that name.

    told = report(pip)

    assert told["exit_code"] == 2
    (finding,) = found(told, "store", "broken")
    assert finding["text"] == f"nothing can be kept in {store}: is not a directory of its own"
    assert "--cache-dir DIR" in finding["remedy"]


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_store_is_told_with_the_reason(environment: Environments) -> None:
    pip = environment("26.3")
    store = pip.cache_dir / "http-v2" / "pip-resume"
    store.mkdir(parents=True)
    store.chmod(0o500)

    told = report(pip)

    (finding,) = found(told, "store", "broken")
    assert finding["text"] == f"nothing can be kept in {store}: Permission denied"


def test_without_a_cache_it_is_active_but_says_that_nothing_outlasts_the_run(environment: Environments) -> None:
    told = report(environment("26.3"), PIP_NO_CACHE_DIR="1")

    assert (told["verdict"], told["exit_code"]) == ("active", 0)
    (finding,) = found(told, "store", "note")
    assert finding["text"] == "pip's cache is switched off, so downloads are resumed within a run only"
    assert finding["remedy"] == "unset PIP_NO_CACHE_DIR"


# Around it


def test_settings_are_told_as_they_are_understood(environment: Environments) -> None:
    variables = {
        "PIP_RESUME_KEEP_DAYS": "soon",
        "PIP_RESUME_MAX_SIZE": "500M",
        "PIP_RESUME_RETRIES": "7",
        "PIP_RESUME_MAX_SIZES": "1",
    }

    told = report(environment("26.3"), **variables)

    assert told["verdict"] == "active"
    assert "kept for 14 days, 500.0 MB in all" in found(told, "settings", "ok")[0]["text"]
    notes = {each["text"].split(maxsplit=1)[0]: each["remedy"] for each in found(told, "settings", "note")}
    assert notes == {
        "PIP_RESUME_KEEP_DAYS": "unset PIP_RESUME_KEEP_DAYS",
        "PIP_RESUME_RETRIES=7": "",
        "PIP_RESUME_MAX_SIZES": "unset PIP_RESUME_MAX_SIZES",
    }


def test_other_files_that_run_at_every_start_are_named(environment: Environments) -> None:
    pip = environment("26.3")
    (pip.site_packages / "neighbour.pth").write_text("import sys\n")
    (pip.site_packages / "mere-path.pth").write_text("/nowhere\n")

    (finding,) = found(report(pip), "start-up", "note")

    assert "neighbour.pth" in finding["text"]
    assert "mere-path.pth" not in finding["text"]


def test_a_pip_on_the_path_that_belongs_to_another_python_is_pointed_out(environment: Environments) -> None:
    pip, other = environment("26.3"), environment.without_plugin("21.3.1")
    path = os.pathsep.join([str(other.root / "bin"), pip.variables["PATH"]])
    own = os.pathsep.join([str(pip.root / "bin"), pip.variables["PATH"]])

    (finding,) = found(report(pip, PATH=path), "pip", "note")

    assert finding["text"].startswith(f"`pip` is {other.root / 'bin' / 'pip'}, which belongs to {other.python}")
    assert found(report(pip, PATH=own), "pip", "note") == []


def test_flags_that_ignore_pythonpath_are_pointed_out_and_leave_the_pth_file_alone(environment: Environments) -> None:
    pip = environment("26.3")

    told = json.loads(pip.run_python("-I", "-m", "pip_resume", "doctor", "--json").stdout)
    without_site = json.loads(
        pip.run_python("-S", "-m", "pip_resume", "doctor", "--json", env={"PYTHONPATH": str(pip.site_packages)}).stdout
    )

    assert (told["verdict"], not_ok(told)) == ("active", {("python", "note")})
    assert without_site["verdict"] == "broken"
    assert without_site["probe"]["armed"] is False
