"""What a record holds, and what is not one."""

from __future__ import annotations

import json

import pytest

from pip_resume.protocol.checkpoint import (
    FORMAT,
    Checkpoint,
    encode_checkpoint,
    parse_checkpoint,
    recorded_fields,
    with_length,
)

CHECKPOINT = Checkpoint(
    filename="a-1.whl",
    content_type="application/zip",
    host="index.test",
    complete_length=5_000_000_000,
    fields={"etag": '"v1"', "cache-control": "max-age=60"},
    url_key="0" * 64,
    boot_id="a boot",
    inode=7,
    synced=4096,
)


def test_a_record_reads_as_it_was_written() -> None:
    assert parse_checkpoint(encode_checkpoint(CHECKPOINT)) == CHECKPOINT


def test_the_version_comes_first_for_whoever_reads_it_later() -> None:
    assert next(iter(json.loads(encode_checkpoint(CHECKPOINT)))) == "format"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"filename": "../../a"}, id="a name that climbs"),
        pytest.param({"filename": ".."}, id="a name that is a directory"),
        pytest.param({"filename": "a\\b"}, id="a backslash"),
        pytest.param({"filename": "a\0"}, id="a zero byte"),
        pytest.param({"content_type": "a\r\nSet-Cookie: x"}, id="a line break"),
        pytest.param({"complete_length": -1}, id="a negative length"),
        pytest.param({"complete_length": 1.5}, id="half a byte"),
        pytest.param({"complete_length": True}, id="a length that is a truth"),
        pytest.param({"complete_length": "5"}, id="a length in quotes"),
        pytest.param({"complete_length": 1 << 63}, id="a length that no file has"),
        pytest.param({"synced": None}, id="nothing synced"),
        pytest.param({"fields": {"set-cookie": "x"}}, id="a field that we never keep"),
        pytest.param({"fields": {"etag": '"a"\n'}}, id="a line break in a field"),
        pytest.param({"fields": {"etag": 1}}, id="a field that is no text"),
        pytest.param({"fields": ["etag"]}, id="fields without values"),
        pytest.param({"more": 1}, id="something unknown"),
        pytest.param({"format": FORMAT + 1}, id="a later version"),
        pytest.param({"format": 0}, id="an earlier version"),
        pytest.param({"format": str(FORMAT)}, id="a version in quotes"),
    ],
)
def test_what_we_would_not_have_written_is_not_read(damage: dict[str, object]) -> None:
    record = {"format": FORMAT, **CHECKPOINT._asdict(), **damage}

    assert parse_checkpoint(json.dumps(record).encode()) is None


@pytest.mark.parametrize("record", [b"", b"null", b"[]", b'"x"', b"\xff", b"{", b"1"])
def test_what_is_no_record_is_not_read(record: bytes) -> None:
    assert parse_checkpoint(record) is None


def test_half_a_record_is_not_read() -> None:
    record = encode_checkpoint(CHECKPOINT)

    assert [parse_checkpoint(record[:length]) for length in range(0, len(record) - 2, 7)] == [None] * len(
        range(0, len(record) - 2, 7)
    )


def test_only_fields_of_the_white_list_are_kept() -> None:
    received = {"etag": '"v1"', "set-cookie": "id=1", "authorization": "x", "x-signed": "y", "vary": "Accept"}

    assert recorded_fields(received) == {"etag": '"v1"', "vary": "Accept"}


def test_an_entity_tag_that_cannot_be_kept_takes_the_date_with_it() -> None:
    received = {"etag": '"v\x01"', "last-modified": "Fri, 03 Jan 2020 10:00:00 GMT"}

    assert recorded_fields(received) == {}


@pytest.mark.parametrize(("told", "known"), [(None, 5_000_000_000), (7, 7)], ids=["not told", "told"])
def test_a_length_is_learned_and_never_forgotten(told: int | None, known: int) -> None:
    assert with_length(CHECKPOINT, told) == CHECKPOINT._replace(complete_length=known)
