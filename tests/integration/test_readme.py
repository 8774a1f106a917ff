"""Every option in the README is one of ours, or one of this pip."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pip
import pytest
from packaging.version import Version
from pip._internal.commands import commands_dict, create_command

from pip_resume import cli

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`\n]+)`|^    (.+)$", re.MULTILINE)
OF_DOCKER = {"--mount"}


def our_options(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from cli._options(parser)
    for below in cli._choices(parser).values():
        yield from our_options(below)


def pips_options() -> set[str]:
    commands: list[Any] = [create_command(name) for name in commands_dict]
    return {name for command in commands for option in command.parser.option_list_all for name in option._long_opts}


@pytest.mark.skipif(Version(pip.__version__) < Version("26.2"), reason="an older pip lacks some of the options")
def test_every_option_exists() -> None:
    pieces = [inline or block for inline, block in CODE.findall(README)]
    shown = {name for piece in pieces for name in re.findall(r"(?<![\w-])--[a-z][a-z-]+", piece)}

    assert {"--no-cache-dir", "--older-than", "--index-url"} <= shown
    assert shown - set(our_options(cli._parser())) - pips_options() - OF_DOCKER == set()
