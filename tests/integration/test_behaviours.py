"""What each behaviour of a server costs at most."""

from __future__ import annotations

import pytest
from integration.behaviours import BEHAVIOURS, Behaviour, measure
from servers.certificates import Certificates


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.name)
def test_a_behaviour_costs_at_most_the_bytes_in_its_row(behaviour: Behaviour, certificates: Certificates) -> None:
    measured = measure(behaviour, certificates)

    assert measured.outcome == behaviour.outcome
    assert measured.multiple <= behaviour.most
