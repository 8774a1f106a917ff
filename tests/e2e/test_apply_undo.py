"""Applying the patch and undoing it leaves pip as it was: the very same objects, in every pip."""

from __future__ import annotations

from e2e.real_pip import Environments

# Before pip's own download module: in pip 25.1 to 25.3 that one cannot be the first to be imported.
SCRIPT = """
import pip._internal.operations.prepare
from pip._internal.network import download, session
from pip_resume.inside_pip.download_step import apply, undo

def owners():
    return [each for each in (download, download.Downloader, getattr(download, "BatchDownloader", None)) if each]

def snapshot():
    return [dict(vars(each)) for each in owners()]

def same(one, other):
    return all(a.keys() == b.keys() and all(a[name] is b[name] for name in a) for a, b in zip(one, other))

before = snapshot()
undo(download)
assert same(snapshot(), before), "undoing nothing changes nothing"
apply(download)
applied = snapshot()
changed = {
    (owner.__name__, name)
    for owner, was, now in zip(owners(), before, applied)
    for name in now
    if was.get(name) is not now[name]
}
replaced = {owner for owner, _ in changed}
assert {name for _, name in changed} == {"__call__"}, changed
assert "Downloader" in replaced and replaced <= {"Downloader", "BatchDownloader"}, changed
assert download.Downloader.__call__.__wrapped__ is before[1]["__call__"]
apply(download)
assert same(snapshot(), applied), "applying twice changes nothing more"
undo(download)
assert same(snapshot(), before), "undone, everything is what it was"
apply(download)
undo(download)
undo(download)
assert same(snapshot(), before)
print(*sorted(replaced))
"""


def test_undoing_gives_back_the_very_same_objects(environment: Environments, pip_version: str) -> None:
    result = environment(pip_version).run_python("-c", SCRIPT, env={"PIP_RESUME": "0"})
    assert result.returncode == 0, result.text
    has_a_loop_of_its_own = pip_version in {"21.3.1", "22.3.1", "23.2.1", "24.0", "24.2", "25.0.1"}
    assert result.stdout.split() == (["BatchDownloader", "Downloader"] if has_a_loop_of_its_own else ["Downloader"])
