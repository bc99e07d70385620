"""Canaries: who touches one, and whose touch says nothing."""

import pytest
from pyroaring import BitMap64

from detectors.detector import Breach
from detectors.models.canary import Canary, CanaryConfig
from tests.builders import event, rule_input


@pytest.mark.parametrize(
    ("participants", "exempted", "touched"),
    [
        pytest.param(range(10), 0, 2.0, id="two of a range"),
        pytest.param(BitMap64([7, 100]), 0, 1.0, id="one of a list"),
        pytest.param(range(10), 1, 2.0, id="an approved export may not touch them either"),
        pytest.param(range(10, 20), 0, None, id="none of those read"),
        pytest.param(None, 0, None, id="nobody knows who was read"),
        pytest.param(None, 1, None, id="nobody knows whom an approved export read"),
    ],
)
def test_a_canary_is_touched_by_name_whatever_was_approved(
    participants: range | BitMap64 | None, exempted: int, touched: float | None
) -> None:
    """How many were touched is said, of none expected."""
    canary = Canary(CanaryConfig(participants=(3, 7)))
    read = rule_input(event(), participants=participants, exempted=exempted)
    breach = canary.evaluate(read)
    assert breach == (
        touched
        and Breach(
            detector="canary",
            feature="canaries",
            window_seconds=300,
            observed=touched,
            expected=0.0,
        )
    )
