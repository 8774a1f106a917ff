"""The record beside a partial: what it may hold, what is rejected, and the records of all formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pip_resume.protocol.checkpoint import (
    FORMAT,
    Checkpoint,
    encode_checkpoint,
    parse_checkpoint,
    record_format,
    recorded_fields,
    recorded_name,
    with_length,
)

RECORDS = Path(__file__).parent / "records"
CHECKPOINT = Checkpoint(
    filename="spam-1.0-py3-none-any.whl",
    content_type="application/octet-stream",
    host="index.test",
    complete_length=5_000_000_000,
    fields={
        "accept-ranges": "bytes",
        "cache-control": "max-age=365000000, immutable, public",
        "content-type": "application/octet-stream",
        "date": "Fri, 03 Jan 2020 10:00:01 GMT",
        "etag": '"v1"',
        "last-modified": "Fri, 03 Jan 2020 10:00:00 GMT",
    },
    url_key="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    boot_id="5c1b2f66-4a3e-4c39-9f0e-7d1f6f1f3c11",
    inode=1234567,
    synced=33_554_432,
    is_https=False,
    is_unhashed=True,
)
"""What the file of the present format in RECORDS holds."""
OLDER = {1: CHECKPOINT._replace(is_https=True, is_unhashed=None), 2: CHECKPOINT._replace(is_unhashed=None)}
"""What the files of older formats hold. Format 1 did not say whether a URL was http, and 2 whether there was a hash."""
CHANGED = f"""
What is written differs from records/format-{FORMAT}.json, and released versions read and write that format.
If the change is wanted: give FORMAT in pip_resume/protocol/checkpoint.py a new number, let parse_checkpoint read the
old ones too, and add a file records/format-N.json for the new number. The old files stay as they are."""


@pytest.mark.parametrize("version", range(1, FORMAT + 1))
def test_the_record_of_every_format_is_read(version: int) -> None:
    record = (RECORDS / f"format-{version}.json").read_bytes()

    assert record_format(record) == version
    assert parse_checkpoint(record) == OLDER.get(version, CHECKPOINT), (
        f"format {version} can no longer be read{CHANGED}"
    )


def test_the_record_of_the_present_format_is_written_byte_for_byte() -> None:
    assert encode_checkpoint(CHECKPOINT) == (RECORDS / f"format-{FORMAT}.json").read_bytes(), CHANGED


def test_there_is_one_record_for_each_format() -> None:
    assert sorted(path.name for path in RECORDS.glob("*.json")) == [f"format-{n}.json" for n in range(1, FORMAT + 1)]


def test_every_value_of_the_record_differs_from_its_default() -> None:
    defaults = Checkpoint()

    assert [name for name in Checkpoint._fields if getattr(CHECKPOINT, name) == getattr(defaults, name)] == []


def test_the_format_is_the_first_value_of_a_record() -> None:
    assert next(iter(json.loads(encode_checkpoint(CHECKPOINT)))) == "format"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"filename": "../../a"}, id="name with a path"),
        pytest.param({"filename": ".."}, id="name of a directory"),
        pytest.param({"filename": "a" * 256}, id="name that no file system has"),
        pytest.param({"host": "a" * 256}, id="host that no resolver has"),
        pytest.param({"filename": "a\\b"}, id="name with a backslash"),
        pytest.param({"filename": "a:b"}, id="name with a colon"),
        pytest.param({"filename": "a\0"}, id="name with a zero byte"),
        pytest.param({"content_type": "a\r\nSet-Cookie: x"}, id="line break"),
        pytest.param({"host": None}, id="host that is not text"),
        pytest.param({"complete_length": -1}, id="negative length"),
        pytest.param({"complete_length": 1.5}, id="fraction of a byte"),
        pytest.param({"complete_length": True}, id="boolean as a length"),
        pytest.param({"complete_length": "5"}, id="length in quotes"),
        pytest.param({"complete_length": 1 << 63}, id="length above that of any file"),
        pytest.param({"synced": None}, id="no number of synced bytes"),
        pytest.param({"synced": -1}, id="negative number of synced bytes"),
        pytest.param({"is_https": None}, id="no word on https"),
        pytest.param({"is_https": 1}, id="a number instead of a boolean"),
        pytest.param({"is_unhashed": 1}, id="a number instead of a boolean about the hash"),
        pytest.param({"url_key": "a\nb"}, id="line break in the key of the URL"),
        pytest.param({"boot_id": 5}, id="boot that is not text"),
        pytest.param({"inode": -1}, id="negative inode"),
        pytest.param({"inode": 1 << 128}, id="inode of more than 128 bits"),
        pytest.param({"fields": {"set-cookie": "x"}}, id="field that is never recorded"),
        pytest.param({"fields": {"etag": '"a"\n'}}, id="line break in a field"),
        pytest.param({"fields": {"etag": 1}}, id="field that is not text"),
        pytest.param({"fields": ["etag"]}, id="fields without values"),
        pytest.param({"more": 1}, id="unknown value"),
        pytest.param({"created_s": 1.5}, id="value of format 1"),
        pytest.param({"format": FORMAT + 1}, id="later format"),
        pytest.param({"format": 0}, id="format before the first"),
        pytest.param({"format": str(FORMAT)}, id="format in quotes"),
    ],
)
def test_a_record_that_was_not_written_by_us_is_rejected(change: dict[str, object]) -> None:
    record = {"format": FORMAT, **CHECKPOINT._asdict(), **change}

    assert parse_checkpoint(json.dumps(record).encode()) is None


@pytest.mark.parametrize("record", [b"", b"null", b"[]", b'"x"', b"\xff", b"{", b"1"])
def test_bytes_that_are_not_a_record_are_rejected(record: bytes) -> None:
    assert parse_checkpoint(record) is None


def test_an_incomplete_record_is_rejected() -> None:
    record = encode_checkpoint(CHECKPOINT)

    assert {parse_checkpoint(record[:length]) for length in range(len(record) - 2)} == {None}


def test_a_record_that_is_too_large_is_rejected() -> None:
    record = encode_checkpoint(CHECKPOINT)

    assert parse_checkpoint(record.ljust(65_536)) == CHECKPOINT
    assert parse_checkpoint(record.ljust(65_537)) is None


def test_a_record_without_values_says_nothing() -> None:
    checkpoint = parse_checkpoint(json.dumps({"format": FORMAT}).encode())

    assert checkpoint == Checkpoint("", "", "", None, None, "", "", 0, 0, is_https=True)


def test_the_largest_numbers_of_a_record_are_accepted() -> None:
    largest = CHECKPOINT._replace(complete_length=(1 << 63) - 1, synced=(1 << 63) - 1, inode=(1 << 128) - 1)
    smallest = CHECKPOINT._replace(complete_length=0, synced=0, inode=0)

    assert parse_checkpoint(encode_checkpoint(largest)) == largest
    assert parse_checkpoint(encode_checkpoint(smallest)) == smallest


def test_a_value_of_format_1_may_be_missing_there() -> None:
    assert parse_checkpoint(json.dumps({"format": 1, "filename": "a-1.whl"}).encode()) == Checkpoint("a-1.whl")


def test_only_listed_fields_are_recorded() -> None:
    fields = {"etag": '"v1"', "set-cookie": "id=1", "authorization": "x", "x-signed": "y", "vary": "Accept"}

    assert recorded_fields(fields) == {"etag": '"v1"', "vary": "Accept"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("accept-ranges", id="decides about ranges"),
        pytest.param("content-disposition", id="names the file in pip's cache entry"),
        pytest.param("content-encoding", id="decides whether a response can continue the file"),
        pytest.param("content-type", id="given to pip with the file"),
        pytest.param("cache-control", id="decides about pip's cache"),
        pytest.param("expires", id="decides about pip's cache in HTTP 1.0"),
        pytest.param("date", id="gives the age of pip's cache entry"),
        pytest.param("vary", id="decides for which requests pip's cache entry holds"),
    ],
)
def test_a_field_that_a_later_run_needs_is_recorded(name: str) -> None:
    assert recorded_fields({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"etag": '"v1"', "last-modified": "Fri, 03 Jan 2020 10:00:00 GMT"}, id="entity tag and date"),
        pytest.param({"last-modified": "Fri, 03 Jan 2020 10:00:00 GMT"}, id="date alone"),
    ],
)
def test_validators_are_recorded(fields: dict[str, str]) -> None:
    assert recorded_fields(fields) == fields


def test_without_its_entity_tag_a_date_is_not_recorded_either() -> None:
    fields = {"etag": '"v\x01"', "last-modified": "Fri, 03 Jan 2020 10:00:00 GMT"}

    assert recorded_fields(fields) == {}


@pytest.mark.parametrize(
    ("filename", "recorded"),
    [
        pytest.param("a-1.whl", "a-1.whl", id="file name"),
        pytest.param("AXYZ_9.0+cu118~!%(1).whl", "AXYZ_9.0+cu118~!%(1).whl", id="all kinds of characters"),
        pytest.param("a" * 255, "a" * 255, id="the longest name that file systems have"),
        pytest.param("../a", "", id="path"),
        pytest.param("..", "", id="directory"),
        pytest.param("a\nb", "", id="line break"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_name_that_would_be_rejected_is_recorded_as_empty(filename: str, recorded: str) -> None:
    assert recorded_name(filename) == recorded


@pytest.mark.parametrize(
    ("sent", "length"),
    [
        pytest.param(None, CHECKPOINT.complete_length, id="the response gives none: the known length is kept"),
        pytest.param(7, 7, id="the response gives one: it replaces the known length"),
    ],
)
def test_a_complete_length_is_replaced_but_never_forgotten(sent: int | None, length: int) -> None:
    assert with_length(CHECKPOINT, sent) == CHECKPOINT._replace(complete_length=length)


@pytest.mark.parametrize(
    ("checkpoint", "value"),
    [
        pytest.param(CHECKPOINT, '"v1"', id="recorded"),
        pytest.param(Checkpoint(fields={}), None, id="not recorded"),
        pytest.param(Checkpoint(), None, id="no response yet"),
    ],
)
def test_a_field_is_found_by_its_name(checkpoint: Checkpoint, value: str | None) -> None:
    assert checkpoint.field("etag") == value


@pytest.mark.parametrize("filename", [".", ".."])
def test_a_name_of_a_directory_is_rejected(filename: str) -> None:
    assert recorded_name(filename) == ""
    assert parse_checkpoint(encode_checkpoint(Checkpoint(filename))) is None
