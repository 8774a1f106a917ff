"""Files of pip's cache whose hash is left to pip's own check, and a second look at them if that check fails.

pip hashes each file after its download. To hash a file of its cache before that as well costs 0.15 s for 200 MB, which
plain pip does not spend. So the file is handed over, and only if pip finds that its hash is wrong, pip-resume looks for
the reason: it hashes what the cache has, removes an entry that is wrong, and downloads the file again. Plain pip fails
with such an entry, in every run.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, Callable

from pip._internal.exceptions import HashMismatch

from pip_resume.inside_pip import replacement
from pip_resume.inside_pip.run import RUN

if TYPE_CHECKING:
    from pip._internal.models.link import Link

# One downloads a file and checks it, the other downloads several, which the first one checks afterwards.
_CHECKING, _BATCH = "_prepare_linked_requirement", "_complete_partial_requirements"
_current = threading.local()


def apply(preparer: type[Any] | None) -> None:
    """Follow what pip's RequirementPreparer checks; a second call changes nothing, nor does a pip that has none."""
    replacement.replace(preparer, _CHECKING, functools.partial(_followed, _check))
    replacement.replace(preparer, _BATCH, functools.partial(_followed, _run))


def undo(preparer: type[Any] | None) -> None:
    """Restore pip's own methods; changes nothing if they were not replaced."""
    replacement.restore(preparer, _CHECKING)
    replacement.restore(preparer, _BATCH)


def leave_to_pip(link: Link) -> bool:
    """Leave the hash of this link's file to pip; return False if pip does not check it next, or we cannot follow that.

    Only for wheels: pip cannot prepare a source distribution a second time. Only if the link has a hash, without which
    pip may check nothing. False after a check that has failed.
    """
    is_checked = link.is_wheel and bool(link.hash) and link.url not in RUN.doubted_urls
    is_left = getattr(_current, "is_followed", False) and is_checked
    if is_left:
        RUN.unchecked_urls.add(link.url)
    return is_left


def has_second_look(link: Link) -> bool:
    """Whether a check of pip's that has failed for this link is followed by a second look, which finds the reason."""
    return link.url in RUN.unchecked_urls - RUN.doubted_urls


def _followed(follow: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    # A function, because only a function becomes a method of its class.
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return follow(functools.partial(original, self, *args, **kwargs), self, *args, **kwargs)

    return method


def _run(original: Callable[[], Any], *_args: Any, **_kwargs: Any) -> Any:
    before, _current.is_followed = getattr(_current, "is_followed", False), True
    try:
        return original()
    finally:
        _current.is_followed = before


def _check(original: Callable[[], Any], preparer: Any, requirement: Any, *_args: Any, **_kwargs: Any) -> Any:
    try:
        return _run(original)
    except HashMismatch:
        if requirement.link is None or not has_second_look(requirement.link):
            raise
    RUN.doubted_urls.add(requirement.link.url)
    preparer._downloaded.pop(requirement.link.url, None)
    return _run(original)
