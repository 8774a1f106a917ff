"""Texts for the property tests: arbitrary ones, and valid ones that were damaged; and how many were understood."""

from __future__ import annotations

import functools
from typing import Any, Callable, TypeVar, cast

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st

ARABIC_FIVE = "\u0665"
SUPERSCRIPT_TWO = "\u00b2"
LONG_S = "\u017f"  # An "s" if case is ignored for all scripts.
KELVIN_SIGN = "\u212a"  # A "k" if case is ignored for all scripts.
MORE_DIGITS_THAN_INT_READS = "9" * 5000
LARGEST_OFF_T = 2**63 - 1

NOT_NUMBERS = [
    pytest.param("five", id="word"),
    pytest.param("-5", id="minus sign"),
    pytest.param("+5", id="plus sign"),
    pytest.param("5_0", id="underscore as in Python"),
    pytest.param("5 0", id="blank inside"),
    pytest.param("1,5", id="comma inside"),
    pytest.param(".", id="dot"),
    pytest.param("0x5", id="hexadecimal"),
    pytest.param("1e3", id="exponent"),
    pytest.param("nan", id="not a number"),
    pytest.param("inf", id="infinite"),
    pytest.param(ARABIC_FIVE, id="digit of a different script"),
    pytest.param(SUPERSCRIPT_TWO, id="superscript digit"),
    pytest.param("9" * 400, id="larger than any float"),
    pytest.param(MORE_DIGITS_THAN_INT_READS, id="more digits than int() reads"),
]
NOT_INTEGERS = [
    *NOT_NUMBERS,
    pytest.param("", id="nothing"),
    pytest.param("5.0", id="fraction"),
    pytest.param(str(LARGEST_OFF_T + 1), id="larger than any file"),
]

Test = TypeVar("Test", bound=Callable[..., None])

# Text near the grammar finds more than random text: words and signs of all fields, and characters like them.
PIECES = st.sampled_from(
    [
        *'0159-/*=,;:. \t"\\+_Ww',
        *("bytes", "BYTES", f"byte{LONG_S}", "W/", '""', "GMT", "Sun, ", "Sunday, ", "06 Nov 1994", "06-Nov-94"),
        *("08:49:37", "Nov  6", "gzip", "x-gzip", "identity", "multipart/byteranges", "KiB", "G", "d", "nan", "inf"),
        *(ARABIC_FIVE, SUPERSCRIPT_TWO, KELVIN_SIGN, "\r\n", "\x00", "\ud800", "\U0010ffff", "9" * 20),
        MORE_DIGITS_THAN_INT_READS,
    ]
)
ANY_TEXT = st.text() | st.lists(PIECES, max_size=12).map("".join)
ANY_FIELD = st.none() | ANY_TEXT

ARABIC_DIGITS = {ord("0") + digit: 0x0660 + digit for digit in range(10)}
# Mostly the white space that may surround a field (RFC 9110 section 5.6.3), else white space that may not.
WHITE_SPACE = st.text(st.sampled_from(" \t"), min_size=1, max_size=3) | st.sampled_from(["\n", "\u2003"])
# Each takes the text before a place, the character there, the text after it, and a piece of text.
DAMAGES: tuple[Callable[[str, str, str, str], str], ...] = (
    lambda before, at, after, piece: before + piece + at + after,
    lambda before, _at, after, piece: before + piece + after,
    lambda before, _at, after, _piece: before + after,
    lambda before, at, after, _piece: before + at + at + after,
    lambda before, at, after, _piece: before + at.swapcase() + after,
    lambda before, at, after, _piece: (before + at + after).swapcase(),
    lambda before, at, after, _piece: before + at.translate(ARABIC_DIGITS) + after,
    lambda before, at, after, _piece: (before + at + after).translate(ARABIC_DIGITS),
)


@st.composite
def damaged(draw: st.DrawFn, valid: st.SearchStrategy[str]) -> str:
    """Draw a valid text with up to two damages, or with white space around it, or as it is."""
    text = draw(valid)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        place, piece = draw(st.integers(0, len(text))), draw(st.characters() | PIECES | WHITE_SPACE)
        damage = draw(st.sampled_from(DAMAGES))
        text = damage(text[:place], text[place : place + 1], text[place + 1 :], piece)
    if draw(st.sampled_from([False, False, True])):
        text = f"{draw(WHITE_SPACE)}{text}{draw(WHITE_SPACE)}"
    return text


class Understood:
    """The number of examples of one property test that a parser understood.

    As a decorator above ``given`` it fails the test if less than ``at_least`` of all examples were understood, since
    such a test shows only that None is returned; and if more than ``at_most`` were, since nothing was damaged then.
    ``times`` as many examples as usual are drawn.
    """

    def __init__(self, at_least: float = 0.1, at_most: float = 0.9, *, times: int = 1) -> None:
        self._at_least = at_least
        self._at_most = at_most
        self._times = times
        self._understood = 0
        self._examples = 0

    def __call__(self, test: Test) -> Test:
        # Few examples give no reliable share.
        enough = settings(max_examples=max(100, self._times * settings().max_examples))(test)

        @functools.wraps(test)
        def checked(*arguments: Any, **named: Any) -> None:
            self._understood = self._examples = 0
            enough(*arguments, **named)
            share = self._understood / self._examples
            assert self._at_least <= share <= self._at_most, f"{share:.0%} of the examples were understood"

        return cast("Test", checked)

    def count(self, parsed: object) -> bool:
        """Count one example, and return whether it was understood. None means that it was not."""
        is_understood = parsed is not None
        event("understood" if is_understood else "not understood")
        self._examples += 1
        self._understood += is_understood
        return is_understood
