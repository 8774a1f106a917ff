"""Switching on, in real environments: by the `.pth` file, by the sitecustomize directory, and in whose company."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import threading
import venv
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pip_resume
from pip_resume.settings import OUR_NAMES, PIPS_OWN_NAME, SWITCH
from pip_resume.startup import OFF, ON

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = Path(pip_resume.__file__).parent
HOOK = "pip_resume_hook.pth"
DOWNLOAD = "pip._internal.network.download"
STEP = "pip_resume.inside_pip.download_step"
OURS_AT_START = {"pip_resume", "pip_resume.startup"}
# Says how often we are armed, and last of all: sitecustomize comes after every .pth file.
HOW_OFTEN_ARMED = "import sys; print('armed', [type(f).__module__ for f in sys.meta_path].count('pip_resume.startup'))"
DOWNLOADS_NOTHING = (
    ("-c", "pass"),
    ("-c", "import json"),
    ("-m", "pip", "--version"),
    ("-m", "pip", "list"),
    ("-m", "pip", "install", "--help"),
)
LIST_OPTIONS = """
from pip._internal.commands import commands_dict, create_command
for name in commands_dict:
    for option in create_command(name).parser.option_list_all:
        print(*option._long_opts)
"""

PLAIN = "print('{name}')"
RAISING = "print('{name}'); raise LookupError('of {name}')"
# Steps aside on sys.path and imports the next, as agents of monitoring products do.
STEPPING_ASIDE = """
import os, sys
print('{name}')
here = os.path.dirname(os.path.abspath(__file__))
kept = list(sys.path)
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
del sys.modules['sitecustomize']
try:
    import sitecustomize
finally:
    sys.path[:] = kept
"""
# Looks past itself alone, wherever it stands: on its own it would come back to us for ever.
LOOKING_PAST_ITSELF = """
import os, sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
print('{name}')
here = os.path.dirname(os.path.abspath(__file__))
spec = PathFinder.find_spec('sitecustomize', [entry for entry in sys.path if os.path.abspath(entry) != here])
if spec is not None:
    spec.loader.exec_module(module_from_spec(spec))
"""

# Some of these set up an environment, or build our wheel twice.
pytestmark = pytest.mark.timeout(180)


class Environment:
    """A virtual environment of this Python; every run in it is away from the checkout and knows no settings of pip."""

    def __init__(self, folder: Path, *, with_pip: bool = False) -> None:
        self.folder = folder
        venv.create(folder, with_pip=with_pip, symlinks=os.name != "nt")
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        where = self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        self.site_packages = Path(where.stdout.strip())

    def run(
        self, *arguments: str | Path, switch: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run its Python; `switch` None leaves the variable unset."""
        known = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP") if name in os.environ}
        home = {"HOME": str(self.folder / "home"), "XDG_CACHE_HOME": str(self.folder / "cache")}
        settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
        chosen = variables if switch is None else {SWITCH: switch, **variables}
        return subprocess.run(
            [str(self.python), *map(str, arguments)],
            cwd=self.folder,
            env={**known, **home, **settings, **chosen},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def imports(self, *arguments: str | Path, switch: str | None = None, **variables: str) -> set[str]:
        """Run its Python, which has to end well; return the name of every module that was imported."""
        finished = self.run("-X", "importtime", *arguments, switch=switch, **variables)
        assert finished.returncode == 0, finished.stderr
        lines = finished.stderr.splitlines()
        assert not [line for line in lines if not line.startswith(("import time:", f"WARNING: {SWITCH} is"))]
        return {line.rpartition("|")[2].strip() for line in lines}

    def put_files_of_the_wheel(self) -> None:
        ignore = shutil.ignore_patterns("__pycache__", HOOK)
        shutil.copytree(PACKAGE, self.site_packages / "pip_resume", ignore=ignore)
        shutil.copy(PACKAGE / HOOK, self.site_packages)


@pytest.fixture
def bare(tmp_path: Path) -> Environment:
    """An environment without pip."""
    return Environment(tmp_path / "bare environment")


@pytest.fixture(scope="module")
def environment_with_pip(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("pip") / "environment", with_pip=True)


@pytest.fixture
def own_with_hook(tmp_path: Path) -> Environment:
    """An environment with pip and us, for a test that will spoil it."""
    environment = Environment(tmp_path / "own environment", with_pip=True)
    environment.put_files_of_the_wheel()
    return environment


@pytest.fixture(scope="module")
def with_hook(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with pip and us."""
    environment = Environment(tmp_path_factory.mktemp("hook") / "environment", with_pip=True)
    environment.put_files_of_the_wheel()
    return environment


@pytest.fixture(scope="module")
def hook_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sitecustomize directory of a package that is installed nowhere."""
    return copy_of_package(tmp_path_factory.mktemp("elsewhere"))


def copy_of_package(parent: Path) -> Path:
    shutil.copytree(PACKAGE, parent / "pip_resume", ignore=shutil.ignore_patterns("__pycache__"))
    return parent / "pip_resume/sitecustomize"


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "pip_resume"}


def option_for(variable: str) -> str:
    """Name the option that pip sets from an environment variable."""
    return "--" + variable[len("PIP_") :].lower().replace("_", "-")


def pip_download(wheel: Path) -> tuple[str, ...]:
    """Have pip make a downloader, for a wheel that lies on this machine."""
    return ("-m", "pip", "download", "--no-index", "--no-deps", "--dest", str(wheel.parent / "downloaded"), str(wheel))


@pytest.fixture(scope="module")
def tiny_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel with one empty module."""
    wheel = tmp_path_factory.mktemp("wheels") / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(
            "tiny-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    return wheel


def install(environment: Environment, wheel: Path, target: Path, *, switch: str) -> subprocess.CompletedProcess[str]:
    finished = environment.run("-m", "pip", "install", "--no-index", "--target", target, wheel, switch=switch)
    assert (finished.returncode, (target / "tiny.py").exists()) == (0, True), finished.stderr
    return finished


# The .pth route


@pytest.mark.parametrize("program", DOWNLOADS_NOTHING, ids=" ".join)
@pytest.mark.parametrize(
    ("switch", "expected"),
    [
        pytest.param(None, set(), id="unset"),
        pytest.param("", set(), id="empty"),
        pytest.param("0", OURS_AT_START, id="0"),
        pytest.param("1", OURS_AT_START, id="1"),
        pytest.param("nonsense", OURS_AT_START, id="nonsense"),
    ],
)
def test_a_program_that_downloads_nothing_loads_at_most_the_start_up_module(
    with_hook: Environment, program: tuple[str, ...], switch: str | None, expected: set[str]
) -> None:
    modules = with_hook.imports(*program, switch=switch)
    assert ours(modules) == expected


@pytest.mark.parametrize("flags", [(), ("-I",), ("-E",), ("-s",), ("-I", "-s", "-E")], ids=" ".join)
def test_pip_is_reached_whatever_the_interpreter_ignores(
    with_hook: Environment, tiny_wheel: Path, flags: tuple[str, ...]
) -> None:
    assert STEP in with_hook.imports(*flags, *pip_download(tiny_wheel), switch="1")


@pytest.mark.parametrize("switch", [None, "", "0", "off", "nonsense"])
def test_pip_download_loads_no_more_of_us_when_off(
    with_hook: Environment, tiny_wheel: Path, switch: str | None
) -> None:
    modules = with_hook.imports(*pip_download(tiny_wheel), switch=switch)
    assert DOWNLOAD in modules
    assert ours(modules) == (OURS_AT_START if switch else set())


def test_the_console_script_is_reached_too(with_hook: Environment, tiny_wheel: Path) -> None:
    script = with_hook.python.with_name("pip.exe" if os.name == "nt" else "pip")
    _, _, *arguments = pip_download(tiny_wheel)
    assert STEP in with_hook.imports(script, *arguments, switch="1")


def test_isolated_keeps_us_out_of_a_real_pip(with_hook: Environment, tiny_wheel: Path) -> None:
    assert ours(with_hook.imports(*pip_download(tiny_wheel), "--isolated", switch="1")) == OURS_AT_START


def test_pip_in_a_zip_file_is_reached(with_hook: Environment, tiny_wheel: Path, tmp_path: Path) -> None:
    archive = tmp_path / "pip-0-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted((with_hook.site_packages / "pip").rglob("*")):
            if "__pycache__" not in path.parts:
                zipped.write(path, path.relative_to(with_hook.site_packages))
    assert str(archive) in with_hook.run(archive / "pip", "--version").stdout
    _, _, *arguments = pip_download(tiny_wheel)
    assert STEP in with_hook.imports(archive / "pip", *arguments, switch="1")


def test_no_name_of_ours_is_an_option_of_this_pip(with_hook: Environment) -> None:
    finished = with_hook.run("-c", LIST_OPTIONS)
    options = set(finished.stdout.split())
    assert {"--retries", "--no-index", "--isolated"} <= options, finished.stderr
    assert not options & {option_for(name) for name in OUR_NAMES}
    # Whoever abbreviates: this is why the name is pip's.
    assert {option for option in options if option.startswith("--resume")} <= {option_for(PIPS_OWN_NAME)}


def test_a_second_pth_file_arms_nothing_twice(bare: Environment) -> None:
    bare.put_files_of_the_wheel()
    shutil.copy(bare.site_packages / HOOK, bare.site_packages / "again.pth")
    assert bare.run("-c", HOW_OFTEN_ARMED, switch="1").stdout == "armed 1\n"


@pytest.mark.parametrize("switch", [None, "0", "1", "nonsense"])
@pytest.mark.parametrize(
    "left",
    [
        pytest.param([], id="nothing"),
        pytest.param(["pip_resume/"], id="an empty directory"),
        pytest.param(["pip_resume/", "pip_resume/__init__.py"], id="half of it"),
    ],
)
def test_a_pth_file_whose_package_was_deleted_makes_no_noise(
    bare: Environment, left: list[str], switch: str | None
) -> None:
    bare.put_files_of_the_wheel()
    shutil.rmtree(bare.site_packages / "pip_resume")
    for name in left:
        path = bare.site_packages / name
        path.mkdir() if name.endswith("/") else path.touch()
    finished = bare.run("-c", "print('fine')", switch=switch)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "fine\n", "")


def test_a_broken_package_costs_one_warning_where_pip_downloads_and_nothing_elsewhere(
    own_with_hook: Environment, tiny_wheel: Path, tmp_path: Path
) -> None:
    inside_pip = own_with_hook.site_packages / "pip_resume/inside_pip"
    (inside_pip / "__init__.py").write_text("raise OSError('unreadable')\n")
    (warning,) = install(own_with_hook, tiny_wheel, tmp_path / "on", switch="1").stderr.splitlines()
    assert warning.startswith(f"WARNING: pip-resume {pip_resume.__version__} cannot work with this pip ")
    assert "(OSError: unreadable)" in warning
    assert own_with_hook.run("-m", "pip", "list", switch="1").stderr == ""
    assert install(own_with_hook, tiny_wheel, tmp_path / "off", switch="0").stderr == ""


def test_nonsense_in_the_switch_is_said_once_by_pip_install_and_never_elsewhere(
    with_hook: Environment, tiny_wheel: Path, tmp_path: Path
) -> None:
    (warning,) = install(with_hook, tiny_wheel, tmp_path / "target", switch="enabled").stderr.splitlines()
    assert warning.startswith("WARNING: PIP_RESUME is 'enabled', ")
    assert all(word in warning for word in ON + OFF)
    assert with_hook.run("-c", "pass", switch="enabled").stderr == ""


# The sitecustomize directory

THEIRS = {"raising": RAISING, "aside": STEPPING_ASIDE, "past": LOOKING_PAST_ITSELF}
FILES = {"without": "other.py", "directory": "sitecustomize/other.py", "package": "sitecustomize/__init__.py"}


@pytest.mark.parametrize("switch", [None, "1"], ids=["off", "on"])
@pytest.mark.parametrize(
    ("order", "ran", "reached"),
    [
        pytest.param(["ours"], ["venv"], True, id="ours, the environment's own"),
        pytest.param(["ours", "plain"], ["plain"], True, id="ours, one that hides the environment's"),
        pytest.param(["ours", "aside", "plain"], ["aside", "plain"], True, id="ours, one that steps aside, another"),
        pytest.param(["aside", "ours", "plain"], ["aside", "plain"], True, id="one that steps aside, ours, another"),
        pytest.param(
            ["ours", "past", "plain"], ["past", "plain"], True, id="ours, one that looks past itself, another"
        ),
        pytest.param(
            ["past", "ours", "plain"], ["past", "plain"], True, id="one that looks past itself, ours, another"
        ),
        pytest.param(["plain", "ours"], ["plain"], False, id="one that does not go on, ours"),
        pytest.param(["ours", "ours", "plain"], ["plain"], True, id="ours twice, another"),
        pytest.param(["ours", "link to ours", "plain"], ["plain"], True, id="ours, a link to ours, another"),
        pytest.param(["ours", "other copy of ours", "plain"], ["plain"], True, id="ours, another copy, another"),
        pytest.param(
            ["ours", "absent", "without", "plain"], ["plain"], True, id="ours, directories without one, another"
        ),
        pytest.param(
            ["ours", "directory", "plain"], ["plain"], True, id="ours, a mere directory of that name, another"
        ),
        pytest.param(["ours", "package"], ["package"], True, id="ours, a package"),
        pytest.param(["ours", "zipped"], ["zipped"], True, id="ours, one in a zip file"),
    ],
)
def test_each_sitecustomize_in_the_chain_runs_once_and_we_are_armed_once(
    bare: Environment,
    hook_directory: Path,
    tmp_path: Path,
    order: list[str],
    ran: list[str],
    reached: bool,
    switch: str | None,
) -> None:
    (bare.site_packages / "sitecustomize.py").write_text(PLAIN.format(name="venv"))
    entries = [str(chain_entry(name, tmp_path / name, hook_directory)) for name in order]
    finished = bare.run("-c", HOW_OFTEN_ARMED, switch=switch, PYTHONPATH=os.pathsep.join(entries))
    armed = int(reached and switch == "1")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.splitlines() == [*ran, f"armed {armed}"]


def chain_entry(name: str, folder: Path, hook_directory: Path) -> Path:
    """Make what a row of the table calls `name` at `folder`; return what stands on `PYTHONPATH` for it."""
    if name == "ours":
        return hook_directory
    if name == "other copy of ours":
        return copy_of_package(folder)
    if name == "link to ours":
        folder.symlink_to(hook_directory, target_is_directory=True)
    elif name == "zipped":
        with zipfile.ZipFile(folder, "w") as archive:
            archive.writestr("sitecustomize.py", PLAIN.format(name=name))
    elif name != "absent":
        file = folder / FILES.get(name, "sitecustomize.py")
        file.parent.mkdir(parents=True)
        file.write_text(THEIRS.get(name, PLAIN).format(name=name))
    return folder


def test_an_error_in_the_chained_one_looks_as_it_looks_without_us(
    bare: Environment, hook_directory: Path, tmp_path: Path
) -> None:
    raising = str(chain_entry("raising", tmp_path / "raising", hook_directory))
    without = bare.run("-c", "print('on')", PYTHONPATH=raising)
    chained = bare.run("-c", HOW_OFTEN_ARMED, switch="1", PYTHONPATH=os.pathsep.join([str(hook_directory), raising]))
    assert "of raising" in without.stderr
    assert chained.stderr == without.stderr
    assert chained.stdout == "raising\narmed 1\n"


def test_both_routes_together_arm_once(bare: Environment, hook_directory: Path) -> None:
    bare.put_files_of_the_wheel()
    finished = bare.run("-c", HOW_OFTEN_ARMED, switch="1", PYTHONPATH=str(hook_directory))
    assert (finished.stdout, finished.stderr) == ("armed 1\n", "")


def test_programs_meet_the_hidden_sitecustomize_as_if_we_were_not_there(
    bare: Environment, hook_directory: Path, tmp_path: Path
) -> None:
    plain = chain_entry("plain", tmp_path / "plain", hook_directory)
    code = "import sitecustomize as s; print(s.__file__, s.__spec__.origin, s.__name__, type(s.__loader__).__name__)"
    without = bare.run("-c", code, PYTHONPATH=str(plain))
    chained = bare.run("-c", code, switch="1", PYTHONPATH=os.pathsep.join([str(hook_directory), str(plain)]))
    assert str(plain) in without.stdout
    assert chained.stdout == without.stdout


@pytest.mark.parametrize("switch", [None, "", "0", "1", "nonsense"])
def test_the_directory_loads_our_package_only_when_asked_and_leaves_the_path_alone(
    bare: Environment, hook_directory: Path, switch: str | None
) -> None:
    code = "import sys; print(*sys.path, sep='\\n')"
    without = bare.run("-c", code)
    finished = bare.run("-c", code, switch=switch, PYTHONPATH=str(hook_directory))
    expected = without.stdout.splitlines()
    expected.insert(1, str(hook_directory))  # after the place of -c
    assert (finished.stdout.splitlines(), finished.stderr) == (expected, "")
    modules = bare.imports("-c", "pass", switch=switch, PYTHONPATH=str(hook_directory))
    assert ours(modules) == (OURS_AT_START if switch else set())


def test_the_directory_of_the_environments_own_package_leaves_the_path_alone_too(bare: Environment) -> None:
    bare.put_files_of_the_wheel()
    (bare.site_packages / "zzz.pth").write_text(f"{bare.folder}\n")  # something behind site-packages
    code = "import sys; print(*sys.path[2:], sep='\\n')"
    own = str(bare.site_packages / "pip_resume/sitecustomize")
    off = bare.run("-c", code, PYTHONPATH=own)
    assert off.stdout.splitlines()[-2:] == [str(bare.site_packages), str(bare.folder)]
    assert bare.run("-c", code, switch="1", PYTHONPATH=own).stdout == off.stdout


def test_an_odd_entry_on_the_path_is_passed_over_as_python_does(bare: Environment, hook_directory: Path) -> None:
    (bare.site_packages / "odd.pth").write_text("import sys; sys.path.insert(0, 7)\n")
    (bare.site_packages / "sitecustomize.py").write_text(PLAIN.format(name="venv"))
    finished = bare.run("-c", HOW_OFTEN_ARMED, switch="1", PYTHONPATH=str(hook_directory))
    assert (finished.stdout, finished.stderr) == ("venv\narmed 1\n", "")


@pytest.mark.parametrize("left", ["nothing", "half of it", "an error"])
def test_a_directory_whose_package_is_broken_makes_no_noise_and_still_goes_on(
    bare: Environment, tmp_path: Path, left: str
) -> None:
    directory = copy_of_package(tmp_path)
    (bare.site_packages / "sitecustomize.py").write_text(PLAIN.format(name="venv"))
    if left == "nothing":
        (tmp_path / "pip_resume/__init__.py").unlink()
    if left == "an error":
        (tmp_path / "pip_resume/startup.py").write_text("raise OSError('unreadable')\n")
    else:
        (tmp_path / "pip_resume/startup.py").unlink()
    finished = bare.run("-c", "print('fine')", switch="1", PYTHONPATH=str(directory))
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "venv\nfine\n", "")


def test_an_environment_without_us_is_reached_through_the_directory(
    environment_with_pip: Environment, tiny_wheel: Path, hook_directory: Path
) -> None:
    command = pip_download(tiny_wheel)
    assert STEP in environment_with_pip.imports(*command, switch="1", PYTHONPATH=str(hook_directory))
    assert ours(environment_with_pip.imports(*command, switch="1")) == set()


def test_pip_that_works_for_another_python_is_reached_through_the_directory(
    environment_with_pip: Environment, bare: Environment, tiny_wheel: Path, hook_directory: Path
) -> None:
    # As a variable, because only so it reaches the Python in which pip starts itself again.
    variables = {"PYTHONPATH": str(hook_directory), "PYTHONPROFILEIMPORTTIME": "1"}
    _, _, *arguments = pip_download(tiny_wheel)
    finished = environment_with_pip.run("-m", "pip", "--python", bare.python, *arguments, switch="1", **variables)
    assert finished.returncode == 0, finished.stderr
    assert [line.rpartition("|")[2].strip() for line in finished.stderr.splitlines()].count(STEP) == 1


# Replacing and removing us with the switch on


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with our wheel and with one of version 99, which fails wherever it is used for a download."""
    wheels = tmp_path_factory.mktemp("two versions")
    source = tmp_path_factory.mktemp("source") / "checkout"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "tests"))
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(wheels), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    root, start_up = source / "pip_resume/__init__.py", source / "pip_resume/startup.py"
    for module in set((source / "pip_resume").rglob("*.py")) - {root, start_up}:
        module.write_text("raise SystemError('loaded after it was replaced')\n", encoding="utf-8")
    root.write_text("__version__ = '99'\n", encoding="utf-8")
    subprocess.run(build, check=True, capture_output=True)
    return wheels


@pytest.fixture
def index(two_versions: Path) -> Iterator[str]:
    """Serve both wheels over http, so that pip downloads them through the very code that it replaces."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(two_versions))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        serving.join()


def test_pip_replaces_and_removes_us_with_the_switch_on(tmp_path: Path, index: str) -> None:
    environment = Environment(tmp_path / "environment", with_pip=True)
    before = set(environment.site_packages.iterdir())
    install = ("-m", "pip", "install", "--no-deps", "--no-index", "--find-links", index)
    this = f"pip-resume=={pip_resume.__version__}"

    environment.imports(*install, this, switch="1")
    assert STEP in environment.imports(*install, "--force-reinstall", this, switch="1")
    assert STEP in environment.imports(*install, "--upgrade", "pip-resume", switch="1")
    shown = environment.run("-c", "import pip_resume; print(pip_resume.__version__)", switch="1")
    assert (shown.stdout, shown.stderr) == ("99\n", "")
    environment.imports("-m", "pip", "uninstall", "--yes", "pip-resume", switch="1")
    assert set(environment.site_packages.iterdir()) == before
    environment.imports("-c", "pass", switch="1")
