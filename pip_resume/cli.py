"""The command `pip-resume`: its arguments, its exit codes, and one line for each error.

Each command is imported only when it is used: `doctor` must run even if the rest of the package is damaged.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pip_resume import __version__
from pip_resume.commands import completion
from pip_resume.commands.hook import DEFAULT_SHELL, SHELLS

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "pip-resume"
# A POSIX shell reports 128 plus the number of the signal: 13 is SIGPIPE, 2 is SIGINT.
BROKEN_PIPE = 141
INTERRUPTED = 130
_DESCRIPTION = "Continue broken downloads of pip: set PIP_RESUME=1, and use pip as before."
_EXIT_CODES = """\
exit codes:
  0    done; doctor: works; demo: the plugin resumed
  1    purge: some stored files are in use by another pip;
       doctor: works within one run only, or is switched off;
       demo: the plugin did not resume
  2    usage error, or an error reported by the operating system;
       doctor: does not work
  130  interrupted by Ctrl-C

list, purge and doctor have --json, for scripts.
More: https://github.com/pip-resume/pip-resume#readme"""
_VALUES_FOR_PIP = (
    ("-i", "--index-url"),
    ("--extra-index-url",),
    ("-f", "--find-links"),
    ("--trusted-host",),
    ("--proxy",),
    ("--cert",),
    ("--client-cert",),
    ("--timeout",),
    ("--retries",),
    ("--cache-dir",),
    ("--keyring-provider",),
)
_FLAGS_FOR_PIP = ("--no-index", "--pre", "--no-cache-dir", "--isolated")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line without the usage, which --help prints, and exit with 2."""
        from pip_resume.wording import printable

        self.exit(2, printable(f"{self.prog}: {message} (see {self.prog} --help)") + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code. ``arguments`` has no program name; None means `sys.argv`."""
    for stream in (sys.stdout, sys.stderr):
        # File names may contain characters that the terminal's encoding does not have.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout again when it exits, and would print a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        from pip_resume.wording import printable

        print(printable(f"{PROGRAM}: {_in_one_line(error)}"), file=sys.stderr)
        return 2


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = _parser().parse_args(arguments)
        return int(options.run(options))
    finally:
        # Flush here, so that `main` sees a broken pipe. `finally`, because --help leaves with SystemExit.
        sys.stdout.flush()


def _in_one_line(error: Exception) -> str:
    """Return one line about an error that the user can do something about. Raises any other error again."""
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{error.filename}: "
        return f"{where}{error.strerror or error}"
    if isinstance(error, (ImportError, SyntaxError)):
        return f"this installation is damaged ({error}); repair it with: {_reinstall()}"
    from pip_resume.errors import CommandError

    if isinstance(error, CommandError):
        return str(error)
    raise error


def _reinstall() -> str:
    try:
        from pip_resume.commands.installation import reinstall_command
    except (ImportError, SyntaxError):
        return f"{sys.executable} -m pip install --force-reinstall --no-deps pip-resume=={__version__}"
    return reinstall_command()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.set_defaults(run=lambda _: _help(parser))
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    _add_list(commands)
    _add_purge(commands)
    _add_doctor(commands)
    _add_demo(commands)
    _add_hook(commands)
    _add_completion(commands, parser)
    return parser


def _command(commands: argparse._SubParsersAction[_Parser], name: str, purpose: str) -> _Parser:
    return commands.add_parser(
        name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", allow_abbrev=False
    )


def _add_cache_directory(parser: _Parser) -> None:
    parser.add_argument(
        "--cache-dir",
        metavar="DIR",
        type=Path,
        help="pip's cache directory (default: what `python -m pip cache dir` says)",
    )


def _add_list(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands, "list", "list the stored files: partial downloads, and finished files that are not in pip's cache"
    )
    _add_cache_directory(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_list)


def _add_purge(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(commands, "purge", "remove stored files: all, or only those matching NAME or older than AGE")
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="a project, a file name, or a pattern such as '*.tar.gz'"
    )
    parser.add_argument(
        "--older-than",
        metavar="AGE",
        type=_duration_s,
        default=0.0,
        help="only those that have not grown for AGE: 2w, 3d, 12h, 90m, 45s",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    _add_cache_directory(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_purge)


class _ForPip(argparse.Action):
    """Collects options of pip, each with its value, to pass them on."""

    def __call__(
        self, _parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: object, option: str | None = None
    ) -> None:
        words = (option,) if value == [] else (option, value)
        namespace.for_pip = [*namespace.for_pip, words]


def _add_doctor(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "doctor",
        "say whether pip-resume is on, reaches this environment's pip, and would resume with that pip's index",
    )
    parser.add_argument(
        "project",
        metavar="PROJECT",
        nargs="?",
        help="ask the index for a file of this project: a few short requests, nothing is installed (default: six)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    pips = parser.add_argument_group("options of pip, which are passed on to it")
    for names in _VALUES_FOR_PIP:
        pips.add_argument(*names, metavar=names[-1].rpartition("-")[2].upper(), action=_ForPip, help=argparse.SUPPRESS)
    for name in _FLAGS_FOR_PIP:
        pips.add_argument(name, nargs=0, action=_ForPip, help=argparse.SUPPRESS)
    known = [*(names[-1] for names in _VALUES_FOR_PIP), *_FLAGS_FOR_PIP]
    pips.description = ", ".join(known)
    parser.usage = "%(prog)s [-h] [--json] [OPTIONS OF PIP] [PROJECT]"
    parser.set_defaults(run=_doctor, for_pip=[])


def _add_demo(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(commands, "demo", "break a download on this machine, without the plugin and with it")
    parser.set_defaults(run=_demo)


def _add_hook(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(commands, "hook", "reach Pythons that do not have pip-resume, through PYTHONPATH")
    parser.set_defaults(run=lambda _: parser.error("say which: path or env"))
    parts = parser.add_subparsers(metavar="COMMAND")
    path = _command(parts, "path", "print the directory that belongs in front of PYTHONPATH")
    path.set_defaults(run=_hook_path)
    line = _command(
        parts, "env", "print the shell command that puts the directory of 'hook path' in front of PYTHONPATH"
    )
    line.add_argument("--shell", choices=SHELLS, default=DEFAULT_SHELL, help="default: %(default)s")
    line.set_defaults(run=_hook_env)


def _add_completion(commands: argparse._SubParsersAction[_Parser], whole: _Parser) -> None:
    parser = _command(commands, "completion", "print a script that completes these commands in a shell")
    parser.add_argument("--shell", choices=completion.SHELLS, default="bash", help="default: %(default)s")
    parser.set_defaults(run=lambda options: _completion(options, whole))


def _completion(options: argparse.Namespace, whole: _Parser) -> int:
    commands = _choices(whole)
    words = {name: [*_choices(parser), *_options(parser)] for name, parser in commands.items()}
    print(completion.script(options.shell, {"": [*commands, *_options(whole)], **words}))
    return 0


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the commands below a parser, by name."""
    found = (action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(next(found, {}))


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [name for action in parser._actions for name in action.option_strings if name.startswith("--")]


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def _duration_s(text: str) -> float:
    from pip_resume.settings import parse_duration

    duration_s = parse_duration(text)
    if duration_s is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 2w, 3d, 12h, 90m or 45s")
    return duration_s


def _list(options: argparse.Namespace) -> int:
    from pip_resume.commands import partials

    return partials.show_as_json(options.cache_dir) if options.json else partials.show(options.cache_dir)


def _purge(options: argparse.Namespace) -> int:
    from pip_resume.commands import partials

    act = partials.rehearse if options.dry_run else partials.purge
    purged = act(options.cache_dir, options.names, options.older_than)
    if options.json:
        partials.report_as_json(purged)
    else:
        partials.report(purged, options.names, "Would remove" if options.dry_run else "Removed")
    return purged.exit_code


def _doctor(options: argparse.Namespace) -> int:
    from pip_resume.commands import doctor

    act = doctor.run_as_json if options.json else doctor.run
    return act(options.project or doctor.DEFAULT_PROJECT, options.for_pip)


def _demo(_: argparse.Namespace) -> int:
    from pip_resume.commands import demo

    return demo.run()


def _hook_path(_: argparse.Namespace) -> int:
    from pip_resume.commands import hook

    print(hook.DIRECTORY)
    return 0


def _hook_env(options: argparse.Namespace) -> int:
    from pip_resume.commands import hook

    print(hook.environment_line(options.shell, hook.DIRECTORY))
    return 0
