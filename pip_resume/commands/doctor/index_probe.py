"""Run `inside_pip/index_probe.py` in a child interpreter, and read what it prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pip_resume.commands.doctor.child import run_script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# pip may wait its --timeout, 15 s, for each host twice, and an index may be slow.
_TIMEOUT_S = 120
# These say where packages are, so that pip uses no index unless they name pages of their own.
_FIND_LINKS = ("-f", "--find-links")


def needs_no_request(options: Sequence[str]) -> bool:
    """Whether these options of pip exclude every index and every page with links."""
    return "--no-index" in options and not any(option in _FIND_LINKS for option in options)


def run_index_probe(requirement: str, options: Sequence[str]) -> Mapping[str, Any]:
    """Run the probe with these options of pip and return what it saw.

    Raises nothing for a child that fails: the reason is in the key "pip_error".
    """
    if needs_no_request(options):
        return {"uses_no_index": True}
    # Without our plugin: a doctor must not wait with the patience of a download.
    said = run_script("index_probe.py", requirement, *options, switch="0", timeout_s=_TIMEOUT_S)
    if said.seen is None:
        return {"pip_error": _without_urls(said.error)}
    # pip's own words about a wrong option are better than the exit code that it raised.
    is_usage = str(said.seen.get("pip_error", "")).startswith("SystemExit") and said.lines
    return {**said.seen, "pip_error": _without_urls(said.lines[-1])} if is_usage else said.seen


def _without_urls(text: str) -> str:
    """Return a line of pip without the URLs in it: they may contain passwords."""
    return re.sub(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", "(URL)", text)
