"""Wrong bytes from any source cost one fresh download in the same run, and none of them stays on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import Machine, attempts_alone, hashed_link
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    NEXT_RUN_RANGE,
    OTHER_CONTENT,
    PATH,
    REST_RANGE,
    SIZE,
    UNTIL_CLOSE,
    cut,
    link_with_hash,
    link_with_partial,
    link_without_hash,
)
from pip._internal.models.link import Link
from servers.fault_server import Answer, FaultServer, FileAnswer, Then
from servers.index_pages import IMMUTABLE

from pip_resume.protocol.planning import OVERLAP_BYTES
from pip_resume.storage import partial

THIRD_CONTENT = OTHER_CONTENT[::-1]
WRONG = replace(FILE, content=OTHER_CONTENT)
HASHES = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")


def invert_byte(path: Path, position: int) -> None:
    """Invert one byte of a file, in place."""
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 0xFF]))


def assert_is_healed(machine: Machine, url: str) -> None:
    """Check that the store is empty, and that pip's cache has the right file."""
    assert machine.files_in_store() == []
    assert machine.cached_body(url) == CONTENT


def assert_nothing_is_left(machine: Machine, url: str) -> None:
    """Check that the store is empty, and that pip's cache has no entry."""
    assert machine.files_in_store() == []
    assert machine.cache_entry(url) is None


def assert_entry_stays(machine: Machine, url: str) -> None:
    """Plain pip keeps its entry, too. With the right hash in the link it is used."""
    assert machine.cache_entry(url) is not None
    assert machine.files_in_store() == []


class TestOneWrongDownload:
    def test_after_a_wrong_rest_the_complete_file_is_downloaded_once(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, replace(FILE, flips=(SIZE - 1,)), FILE)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, None]
        assert outcome.display.restart_reasons == ["its hash is not the expected one"]
        assert outcome.elapsed_s == 0
        assert_is_healed(machine, http_server.url(PATH))

    def test_after_a_wrong_rest_the_bytes_of_the_new_download_count_as_new(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        """The connection breaks five times before as many bytes are held as before the restart."""
        http_server.plays(PATH, CUT, replace(FILE, flips=(SIZE - 1,)), *[cut(FILE, 200_000)] * 5, FILE)

        outcome = machine.download(link_with_hash(http_server), options=attempts_alone(3))

        assert outcome.content == CONTENT
        assert [failure.new_bytes for failure in outcome.display.failures] == [HELD, *[200_000] * 5]

    def test_after_a_wrong_file_caches_on_the_way_have_to_ask_the_server(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        """Field report 3.1: a cache on the way has a file that the index has replaced (RFC 9111 section 5.2.1.4)."""
        http_server.plays(PATH, WRONG, cut(FILE), FILE)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, None, REST_RANGE]
        # pip's own session sends max-age=0 with the first request, which has its cache.
        fields = [exchange.request.fields.get("cache-control") for exchange in http_server.requests(PATH)]
        assert fields[1:] == ["no-cache", "no-cache"]
        assert fields[0] != "no-cache"

    @pytest.mark.parametrize("name", HASHES)
    def test_a_file_is_verified_with_every_kind_of_hash(
        self, name: str, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, replace(FILE, flips=(0,)), FILE)

        outcome = machine.download(link_with_hash(http_server, name=name))

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) == 2
        assert_is_healed(machine, http_server.url(PATH))


class TestDamagedPartial:
    def test_damage_before_the_overlap_is_found_by_the_digest(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_partial(machine, http_server, FILE)
        invert_byte(machine.part_path(link), 1000)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE, None]
        assert_is_healed(machine, http_server.url(PATH))

    def test_damage_in_the_overlap_is_found_at_once(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_partial(machine, http_server, replace(FILE, rate=2_000_000), FILE)
        invert_byte(machine.part_path(link), HELD - OVERLAP_BYTES)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE, None]
        assert http_server.requests(PATH)[1].sent < OVERLAP_BYTES + SIZE - HELD

    def test_damage_is_repaired_by_a_server_without_ranges(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_hash(http_server)
        http_server.plays(PATH, replace(CUT, ranges=False), replace(FILE, ranges=False))
        machine.download_partly(link)
        invert_byte(machine.part_path(link), 1000)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) == 2

    @pytest.mark.parametrize("first", [CUT, cut(UNTIL_CLOSE)], ids=["first with a length", "first until close"])
    @pytest.mark.parametrize("ranges", [True, False], ids=["server with ranges", "server without ranges"])
    @pytest.mark.parametrize("is_right", [True, False], ids=["right bytes and more", "wrong bytes and more"])
    def test_a_partial_longer_than_the_file_costs_at_most_two_requests(
        self, first: FileAnswer, ranges: bool, is_right: bool, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_hash(http_server)
        http_server.plays(PATH, first, replace(FILE, ranges=ranges))
        machine.download_partly(link)
        machine.part_path(link).write_bytes((CONTENT if is_right else OTHER_CONTENT) + b"more")

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) <= 3
        assert_is_healed(machine, http_server.url(PATH))

    def test_a_wrong_partial_of_full_length_costs_one_download(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, http_server, FILE)
        machine.part_path(link).write_bytes(OTHER_CONTENT)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, None]

    @pytest.mark.parametrize(
        "record",
        [b"", b"{}", b'{"format": 1}', b"\xff" * 100_000],
        ids=["empty", "no version", "no fields", "too large"],
    )
    def test_an_invalid_record_costs_one_download(
        self, record: bytes, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, http_server, FILE)
        machine.record_path(link).write_bytes(record)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) == 2
        assert_is_healed(machine, http_server.url(PATH))


class TestTwoWrongDownloads:
    def test_pip_gets_the_second_wrong_file_and_judges_it(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, WRONG)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == OTHER_CONTENT
        assert http_server.asked_ranges(PATH) == [None, None]
        assert outcome.elapsed_s == 0
        assert_nothing_is_left(machine, http_server.url(PATH))

    @pytest.mark.parametrize("ranges", [True, False])
    def test_a_wrong_file_with_too_large_a_length_is_not_taken_for_one_that_was_cut(
        self, ranges: bool, machine: Machine, http_server: FaultServer
    ) -> None:
        """Its archive is complete. A request for more of it would bring nothing, for five minutes."""
        too_large = {"Content-Length": str(SIZE + 100), "Cache-Control": IMMUTABLE}
        http_server.plays(PATH, replace(WRONG, fields=too_large, ranges=ranges, then=Then.CLOSE))

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == OTHER_CONTENT
        assert http_server.asked_ranges(PATH) == [None, None]
        assert_nothing_is_left(machine, http_server.url(PATH))

    def test_a_source_distribution_that_was_cut_is_not_unpacked_before_it_is_continued(
        self, machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """For a large one that would take seconds, with every cut."""
        unpacked: list[str] = []
        monkeypatch.setattr(partial, "is_sound", lambda _file, filename: unpacked.append(filename))
        path = "/sample-1.0.tar.gz"
        http_server.plays(path, CUT, FILE)

        assert machine.download(hashed_link(http_server.url(path), CONTENT)).content == CONTENT
        assert unpacked == []

    @pytest.mark.parametrize("missing", [1, 100, SIZE - HELD])
    def test_a_file_that_was_cut_is_not_taken_for_a_wrong_one(
        self, missing: int, machine: Machine, http_server: FaultServer
    ) -> None:
        without_ranges = replace(FILE, ranges=False)
        http_server.plays(PATH, *[cut(without_ranges, SIZE - missing)] * 4, without_ranges)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert outcome.display.restart_reasons == []
        assert_is_healed(machine, http_server.url(PATH))

    def test_pip_gets_the_second_wrong_file_after_a_resume(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_partial(machine, http_server, replace(FILE, flips=(SIZE - 1,)))

        outcome = machine.download(link)

        assert outcome.content == CONTENT[:-1] + bytes([CONTENT[-1] ^ 0xFF])
        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE, None]
        assert_nothing_is_left(machine, http_server.url(PATH))

    def test_without_a_hash_a_file_that_is_damaged_at_the_server_is_for_pip_and_not_for_its_cache(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        """Joined, its checksums are wrong, and so are they after one fresh download. Later runs must not get it."""
        damaged = replace(FILE, flips=(SIZE // 2,))
        https_server.plays(PATH, cut(damaged), damaged)

        outcome = machine.download(link_without_hash(https_server))

        assert outcome.content == CONTENT[: SIZE // 2] + bytes([CONTENT[SIZE // 2] ^ 0xFF]) + CONTENT[SIZE // 2 + 1 :]
        assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE, None]
        assert outcome.display.restart_reasons == ["the archive is damaged"]
        assert_nothing_is_left(machine, https_server.url(PATH))

    def test_without_a_hash_a_damaged_file_that_came_as_a_whole_is_for_pip_at_once(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        """Nothing was joined: plain pip would have the same bytes."""
        https_server.plays(PATH, replace(FILE, flips=(SIZE // 2,)))

        outcome = machine.download(link_without_hash(https_server))

        assert https_server.asked_ranges(PATH) == [None]
        assert outcome.content[SIZE // 2] == CONTENT[SIZE // 2] ^ 0xFF
        assert outcome.display.reasons == []

    def test_a_wrong_203_is_not_stored_in_the_cache(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_hash(http_server)
        http_server.plays(PATH, Answer(203, {"Cache-Control": IMMUTABLE}, OTHER_CONTENT))

        assert machine.download(link).content == OTHER_CONTENT
        assert_nothing_is_left(machine, http_server.url(PATH))

    @pytest.mark.parametrize("name", HASHES)
    def test_pip_gets_the_file_although_the_hash_of_the_index_is_wrong(
        self, name: str, machine: Machine, http_server: FaultServer
    ) -> None:
        # With --require-hashes pip uses only the hashes in the requirements file.
        http_server.plays(PATH, FILE)

        outcome = machine.download(hashed_link(http_server.url(PATH), OTHER_CONTENT, name=name))

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) == 2
        assert_nothing_is_left(machine, http_server.url(PATH))

    def test_a_malformed_hash_is_left_to_pip(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, FILE)

        outcome = machine.download(Link(http_server.url(PATH) + "#sha256=abc"))

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) == 1


class TestWrongCacheEntry:
    def fill_cache(self, machine: Machine, server: FaultServer, response: FileAnswer = WRONG) -> Link:
        """Let plain pip fill its cache with this response; from now on the server has the right file."""
        server.plays(PATH, response)
        machine.download_with_plain_pip(server.url(PATH))
        assert machine.cache_entry(server.url(PATH)) is not None
        server.plays(PATH, FILE)
        server.forget()
        return link_with_hash(server)

    def test_a_wrong_entry_costs_one_download_and_is_replaced(self, machine: Machine, http_server: FaultServer) -> None:
        link = self.fill_cache(machine, http_server)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None]
        assert len(outcome.display.restart_reasons) == 1
        assert_is_healed(machine, http_server.url(PATH))
        assert machine.download(link).content == CONTENT
        assert len(http_server.requests(PATH)) == 1

    def test_a_wrong_entry_is_removed_although_the_right_file_may_not_be_cached(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = self.fill_cache(machine, http_server)
        # Nothing that says how long it is fresh, and no validator: pip's rules then leave an older entry as it is.
        http_server.plays(PATH, replace(FILE, fields={}, etag=None, last_modified=None))

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert machine.cache_entry(http_server.url(PATH)) is None

    def test_a_wrong_entry_is_read_once_although_too_little_is_stored_to_be_continued(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, cut(FILE, 1000))
        machine.download_partly(link_with_hash(http_server))
        link = self.fill_cache(machine, http_server)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None]
        assert len(outcome.display.restart_reasons) == 1

    def test_a_wrong_entry_does_not_discard_the_partial(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT)
        machine.download_partly(link_with_hash(http_server))
        link = self.fill_cache(machine, http_server)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [NEXT_RUN_RANGE]

    def test_a_wrong_entry_is_replaced_although_the_server_answers_304(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = self.fill_cache(machine, http_server, replace(WRONG, fields={"Cache-Control": "max-age=0"}))

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.statuses(PATH) == [304, 200]

    @pytest.mark.parametrize(
        ("length", "asked"),
        [
            pytest.param(0, None, id="empty"),
            pytest.param(1000, None, id="shorter than the overlap"),
            pytest.param(HELD, NEXT_RUN_RANGE, id="long"),
        ],
    )
    def test_a_cut_body_in_the_cache_is_continued(
        self, length: int, asked: str | None, machine: Machine, http_server: FaultServer
    ) -> None:
        link = self.fill_cache(machine, http_server, FILE)
        (body,) = machine.cache_directory.rglob("*.body")
        body.write_bytes(CONTENT[:length])

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [asked]
        assert outcome.display.failures == []
        assert_is_healed(machine, http_server.url(PATH))

    @pytest.mark.parametrize(
        ("length", "offset"),
        [
            pytest.param(0, HELD, id="empty"),
            pytest.param(1000, HELD, id="shorter than the partial"),
            pytest.param(HELD + 100_000, HELD + 100_000, id="longer than the partial"),
        ],
    )
    def test_a_cut_body_in_the_cache_is_continued_unless_the_partial_is_longer(
        self, length: int, offset: int, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT)
        machine.download_partly(link_with_hash(http_server))
        link = self.fill_cache(machine, http_server, FILE)
        (body,) = machine.cache_directory.rglob("*.body")
        body.write_bytes(CONTENT[:length])

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [f"bytes={offset - OVERLAP_BYTES}-"]
        assert outcome.display.failures == []
        assert_is_healed(machine, http_server.url(PATH))

    def test_without_a_hash_a_cut_body_in_the_cache_is_continued_with_its_validator(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        link = Link(self.fill_cache(machine, https_server, FILE).url_without_fragment)
        (body,) = machine.cache_directory.rglob("*.body")
        body.write_bytes(CONTENT[:HELD])

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        (request,) = https_server.requests(PATH)
        assert (request.range, request.request.fields["if-range"]) == (NEXT_RUN_RANGE, '"v1"')
        assert_is_healed(machine, https_server.url(PATH))

    def test_without_a_hash_a_cut_body_in_the_cache_of_a_different_file_costs_one_download(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        """The server has replaced the file, and kept its ETag."""
        link = Link(self.fill_cache(machine, https_server, FILE).url_without_fragment)
        (body,) = machine.cache_directory.rglob("*.body")
        body.write_bytes(OTHER_CONTENT[:HELD])

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert https_server.asked_ranges(PATH) == [NEXT_RUN_RANGE, None]
        assert_is_healed(machine, https_server.url(PATH))

    def test_a_wrong_entry_that_cannot_be_removed_is_ignored(self, machine: Machine, http_server: FaultServer) -> None:
        link = self.fill_cache(machine, http_server)
        session = machine.session()
        # As on a read-only cache directory, where pip ignores the error.
        session.get_adapter(link.url).cache.delete = lambda _key: None  # type: ignore[attr-defined]

        outcome = machine.download(link, session=session)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None]

    def test_pip_gets_the_second_wrong_file_of_the_server_after_a_wrong_entry(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = self.fill_cache(machine, http_server)
        http_server.plays(PATH, replace(WRONG, content=THIRD_CONTENT))

        outcome = machine.download(link)

        assert outcome.content == THIRD_CONTENT
        assert http_server.asked_ranges(PATH) == [None, None]
        assert_entry_stays(machine, http_server.url(PATH))

    def test_the_hash_of_the_link_is_wrong_if_the_server_has_the_file_of_the_cache_and_the_entry_stays(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = self.fill_cache(machine, http_server)
        http_server.plays(PATH, WRONG)

        outcome = machine.download(link)

        assert outcome.content == OTHER_CONTENT
        assert http_server.asked_ranges(PATH) == [None]
        assert_entry_stays(machine, http_server.url(PATH))
