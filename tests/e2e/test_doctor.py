"""`pip-resume doctor` in every state of an environment: its findings, what it advises, and its exit code."""

from __future__ import annotations

import os
import shutil

import pytest
from e2e.doctor import NOT_CHAINING, doctor_report, findings, not_ok, reinstall_command, run_doctor, write_origin
from environments.checkout import HOOK, copy_package
from environments.environment import Environment, Environments, rewrite
from environments.virtual_environment import is_coverage_measured

import pip_resume

PIPS_DOWNLOAD_MODULE = "pip/_internal/network/download.py"


@pytest.fixture(autouse=True)
def no_other_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no `pip` on the path: the doctor has a note about one that belongs to a different Python."""
    directories = os.environ["PATH"].split(os.pathsep)
    monkeypatch.setenv("PATH", os.pathsep.join(each for each in directories if shutil.which("pip", path=each) is None))


@pytest.fixture
def by_pythonpath(environments: Environments) -> Environment:
    """An environment without the plugin, which PYTHONPATH adds; the current directory has the package."""
    pip = environments.without_plugin("26.3")
    pip.variables["PIP_RESUME"] = "1"
    pip.variables["PYTHONPATH"] = str(copy_package(pip.work) / "sitecustomize")
    return pip


# Active or switched off


def test_the_pth_file_makes_the_plugin_active_in_every_pip(environments: Environments, pip_version: str) -> None:
    report = doctor_report(environments.with_plugin(pip_version))

    assert (report["verdict"], report["exit_code"], not_ok(report)) == ("works", 0, set())
    assert [report["probe"][stage] for stage in ("armed", "fired", "patched")] == [True, True, True]
    assert report["probe"]["pip_version"] == pip_version
    assert report["probe"]["hook_points"]
    assert all(report["probe"]["hook_points"].values())


def test_the_text_report_has_a_line_for_each_finding_and_ends_with_the_verdict(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")

    ended = run_doctor(pip)

    assert (ended.returncode, ended.stderr) == (0, "")
    # The column of levels is as wide as the longest level. There is a note only about the start of coverage.
    level = "ok".ljust(len("note" if is_coverage_measured() else "ok"))
    lines = ended.stdout.splitlines()
    assert lines[0] == f"pip-resume {pip_resume.__version__}"
    assert f"{level}  switch       PIP_RESUME=1 is on" in lines
    assert f"{level}  .pth file    {pip.site_packages / HOOK}, as installed" in lines
    store = pip.cache_dir / "http-v2" / "pip-resume"
    assert f"{level}  store        {store} (created when it is needed)" in lines
    assert lines[-1] == "Verdict: works on this machine; no index has shown whether it resumes, see above"
    assert not store.exists()


@pytest.mark.parametrize("value", ["", "0", "maybe"], ids=["empty", "off", "invalid"])
def test_switched_off_the_report_says_how_to_switch_the_plugin_on(environments: Environments, value: str) -> None:
    ended = run_doctor(environments.with_plugin("26.3"), PIP_RESUME=value)

    assert ended.returncode == 1
    assert "    fix: export PIP_RESUME=1\n" in ended.stdout
    assert ended.stdout.endswith("Verdict: switched off: it would work\n")


def test_pythonpath_makes_the_plugin_active_in_an_environment_without_it(by_pythonpath: Environment) -> None:
    report = doctor_report(by_pythonpath)

    assert (report["verdict"], report["probe"]["patched"]) == ("works", True)
    (finding,) = findings(report, "PYTHONPATH", "ok")
    assert by_pythonpath.variables["PYTHONPATH"] in finding["text"]
    (finding,) = findings(report, ".pth file", "note")
    assert finding["remedy"] == ""


# The plugin does not reach pip


def test_a_sitecustomize_that_hides_the_one_of_the_plugin_is_named_with_the_command_that_helps(
    by_pythonpath: Environment,
) -> None:
    other = by_pythonpath.folder / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text(NOT_CHAINING)
    ours = by_pythonpath.variables["PYTHONPATH"]

    shadowed = doctor_report(by_pythonpath, PYTHONPATH=os.pathsep.join([str(other), ours]))
    in_front = doctor_report(by_pythonpath, PYTHONPATH=os.pathsep.join([ours, str(other)]))

    assert (shadowed["verdict"], shadowed["exit_code"]) == ("does not work", 2)
    (finding,) = findings(shadowed, "PYTHONPATH", "broken")
    assert str(other / "sitecustomize.py") in finding["text"]
    prepend = f'export PYTHONPATH={ours}"${{PYTHONPATH:+:$PYTHONPATH}}"'
    assert finding["remedy"] == f'case ":${{PYTHONPATH-}}:" in *:{ours}:*) ;; *) {prepend} ;; esac'
    assert in_front["verdict"] == "works"
    assert str(other) in findings(in_front, "PYTHONPATH", "ok")[0]["text"]


def test_a_missing_or_changed_pth_file_is_reported_with_the_command_that_helps(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")
    hook = pip.site_packages / HOOK
    line = hook.read_text()
    hook.unlink()

    without = doctor_report(pip)
    hook.write_text(f"# changed\n{line}")
    changed = doctor_report(pip)

    assert (without["exit_code"], changed["exit_code"]) == (2, 2)
    assert {("live probe", "broken"), (".pth file", "broken")} <= not_ok(without)
    assert not_ok(changed) == {(".pth file", "broken")}
    for report in (without, changed):
        (finding,) = findings(report, ".pth file", "broken")
        assert finding["remedy"] == reinstall_command(pip)


def test_the_commands_that_help_name_the_wheel_that_was_installed(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")
    write_origin(pip, "file:///a%20b/pip_resume-9-py3-none-any.whl")
    (pip.site_packages / HOOK).unlink()
    module = pip.site_packages / PIPS_DOWNLOAD_MODULE
    rewrite(module, module.read_bytes().replace(b"_get_http_response_filename", b"_of_another_name"))

    report = doctor_report(pip)

    wheel = "'/a b/pip_resume-9-py3-none-any.whl'"
    assert findings(report, ".pth file", "broken")[0]["remedy"] == reinstall_command(pip, wheel)
    assert findings(report, "hook points", "broken")[0]["remedy"] == f"{pip.python} -m pip install --upgrade {wheel}"


def test_an_installation_into_a_target_directory_is_reported_with_the_command_that_helps(
    environments: Environments,
) -> None:
    pip = environments.with_plugin("26.3")
    target = pip.folder / "target"
    target.mkdir()
    for name in ("pip_resume", HOOK):
        shutil.move(pip.site_packages / name, target / name)

    report = doctor_report(pip, PYTHONPATH=str(target))

    (finding,) = findings(report, ".pth file", "broken")
    assert str(target / HOOK) in finding["text"]
    assert f" export PYTHONPATH={target / 'pip_resume' / 'sitecustomize'}" in finding["remedy"]


def test_without_the_package_there_is_no_doctor_and_pip_works_without_a_warning(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")
    shutil.rmtree(pip.site_packages / "pip_resume")

    ended = run_doctor(pip)
    listed = pip.run("list")

    assert ended.returncode == 1
    assert ended.stderr == f"{pip.python}: No module named pip_resume\n"
    assert (listed.returncode, listed.stderr) == (0, "")


# A damaged installation, or a pip that the plugin cannot work with


@pytest.mark.parametrize("missing", ["inside_pip", "settings.py", "storage"])
def test_in_a_damaged_package_the_doctor_runs_and_names_the_missing_file(
    environments: Environments, missing: str
) -> None:
    pip = environments.with_plugin("26.3")
    path = pip.site_packages / "pip_resume" / missing
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()

    ended = run_doctor(pip)

    assert ended.returncode == 2
    assert "Traceback" not in ended.stdout + ended.stderr
    assert f"missing or changed since they were installed: pip_resume/{missing}" in ended.stdout
    assert "ensurepip" not in ended.stdout
    assert f"    fix: {reinstall_command(pip)}\n" in ended.stdout


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_a_name_that_this_pip_does_not_have_is_reported(environments: Environments, pip_version: str) -> None:
    pip = environments.with_plugin(pip_version)
    module = pip.site_packages / PIPS_DOWNLOAD_MODULE
    source = module.read_bytes()
    assert b"_get_http_response_filename" in source
    rewrite(module, source.replace(b"_get_http_response_filename", b"_of_another_name"))

    report = doctor_report(pip)

    assert report["exit_code"] == 2
    (finding,) = findings(report, "hook points", "broken")
    assert finding["text"] == "this pip has no pip._internal.network.download._get_http_response_filename"
    assert (report["probe"]["fired"], report["probe"]["patched"]) == (True, False)
    (finding,) = findings(report, "live probe", "broken")
    assert "falling back to pip's own download" in finding["text"]
    assert finding["remedy"] == f"{pip.python} -m pip install --upgrade 'pip-resume>{pip_resume.__version__}'"


def test_a_missing_pip_is_reported_with_the_command_that_installs_one(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")
    shutil.rmtree(pip.site_packages / "pip")

    report = doctor_report(pip)

    assert report["exit_code"] == 2
    (finding,) = findings(report, "pip", "broken")
    assert finding["text"] == "no pip in this environment (ModuleNotFoundError: No module named 'pip')"
    assert finding["remedy"] == f"{pip.python} -m ensurepip"


# The store in pip's cache directory


def test_a_file_in_place_of_the_store_is_reported(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")
    store = pip.cache_dir / "http-v2" / "pip-resume"
    store.parent.mkdir(parents=True)
    store.touch()  # So no user, not even root, can make a directory of that name.

    report = doctor_report(pip)

    assert (report["verdict"], report["exit_code"]) == ("works within one run only", 1)
    (finding,) = findings(report, "store", "partly")
    reason = f"nothing can be kept in {store}: is not a directory of its own"
    assert finding["text"] == f"resumes within one run only: {reason}"
    assert "--cache-dir DIR" in finding["remedy"]


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root can write to every directory")
def test_a_read_only_store_is_reported(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")
    store = pip.cache_dir / "http-v2" / "pip-resume"
    store.mkdir(parents=True)
    store.chmod(0o500)

    report = doctor_report(pip)

    assert (report["verdict"], report["exit_code"]) == ("works within one run only", 1)
    (finding,) = findings(report, "store", "partly")
    assert finding["text"] == f"resumes within one run only: nothing can be kept in {store}: Permission denied"


def test_without_pips_cache_the_verdict_is_that_it_works_within_one_run_only(environments: Environments) -> None:
    report = doctor_report(environments.with_plugin("26.3"), PIP_NO_CACHE_DIR="1")

    assert (report["verdict"], report["exit_code"]) == ("works within one run only", 1)
    (finding,) = findings(report, "store", "partly")
    assert finding["text"] == "resumes within one run only: pip's cache is switched off"
    assert finding["remedy"] == "unset PIP_NO_CACHE_DIR"


# Settings, other start-up files, and other pips


def test_the_report_shows_the_settings_and_notes_the_invalid_ones(environments: Environments) -> None:
    variables = {
        "PIP_RESUME_KEEP_DAYS": "soon",
        "PIP_RESUME_MAX_SIZE": "500M",
        "PIP_RESUME_RETRIES": "7",
        "PIP_RESUME_MAX_SIZES": "1",
    }

    report = doctor_report(environments.with_plugin("26.3"), **variables)

    assert report["verdict"] == "works"
    assert "kept for 14 days, 500.0 MB in all" in findings(report, "settings", "ok")[0]["text"]
    notes = {each["text"].split(maxsplit=1)[0]: each["remedy"] for each in findings(report, "settings", "note")}
    assert notes == {
        "PIP_RESUME_KEEP_DAYS": "unset PIP_RESUME_KEEP_DAYS",
        "PIP_RESUME_RETRIES=7": "",
        "PIP_RESUME_MAX_SIZES": "unset PIP_RESUME_MAX_SIZES",
    }


def test_other_pth_files_that_run_code_are_named(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")
    (pip.site_packages / "neighbour.pth").write_text("import sys\n")
    (pip.site_packages / "mere-path.pth").write_text(f"{pip.work}\n")

    (finding,) = findings(doctor_report(pip), "start-up", "note")

    assert "neighbour.pth" in finding["text"]
    assert "mere-path.pth" not in finding["text"]


def test_a_pip_on_the_path_that_belongs_to_a_different_python_is_noted(environments: Environments) -> None:
    pip, other = environments.with_plugin("26.3"), environments.without_plugin("21.3.1")
    path = os.pathsep.join([str(other.root / "bin"), pip.variables["PATH"]])
    own = os.pathsep.join([str(pip.root / "bin"), pip.variables["PATH"]])

    (finding,) = findings(doctor_report(pip, PATH=path), "pip", "note")

    assert finding["text"].startswith(f"`pip` is {other.root / 'bin' / 'pip'}, which belongs to {other.python}")
    assert findings(doctor_report(pip, PATH=own), "pip", "note") == []


def test_isolated_mode_causes_a_note_and_without_site_the_plugin_is_not_reached(environments: Environments) -> None:
    pip = environments.with_plugin("26.3")

    report = doctor_report(pip, "-I")
    without_site = doctor_report(pip, "-S", PYTHONPATH=str(pip.site_packages))

    assert (report["verdict"], not_ok(report)) == ("works", {("python", "note")})
    assert without_site["verdict"] == "does not work"
    assert without_site["probe"]["armed"] is False
