"""The distributions: the files of the wheel, and what its installation changes in an environment."""

from __future__ import annotations

import csv
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from environments.checkout import HOOK, PACKAGE, ROOT, build_distribution
from environments.environment import Environment, Environments
from environments.pips import NEWEST_PIP, run_machine_pip
from environments.processes import run_checked
from installer.records import RecordEntry
from installer.sources import WheelFile

HOOK_CONTENT = (PACKAGE / HOOK).read_bytes()
IS_START_MODULE_LOADED = "import sys; print('pip_resume.startup' in sys.modules)"

# An editable installation fetches the build backend from the package index of this machine.
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def built_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_distribution(tmp_path_factory.mktemp("sdist"), kind="--sdist")


@pytest.fixture
def environment(environments: Environments) -> Environment:
    """An environment with pip and without the plugin."""
    return environments.without_plugin(NEWEST_PIP)


def output_of(environment: Environment, *arguments: str, **variables: str) -> str:
    """Run the Python of the environment, which has to succeed; return its output without white space at the ends."""
    finished = environment.run_python(*arguments, env=variables)
    assert finished.returncode == 0, finished.text
    return finished.stdout.strip()


def assert_switchable(environment: Environment) -> None:
    """The .pth file is as in the checkout, and loads the start module only with the switch."""
    assert (environment.site_packages / HOOK).read_bytes() == HOOK_CONTENT
    assert output_of(environment, "-c", IS_START_MODULE_LOADED, PIP_RESUME="1") == "True"
    assert output_of(environment, "-c", IS_START_MODULE_LOADED) == "False"


def test_the_wheel_has_the_hook_at_its_root_and_the_modules_and_no_other_files(built_wheel: Path) -> None:
    _, version, _ = built_wheel.name.split("-", 2)
    metadata = PurePosixPath(f"pip_resume-{version}.dist-info")
    modules = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py")}
    names = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")

    with zipfile.ZipFile(built_wheel) as archive:
        files = archive.namelist()

    assert sorted(files) == sorted(
        {HOOK, "pip_resume/py.typed", *modules, *(str(metadata / name) for name in names)},
    )


def test_the_hook_in_the_wheel_is_that_of_the_checkout(built_wheel: Path) -> None:
    with zipfile.ZipFile(built_wheel) as archive:
        assert archive.read(HOOK) == HOOK_CONTENT


def test_the_hook_is_one_line_that_reads_the_variable_before_it_loads_a_module() -> None:
    (line,) = HOOK_CONTENT.decode("ascii").splitlines()

    assert line.startswith("import ")
    assert line.index('os.environ.get("PIP_RESUME")') < line.index("pip_resume.startup")


def test_the_record_has_the_hook_and_is_right_for_every_file(built_wheel: Path) -> None:
    with WheelFile.open(built_wheel) as wheel:
        wheel.validate_record(validate_contents=True)
        rows = {row[0]: row for row in csv.reader(wheel.read_dist_info("RECORD").splitlines())}

    entry = RecordEntry.from_elements(*rows[HOOK])
    assert entry.size == len(HOOK_CONTENT)
    assert entry.hash_ is not None
    assert entry.hash_.validate(HOOK_CONTENT)


def test_the_source_distribution_builds_the_same_wheel(built_wheel: Path, built_sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(built_sdist) as archive:
        # Early releases of Python 3.9 to 3.11 have no filters.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path / "unpacked")
    (source,) = (tmp_path / "unpacked").iterdir()

    rebuilt = build_distribution(tmp_path / "rebuilt", source)

    assert rebuilt.name == built_wheel.name
    assert rebuilt.read_bytes() == built_wheel.read_bytes()


def test_twine_accepts_wheel_and_source_distribution(built_wheel: Path, built_sdist: Path) -> None:
    output = run_checked(sys.executable, "-m", "twine", "--no-color", "check", "--strict", built_wheel, built_sdist)

    assert output.count("PASSED") == 2


def test_an_installation_adds_the_switch_and_uninstalling_removes_all_its_files(
    built_wheel: Path, environment: Environment
) -> None:
    output_of(environment, "-m", "pip", "install", "--no-index", "--no-deps", str(built_wheel))

    assert_switchable(environment)

    output_of(environment, "-m", "pip", "uninstall", "--yes", "pip-resume", PIP_RESUME="1")

    assert [path.name for path in environment.site_packages.iterdir() if "pip_resume" in path.name] == []


def test_an_editable_installation_adds_the_switch_and_runs_the_checkout(environment: Environment) -> None:
    run_machine_pip("--python", environment.python, "install", "--no-deps", "--editable", ROOT)

    assert_switchable(environment)
    imported = output_of(environment, "-c", "import pip_resume; print(pip_resume.__file__)")
    assert Path(imported).samefile(PACKAGE / "__init__.py")
