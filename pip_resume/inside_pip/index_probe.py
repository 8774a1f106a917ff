"""Request one file from the index that this pip uses, in a child process; print one line of JSON.

The doctor runs this file as a script. Its arguments are the directory that contains the package, a requirement, and
pip's own options. Nothing is installed, and no file is written. What is printed contains no URL.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pip._internal.models.link import Link

COLLECTOR = "pip._internal.index.collector"
SESSION = "pip._internal.network.session"
_FAILED, _SKIPPED, _NOT_TRUSTED = "Could not fetch URL", "Skipping page", "The repository located at"


class Failures(logging.Handler):
    """Remembers why pip could not use a page of an index: pip only logs it, and goes on without that page."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take the exception that pip is handling at this moment: the record has only its text."""
        message = str(record.msg)
        if not message.startswith((_FAILED, _SKIPPED, _NOT_TRUSTED)) or not isinstance(record.args, tuple):
            return
        if message.startswith(_NOT_TRUSTED):
            self.seen.append({"host": str(record.args[0]), "kind": "not trusted", "status": None, "cause": ""})
            return
        found = why(sys.exc_info()[1])
        if message.startswith(_SKIPPED):
            found = {"kind": "page", "status": None, "cause": "the response is not a page of an index"}
        self.seen.append({"host": host_of(getattr(record.args[0], "url", "")), **found})


def why(error: BaseException | None) -> dict[str, Any]:
    """Return the kind of a failure, its status if the server answered, and a cause without URLs."""
    from pip._vendor.urllib3 import exceptions as urllib3_exceptions

    from pip_resume.inside_pip import failures

    if error is None:
        return {"kind": "other", "status": None, "cause": "no reason was given"}
    chain = list(failures.causes(error))
    status = _status_of(chain)
    if status is not None:
        return {"kind": "status", "status": status, "cause": ""}
    if failures.is_about_a_certificate(error):
        kind = "certificate"
    elif any(isinstance(e, urllib3_exceptions.ProxyError) for e in chain):
        kind = "proxy"
    elif failures.is_without_connection(error):
        kind = "connection"
    else:
        kind = "other"
    return {"kind": kind, "status": None, "cause": failures.cause_of(error)}


def _status_of(chain: list[BaseException]) -> int | None:
    """Return the status that an error, or what has caused it, is about; None if there is none."""
    from pip._vendor.urllib3 import exceptions as urllib3_exceptions

    for error in chain:
        status: int | None = getattr(getattr(error, "response", None), "status_code", None)
        if status:
            return status
        # After its --retries urllib3 has the status only in a text: "too many 503 error responses".
        found = re.search(r"too many (\d{3}) ", str(error))
        if isinstance(error, urllib3_exceptions.ResponseError) and found:
            return int(found[1])
    return None


def host_of(url: str) -> str:
    """Return host and port of a URL, without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def without_urls(text: str) -> str:
    """Return a text of pip without the URLs in it: they may contain passwords."""
    return re.sub(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", "(URL)", text)


def look(requirement: str, arguments: list[str]) -> dict[str, Any]:
    """Run `pip download` with these options up to the choice of a file, and request that file.

    Return what was seen; what stopped it is in the key "error". Raises nothing but KeyboardInterrupt.
    """
    seen: dict[str, Any] = {}
    try:
        from pip._internal.commands import create_command

        command: Any = create_command("download")

        # Replaces the command's own `run`, which `main` calls with the parsed options.
        def run(options: Any, _: Any) -> int:
            try:
                seen.update(look_at_index(command, options, requirement))
            except Exception as error:
                found = why(error)
                if found["kind"] == "other":
                    seen["pip_error"] = without_urls(f"{type(error).__name__}: {error}")
                else:
                    seen["error"] = {"host": "", **found}
            return 0

        command.run = run
        # Two attempts show as well as six whether a host can be reached. A typed --retries comes later, and counts.
        command.main(["--disable-pip-version-check", "--retries", "1", *arguments, requirement])
    except (Exception, SystemExit) as error:
        seen.setdefault("pip_error", without_urls(f"{type(error).__name__}: {error}"))
    return seen


def look_at_index(command: Any, options: Any, requirement: str) -> dict[str, Any]:
    """Let pip choose the file that it would download, request it, and return what was seen."""
    from pip._internal.exceptions import InstallationError
    from pip._vendor.packaging.requirements import InvalidRequirement, Requirement

    from pip_resume.inside_pip import own_session

    try:
        wanted = Requirement(requirement)
    except InvalidRequirement:
        raise InstallationError(f"invalid requirement {requirement!r}") from None
    if wanted.url is not None:
        raise InstallationError("name a project of an index, not a URL")
    session = command.get_default_session(options)
    own_session.bypass_cache(session)
    finder = command._build_package_finder(options=options, session=session)
    loggers, failures = [logging.getLogger(name) for name in (COLLECTOR, SESSION)], Failures()
    for logger in loggers:
        logger.addHandler(failures)
        logger.setLevel(logging.DEBUG)
    try:
        best = finder.find_best_candidate(wanted.name, wanted.specifier).best_candidate
        everything = [] if best is None else finder.find_all_candidates(wanted.name)
    finally:
        for logger in loggers:
            logger.removeHandler(failures)
    seen: dict[str, Any] = {
        "project": wanted.name,
        "index_hosts": [host_of(url) for url in finder.index_urls],
        "failures": [each for number, each in enumerate(failures.seen) if each not in failures.seen[:number]],
    }
    # What pip would take from this machine says nothing about the index: then the newest that it has.
    remote = [each for each in [best, *reversed(everything)] if each is not None and not each.link.is_file]
    if best is None or not remote:
        return {**seen, "is_local": best is not None, "uses_no_index": not finder.index_urls and best is None}
    remote_version = remote[0].version if remote[0] is best else max(each.version for each in remote)
    chosen = next(each for each in remote if each.version == remote_version)
    return {**seen, "version": str(chosen.version), **look_at_file(session, chosen.link)}


def look_at_file(session: Any, link: Link) -> dict[str, Any]:
    """Return what a few short requests of the link show about its server."""
    from pip_resume.inside_pip.index_requests import FileRequests

    seen = {"file": link.filename, "host": host_of(link.url)}
    try:
        return {**seen, **FileRequests(session, link).look()}
    except Exception as error:
        return {**seen, "error": {"host": seen["host"], **why(error)}}


def main() -> None:
    """Look, and print the result to stdout."""
    sys.path[:] = [entry for entry in sys.path if entry]
    package, requirement, *arguments = sys.argv[1:]
    sys.path.append(package)
    seen = look(requirement, arguments)
    # On a line of its own, whatever pip printed before. The doctor reads the last line.
    sys.__stdout__.write(f"\n{json.dumps(seen)}\n")  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
