"""What holds for every record, valid, damaged or arbitrary."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from unit.texts import ANY_TEXT, Understood, damaged

from pip_resume.protocol.checkpoint import (
    FORMAT,
    MAX_RECORD_BYTES,
    RECORDED_FIELDS,
    Checkpoint,
    encode_checkpoint,
    parse_checkpoint,
    record_format,
    recorded_fields,
    recorded_name,
)

LINES = st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" "), max_size=60).filter(str.isprintable)
COMPONENTS = LINES.filter(lambda name: name not in (".", "..") and not set(name) & set("/\\:"))
LENGTHS = st.integers(0, 2**62 - 1)
CHECKPOINTS = st.builds(
    Checkpoint,
    filename=COMPONENTS,
    content_type=LINES,
    host=LINES,
    complete_length=st.none() | LENGTHS,
    fields=st.none() | st.dictionaries(st.sampled_from(RECORDED_FIELDS), LINES),
    url_key=LINES,
    boot_id=LINES,
    inode=st.integers(0, 2**128 - 1),
    synced=LENGTHS,
    is_https=st.booleans(),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("../x") | st.just("a\nb"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(RECORDED_FIELDS) | st.text(), inner),
    max_leaves=6,
)
TEXTS = LINES | st.text()
NUMBERS = LENGTHS | st.integers()
# Values of the right kind, so that many are accepted; each is also replaced by values of every kind.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("filename", "content_type", "host", "url_key", "boot_id", "url"), TEXTS),
    **dict.fromkeys(("complete_length", "inode", "synced", "format"), NUMBERS),
    "is_https": st.booleans(),
    "fields": st.dictionaries(st.sampled_from(RECORDED_FIELDS) | st.text(), TEXTS, max_size=3),
}
CHANGES = st.one_of([st.tuples(st.just(name), values | JSON_VALUES) for name, values in VALUES.items()])


@given(CHECKPOINTS)
def test_encoding_and_parsing_a_checkpoint_are_inverse(checkpoint: Checkpoint) -> None:
    assert parse_checkpoint(encode_checkpoint(checkpoint)) == checkpoint


@given(st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
@example(b"[" * MAX_RECORD_BYTES)
@example(b'{"format":' * 5000)
@example(b'{"format": ' + b"9" * 5000 + b"}")
@example(b'{"format": true}')
@example(b'{"format": 2, "self": 1}')
@example(b"\xff\xfe{}")
def test_arbitrary_bytes_are_not_used_as_a_record(record: bytes) -> None:
    assert parse_checkpoint(record) is None


def assert_harmless(parsed: Checkpoint) -> None:
    """Check that the values of a record cannot leave the store, split a field or be no number of bytes."""
    assert parse_checkpoint(encode_checkpoint(parsed)) == parsed
    assert not set(parsed.filename) & set("/\\\0\r\n")
    assert parsed.filename not in (".", "..")
    assert parsed.complete_length is None or parsed.complete_length >= 0
    assert parsed.synced >= 0
    assert set(parsed.fields or ()) <= set(RECORDED_FIELDS)
    assert not set("".join((parsed.fields or {}).values())) & set("\r\n")


changed_records_understood = Understood()


@changed_records_understood
@given(CHECKPOINTS, CHANGES)
def test_a_record_with_one_changed_value_is_rejected_or_harmless(
    checkpoint: Checkpoint, change: tuple[str, Any]
) -> None:
    name, value = change
    values = {"format": FORMAT, **checkpoint._asdict(), name: value}

    parsed = parse_checkpoint(json.dumps(values).encode())

    if changed_records_understood.count(parsed) and parsed is not None:
        assert_harmless(parsed)


damaged_records_understood = Understood()


@damaged_records_understood
@given(damaged(CHECKPOINTS.map(lambda checkpoint: encode_checkpoint(checkpoint).decode())))
def test_a_damaged_record_is_rejected_or_harmless(text: str) -> None:
    parsed = parse_checkpoint(text.encode("utf-8", "surrogatepass"))

    if damaged_records_understood.count(parsed) and parsed is not None:
        assert_harmless(parsed)


@given(
    st.dictionaries(
        st.sampled_from(RECORDED_FIELDS) | st.sampled_from(["set-cookie", "location"]) | st.text(), st.text()
    )
)
def test_recorded_fields_can_be_read_back(fields: dict[str, str]) -> None:
    recorded = recorded_fields(fields)

    assert set(recorded) <= set(RECORDED_FIELDS)
    checkpoint = Checkpoint(fields=recorded)
    assert parse_checkpoint(encode_checkpoint(checkpoint)) == checkpoint


@given(COMPONENTS | damaged(COMPONENTS) | ANY_TEXT)
def test_a_recorded_name_can_be_read_back(filename: str) -> None:
    name = recorded_name(filename)

    assert name in (filename, "")
    assert parse_checkpoint(encode_checkpoint(Checkpoint(filename=name))) == Checkpoint(filename=name)


@given(CHECKPOINTS, st.integers().filter(lambda version: not 1 <= version <= FORMAT))
def test_a_record_of_a_different_format_is_recognised_and_not_used(checkpoint: Checkpoint, version: int) -> None:
    record = json.dumps({"format": version, **checkpoint._asdict()}).encode()

    assert record_format(record) == version
    assert parse_checkpoint(record) is None
