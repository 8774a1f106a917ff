"""Makes the picture of a terminal without and with pip-resume: `python -m benchmarks.terminal_picture`, in `tests`.

Both panels are real runs: pip in a pseudo-terminal downloads a wheel from a slow https server on this machine, is
interrupted with Ctrl-C in the middle, and is run again. The screen is drawn as it is, except one line: pip names the
index unless it is the public one, and the address of a test server means nothing to readers.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.pairs import make_pair, variables_below
from benchmarks.terminal import Terminal
from benchmarks.terminal_svg import COLUMNS, Panel, picture
from benchmarks.work_directory import find_directories, work_directory
from environments.checkout import ROOT, build_distribution
from environments.pips import fetch_pip
from servers.certificates import issue_certificates
from servers.fault_server import FaultServer
from servers.index_pages import honest, publish, wheel_artifact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.pairs import Contender, Pair
    from benchmarks.terminal import Span
    from servers.certificates import Certificates

OUTPUT = ROOT / ".github" / "pictures" / "terminal.svg"
PIP = "26.3"
PROJECT = "bigwheel"
SIZE = 30_000_000
INTERRUPTED_AT = SIZE * 55 // 100
RATE_BYTES_PER_S = 6_000_000
PIECE_BYTES = 65536
NEEDED_BYTES = 400_000_000
OMITTED_ROW = "Looking in indexes:"
TITLE = "pip install, interrupted with Ctrl-C in the middle of a download and run again, without and with pip-resume"


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.terminal_picture", description=__doc__)
    parser.add_argument("--pip", default=PIP, help=f"version to show (default: {PIP})")
    parser.add_argument(
        "--wheel", type=Path, help="show this wheel of pip-resume instead of one built from the checkout"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the SVG file to write")
    return parser.parse_args(arguments)


def main() -> None:
    chosen = parse_options(sys.argv[1:])
    with work_directory(find_directories(NEEDED_BYTES)[-1]) as work:
        our_wheel = chosen.wheel or build_distribution(work / "built")
        pair = make_pair(work / "environments", fetch_pip(chosen.pip, work / "pips"), our_wheel)
        panels = both_panels(pair, issue_certificates(work / "certificates"), work)
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(picture(TITLE, panels))
    for panel in panels:
        print(f"{panel.heading}: {panel.fetched_text} {panel.details}")


def both_panels(pair: Pair, certificates: Certificates, work: Path) -> list[Panel]:
    """Return the panel without the plugin and the one with it."""
    artifact = wheel_artifact(PROJECT, size=SIZE)
    plain_heading = f"Before: pip {pair.pip_version}, stopped with Ctrl-C and run again"
    runs = [(pair.plain, plain_heading), (pair.ours, "After: the same with pip-resume")]
    panels = []
    with FaultServer(certificates.server_context()) as server:
        publish(server, artifact)
        server.plays(artifact.path, replace(honest(artifact), rate=RATE_BYTES_PER_S, piece=PIECE_BYTES))
        for contender, heading in runs:
            server.forget()
            home = work / contender.environment.root.name
            terminal = open_shell(contender, server.url("/simple/"), certificates, home)
            rows = interrupt_and_repeat(terminal, contender, server, artifact.path)
            panels.append(Panel(heading, rows, server.sent(artifact.path), len(artifact.content)))
    return panels


def open_shell(contender: Contender, index_url: str, certificates: Certificates, home: Path) -> Terminal:
    """Start a shell whose `pip` is that of this environment, in a new home directory."""
    (home / "tmp").mkdir(parents=True)
    more = {
        "LC_ALL": "C.UTF-8",
        "PATH": f"{contender.environment.scripts}{os.pathsep}{os.environ['PATH']}",
        "PIP_CERT": str(certificates.ca_file),
        "PIP_INDEX_URL": index_url,
    }
    return Terminal(variables_below(home, more), home, COLUMNS)


def interrupt_and_repeat(terminal: Terminal, contender: Contender, server: FaultServer, path: str) -> list[list[Span]]:
    """Run pip, interrupt it, and run it again; return the rows of the screen."""
    command = f"pip install {PROJECT}"
    with terminal:
        for name, value in contender.switch.items():
            terminal.run(f"export {name}={value}")
        terminal.run_until(command, lambda: server.sent(path) >= INTERRUPTED_AT)
        terminal.run(command)
        return [row for row in terminal.rows() if not any(span.text.startswith(OMITTED_ROW) for span in row)]


if __name__ == "__main__":
    main()
