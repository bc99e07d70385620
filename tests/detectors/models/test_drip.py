"""Drip: what adds up day by day, and fades in silence."""

import pytest

from detectors.detector import ClosedDay
from detectors.models.drip import Drip, DripConfig, DripState


def closed(
    new: int, *, month_usual: float = 0.0, silent_days: int = 0, settled: bool = True
) -> ClosedDay:
    """Return a day on which `new` people were taken, and silent ones after it."""
    return ClosedDay(
        day=0,
        silent_days=silent_days,
        trusted=False,
        settled=settled,
        new=new,
        month_usual=month_usual,
        point=(),
    )


@pytest.mark.parametrize(
    ("days", "surplus"),
    [
        pytest.param([closed(900)], 900.0, id="all of a day where nothing is usual"),
        pytest.param([closed(900, month_usual=3_000.0)], 800.0, id="what is beyond a day's pace"),
        pytest.param([closed(50, month_usual=3_000.0)], 0.0, id="a calm day owes nothing"),
        pytest.param([closed(900), closed(90)], 980.0, id="a ninetieth fades, and a day is added"),
        pytest.param([closed(900, silent_days=2)], 900 * (89 / 90) ** 2, id="silence fades it too"),
        pytest.param([closed(900), closed(9, settled=False)], 900.0, id="first days do not count"),
    ],
)
def test_a_surplus_adds_up_and_fades(days: list[ClosedDay], surplus: float) -> None:
    """In people beyond the daily pace of a usual month, whether the day is trusted or not."""
    drip = Drip(DripConfig(), DripState())
    for day in days:
        drip.learn(day)
    assert drip.state.surplus_participants == pytest.approx(surplus)
