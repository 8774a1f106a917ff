"""A property test that looks at nothing fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.texts import Understood


@pytest.mark.parametrize(
    ("parsed", "share"),
    [
        pytest.param(st.none(), "0%", id="nothing understood"),
        pytest.param(st.just(1), "100%", id="everything understood"),
    ],
)
def test_a_property_test_that_understands_nothing_or_everything_fails(
    parsed: st.SearchStrategy[int | None], share: str
) -> None:
    understood = Understood()

    @understood
    @given(st.tuples(parsed, st.integers()))
    def check(example: tuple[int | None, int]) -> None:
        understood.count(example[0])

    with pytest.raises(AssertionError, match=f"^{share} of the examples were understood"):
        check()


def test_a_property_test_that_understands_some_examples_passes() -> None:
    understood = Understood()

    @understood
    @given(st.integers(0, 1000))
    def check(number: int) -> None:
        understood.count(None if number % 2 else number)

    check()
