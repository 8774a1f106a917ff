"""Makes the picture of the terminal before and after: `python -m benchmarks.terminal_picture`, from the folder `tests`.

Both panels are real runs: pip in a pseudo-terminal gets a wheel from a slow https server on this machine, is
interrupted with Ctrl-C in the middle, and is asked again. The screen is drawn as it stands, but for one line: pip says
from which index it gets its packages unless that is the public one, and the address of a test server helps nobody.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.environments import ROOT, build_wheel, get_pip, make_pair, variables
from benchmarks.ram_disk import place_of_work
from benchmarks.terminal import Terminal
from benchmarks.terminal_svg import COLUMNS, Panel, picture
from servers.certificates import issue_certificates
from servers.fault_server import FaultServer
from servers.index_pages import honest, publish, wheel_artifact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.environments import Environment, Pair
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
LEFT_OUT = "Looking in indexes:"
TITLE = "pip install, interrupted with Ctrl-C in the middle of a download and run again, without and with pip-resume"
# What an installer writes, for an environment that no installer has made.
PIP_SCRIPT = """\
#!{python}
from pip._internal.cli.main import main
raise SystemExit(main())
"""


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.terminal_picture", description=__doc__)
    parser.add_argument("--pip", default=PIP, help=f"version to show (default: {PIP})")
    parser.add_argument(
        "--wheel", type=Path, help="show this wheel of pip-resume instead of one built from the checkout"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the SVG file to write")
    return parser.parse_args(arguments)


def main() -> None:
    chosen = options(sys.argv[1:])
    with place_of_work(None, NEEDED_BYTES) as work:
        (work / "built").mkdir()
        our_wheel = chosen.wheel or build_wheel(work / "built")
        pair = make_pair(work / "environments", get_pip(chosen.pip, work / "pips"), our_wheel)
        panels = both_panels(pair, issue_certificates(work / "certificates"), work)
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(picture(TITLE, panels))
    for panel in panels:
        print(f"{panel.heading}: {panel.in_words} {panel.why}")


def both_panels(pair: Pair, certificates: Certificates, work: Path) -> list[Panel]:
    """Without us and with us."""
    artifact = wheel_artifact(PROJECT, size=SIZE)
    plain_heading = f"Before: pip {pair.pip_version}, stopped with Ctrl-C and run again"
    told = [(pair.plain, plain_heading), (pair.ours, "After: the same with pip-resume")]
    panels = []
    with FaultServer(certificates.server_context()) as server:
        publish(server, artifact)
        server.plays(artifact.path, replace(honest(artifact), rate=RATE_BYTES_PER_S, piece=PIECE_BYTES))
        for environment, heading in told:
            server.forget()
            terminal = open_terminal(
                environment, server.url("/simple/"), certificates, work / environment.directory.name
            )
            rows = interrupted_and_repeated(terminal, environment, server, artifact.path)
            panels.append(Panel(heading, rows, server.sent(artifact.path), len(artifact.content)))
    return panels


def open_terminal(environment: Environment, index_url: str, certificates: Certificates, home: Path) -> Terminal:
    """A shell that finds this environment's pip, in a home directory of its own."""
    (home / "tmp").mkdir(parents=True)
    folder = environment.directory / "bin"
    script = folder / "pip"
    script.write_text(PIP_SCRIPT.format(python=environment.python))
    script.chmod(0o755)
    more = {
        "LC_ALL": "C.UTF-8",
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PIP_CERT": str(certificates.ca_file),
        "PIP_INDEX_URL": index_url,
    }
    return Terminal(variables(home, more), home, COLUMNS)


def interrupted_and_repeated(
    terminal: Terminal, environment: Environment, server: FaultServer, path: str
) -> list[list[Span]]:
    """Type what there is to type; returns what is to be seen of it."""
    command = f"pip install {PROJECT}"
    with terminal:
        for name, value in environment.variables.items():
            terminal.run(f"export {name}={value}")
        terminal.run_until(command, lambda: server.sent(path) >= INTERRUPTED_AT)
        terminal.run(command)
        return [row for row in terminal.rows() if not any(span.text.startswith(LEFT_OUT) for span in row)]


if __name__ == "__main__":
    main()
