"""The line of a terminal that is rewritten while the user waits."""

from __future__ import annotations

import io
import re
import sys
import threading

import pytest

from pip_resume.inside_pip.status_line import StatusLine


class Terminal(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.has_written = threading.Event()

    def write(self, text: str) -> int:
        self.has_written.set()
        return super().write(text)

    def isatty(self) -> bool:
        return True


class FullTerminal(Terminal):
    def write(self, _text: str) -> int:
        raise OSError("no space left on device")


def new_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a terminal in place of stderr. Not a fixture: pytest puts its own stderr back before a test begins."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "20")
    return stream


def test_a_shorter_text_covers_the_longer_one_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)
    line = StatusLine(is_wanted=True)

    line.show("Waiting 10 s")
    line.show("Waiting 9 s")

    assert terminal.getvalue() == "\rWaiting 10 s\rWaiting 9 s "


def test_a_text_is_cut_before_it_would_reach_a_second_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)
    StatusLine(is_wanted=True).show("x" * 30)

    assert terminal.getvalue() == "\r" + "x" * 19


def test_a_cleared_line_is_empty_and_is_cleared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)
    line = StatusLine(is_wanted=True)
    line.show("abc")

    line.clear()
    line.clear()

    assert terminal.getvalue() == "\rabc\r   \r"


def test_a_line_that_is_not_wanted_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)
    line = StatusLine(is_wanted=False)

    line.show("abc")
    line.clear()

    assert terminal.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO(), None], ids=["a file", "nothing, as under pythonw"])
def test_without_a_terminal_nothing_is_written(stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream)

    StatusLine(is_wanted=True).show("abc")

    assert stream is None or stream.getvalue() == ""


def test_after_an_error_of_the_terminal_nothing_more_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", FullTerminal())
    line = StatusLine(is_wanted=True)
    line.show("abc")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    line.show("abc")

    assert terminal.getvalue() == ""


def test_a_long_task_shows_its_seconds_and_leaves_an_empty_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)
    monkeypatch.setattr("pip_resume.inside_pip.status_line._TICK_S", 0.01)
    monkeypatch.setattr("pip_resume.inside_pip.status_line._SILENT_S", 0.02)
    line = StatusLine(is_wanted=True)

    with line.ticking("Copying"):
        terminal.has_written.wait(10)

    assert re.match(r"\r  Copying, \d+ s", terminal.getvalue())
    assert re.search(r"\r +\r$", terminal.getvalue())


def test_a_short_task_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = new_terminal(monkeypatch)

    with StatusLine(is_wanted=True).ticking("Copying"):
        pass

    assert terminal.getvalue() == ""


def test_without_a_terminal_a_long_task_has_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    threads = threading.active_count()

    with StatusLine(is_wanted=True).ticking("Copying"):
        assert threading.active_count() == threads
