"""What a starting pip of this environment makes of us, found out in a process of its own and told as one line of JSON.

Not imported but run as a file, without our package: whether that can be found is part of the question. Takes the
directory that our package is in, for what is asked after that.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

DOWNLOAD = "pip._internal.network.download"
STARTUP = "pip_resume.startup"


def look_at_start() -> dict[str, Any]:
    """What is there before pip, and so comes from start-up alone."""
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


def look_at_pip() -> dict[str, Any]:
    """Have pip come as far as a download, with the options that its settings give it; say what happened to it."""
    seen: dict[str, Any] = {}
    try:
        import pip
        from pip._internal.commands import create_command

        seen.update(pip_version=pip.__version__, pip_file=pip.__file__)
        command: Any = create_command("download")

        def run(options: Any, _: Any) -> int:
            try:
                session = command.get_default_session(options)
                seen.update(cache_dir=options.cache_dir)
                seen.update(look_at_download(session))
                seen.update(store=store_below(session))
            except Exception as error:
                seen["error"] = f"{type(error).__name__}: {error}"
            return 0

        command.run = run
        command.main(["--disable-pip-version-check"])
    except (Exception, SystemExit) as error:
        seen["error"] = f"{type(error).__name__}: {error}"
    return seen


def look_at_download(session: Any) -> dict[str, Any]:
    """Make a downloader as pip does, which is when we come in."""
    import inspect

    # First, as every pip does it: on its own the other is a circular import in some.
    importlib.import_module("pip._internal.cli.req_command")
    module = importlib.import_module(DOWNLOAD)
    fired = getattr(module.Downloader.__init__, "__module__", "") == STARTUP
    wanted = inspect.signature(module.Downloader.__init__).parameters
    values = {"session": session, "progress_bar": "off", "resume_retries": 0}
    module.Downloader(**{name: value for name, value in values.items() if name in wanted})
    step = sys.modules.get("pip_resume.inside_pip.download_step")
    return {"fired": fired, "patched": bool(step and step.is_applied(module))}


def store_below(session: Any) -> str | None:
    """The store that this session's downloads would use; None where they keep nothing."""
    from pip_resume.inside_pip.http_cache import cache_directory
    from pip_resume.storage.store import DIRECTORY

    directory = cache_directory(session)
    return None if directory is None else str(directory / DIRECTORY)


def look_at_hook_points() -> dict[str, Any]:
    """Which of the names that we build on this pip has."""
    try:
        from pip_resume.inside_pip.compat import hook_points

        return {"hook_points": hook_points(importlib.import_module(DOWNLOAD))}
    except Exception as error:
        return {"hook_points_error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Look, and tell."""
    # The current directory is none that an installed pip would look into.
    sys.path[:] = [entry for entry in sys.path if entry]
    seen = look_at_start()
    sys.path.append(sys.argv[1])
    seen.update(look_at_pip())
    seen.update(look_at_hook_points())
    sys.__stdout__.write(f"\n{json.dumps(seen)}\n")  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
