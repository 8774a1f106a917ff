"""Why the doctor cannot see a file of the index, in words, with a remedy. Pure: from what was seen to findings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pip_resume.commands.doctor.finding import BROKEN, NOTE, OK, Finding, doctor_with, quoted
from pip_resume.wording import printable

Seen = Mapping[str, Any]
_LONG = {"-i": "--index-url", "-f": "--find-links"}
_CREDENTIALS = re.compile(r"(?<=://)[^/@]*(?=@)")


class Typed(NamedTuple):
    """What was typed after ``pip-resume doctor``."""

    project: str = ""
    """Empty for the default."""
    options: Sequence[Sequence[str]] = ()
    """Those of pip, each with its value."""

    def again(self, *option: str, project: str = "") -> str:
        """Return the command with a different project, or with this option instead of the one that was typed.

        A user name and a password in a URL are not shown.
        """
        kept = [each for each in self.options if not option or _LONG.get(each[0], each[0]) != option[0]]
        typed = [quoted(_CREDENTIALS.sub("****", word)) for each in kept for word in each]
        words = [project or (quoted(self.project) if self.project else ""), *typed, *option]
        return doctor_with(" ".join(filter(None, words)))

    def scheme_of(self, host: str) -> str:
        """Return http if a URL of this host was typed so, else https."""
        words = [word for option in self.options for word in option]
        return "http" if any(re.match(rf"http://([^/@]*@)?{re.escape(host)}(/|$)", word) for word in words) else "https"

    def has_credentials_for(self, host: str) -> bool:
        """Whether a URL of this host was typed with a user."""
        words = [word for option in self.options for word in option]
        return any(f"@{host}" in word for word in words)


def not_reached(seen: Seen, typed: Typed) -> Finding | None:
    """Return the one finding if there is nothing to say about the server of a file; else None."""
    if "pip_error" in seen:
        return Finding(BROKEN, "index", f"pip failed: {printable(str(seen['pip_error']))}")
    if "error" in seen:
        return of_error(seen["error"], seen, typed)
    if seen.get("uses_no_index"):
        return Finding(OK, "index", "not asked, because pip uses none here (--no-index)")
    reasons = sorted(seen.get("failures", ()), key=lambda failure: failure.get("status") == 404)
    is_local = seen.get("is_local", False)
    hides_file = [each for each in reasons if each.get("status") != 404 or not is_local]
    if "file" not in seen and hides_file:
        return of_error(hides_file[0], seen, typed)
    if is_local:
        text = f"pip takes {seen['project']} from this machine (--find-links): name a project of the index"
        return Finding(NOTE, "index", text, typed.again(project="PROJECT"))
    if seen.get("is_page"):
        text = f"{seen['host']} sent a web page instead of the file. If this network has a login page, log in first"
        return Finding(BROKEN, "index", printable(text), typed.again())
    if "file" in seen:
        return None
    project = seen.get("project", "?")
    text = f"No matching distribution found for {project}: the index has no file of it for this Python"
    return Finding(BROKEN, "index", text, typed.again(project="PROJECT"))


def lacks_project(seen: Seen) -> bool:
    """Whether all indexes were reached, and none has a file of the project."""
    is_asked = not any(key in seen for key in ("pip_error", "error", "file"))
    return is_asked and all(failure.get("status") == 404 for failure in seen.get("failures", ()))


def of_error(error: Seen, seen: Seen, typed: Typed) -> Finding:
    """Put an error into words. Its remedy is a call of the doctor with what may be missing."""
    status = error.get("status")
    if error.get("kind") == "proxy" and "407" in error.get("cause", ""):
        status = 407
    text, remedy = _of_kind(error, typed) if status is None else _of_status(status, error, seen, typed)
    return Finding(BROKEN, "index", printable(text), remedy)


def _of_kind(error: Seen, typed: Typed) -> tuple[str, str]:
    host, cause = error.get("host") or "the index", error.get("cause", "")
    is_silent = cause.startswith("read timed out")
    not_connected = f"{host} does not respond: {cause}" if is_silent else f"no connection to {host}: {cause}"
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    by_kind = {
        "certificate": (
            f"the certificate of {host} cannot be verified: {cause}",
            typed.again("--cert", "FILE"),
        ),
        "proxy": (f"no connection to {host}: {cause}", typed.again("--proxy", "http://HOST:PORT")),
        "connection": (not_connected, typed.again("--index-url", "URL")),
        "page": (f"{host}: {cause}", typed.again("--index-url", "URL")),
        "not trusted": (
            f"pip ignores {host}, because it is http and not a trusted host",
            typed.again("--trusted-host", quoted(name)),
        ),
    }
    return by_kind.get(error.get("kind", ""), (f"{host}: {cause}", ""))


def _of_status(status: int, error: Seen, seen: Seen, typed: Typed) -> tuple[str, str]:
    host, project = error.get("host") or "the index", seen.get("project", "?")
    with_user = typed.again("--index-url", f"{typed.scheme_of(host)}://USER:PASSWORD@{host}/...")
    refused = "; it does not accept those that were given" if typed.has_credentials_for(host) else ""
    if status == 404 and "file" in seen:
        return f"the index names {seen['file']}, but {host} does not have it (404)", ""
    by_status = {
        401: (f"{host} requires a user name and a password (401){refused}", with_user),
        403: (f"{host} refuses the request (403)", with_user),
        404: (
            f"No matching distribution found for {project}: {host} does not have it (404)",
            typed.again(project="PROJECT"),
        ),
        407: (
            f"the proxy requires a user name and a password (407) for {host}",
            typed.again("--proxy", "http://USER:PASSWORD@HOST:PORT"),
        ),
    }
    return by_status.get(status, (f"{host} answered {status}; try again later", ""))
