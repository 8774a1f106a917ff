"""The import hook in new interpreters: the real start-up module with a stand-in for pip and for the download step."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from textwrap import dedent

import pytest
from integration.stand_in_pip import DOWNLOAD, DOWNLOAD_MODULE, START, USE, output, run, write, write_tree

from pip_resume.startup import OFF, ON


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write_tree(tmp_path)
    return tmp_path


@pytest.mark.parametrize("value", ["1", "TRUE", " yes "])
def test_the_download_module_is_patched_before_the_first_downloader_is_made(tree: Path, value: str) -> None:
    finished = run(tree, f"{START}; import {DOWNLOAD}; print('loaded'); {USE}", switch=value)
    assert output(finished) == ["loaded", f"applied to {DOWNLOAD}", "ours"]


@pytest.mark.parametrize(
    ("first", "given"),
    [
        ("Downloader(7)", (7, "on")),
        ("Downloader(session=7, progress_bar='off')", (7, "off")),
        ("BatchDownloader(7)", (7, "batch")),
        ("type('Sub', (Downloader,), {})(7)", (7, "on")),
    ],
)
def test_the_first_downloader_gets_its_arguments_and_only_the_patch_remains(
    tree: Path, first: str, given: tuple[int, str]
) -> None:
    write(tree / "pip/_internal/network/download.py", f"{dedent(DOWNLOAD_MODULE)}\nunpatched = dict(vars(Downloader))")
    code = f"""
        {START}
        from {DOWNLOAD} import BatchDownloader, Downloader, unpatched
        print({first}.given)
        print(sorted(name for name, value in vars(Downloader).items() if value is not unpatched.get(name)))
        print(BatchDownloader.__init__.__module__)
    """
    assert output(run(tree, code)) == [f"applied to {DOWNLOAD}", str(given), "['__call__']", DOWNLOAD]


@pytest.mark.parametrize(
    "module",
    ["class Downloader: pass", "Downloader = None", "def Downloader(): pass", "", "Downloader = object"],
)
def test_a_pip_without_known_downloaders_goes_to_the_download_step_at_once(tree: Path, module: str) -> None:
    write(tree / "pip/_internal/network/download.py", module)
    write(tree / "pip_resume/inside_pip/download_step.py", "def apply(module): raise LookupError('no Downloader')")
    finished = run(tree, f"{START}; import {DOWNLOAD}; print('loaded')")
    assert (finished.returncode, finished.stdout) == (0, "loaded\n")
    (line,) = finished.stderr.splitlines()
    assert line.startswith("WARNING: pip-resume 7.8.9 cannot work with this pip 99.1 (")


@pytest.mark.parametrize("value", [None, "", " ", "0", "False", "no", "OFF"])
def test_switched_off_nothing_is_changed(tree: Path, value: str | None) -> None:
    code = f"import sys; before = list(sys.meta_path); {START}; print(sys.meta_path == before); {USE}"
    assert output(run(tree, code, switch=value)) == ["True", "pip's own"]


@pytest.mark.parametrize("then", ["os.environ.clear()", "os.environ.update(PIP_RESUME='off')"])
def test_the_variable_is_read_again_when_pip_is_loaded(tree: Path, then: str) -> None:
    assert output(run(tree, f"import os; {START}; {then}; {USE}")) == ["pip's own"]


@pytest.mark.parametrize("value", ["1", "0", "nonsense"])
def test_starting_imports_only_our_own_modules(tree: Path, value: str) -> None:
    code = f"import sys, site; before = set(sys.modules); {START}; print(sorted(set(sys.modules) - before))"
    assert output(run(tree, code, switch=value)) == [str(["__future__", "pip_resume", "pip_resume.startup"])]


def test_the_loaded_module_has_its_real_loader_and_the_hook_is_removed(tree: Path) -> None:
    code = f"""
        import sys
        before = list(sys.meta_path)
        {START}
        assert sys.meta_path != before
        import {DOWNLOAD} as download
        from importlib.machinery import SourceFileLoader
        assert type(download.__loader__) is SourceFileLoader
        assert type(download.__spec__.loader) is SourceFileLoader
        assert sys.meta_path == before
    """
    assert output(run(tree, code)) == []


def test_the_real_loader_is_restored_before_the_module_runs(tree: Path) -> None:
    look = "print(type(__loader__).__name__, __spec__.loader is __loader__)"
    write(tree / "pip/_internal/network/download.py", f"{look}\n{dedent(DOWNLOAD_MODULE)}")
    assert output(run(tree, f"{START}; import {DOWNLOAD}")) == ["SourceFileLoader True"]


@pytest.mark.parametrize("position", ["before", "after"], ids=["started first", "pip loaded first"])
def test_starting_twice_patches_once(tree: Path, position: str) -> None:
    steps = [f"{START}; start()", USE] if position == "before" else [f"import {DOWNLOAD}", f"{START}; start()", USE]
    assert output(run(tree, "; ".join(steps))) == [f"applied to {DOWNLOAD}", "ours"]


def test_a_module_that_is_still_being_loaded_is_left_alone(tree: Path) -> None:
    write(tree / "pip/_internal/network/download.py", f"{START}\n{dedent(DOWNLOAD_MODULE)}")
    assert output(run(tree, USE)) == ["pip's own"]


@pytest.mark.parametrize("value", ["1", "nonsense"])
@pytest.mark.parametrize("arguments", [["--isolated", "install"], ["install", "-q", "--isolated"]], ids=" ".join)
def test_the_option_isolated_switches_off_silently(tree: Path, arguments: list[str], value: str) -> None:
    assert output(run(tree, f"{START}; {USE}", *arguments, switch=value)) == ["pip's own"]


@pytest.mark.parametrize("argument", ["--isolate", "--isolated=1", "isolated"])
def test_only_the_exact_option_isolated_counts_as_in_pip(tree: Path, argument: str) -> None:
    assert output(run(tree, f"{START}; {USE}", argument))[-1] == "ours"


def test_a_program_without_sys_argv_is_patched_too(tree: Path) -> None:
    assert output(run(tree, f"import sys; del sys.argv; {START}; {USE}"))[-1] == "ours"


def test_an_invalid_switch_is_off_and_gives_one_warning_when_pip_is_about_to_download(tree: Path) -> None:
    code = f"import sys; {START}; start(); print('started', file=sys.stderr); {USE}"
    finished = run(tree, code, switch="Enabeld\n")
    started, *warnings = finished.stderr.splitlines()
    assert (started, len(warnings)) == ("started", 1)
    assert warnings[0].startswith(r"WARNING: PIP_RESUME is 'Enabeld\n', ")
    assert all(word in warnings[0] for word in ON + OFF)
    assert (finished.returncode, finished.stdout) == (0, "pip's own\n")


def test_an_invalid_switch_gives_no_warning_in_a_program_that_is_not_pip(tree: Path) -> None:
    assert output(run(tree, f"{START}; import json", switch="nonsense")) == []


def test_only_the_start_of_a_long_value_is_quoted(tree: Path) -> None:
    finished = run(tree, f"{START}; {USE}", switch="x" * 3000)
    assert f"'{'x' * 40}...'" in finished.stderr
    assert "x" * 41 not in finished.stderr


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        pytest.param("def apply(module): {}['gone']", "KeyError: 'gone'", id="apply fails"),
        pytest.param("raise RuntimeError('one\\n two')", "RuntimeError: one two", id="import fails"),
        pytest.param("def apply(:", "SyntaxError: ", id="syntax error"),
        pytest.param("", "ImportError: cannot import name 'apply'", id="empty"),
        pytest.param(None, "ModuleNotFoundError: No module named 'pip_resume.inside_pip", id="deleted"),
    ],
)
def test_a_broken_download_step_gives_one_warning_and_pip_goes_on(tree: Path, step: str | None, reason: str) -> None:
    if step is None:
        shutil.rmtree(tree / "pip_resume/inside_pip")
    else:
        write(tree / "pip_resume/inside_pip/download_step.py", step)
    finished = run(tree, f"{START}; {USE}")
    assert (finished.returncode, finished.stdout) == (0, "pip's own\n")
    (line,) = finished.stderr.splitlines()
    assert line.startswith(f"WARNING: pip-resume 7.8.9 cannot work with this pip 99.1 ({reason}")
    assert "falling back to pip's own download" in line
    assert "PIP_RESUME=0" in line


@pytest.mark.parametrize("stderr", ["None", "open(os.devnull)", "closed"])
def test_a_warning_that_cannot_be_written_is_dropped(tree: Path, stderr: str) -> None:
    code = f"""
        import io, os, sys
        closed = io.StringIO()
        closed.close()
        {START}
        sys.stderr = {stderr}
        {USE}
    """
    finished = run(tree, code, switch="nonsense")
    assert (finished.returncode, finished.stdout) == (0, "pip's own\n")


@pytest.mark.parametrize(("error", "status"), [("KeyboardInterrupt", -2), ("SystemExit(5)", 5)])
def test_keyboard_interrupt_and_system_exit_pass_through(tree: Path, error: str, status: int) -> None:
    write(tree / "pip_resume/inside_pip/download_step.py", f"def apply(module): raise {error}")
    finished = run(tree, f"{START}; {USE}")
    assert (finished.returncode, finished.stdout) == (status, "")
    assert "WARNING" not in finished.stderr


def test_an_error_of_the_download_module_is_raised_and_the_next_import_is_patched(tree: Path) -> None:
    write(
        tree / "pip/_internal/network/download.py",
        f"import sys\nif not hasattr(sys, 'again'): raise OSError('theirs')\n{dedent(DOWNLOAD_MODULE)}",
    )
    code = f"""
        import sys
        {START}
        try:
            import {DOWNLOAD}
        except OSError as error:
            print(error)
        sys.again = True
        {USE}
    """
    assert output(run(tree, code)) == ["theirs", f"applied to {DOWNLOAD}", "ours"]


def test_a_pip_without_a_download_module_fails_as_without_us(tree: Path) -> None:
    (tree / "pip/_internal/network/download.py").unlink()
    without = run(tree, f"import {DOWNLOAD}")
    finished = run(tree, f"{START}; import {DOWNLOAD}")
    # Python 3.15 adds a hint to this line if `site` was not imported.
    assert finished.stderr.splitlines()[-1].startswith(f"ModuleNotFoundError: No module named '{DOWNLOAD}'")
    assert finished.stderr.splitlines()[-1] == without.stderr.splitlines()[-1]
    assert (finished.returncode, without.returncode) == (1, 1)


def test_finding_the_download_module_without_loading_it_changes_nothing(tree: Path) -> None:
    code = f"""
        {START}
        from importlib.util import find_spec
        spec = find_spec("{DOWNLOAD}")
        assert "class Downloader" in spec.loader.get_source("{DOWNLOAD}")
        assert spec.loader.get_filename("{DOWNLOAD}") == spec.origin
        print("looked")
        {USE}
    """
    assert output(run(tree, code)) == ["looked", f"applied to {DOWNLOAD}", "ours"]


def test_a_second_copy_of_the_module_is_left_alone(tree: Path) -> None:
    code = f"""
        {START}
        from importlib.util import find_spec, module_from_spec
        spec = find_spec("{DOWNLOAD}")
        {USE}
        copy = module_from_spec(spec)
        spec.loader.exec_module(copy)
        print(copy.Downloader(7)())
    """
    assert output(run(tree, code)) == [f"applied to {DOWNLOAD}", "ours", "pip's own"]


def test_the_download_step_sees_the_signatures_of_pip_and_may_make_a_downloader(tree: Path) -> None:
    step = """
        def apply(module):
            import inspect
            print(inspect.signature(module.Downloader), module.Downloader(8).given)
    """
    write(tree / "pip_resume/inside_pip/download_step.py", step)
    assert output(run(tree, f"{START}; {USE}")) == ["(session, progress_bar='on') (8, 'on')", "pip's own"]


def test_a_finder_of_the_old_protocol_does_no_harm(tree: Path) -> None:
    code = f"""
        import sys
        import warnings
        warnings.simplefilter("ignore")  # Python itself warns about such finders.
        class Old:
            def find_module(self, name, path=None):
                return None
        {START}
        sys.meta_path.insert(1, Old())
        import pip._internal.network
        {USE}
    """
    assert output(run(tree, code))[-1] == "ours"


def test_pip_in_a_zip_file_is_patched_too(tree: Path) -> None:
    archive = tree / "pip.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted((tree / "pip").rglob("*.py")):
            zipped.write(path, path.relative_to(tree))
    shutil.rmtree(tree / "pip")
    code = f"""
        import sys
        sys.path.append({str(archive)!r})
        {START}
        {USE}
        from zipimport import zipimporter
        download = sys.modules["{DOWNLOAD}"]
        assert type(download.__loader__) is zipimporter
        assert type(download.__spec__.loader) is zipimporter
    """
    assert output(run(tree, code)) == [f"applied to {DOWNLOAD}", "ours"]


def test_threads_that_load_pip_at_the_same_time_all_get_the_patched_module(tree: Path) -> None:
    write(tree / "pip/_internal/network/download.py", f"import time; time.sleep(0.05)\n{dedent(DOWNLOAD_MODULE)}")
    write(tree / "pip_resume/inside_pip/__init__.py", "import time; time.sleep(0.05)")
    code = f"""
        import threading
        {START}
        together = threading.Barrier(8)
        def use():
            together.wait()
            from {DOWNLOAD} import Downloader
            seen.append(Downloader(7)())
        seen = []
        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(seen == ["ours"] * 8)
    """
    assert output(run(tree, code)) == [f"applied to {DOWNLOAD}", "True"]


def test_a_python_that_is_too_old_is_left_alone(tree: Path) -> None:
    assert output(run(tree, f"import sys; sys.version_info = (3, 8, 20); {START}; {USE}")) == ["pip's own"]


def test_start_is_silent_when_sys_meta_path_is_not_a_list(tree: Path) -> None:
    assert output(run(tree, f"import sys; sys.meta_path = tuple(sys.meta_path); {START}; {USE}")) == ["pip's own"]
