"""Programs that have files of the store open and do not share them (Windows)."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from storage.conftest import CONTENT, HALF
from storage.holding import SHARE_READ_AND_WRITE, Holder
from storage.test_open_files import names_in

from pip_resume.artifact import Artifact
from pip_resume.errors import StoreUnusable
from pip_resume.protocol.checkpoint import Checkpoint, parse_checkpoint
from pip_resume.storage.sharing import MOST_WAITED_S, WAIT_S, insist, is_too_long, long_path
from pip_resume.storage.store import Store
from pip_resume.storage.stored_partial import StoredPartial

only_windows = pytest.mark.skipif(sys.platform != "win32", reason="POSIX has no sharing violations")
SHORT_S = 0.3


class SharingViolation(PermissionError):
    """What Windows raises if another process has a file open and does not share it."""

    winerror = 32


class Failing:
    """A call that fails this many times."""

    def __init__(self, times: int, error: OSError) -> None:
        self._left = times
        self._error = error

    def __call__(self) -> str:
        if self._left:
            self._left -= 1
            raise self._error
        return "done"


class TestInsist:
    def test_a_sharing_violation_is_tried_again(self) -> None:
        assert insist(Failing(3, SharingViolation())) == "done"

    def test_one_call_is_tried_again_for_a_second(self) -> None:
        before_s = time.monotonic()
        with pytest.raises(PermissionError):
            insist(Failing(10**6, SharingViolation()))
        assert WAIT_S <= time.monotonic() - before_s < WAIT_S + 1

    def test_all_calls_together_wait_no_longer_than_the_limit(self) -> None:
        calls = 8
        before_s = time.monotonic()
        for _ in range(calls):
            with pytest.raises(PermissionError):
                insist(Failing(10**6, SharingViolation()))
        assert time.monotonic() - before_s < MOST_WAITED_S + 2 < calls * WAIT_S

    @pytest.mark.parametrize("error", [FileNotFoundError(2, "none"), OSError(28, "full"), PermissionError(13, "mode")])
    def test_other_errors_are_raised_at_once(self, error: OSError) -> None:
        with pytest.raises(type(error)):
            insist(Failing(1, error))


class TestPaths:
    @pytest.mark.skipif(sys.platform == "win32", reason="for POSIX")
    def test_posix_has_no_other_form_of_a_path_and_no_limit_of_259_characters(self) -> None:
        path = Path("/", *["directory"] * 40)
        assert (long_path(path), is_too_long(path)) == (path, False)

    @only_windows
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            (r"C:\cache\http-v2", r"\\?\C:\cache\http-v2"),
            (r"\\server\share\cache", r"\\?\UNC\server\share\cache"),
            (r"\\?\C:\cache", r"\\?\C:\cache"),
        ],
    )
    def test_windows_has_a_form_without_a_limit(self, path: str, expected: str) -> None:
        assert str(long_path(Path(path))) == expected

    @only_windows
    def test_names_of_the_store_may_be_longer_than_those_of_the_cache(self, tmp_path: Path, artifact: Artifact) -> None:
        cache = tmp_path / ("x" * (175 - len(str(tmp_path))))
        store = Store(cache / "http-v2", "this boot")
        partial = store.claim(artifact)
        partial.note(Checkpoint(complete_length=len(CONTENT)))
        partial.append(CONTENT)
        partial.take_over(partial.beside(HALF, partial.checkpoint))
        assert len(str(partial.path)) > 259
        assert partial.is_stored
        partial.discard()
        store.close()


@only_windows
class TestScanner:
    def test_an_earlier_part_file_that_is_open_for_a_moment_is_continued(
        self, partial: StoredPartial, store: Store, artifact: Artifact, holder: Holder
    ) -> None:
        partial.close()
        holder.hold(partial.path)
        holder.release_after(SHORT_S)

        claimed = store.claim(artifact)

        assert claimed.offset == HALF
        claimed.close()

    def test_an_earlier_part_file_that_stays_open_makes_the_store_unusable_once(
        self, partial: StoredPartial, store: Store, artifact: Artifact, holder: Holder
    ) -> None:
        partial.close()
        holder.hold(partial.path)

        with pytest.raises((StoreUnusable, PermissionError)):
            store.claim(artifact)

        holder.release()
        assert names_in(store) == [".json", ".part"]

    def test_a_record_that_is_open_for_a_moment_is_written(
        self, partial: StoredPartial, store: Store, holder: Holder
    ) -> None:
        record = partial.path.with_suffix(".json")
        holder.hold(record, SHARE_READ_AND_WRITE)
        holder.release_after(SHORT_S)

        partial.note(partial.checkpoint._replace(synced=7))

        assert synced_in(record) == 7
        assert names_in(store) == [".json", ".part"]

    def test_a_record_that_stays_open_is_written_with_a_later_block(
        self, partial: StoredPartial, store: Store, holder: Holder
    ) -> None:
        record = partial.path.with_suffix(".json")
        holder.hold(record, SHARE_READ_AND_WRITE)
        partial.note(partial.checkpoint._replace(synced=7))
        assert synced_in(record) == 0
        assert names_in(store) == [".json", ".part"]

        holder.release()
        partial.append(CONTENT[HALF:])

        assert synced_in(record) == 7

    def test_a_part_file_that_stays_open_keeps_its_name_and_no_second_file_is_left(
        self, partial: StoredPartial, store: Store, holder: Holder
    ) -> None:
        holder.hold(partial.path, SHARE_READ_AND_WRITE)

        partial.take_over(partial.beside(0, Checkpoint()))
        partial.append(CONTENT)

        assert partial.has_right_digest()
        assert not partial.is_stored
        partial.close()
        assert ".new" not in names_in(store)

    def test_a_part_file_that_is_open_for_a_moment_is_replaced(
        self, partial: StoredPartial, store: Store, holder: Holder
    ) -> None:
        holder.hold(partial.path, SHARE_READ_AND_WRITE)
        holder.release_after(SHORT_S)

        partial.take_over(partial.beside(0, Checkpoint()))

        assert partial.is_stored
        assert names_in(store) == [".json", ".part"]

    def test_a_part_file_that_is_open_for_a_moment_is_removed(
        self, partial: StoredPartial, store: Store, holder: Holder
    ) -> None:
        holder.hold(partial.path, SHARE_READ_AND_WRITE)
        holder.release_after(SHORT_S)

        partial.discard()

        assert names_in(store) == []


def synced_in(record: Path) -> int:
    """Return how many bytes a record says are synced."""
    checkpoint = parse_checkpoint(record.read_bytes())
    assert checkpoint is not None
    return checkpoint.synced
