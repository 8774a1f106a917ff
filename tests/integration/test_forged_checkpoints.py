"""A checkpoint on disk is input from outside: anybody may have written it."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from integration.machine import Machine
from integration.samples import CONTENT, FILE, HELD, OTHER_CONTENT, PATH, SIZE, link_with_hash
from integration.share import Share
from servers.fault_server import FaultServer

from pip_resume.protocol.checkpoint import (
    FORMAT,
    MAX_RECORD_BYTES,
    RECORDED_FIELDS,
    Checkpoint,
    encode_checkpoint,
    parse_checkpoint,
    record_format,
)

READABLE_FORMATS = (1, 2, FORMAT)
VALID = json.loads(encode_checkpoint(Checkpoint(complete_length=SIZE, boot_id="the boot of this test")))
LENGTHS = st.integers(0, 2**63 - 1) | st.integers(-1, 2**64)
NAMES = st.text("abc.-_ äß/\\", max_size=20)
PLAUSIBLE = {
    "format": st.integers(0, FORMAT + 1),
    **dict.fromkeys(("filename", "content_type", "host", "url_key", "boot_id"), NAMES),
    "complete_length": st.none() | LENGTHS,
    "fields": st.none() | st.dictionaries(st.sampled_from(RECORDED_FIELDS), NAMES, max_size=3),
    "inode": st.integers(-1, 2**129),
    "synced": LENGTHS,
    "is_unhashed": st.none() | st.booleans() | st.integers(0, 1),
}
"""What a record may hold, and the values just outside."""


def forged_records() -> st.SearchStrategy[bytes]:
    """Make what somebody might write beside a partial."""
    texts = st.text(max_size=20) | st.sampled_from(["..", "a/b", "\n", "x" * 70_000, "bytes"])
    numbers = st.integers(-(2**130), 2**130) | st.floats(allow_nan=True, allow_infinity=True) | st.booleans()
    fields = st.dictionaries(st.sampled_from(RECORDED_FIELDS) | texts, texts | numbers, max_size=4)
    values = st.none() | texts | numbers | fields | st.lists(numbers, max_size=2)
    objects = st.dictionaries(st.sampled_from(sorted(VALID)) | texts, values, max_size=6)
    changes = st.fixed_dictionaries({}, optional=PLAUSIBLE) | objects
    changed = changes.map(lambda forged: json.dumps({**VALID, **forged}).encode())
    return changed | objects.map(lambda forged: json.dumps(forged).encode()) | st.binary(max_size=200)


def test_a_forged_record_is_parsed_completely_or_not_at_all() -> None:
    accepted = Share("the record is accepted")

    @given(forged_records())
    @example(json.dumps(VALID).encode())
    @example(b"[" * 60_000)
    @example(b'{"format": 1, "complete_length": 1' + b"0" * 5000 + b"}")
    @example(json.dumps({"format": FORMAT, "filename": "x" * MAX_RECORD_BYTES}).encode())
    def check(record: bytes) -> None:
        checkpoint = parse_checkpoint(record)

        accepted.count(checkpoint is not None)
        if checkpoint is not None:
            assert record_format(record) in READABLE_FORMATS
            assert parse_checkpoint(encode_checkpoint(checkpoint)) == checkpoint
            assert "/" not in checkpoint.filename
            assert checkpoint.complete_length is None or 0 <= checkpoint.complete_length < 2**63
            assert all(value.isprintable() for value in (checkpoint.fields or {}).values())

    check()
    accepted.assert_at_least(10)


@given(record=forged_records())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_with_a_forged_record_the_file_is_right_and_in_its_place(
    record: bytes, machine: Machine, http_server: FaultServer
) -> None:
    http_server.plays(PATH, FILE)
    link = link_with_hash(http_server)
    machine.store.path.mkdir(parents=True, exist_ok=True)
    machine.part_path(link).write_bytes(OTHER_CONTENT[:HELD])
    machine.record_path(link).write_bytes(record)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert outcome.path.parent.name.startswith("run-")
    for path in machine.files_in_cache():
        path.unlink()
