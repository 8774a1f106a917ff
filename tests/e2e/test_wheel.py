"""What is shipped: the files of the wheel, and what installing them does to an environment."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from installer.records import RecordEntry
from installer.sources import WheelFile

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pip_resume"
HOOK = "pip_resume_hook.pth"
HOOK_BYTES = (PACKAGE / HOOK).read_bytes()
IS_START_UP_LOADED = "import sys; print('pip_resume.startup' in sys.modules)"

# Building asks the package index for the backend's own tools, through whatever settings this machine has for that.
pytestmark = pytest.mark.timeout(180)


def build(source: Path, into: Path, kind: str) -> Path:
    """Build `--wheel` or `--sdist` of a source tree with the backend of this environment; return the file."""
    command = [sys.executable, "-m", "build", "--no-isolation", kind, "--outdir", str(into), str(source)]
    subprocess.run(command, check=True)
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def built_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "--wheel")


@pytest.fixture(scope="module")
def built_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("sdist"), "--sdist")


class Environment:
    """A virtual environment of this Python, with the pip that it brings."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.site_packages = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())

    def run(self, *arguments: str, **variables: str) -> str:
        """Run Python away from the checkout, so that nothing is imported from there by chance; return its output."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_RESUME"))}
        command = [str(self.python), *arguments]
        where = self.python.parent
        return subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, cwd=where, env={**inherited, **variables}
        ).stdout

    def ours(self) -> set[str]:
        """Return the names in site-packages that belong to this project."""
        return {path.name for path in self.site_packages.iterdir() if "pip_resume" in path.name}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


def test_the_wheel_has_the_hook_at_its_root_and_otherwise_the_modules_and_nothing_more(built_wheel: Path) -> None:
    _, version, _ = built_wheel.name.split("-", 2)
    metadata = PurePosixPath(f"pip_resume-{version}.dist-info")
    modules = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py")}
    names = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")

    with zipfile.ZipFile(built_wheel) as archive:
        shipped = archive.namelist()

    assert sorted(shipped) == sorted(
        {HOOK, "pip_resume/py.typed", *modules, *(str(metadata / name) for name in names)},
    )


def test_the_hook_in_the_wheel_is_the_one_in_the_sources_byte_for_byte(built_wheel: Path) -> None:
    with zipfile.ZipFile(built_wheel) as archive:
        assert archive.read(HOOK) == HOOK_BYTES


def test_the_hook_is_one_line_that_asks_for_the_variable_first() -> None:
    (line,) = HOOK_BYTES.decode("ascii").splitlines()

    assert line.startswith("import ")
    assert line.index('os.environ.get("PIP_RESUME")') < line.index("pip_resume.startup")


def test_the_record_knows_the_hook_and_agrees_with_every_file(built_wheel: Path) -> None:
    with WheelFile.open(built_wheel) as wheel:
        wheel.validate_record(validate_contents=True)
        rows = {row[0]: row for row in csv.reader(wheel.read_dist_info("RECORD").splitlines())}

    entry = RecordEntry.from_elements(*rows[HOOK])
    assert entry.size == len(HOOK_BYTES)
    assert entry.hash_ is not None
    assert entry.hash_.validate(HOOK_BYTES)


def test_the_source_distribution_builds_the_same_wheel(built_wheel: Path, built_sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(built_sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()

    rebuilt = build(source, tmp_path / "rebuilt", "--wheel")

    assert rebuilt.name == built_wheel.name
    assert rebuilt.read_bytes() == built_wheel.read_bytes()


def test_the_package_index_would_take_both_files(built_wheel: Path, built_sdist: Path) -> None:
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", str(built_wheel), str(built_sdist)]

    checked = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("PASSED") == 2


def test_installing_arms_only_with_the_variable_and_uninstalling_leaves_nothing(
    built_wheel: Path, environment: Environment
) -> None:
    environment.run("-m", "pip", "install", "--no-index", "--no-deps", str(built_wheel))

    assert (environment.site_packages / HOOK).read_bytes() == HOOK_BYTES
    assert environment.run("-c", IS_START_UP_LOADED, PIP_RESUME="1").strip() == "True"
    assert environment.run("-c", IS_START_UP_LOADED).strip() == "False"

    environment.run("-m", "pip", "uninstall", "--yes", "pip-resume", PIP_RESUME="1")

    assert environment.ours() == set()


def test_an_editable_install_has_the_hook_and_runs_the_checkout(environment: Environment) -> None:
    environment.run("-m", "pip", "install", "--no-deps", "--editable", str(ROOT))

    assert (environment.site_packages / HOOK).read_bytes() == HOOK_BYTES
    assert environment.run("-c", IS_START_UP_LOADED, PIP_RESUME="1").strip() == "True"
    imported = environment.run("-c", "import pip_resume; print(pip_resume.__file__)").strip()
    assert Path(imported).samefile(PACKAGE / "__init__.py")
