"""Wrong bytes, wherever they come from, cost one fresh download in the same run and are left nowhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import Machine, hashed
from integration.samples import CONTENT, CUT, FILE, HELD, OTHER, PATH, SIZE
from pip._internal.models.link import Link
from servers.fault_server import Answer, FaultServer, FileAnswer, Framing
from servers.index_pages import IMMUTABLE

from pip_resume.protocol.verdicts import OVERLAP_BYTES

LATER = f"bytes={HELD - OVERLAP_BYTES}-"
WRONG = replace(FILE, content=OTHER)
HASHES = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")


def flip(path: Path, position: int) -> None:
    """Damage one byte of a file, in place."""
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 0xFF]))


def assert_nothing_wrong_is_left(machine: Machine, url: str) -> None:
    entry = machine.entry(url)
    assert machine.left_in_store() == []
    assert entry is None or entry[0] == CONTENT


class TestWrongOnce:
    def test_a_wrong_rest_is_followed_by_one_whole_download(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, replace(FILE, flips=(SIZE - 1,)), FILE)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-", None]
        assert len(outcome.told.reasons) == 1
        assert outcome.slept_s == 0
        assert_nothing_wrong_is_left(machine, http_server.url(PATH))

    @pytest.mark.parametrize("name", HASHES)
    def test_every_kind_of_hash_is_checked(self, name: str, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, replace(FILE, flips=(0,)), FILE)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT, name=name))

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) == 2
        assert_nothing_wrong_is_left(machine, http_server.url(PATH))

    def test_a_203_that_is_wrong_is_not_left_in_the_cache(self, machine: Machine, http_server: FaultServer) -> None:
        link = hashed(http_server.url(PATH), CONTENT)
        http_server.plays(PATH, Answer(203, {"Cache-Control": IMMUTABLE}, OTHER))

        assert machine.download(link).content == OTHER
        assert machine.entry(http_server.url(PATH)) is None


class TestADamagedPartial:
    def test_damage_before_the_overlap_is_found_by_the_digest(self, machine: Machine, http_server: FaultServer) -> None:
        link = hashed(http_server.url(PATH), CONTENT)
        http_server.plays(PATH, CUT, FILE)
        machine.interrupted(link)
        flip(machine.part(link), 1000)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, LATER, None]
        assert_nothing_wrong_is_left(machine, http_server.url(PATH))

    def test_damage_in_the_overlap_is_found_at_once(self, machine: Machine, http_server: FaultServer) -> None:
        link = hashed(http_server.url(PATH), CONTENT)
        http_server.plays(PATH, CUT, replace(FILE, rate=2_000_000), FILE)
        machine.interrupted(link)
        flip(machine.part(link), HELD - OVERLAP_BYTES)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, LATER, None]
        assert http_server.requests(PATH)[1].sent < OVERLAP_BYTES + SIZE - HELD

    def test_damage_is_mended_by_a_server_without_ranges(self, machine: Machine, http_server: FaultServer) -> None:
        link = hashed(http_server.url(PATH), CONTENT)
        http_server.plays(PATH, replace(CUT, ranges=False), replace(FILE, ranges=False))
        machine.interrupted(link)
        flip(machine.part(link), 1000)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) == 2

    @pytest.mark.parametrize("first", [CUT, replace(CUT, framing=Framing.UNTIL_CLOSE)], ids=["sized", "unsized"])
    @pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
    @pytest.mark.parametrize("right", [True, False], ids=["right and more", "wrong and more"])
    def test_a_partial_that_is_too_long_does_no_harm(
        self, first: FileAnswer, ranges: bool, right: bool, machine: Machine, http_server: FaultServer
    ) -> None:
        link = hashed(http_server.url(PATH), CONTENT)
        http_server.plays(PATH, first, replace(FILE, ranges=ranges))
        machine.interrupted(link)
        machine.part(link).write_bytes((CONTENT if right else OTHER) + b"more")

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) <= 3
        assert_nothing_wrong_is_left(machine, http_server.url(PATH))

    def test_a_whole_partial_that_is_wrong_costs_one_download(self, machine: Machine, http_server: FaultServer) -> None:
        link = hashed(http_server.url(PATH), CONTENT)
        http_server.plays(PATH, CUT, FILE)
        machine.interrupted(link)
        machine.part(link).write_bytes(OTHER)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, None]

    @pytest.mark.parametrize(
        "record", [b"", b"{}", b'{"format": 1}', b"\xff" * 100_000], ids=["empty", "no version", "no fields", "huge"]
    )
    def test_a_record_that_we_would_not_have_written_costs_one_download(
        self, record: bytes, machine: Machine, http_server: FaultServer
    ) -> None:
        link = hashed(http_server.url(PATH), CONTENT)
        http_server.plays(PATH, CUT, FILE)
        machine.interrupted(link)
        machine.part(link).with_suffix(".json").write_bytes(record)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) == 2
        assert_nothing_wrong_is_left(machine, http_server.url(PATH))


class TestWrongAgain:
    def test_the_second_wrong_file_is_for_pip_to_judge(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, WRONG)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == OTHER
        assert http_server.asked_ranges(PATH) == [None, None]
        assert outcome.slept_s == 0
        assert_nothing_wrong_is_left(machine, http_server.url(PATH))

    def test_so_it_is_when_the_first_was_a_resumed_one(self, machine: Machine, http_server: FaultServer) -> None:
        link = hashed(http_server.url(PATH), CONTENT)
        http_server.plays(PATH, CUT, replace(FILE, flips=(SIZE - 1,)))
        machine.interrupted(link)

        outcome = machine.download(link)

        assert outcome.content == CONTENT[:-1] + bytes([CONTENT[-1] ^ 0xFF])
        assert http_server.asked_ranges(PATH) == [None, LATER, None]
        assert_nothing_wrong_is_left(machine, http_server.url(PATH))

    @pytest.mark.parametrize("name", HASHES)
    def test_a_wrong_hash_of_an_index_does_not_stand_between_pip_and_the_file(
        self, name: str, machine: Machine, http_server: FaultServer
    ) -> None:
        # Under --require-hashes pip looks at the hashes of the requirements file alone.
        http_server.plays(PATH, FILE)

        outcome = machine.download(hashed(http_server.url(PATH), OTHER, name=name))

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) == 2
        assert_nothing_wrong_is_left(machine, http_server.url(PATH))

    def test_a_hash_that_no_file_can_have_is_for_pip_to_judge(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, FILE)

        outcome = machine.download(Link(http_server.url(PATH) + "#sha256=abc"))

        assert outcome.content == CONTENT
        assert len(http_server.requests(PATH)) == 1


class TestAPoisonedCache:
    def poison(self, machine: Machine, server: FaultServer, answer: FileAnswer = WRONG) -> Link:
        """Have plain pip fill its cache with another file."""
        server.plays(PATH, answer)
        machine.fetch_with_plain_pip(server.url(PATH))
        assert machine.entry(server.url(PATH)) is not None
        server.plays(PATH, FILE)
        server.forget()
        return hashed(server.url(PATH), CONTENT)

    def test_it_is_healed_by_one_download(self, machine: Machine, http_server: FaultServer) -> None:
        link = self.poison(machine, http_server)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None]
        assert len(outcome.told.reasons) == 1
        entry = machine.entry(http_server.url(PATH))
        assert entry is not None
        assert entry[0] == CONTENT
        assert machine.download(link).content == CONTENT
        assert len(http_server.requests(PATH)) == 1

    def test_it_costs_nothing_of_a_partial(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT)
        machine.interrupted(hashed(http_server.url(PATH), CONTENT))
        link = self.poison(machine, http_server)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [LATER]

    def test_it_is_healed_when_the_server_says_that_nothing_has_changed(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = self.poison(machine, http_server, replace(WRONG, fields={"Cache-Control": "max-age=0"}))

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.statuses(PATH) == [304, 200]

    @pytest.mark.parametrize("length", [0, 1000, HELD], ids=["empty", "short", "long"])
    @pytest.mark.parametrize("partial", [True, False], ids=["with a partial", "without"])
    def test_a_cached_body_that_is_cut_is_healed(
        self, length: int, partial: bool, machine: Machine, http_server: FaultServer
    ) -> None:
        if partial:
            http_server.plays(PATH, CUT)
            machine.interrupted(hashed(http_server.url(PATH), CONTENT))
        link = self.poison(machine, http_server, FILE)
        (body,) = machine.cache_directory.rglob("*.body")
        body.write_bytes(CONTENT[:length])

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [LATER if partial else None]
        assert outcome.told.breaks == []

    def test_without_a_hash_a_cached_body_that_is_cut_is_healed(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        link = Link(self.poison(machine, https_server, FILE).url_without_fragment)
        (body,) = machine.cache_directory.rglob("*.body")
        body.write_bytes(CONTENT[:HELD])

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert https_server.asked_ranges(PATH) == [None]

    def test_an_entry_that_cannot_be_removed_does_not_stand_in_the_way(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = self.poison(machine, http_server)
        session = machine.session()
        # As on a cache directory that may only be read: pip passes over that in silence.
        session.get_adapter(link.url).cache.delete = lambda _key: None  # type: ignore[attr-defined]

        outcome = machine.download(link, session=session)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None]

    def test_wrong_in_the_cache_and_wrong_on_the_server_is_for_pip_to_judge(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = self.poison(machine, http_server)
        http_server.plays(PATH, WRONG)

        outcome = machine.download(link)

        assert outcome.content == OTHER
        assert http_server.asked_ranges(PATH) == [None, None]
        assert_nothing_wrong_is_left(machine, http_server.url(PATH))
