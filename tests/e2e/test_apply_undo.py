"""The patch can be undone: every attribute of pip's download module is the same object as before, in every pip."""

from __future__ import annotations

from environments.environment import Environments

PIPS_WITH_BATCH_DOWNLOADER = {"21.3.1", "22.3.1", "23.2.1", "24.0", "24.2", "25.0.1"}
"""They download several files in a class of its own."""
# `prepare` is imported first because of pip 25.1 to 25.3, where importing the download module first fails.
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
assert same(snapshot(), before), "undoing without a patch changes nothing"
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
assert same(snapshot(), applied), "applying the patch twice changes nothing more"
undo(download)
assert same(snapshot(), before), "undone, everything is as before"
apply(download)
undo(download)
undo(download)
assert same(snapshot(), before), "undoing twice changes nothing more"
print(*sorted(replaced))
"""


def test_undoing_the_patch_restores_the_same_objects(environments: Environments, pip_version: str) -> None:
    result = environments.with_plugin(pip_version).run_python("-c", SCRIPT, env={"PIP_RESUME": "0"})
    assert result.returncode == 0, result.text
    has_batch_downloader = pip_version in PIPS_WITH_BATCH_DOWNLOADER
    assert result.stdout.split() == (["BatchDownloader", "Downloader"] if has_batch_downloader else ["Downloader"])
