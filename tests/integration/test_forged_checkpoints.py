"""A checkpoint is data from outside."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from integration.machine import Machine, hashed
from integration.samples import CONTENT, FILE, HELD, OTHER, PATH, SIZE
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


def forged_records() -> st.SearchStrategy[bytes]:
    """What somebody might write beside a partial."""
    texts = st.text(max_size=20) | st.sampled_from(["..", "a/b", "\n", "x" * 70_000, "bytes"])
    numbers = st.integers(-(2**130), 2**130) | st.floats(allow_nan=True, allow_infinity=True) | st.booleans()
    fields = st.dictionaries(st.sampled_from(RECORDED_FIELDS) | texts, texts | numbers, max_size=4)
    values = st.none() | texts | numbers | fields | st.lists(numbers, max_size=2)
    right = json.loads(encode_checkpoint(Checkpoint(complete_length=SIZE, boot_id="the boot of this test")))
    objects = st.dictionaries(st.sampled_from(sorted(right)) | texts, values, max_size=6)
    changed = objects.map(lambda some: json.dumps({**right, **some}).encode())
    return changed | objects.map(lambda some: json.dumps(some).encode()) | st.binary(max_size=200)


class TestForgedCheckpoints:
    @given(forged_records())
    @example(b"[" * 60_000)
    @example(b'{"format": 1, "complete_length": 1' + b"0" * 5000 + b"}")
    @example(json.dumps({"format": FORMAT, "filename": "x" * MAX_RECORD_BYTES}).encode())
    @settings(deadline=None)
    def test_it_is_understood_wholly_or_not_at_all(self, record: bytes) -> None:
        checkpoint = parse_checkpoint(record)

        if checkpoint is not None:
            assert record_format(record) == FORMAT
            assert parse_checkpoint(encode_checkpoint(checkpoint)) == checkpoint
            assert "/" not in checkpoint.filename
            assert checkpoint.complete_length is None or 0 <= checkpoint.complete_length < 2**63
            assert all(value.isprintable() for value in (checkpoint.fields or {}).values())

    @given(record=forged_records())
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_whatever_stands_there_the_file_that_arrives_is_right(
        self, record: bytes, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.store.directory.mkdir(parents=True, exist_ok=True)
        machine.part(link).write_bytes(OTHER[:HELD])
        machine.part(link).with_suffix(".json").write_bytes(record)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert outcome.path.parent.name.startswith("run-")
        for path in machine.cache_directory.rglob("*"):
            if path.is_file():
                path.unlink()
