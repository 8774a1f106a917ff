"""The README agrees with the code: commands, options, variables, defaults, messages, links and the line of the hook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pip_resume import __version__, cli, settings, startup
from pip_resume.protocol import planning, retry

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / ".github" / "SERVERS.md", ROOT / ".github" / "BENCHMARKS.md"]
README = PAGES[0].read_text(encoding="utf-8")
PACKAGE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "pip_resume").rglob("*.py"))
REPOSITORY = "https://github.com/pip-resume/pip-resume"
RAW = "https://raw.githubusercontent.com/pip-resume/pip-resume/main/"
CODE = re.compile(r"`([^`\n]+)`|^    (.+)$", re.MULTILINE)


def code() -> list[str]:
    """Return every piece of code in the README: in a line, and in blocks without their comments."""
    return [(inline or block).partition("  #")[0].strip() for inline, block in CODE.findall(README)]


def commands() -> list[str]:
    """Return each command of ours, with and without what is optional, and with values for what stands for some."""
    found: dict[str, None] = {}
    for text in code():
        for command in re.findall(
            r"(?:^|/|')((?:pip-resume|python -m pip_resume)(?: [^|()']+)?)(?:$|'|\)| \\\|)", text
        ):
            for each in (re.sub(r" \[[^]]*\]", "", command), command.replace("[", "").replace("]", "")):
                found[each.strip().replace("python -m pip_resume", "pip-resume")] = None
    return [command for command in found if re.match(r"pip-resume [a-z]+( |$)", command)]


def parameters() -> list[Any]:
    return [command for command in commands() if not is_message(command)]


def is_message(text: str) -> bool:
    return text.startswith(("pip-resume cannot", "pip-resume works"))


@pytest.mark.parametrize("command", parameters())
def test_every_command_is_understood(command: str) -> None:
    cli._parser().parse_args(command.split()[1:])


def test_the_commands_are_found_and_every_command_is_described() -> None:
    assert {"pip-resume list", "pip-resume purge NAME", "pip-resume purge --older-than 3d"} <= set(commands())
    assert {command.split()[1] for command in commands() if not is_message(command)} == set(cli._choices(cli._parser()))


def test_every_variable_is_read_and_every_variable_that_is_read_is_described() -> None:
    shown = set(re.findall(r"\bPIP_RESUME(?:_[A-Z]+)*\b", README))

    assert shown == {*settings.OUR_NAMES, settings.PIPS_OWN_NAME}


def test_the_defaults_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| `(PIP_RESUME\w*)` \| `?([^`|]+?)`? \|", README, re.MULTILINE))

    defaults = settings.Settings()
    assert settings.parse_duration(rows[settings.PATIENCE]) == settings.DEFAULT_PATIENCE_S == retry.DEFAULT_PATIENCE_S
    assert float(rows[settings.KEEP_DAYS]) == defaults.keep_days
    assert settings.parse_size(rows[settings.MAX_SIZE]) == defaults.max_size
    assert int(rows[settings.PIPS_OWN_NAME]) == retry.DEFAULT_RETRIES
    assert "after 14 days" in README
    assert "more than 10 GiB" in README
    assert "five minutes" in README


def test_the_sizes_are_those_of_the_code() -> None:
    assert "Files up to 1 MiB" in README
    assert planning.STORED_FROM_BYTES == 1024**2
    assert "the last 64 KiB" in PAGES[1].read_text(encoding="utf-8")
    assert planning.OVERLAP_BYTES == 64 * 1024


def test_the_words_of_the_switch_are_those_of_the_code() -> None:
    sentence = re.search(r"(.*) are on; (.*) are off\.", README)

    assert sentence is not None
    assert tuple(re.findall(r"`(\w+)`", sentence[1])) == startup.ON
    assert tuple(re.findall(r"`(\w+)`", sentence[2])) == startup.OFF


def test_the_line_of_the_hook_is_the_one_that_is_installed() -> None:
    line = (ROOT / "pip_resume" / "pip_resume_hook.pth").read_text(encoding="utf-8").strip()

    assert f"    {line}\n" in README


def test_the_version_is_the_one_of_the_package() -> None:
    assert f"Beta {__version__} " in README


def messages() -> list[str]:
    """Return the first column of the table of messages."""
    table = README.partition("## What the messages mean")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)


def test_the_messages_are_found() -> None:
    assert len(messages()) == 24


@pytest.mark.parametrize("message", messages())
def test_every_message_is_one_of_the_code(message: str) -> None:
    """Its fixed parts are, at least. tests/integration/test_terminal_text.py has the complete rows."""
    variable = r"[\d.]+ of [\d.]+ [kMG]B|\d[\d.]*(?: ?[kMG]B| min)?|NAME|/tmp|\.\.\.|[:;,()]"
    parts = [part.strip() for part in re.split(variable, message)]
    fixed = [part for part in parts if part and part not in ("pip-resume", "in", "of")]

    assert fixed
    assert [part for part in fixed if part.lower() not in PACKAGE.lower()] == []


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_link_is_absolute_or_within_the_page_and_leads_to_something(page: Path) -> None:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for link in links(page):
        if link.startswith("#"):
            assert link in anchors
        elif link.startswith((RAW, f"{REPOSITORY}/blob/main/")):
            path = link.removeprefix(RAW).removeprefix(f"{REPOSITORY}/blob/main/")
            assert (ROOT / path).is_file(), link
        else:
            assert link.startswith(("https://www.rfc-editor.org/", f"{REPOSITORY}/issues")), link
