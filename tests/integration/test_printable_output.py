"""What comes from outside is shown as printable text, wherever something is printed (field report 5.5)."""

from __future__ import annotations

import http.client
import json
import logging
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from integration.fakes import FakeClock
from integration.machine import DOWNLOAD_MODULE, ONE_ATTEMPT, Machine, artifact_of, hashed_link
from integration.samples import CONTENT, CUT, PATH
from pip._internal.models.link import Link
from servers.fault_server import FaultServer

from pip_resume import cli
from pip_resume.commands.formatting import align
from pip_resume.errors import FailedAttempt, GaveUp, Report, StoreUnusable
from pip_resume.inside_pip.compat import diagnostic_error
from pip_resume.inside_pip.display import PipDisplay
from pip_resume.inside_pip.failures import cause_of
from pip_resume.inside_pip.final_error import final_error
from pip_resume.storage.record import RECORD

HOSTILE = [
    pytest.param("\x1b]0;owned\x07", id="the terminal's title"),
    pytest.param("\x1b[2J\x1b[31m", id="colours, and an empty screen"),
    pytest.param("\x9b31m", id="an escape sequence of one byte"),
    pytest.param("a\r\nERROR: b", id="a second line"),
    pytest.param("\u202egnp.exe", id="right to left"),
    pytest.param("\u2066a\u2069", id="an isolated direction"),
    pytest.param("\x08\x08\x7f", id="backspace and delete"),
    pytest.param("\u200b\ufeff", id="characters without width"),
    pytest.param("\udc9b", id="a byte that is not text"),
]
FAILURE = FailedAttempt("closed early", 1000, 1000, 1.0)


def shown_by(display: PipDisplay, text: str) -> None:
    """Call every method of the display that shows a text or a name."""
    error = OSError(13, "Permission denied", f"/cache/{text}")
    display.starting(None, 10, 20)
    display.starting_over("its hash does not match")
    display.asking_plainly("the server refuses Range")
    display.waiting_for_other(10, 20)
    display.interrupted(10, 20, "run the same command again to continue")
    display.resumed(10, 20)
    display.store_unusable(error)
    display.store_unusable(StoreUnusable(f"/cache/{text} is not a plain file"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    directory = tmp_path / "cache"
    (directory / "http-v2" / "pip-resume").mkdir(parents=True)
    return directory


def check(printed: str, text: str, *, lines: int | None = None) -> None:
    assert printed.strip()
    assert all(line.isprintable() for line in printed.split("\n"))
    assert text not in printed
    assert lines is None or len(printed.rstrip("\n").split("\n")) == lines


@pytest.mark.parametrize("text", HOSTILE)
class TestText:
    def test_of_a_link_in_the_messages_of_a_download(self, text: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, DOWNLOAD_MODULE.__name__)
        name = quote(text.encode("utf-8", "surrogateescape"))
        shown_by(PipDisplay(DOWNLOAD_MODULE, Link(f"https://files.example/a{name}.whl"), "off"), text)

        messages = [record.getMessage() for record in caplog.records]
        assert len(messages) == 8
        for message in messages:
            check(message, text, lines=1)

    def test_of_a_response_in_the_final_error(self, text: str) -> None:
        error = final_error("a.whl", Report(f"a{text}.whl", 1000, 2000, (FAILURE,), None, True))

        shown = str(error)
        if diagnostic_error() is not None:
            shown = f"{error.message}\n{error.context}\n{error.hint_stmt}"  # type: ignore[attr-defined]
        check(shown, text)

    def test_of_a_server_in_the_cause_of_a_failure(self, text: str) -> None:
        check(cause_of(http.client.BadStatusLine(text)), text, lines=1)

    def test_of_a_cell_in_a_table(self, text: str) -> None:
        """`list` and `doctor` print their findings as tables."""
        check("\n".join(align([("File", "Host"), (f"a{text}", f"b{text}")], right=frozenset())), text, lines=2)

    def test_of_a_directory_in_an_error_of_the_command(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["list", "--cache-dir", f"/absent/{text}"]) == 2
        check(capsys.readouterr().err, text, lines=1)

    def test_of_an_argument_in_an_error_of_the_command(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            cli.main([f"list{text}"])
        check(capsys.readouterr().err, text, lines=1)

    def test_of_a_cache_directory_in_the_list(
        self, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        directory = tmp_path / text
        directory.mkdir()
        assert cli.main(["list", "--cache-dir", str(directory)]) == 0
        check(capsys.readouterr().out, text, lines=1)

    @pytest.mark.parametrize("field", ["filename", "host", "content_type"])
    def test_of_a_record_in_list_and_purge(
        self, text: str, field: str, cache: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        part = cache / "http-v2" / "pip-resume" / f"{'a' * 64}.part"
        part.write_bytes(b"x")
        part.with_suffix(RECORD).write_text(json.dumps({"format": 2, "complete_length": 9, field: f"a{text}"}))
        for command in (["list"], ["purge", "--dry-run"], ["purge"]):
            assert cli.main([*command, "--cache-dir", str(cache)]) == 0
            check(capsys.readouterr().out, text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Content-Disposition", 'attachment; filename="a\x1b]0;owned\x07.whl"'),
        ("Content-Type", "application/\x1b[31m"),
        ("ETag", '"\x9b31m"'),
        ("Last-Modified", "\x1b[2J"),
        ("Cache-Control", "max-age=1\x1b[31m"),
        ("Server", "\x1b]0;owned\x07"),
    ],
)
def test_the_fields_of_a_response_are_printed_nowhere_as_they_are(
    field: str,
    value: str,
    tmp_path: Path,
    http_server: FaultServer,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine = Machine(tmp_path / "machine", cache_directory=tmp_path / "pip" / "http-v2")
    caplog.set_level(logging.DEBUG, DOWNLOAD_MODULE.__name__)
    http_server.plays(PATH, replace(CUT, fields={**CUT.fields, field: value}))
    link = hashed_link(http_server.url(PATH), CONTENT)
    with pytest.raises(GaveUp) as given_up:
        machine.run(link, PipDisplay(DOWNLOAD_MODULE, link, "off"), FakeClock(), options=ONE_ATTEMPT)
    error = final_error(artifact_of(link).filename, given_up.value.report)
    assert machine.stored(link)
    assert cli.main(["list", "--cache-dir", str(tmp_path / "pip")]) == 0

    shown = [record.getMessage() for record in caplog.records if record.name == DOWNLOAD_MODULE.__name__]
    assert len(shown) > 2
    for text in (*shown, str(error), str(getattr(error, "message", "")), capsys.readouterr().out):
        assert "\x1b" not in text
        assert "\x9b" not in text
        assert "\x07" not in text
