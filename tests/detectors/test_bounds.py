"""What is too small to matter: each floor lies where it is configured, to the participant."""

from math import log10

import pytest
from msgspec.structs import replace

from detectors.features.vector import Features
from detectors.features.windows import Quantity, Windows, WindowsState, zeros
from detectors.instants import DAY_MS
from detectors.models.drip import Drip, DripConfig, DripState
from detectors.models.excess import Excess, ExcessConfig
from detectors.models.sweep import Sweep, SweepConfig


def features(
    *,
    new: int = 0,
    walked: int = 0,
    sliced: int = 0,
    usual: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    cohort_size: int = 500_000,
) -> Features:
    """Return a day on which `new` participants were taken within an hour."""
    windows = Windows(WindowsState())
    amounts = zeros()
    amounts[Quantity.NEW] = new
    amounts[Quantity.WALKED] = walked
    amounts[Quantity.SLICED] = sliced
    windows.add(DAY_MS, amounts)
    return Features(
        at_ms=DAY_MS,
        windows=windows,
        new=(new,) * 4,
        usual=usual,
        cohort_size=cohort_size,
        hour_bytes=0,
    )


@pytest.mark.parametrize("ratio", [0.001, 0.002, 0.1])
@pytest.mark.parametrize("cohort_size", [500_000, 100_000])
def test_excess_speaks_from_its_floor_on(ratio: float, cohort_size: int) -> None:
    """One participant less is nothing; the floor itself is said, in decades of a common cohort."""
    excess = Excess(ExcessConfig(floor_cohort_ratio=ratio))
    floor = round(ratio * cohort_size)
    assert excess.score(features(new=floor - 1, cohort_size=cohort_size)) == ()
    (score,) = excess.score(features(new=floor, cohort_size=cohort_size))
    assert score.value == pytest.approx(log10(ratio * 500_000))
    assert (score.observed, score.expected, score.window_seconds) == (floor, 0.0, 3_600)


def test_excess_is_what_is_beyond_the_usual() -> None:
    """The window with the most beyond its own usual speaks, and quotes both."""
    excess = Excess(ExcessConfig())
    assert excess.score(features(new=1_499, usual=(1_000.0,) * 4)) == ()
    (score,) = excess.score(features(new=1_500, usual=(1_200.0, 1_000.0, 1_100.0, 1_500.0)))
    assert (score.observed, score.expected, score.window_seconds) == (1_500, 1_000.0, 86_400)
    assert score.value == pytest.approx(log10(500))


@pytest.mark.parametrize("ratio", [0.001, 0.02])
def test_drip_speaks_from_its_floor_on(ratio: float) -> None:
    """What has added up beyond a month's usual, to the participant, today's included."""
    floor = round(ratio * 500_000)
    drip = Drip(DripConfig(floor_cohort_ratio=ratio), DripState())
    assert drip.score(replace(features(), today_new=floor - 1)) == ()
    (score,) = drip.score(replace(features(), today_new=floor))
    assert score.value == pytest.approx(log10(floor))
    assert (score.observed, score.expected) == (floor, 0.0)


@pytest.mark.parametrize(
    ("new", "walked", "sliced", "channels"),
    [
        pytest.param(1_000, 1_000, 9_000, [], id="no more than the floor is nothing at all"),
        pytest.param(1_001, 1_001, 0, ["sweep/sweep"], id="one more is a walk"),
        pytest.param(1_100, 1_000, 0, [], id="most of it was walked, but not beyond the floor"),
        pytest.param(2_000, 1_599, 0, [], id="less than four fifths was walked"),
        pytest.param(2_000, 1_600, 0, ["sweep/sweep"], id="four fifths was walked"),
        pytest.param(1_001, 0, 3_002, [], id="not quite three more reads of each"),
        pytest.param(1_001, 0, 3_003, ["sweep/slicing"], id="three more reads of each"),
        pytest.param(2_000, 2_000, 6_000, ["sweep/sweep", "sweep/slicing"], id="both"),
    ],
)
def test_a_sweep_is_most_of_a_day_beyond_the_floor(
    new: int, walked: int, sliced: int, channels: list[str]
) -> None:
    """Floor 1,000 of half a million, four fifths walked, three further reads of each."""
    scores = Sweep(SweepConfig()).score(features(new=new, walked=walked, sliced=sliced))
    assert [score.channel for score in scores] == channels


def test_a_slicing_says_whom_it_sliced() -> None:
    """The people, not the reads of them: each was read three times more."""
    (score,) = Sweep(SweepConfig()).score(features(new=1_500, sliced=4_500))
    assert (score.feature, score.observed) == ("sliced_participants", 1_500.0)
    assert (score.value, score.expected) == (log10(500), 1_000.0)


def test_what_was_sliced_days_ago_is_no_slicing_of_today() -> None:
    """New people and reads of them are counted over the same day."""
    day = features(new=2_000)
    earlier = zeros()
    earlier[Quantity.SLICED] = 100_000
    day.windows.add(-2 * DAY_MS, earlier)
    assert Sweep(SweepConfig()).score(day) == ()


def test_the_score_of_a_sweep_is_what_is_beyond_the_floor() -> None:
    """In decades of half a million, whatever the cohort; one participant more is no evidence."""
    sweep = Sweep(SweepConfig())
    (score,) = sweep.score(features(new=11_000, walked=11_000))
    assert (score.value, score.observed, score.expected) == (4.0, 11_000.0, 1_000.0)
    (score,) = sweep.score(features(new=1_200, walked=1_200, cohort_size=100_000))
    assert score.value == pytest.approx(log10(5_000))
    (score,) = sweep.score(features(new=1_001, walked=1_001))
    assert score.value == 0.0
