"""The import hook in real interpreters: our start-up module beside a pretended pip and a pretended download step."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from textwrap import dedent

import pytest

import pip_resume
from pip_resume.startup import OFF, ON, SWITCH, parse_switch

PACKAGE = Path(pip_resume.__file__).parent
DOWNLOAD = "pip._internal.network.download"

DOWNLOAD_MODULE = """
    class Downloader:
        def __init__(self, session, progress_bar="on"):
            self.given = session, progress_bar
        def __call__(self):
            return "pip's own"

    class BatchDownloader:
        def __init__(self, session):
            self.given = session, "batch"
"""

DOWNLOAD_STEP = """
    def apply(download_module):
        print("applied to", download_module.__name__)
        download_module.Downloader.__call__ = lambda self: "ours"
"""

START = "from pip_resume.startup import start; start()"
USE = f"from {DOWNLOAD} import Downloader; print(Downloader(7)())"


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))


def write_pip(root: Path) -> None:
    write(root / "pip/__init__.py", "__version__ = '99.1'")
    write(root / "pip/_internal/__init__.py")
    write(root / "pip/_internal/network/__init__.py")
    write(root / "pip/_internal/network/download.py", DOWNLOAD_MODULE)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write_pip(tmp_path)
    write(tmp_path / "pip_resume/__init__.py", "__version__ = '7.8.9'")
    write(tmp_path / "pip_resume/inside_pip/__init__.py")
    write(tmp_path / "pip_resume/inside_pip/download_step.py", DOWNLOAD_STEP)
    shutil.copy(PACKAGE / "startup.py", tmp_path / "pip_resume")
    return tmp_path


def run(tree: Path, code: str, *arguments: str, switch: str | None = "1") -> subprocess.CompletedProcess[str]:
    """Run `code` in a new interpreter that sees `tree` and nothing that is installed; `switch` None leaves it unset."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    if switch is not None:
        environment[SWITCH] = switch
    command = [sys.executable, "-S", "-B", "-W", "error", "-c", dedent(code), *arguments]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=30, check=False)


def output(finished: subprocess.CompletedProcess[str]) -> list[str]:
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout.splitlines()


@pytest.mark.parametrize(
    ("value", "switch"),
    [
        *[(word, True) for word in ON],
        *[(word, False) for word in OFF],
        ("", False),
        ("  ", False),
        ("True", True),
        ("YES", True),
        (" on\t", True),
        ("No", False),
        ("2", None),
        ("y", None),
        ("enabled", None),
        ("1 1", None),
        ("\N{FULLWIDTH DIGIT ONE}", None),
    ],
)
def test_the_switch_is_one_of_eight_words_in_any_case_with_blanks_around(value: str, switch: bool | None) -> None:
    assert parse_switch(value) is switch


@pytest.mark.parametrize("value", ["1", "TRUE", " yes "])
def test_when_on_the_download_module_is_patched_before_the_first_downloader_is_made(tree: Path, value: str) -> None:
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
def test_whichever_downloader_comes_first_gets_its_arguments_and_both_are_as_they_were_but_for_the_patch(
    tree: Path, first: str, given: tuple[int, str]
) -> None:
    write(tree / "pip/_internal/network/download.py", f"{dedent(DOWNLOAD_MODULE)}\nkept = dict(vars(Downloader))")
    code = f"""
        {START}
        from {DOWNLOAD} import BatchDownloader, Downloader, kept
        print({first}.given)
        print(sorted(name for name, value in vars(Downloader).items() if value is not kept.get(name)))
        print(BatchDownloader.__init__.__module__)
    """
    assert output(run(tree, code)) == [f"applied to {DOWNLOAD}", str(given), "['__call__']", DOWNLOAD]


@pytest.mark.parametrize(
    "module",
    ["class Downloader: pass", "Downloader = None", "def Downloader(): pass", "", "Downloader = object"],
)
def test_a_pip_that_makes_no_downloaders_as_we_know_them_is_left_to_the_download_step_at_once(
    tree: Path, module: str
) -> None:
    write(tree / "pip/_internal/network/download.py", module)
    write(tree / "pip_resume/inside_pip/download_step.py", "def apply(module): raise LookupError('no Downloader')")
    finished = run(tree, f"{START}; import {DOWNLOAD}; print('loaded')")
    assert (finished.returncode, finished.stdout) == (0, "loaded\n")
    (line,) = finished.stderr.splitlines()
    assert line.startswith("WARNING: pip-resume 7.8.9 cannot work with this pip 99.1 (")


@pytest.mark.parametrize("value", [None, "", " ", "0", "False", "no", "OFF"])
def test_when_off_pip_is_as_it_was_and_nothing_is_armed(tree: Path, value: str | None) -> None:
    code = f"import sys; before = list(sys.meta_path); {START}; print(sys.meta_path == before); {USE}"
    assert output(run(tree, code, switch=value)) == ["True", "pip's own"]


@pytest.mark.parametrize("then", ["os.environ.clear()", "os.environ.update(PIP_RESUME='off')"])
def test_a_program_that_switches_off_before_it_loads_pip_has_its_way(tree: Path, then: str) -> None:
    assert output(run(tree, f"import os; {START}; {then}; {USE}")) == ["pip's own"]


@pytest.mark.parametrize("value", ["1", "0", "nonsense"])
def test_starting_loads_nothing_that_the_interpreter_had_not_loaded(tree: Path, value: str) -> None:
    code = f"import sys, site; before = set(sys.modules); {START}; print(sorted(set(sys.modules) - before))"
    assert output(run(tree, code, switch=value)) == [str(["__future__", "pip_resume", "pip_resume.startup"])]


def test_the_loaded_module_shows_its_real_loader_and_the_hook_is_gone(tree: Path) -> None:
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


def test_the_real_loader_is_back_before_the_module_runs(tree: Path) -> None:
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
def test_isolated_anywhere_among_the_arguments_keeps_us_out_silently(
    tree: Path, arguments: list[str], value: str
) -> None:
    assert output(run(tree, f"{START}; {USE}", *arguments, switch=value)) == ["pip's own"]


@pytest.mark.parametrize("argument", ["--isolate", "--isolated=1", "isolated"])
def test_only_the_literal_argument_is_isolated_as_for_pip(tree: Path, argument: str) -> None:
    assert output(run(tree, f"{START}; {USE}", argument))[-1] == "ours"


def test_a_program_without_arguments_at_all_is_served_too(tree: Path) -> None:
    assert output(run(tree, f"import sys; del sys.argv; {START}; {USE}"))[-1] == "ours"


def test_nonsense_in_the_switch_is_off_and_is_said_once_when_pip_is_about_to_download(tree: Path) -> None:
    code = f"import sys; {START}; start(); print('started', file=sys.stderr); {USE}"
    finished = run(tree, code, switch="Enabeld\n")
    started, *warnings = finished.stderr.splitlines()
    assert (started, len(warnings)) == ("started", 1)
    assert warnings[0].startswith(r"WARNING: PIP_RESUME is 'Enabeld\n', ")
    assert all(word in warnings[0] for word in ON + OFF)
    assert (finished.returncode, finished.stdout) == (0, "pip's own\n")


def test_nonsense_in_the_switch_is_no_news_in_a_program_that_is_not_pip(tree: Path) -> None:
    assert output(run(tree, f"{START}; import json", switch="nonsense")) == []


def test_a_long_value_is_quoted_in_part(tree: Path) -> None:
    finished = run(tree, f"{START}; {USE}", switch="x" * 3000)
    assert f"'{'x' * 40}...'" in finished.stderr
    assert "x" * 41 not in finished.stderr


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        pytest.param("def apply(module): {}['gone']", "KeyError: 'gone'", id="apply fails"),
        pytest.param("raise RuntimeError('one\\n two')", "RuntimeError: one two", id="fails while imported"),
        pytest.param("def apply(:", "SyntaxError: ", id="is no Python"),
        pytest.param("", "ImportError: cannot import name 'apply'", id="is empty"),
        pytest.param(None, "ModuleNotFoundError: No module named 'pip_resume.inside_pip", id="is deleted"),
    ],
)
def test_a_broken_download_step_costs_one_line_and_pip_goes_on(tree: Path, step: str | None, reason: str) -> None:
    if step is None:
        shutil.rmtree(tree / "pip_resume/inside_pip")
    else:
        write(tree / "pip_resume/inside_pip/download_step.py", step)
    finished = run(tree, f"{START}; {USE}")
    assert (finished.returncode, finished.stdout) == (0, "pip's own\n")
    (line,) = finished.stderr.splitlines()
    assert line.startswith(f"WARNING: pip-resume 7.8.9 cannot work with this pip 99.1 ({reason}")
    assert "plain pip downloads" in line
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


@pytest.mark.parametrize(("fault", "status"), [("KeyboardInterrupt", -2), ("SystemExit(5)", 5)])
def test_the_wish_to_stop_is_not_taken_for_a_fault(tree: Path, fault: str, status: int) -> None:
    write(tree / "pip_resume/inside_pip/download_step.py", f"def apply(module): raise {fault}")
    finished = run(tree, f"{START}; {USE}")
    assert (finished.returncode, finished.stdout) == (status, "")
    assert "WARNING" not in finished.stderr


def test_an_error_of_the_download_module_stays_its_own_and_the_next_import_counts(tree: Path) -> None:
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


def test_a_pip_without_a_download_module_fails_as_it_would_without_us(tree: Path) -> None:
    (tree / "pip/_internal/network/download.py").unlink()
    finished = run(tree, f"{START}; import {DOWNLOAD}")
    assert finished.stderr.splitlines()[-1] == f"ModuleNotFoundError: No module named '{DOWNLOAD}'"
    assert finished.returncode == 1


def test_looking_at_the_download_module_without_loading_it_changes_nothing(tree: Path) -> None:
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


def test_the_download_step_sees_the_signatures_that_pip_wrote_and_may_make_a_downloader(tree: Path) -> None:
    step = """
        def apply(module):
            import inspect
            print(inspect.signature(module.Downloader), module.Downloader(8).given)
    """
    write(tree / "pip_resume/inside_pip/download_step.py", step)
    assert output(run(tree, f"{START}; {USE}")) == ["(session, progress_bar='on') (8, 'on')", "pip's own"]


def test_a_finder_of_an_old_kind_in_front_does_not_hinder(tree: Path) -> None:
    code = f"""
        import sys
        import warnings
        warnings.simplefilter("ignore")  # Python's own, about such finders
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


def test_threads_that_load_pip_at_the_same_time_all_get_the_patched_one(tree: Path) -> None:
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


def test_a_python_that_is_too_old_for_us_is_left_alone(tree: Path) -> None:
    assert output(run(tree, f"import sys; sys.version_info = (3, 8, 20); {START}; {USE}")) == ["pip's own"]


def test_not_even_an_interpreter_in_disorder_hears_from_us(tree: Path) -> None:
    assert output(run(tree, f"import sys; sys.meta_path = tuple(sys.meta_path); {START}; {USE}")) == ["pip's own"]
