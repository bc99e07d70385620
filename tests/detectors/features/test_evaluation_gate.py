"""When an institution is judged again: by bytes of the hour, and by new participants."""

import pytest

from detectors.features.evaluation_gate import EvaluationGate
from detectors.features.windows import BUCKET_MS, Quantity, Windows, WindowsState, zeros


def gate() -> EvaluationGate:
    """Return a gate that opens at 501 new participants, and at a quarter more than were judged."""
    return EvaluationGate(floor_participants=500.2, growth_ratio=1.25)


def holding(*new: int) -> Windows:
    """Return windows in which each amount was taken in 5 minutes of its own; the last are open."""
    windows = Windows(WindowsState())
    for number, count in enumerate(new):
        amounts = zeros()
        amounts[Quantity.NEW] = count
        windows.add(number * BUCKET_MS, amounts)
    return windows


@pytest.mark.parametrize(
    ("usual_bytes", "judged_bytes", "next_bytes"),
    [
        pytest.param(0.0, 0, 1_000_000, id="a megabyte is the least that is looked at"),
        pytest.param(900_000.0, 400_000, 1_000_000, id="neither usual nor judged comes up to it"),
        pytest.param(5e6, 0, 5_000_000, id="what the hour usually has"),
        pytest.param(5e6, 2_500_001, 5_000_002, id="twice what was judged, where that is more"),
    ],
)
def test_bytes_are_due_beyond_the_usual_and_at_each_doubling(
    usual_bytes: float, judged_bytes: int, next_bytes: int
) -> None:
    """The usual of the hour stays the measure until the next hour begins."""
    opened = gate()
    assert opened.next_evaluation_bytes == 1_000_000
    opened.begin_hour(usual_bytes=usual_bytes, judged_bytes=judged_bytes)
    assert opened.next_evaluation_bytes == next_bytes
    opened.reset(judged_bytes=10**9)
    assert opened.next_evaluation_bytes == 2 * 10**9
    opened.reset(judged_bytes=0)
    assert opened.next_evaluation_bytes == max(1_000_000, usual_bytes)


@pytest.mark.parametrize(
    ("new", "judged", "due"),
    [
        pytest.param((), [0, 0, 0, 0], 501, id="the floor, rounded up"),
        pytest.param((200, 0), [0, 0, 0, 0], 301, id="what has closed counts towards it"),
        pytest.param((600, 0), [400, 400, 400, 400], -99, id="the floor again, long passed"),
        pytest.param((600, 0), [600, 600, 600, 600], 151, id="a quarter more than was judged"),
        pytest.param((600, 0), [600, 600, 600, 440], -49, id="the first window to have grown"),
    ],
)
def test_new_participants_are_due_from_the_floor_and_by_growth(
    new: tuple[int, ...], judged: list[int], due: int
) -> None:
    """How many in the open 5 minutes make it time to judge."""
    assert gate().next_evaluation_new(holding(*new), judged) == due


def test_a_limit_holds_until_closed_sums_change_or_somebody_judged() -> None:
    """An event costs a comparison; only what says so looks at the closed sums again."""
    opened = gate()
    judged = [0] * 4
    assert opened.next_evaluation_new(holding(), judged) == 501
    assert opened.next_evaluation_new(holding(200, 0), judged) == 501
    opened.forget_new()
    assert opened.next_evaluation_new(holding(200, 0), judged) == 301
    opened.reset(judged_bytes=0)
    assert opened.next_evaluation_new(holding(300, 0), judged) == 201
    opened.begin_hour(usual_bytes=0.0, judged_bytes=0)
    assert opened.next_evaluation_new(holding(400, 0), judged) == 101
