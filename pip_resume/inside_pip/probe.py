"""Check, in a child process, whether pip-resume is active in this environment's pip; print one line of JSON.

The doctor runs this file as a script, not as a module of the package: importing the package here would hide whether
start-up can import it. The first argument is the directory that contains the package. It is added to `sys.path` after
that check, so that the later checks find the package in any case. The others are options of pip.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

DOWNLOAD = "pip._internal.network.download"
STARTUP = "pip_resume.startup"


def look_at_start() -> dict[str, Any]:
    """Return what start-up has done. To be called before pip is imported."""
    from importlib.machinery import PathFinder

    found = PathFinder.find_spec("sitecustomize")
    package = sys.modules.get("pip_resume")
    return {
        "armed": any(type(finder).__module__ == STARTUP for finder in sys.meta_path),
        "package": getattr(package, "__file__", None),
        "version": getattr(package, "__version__", None),
        "sitecustomize": found.origin if found else None,
        "sitecustomize_run": sorted(getattr(sys, "_pip_resume_sitecustomize_started", ())),
    }


def look_at_pip(options: list[str]) -> dict[str, Any]:
    """Run `pip download`, with these options and the user's pip settings, up to the point where it makes a downloader.

    Return what was seen; an error of pip is in the key "error". Raises nothing but KeyboardInterrupt.
    """
    seen: dict[str, Any] = {}
    try:
        import pip
        from pip._internal.commands import create_command

        seen.update(pip_version=pip.__version__, pip_file=pip.__file__)
        command: Any = create_command("download")

        # Replaces the command's own `run`, which `main` calls with the parsed options.
        def run(parsed: Any, _: Any) -> int:
            try:
                session = command.get_default_session(parsed)
                seen.update(cache_dir=parsed.cache_dir)
                seen.update(look_at_download(session))
                seen.update(store=store_below(session))
            except Exception as error:
                seen["error"] = f"{type(error).__name__}: {error}"
            return 0

        command.run = run
        command.main(["--disable-pip-version-check", *options])
    except (Exception, SystemExit) as error:
        seen["error"] = f"{type(error).__name__}: {error}"
    return seen


def look_at_download(session: Any) -> dict[str, Any]:
    """Make a downloader as pip does, and return whether pip-resume then replaced the download step."""
    import inspect

    # pip always imports this module first. In some pips the download module cannot be imported without it (circular
    # import).
    importlib.import_module("pip._internal.cli.req_command")
    module = importlib.import_module(DOWNLOAD)
    fired = getattr(module.Downloader.__init__, "__module__", "") == STARTUP
    # `resume_retries` exists since pip 25.1.
    parameters = inspect.signature(module.Downloader.__init__).parameters
    values = {"session": session, "progress_bar": "off", "resume_retries": 0}
    module.Downloader(**{name: value for name, value in values.items() if name in parameters})
    step = sys.modules.get("pip_resume.inside_pip.download_step")
    return {"fired": fired, "patched": bool(step and step.is_applied(module))}


def store_below(session: Any) -> str | None:
    """Return the directory where downloads of this session would be stored; None if pip does not use its cache."""
    from pip_resume.inside_pip.http_cache import cache_directory
    from pip_resume.storage.store import DIRECTORY

    directory = cache_directory(session)
    return None if directory is None else str(directory / DIRECTORY)


def look_at_hook_points() -> dict[str, Any]:
    """Return which of the names in pip that pip-resume uses this pip has."""
    try:
        from pip_resume.inside_pip.compat import hook_points

        return {"hook_points": hook_points(importlib.import_module(DOWNLOAD))}
    except Exception as error:
        return {"hook_points_error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Run all checks and print the result to stdout."""
    # `-c` puts '' on sys.path. An installed pip script would not have it there.
    sys.path[:] = [entry for entry in sys.path if entry]
    seen = look_at_start()
    sys.path.append(sys.argv[1])
    seen.update(look_at_pip(sys.argv[2:]))
    seen.update(look_at_hook_points())
    # On a line of its own, whatever was printed before. The doctor reads the last line.
    sys.__stdout__.write(f"\n{json.dumps(seen)}\n")  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
