import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.features.baseline import (
    LEARNT_WINDOWS,
    WINDOW_DAYS,
    Baseline,
    BaselineConfig,
    BaselineState,
    upper_quantile,
)

CONFIG = BaselineConfig(freeze_days=30, history_days=20, settling_days=5)
FIRST_DAY = 20_000
NOBODY = (0.0,) * len(LEARNT_WINDOWS)
AMOUNTS = st.lists(
    st.integers(0, 10**9), min_size=len(LEARNT_WINDOWS), max_size=len(LEARNT_WINDOWS)
)
# Days that come in order, with and without gaps.
DAYS = st.lists(st.tuples(st.integers(1, 12), AMOUNTS), max_size=40)


def learnt(days: list[tuple[int, list[int]]]) -> tuple[Baseline, dict[int, list[int]]]:
    """Return a baseline that has learnt, and what it was taught by day."""
    baseline = Baseline(CONFIG, BaselineState(first_day=FIRST_DAY))
    taught, day = dict[int, list[int]](), FIRST_DAY - 1
    for step, maxima in days:
        day += step
        baseline.learn(day, maxima)
        taught[day] = maxima
    return baseline, taught


@given(values=st.lists(st.integers(0, 2**53), min_size=1), quantile=st.floats(0.5, 1.0))
def test_the_quantile_is_the_interpolated_one(values: list[int], quantile: float) -> None:
    """The same number as NumPy's, without NumPy in the core."""
    expected = float(np.quantile(np.array(values, dtype=np.float64), quantile))
    assert np.isclose(upper_quantile(values, quantile=quantile), expected)


@given(days=DAYS, ahead=st.integers(0, 60))
def test_the_frozen_baseline_knows_only_what_is_old_enough(
    days: list[tuple[int, list[int]]], ahead: int
) -> None:
    """A day counts from `freeze_days` after it, and is forgotten `history_days` later."""
    baseline, taught = learnt(days)
    today = max(taught, default=FIRST_DAY) + ahead
    oldest = max(today - CONFIG.freeze_days - CONFIG.history_days + 1, FIRST_DAY + 5)
    usual = baseline.usual(today, peers=NOBODY)
    for place, window_days in enumerate(WINDOW_DAYS[:2]):
        column = [
            maxima[place]
            for day, maxima in taught.items()
            if oldest + window_days - 1 <= day < today - CONFIG.freeze_days
        ]
        weight = len(column) / (len(column) + CONFIG.shrinkage_days)
        assert usual[place] == weight * upper_quantile(column, quantile=CONFIG.quantile)


@given(first=st.lists(AMOUNTS, min_size=5, max_size=5), later=st.lists(AMOUNTS, max_size=60))
def test_the_first_days_teach_nothing(first: list[list[int]], later: list[list[int]]) -> None:
    """Whatever an institution loads at its beginning, no later day takes for usual."""
    usual_loads = []
    for opening in (first, [[0] * len(LEARNT_WINDOWS)] * 5):
        baseline = Baseline(CONFIG, BaselineState(first_day=FIRST_DAY))
        for day, maxima in enumerate(opening + later, start=FIRST_DAY):
            baseline.learn(day, maxima)
        usual_loads.append(baseline.usual(FIRST_DAY + len(later) + 5, peers=NOBODY))
    # Sums over weeks still hold the first days for a while, and count only after it.
    assert usual_loads[0] == usual_loads[1]


def test_while_young_a_month_is_thirty_mean_days() -> None:
    """Between the first days and the first month behind them, the daily pace tells the month."""
    config = BaselineConfig(freeze_days=1, settling_days=5, shrinkage_days=0.001)
    baseline = Baseline(config, BaselineState(first_day=FIRST_DAY))
    for day in range(FIRST_DAY, FIRST_DAY + 12):
        baseline.learn(day, [50, 100, 10**6, 10**7])
    usual = baseline.usual(FIRST_DAY + 12, peers=NOBODY)
    assert [round(amount, -1) for amount in usual] == [50, 100, 700, 3_000]


@given(days=DAYS, recent=st.lists(AMOUNTS, min_size=1, max_size=30))
def test_nobody_can_teach_the_baseline_within_the_freeze(
    days: list[tuple[int, list[int]]], recent: list[list[int]]
) -> None:
    """Whatever an institution does for a month, today's usual stays what it was."""
    baseline, taught = learnt(days)
    last = max(taught, default=FIRST_DAY)
    today = last + len(recent)
    before = baseline.usual(today, peers=NOBODY)
    for day, maxima in enumerate(recent, start=last + 1):
        baseline.learn(day, maxima)
    assert baseline.usual(today, peers=NOBODY) == before


@given(days=DAYS)
def test_the_history_is_bounded(days: list[tuple[int, list[int]]]) -> None:
    """No more days are kept than the freeze and the history need."""
    baseline, _ = learnt(days)
    assert len(baseline.state.maxima) <= CONFIG.freeze_days + CONFIG.history_days


@given(days=DAYS)
def test_what_is_told_to_peers_includes_the_unfrozen_days(
    days: list[tuple[int, list[int]]],
) -> None:
    """The peers hear of all settled days, today's included; before there are any, of nothing."""
    baseline, taught = learnt(days)
    today = max(taught, default=FIRST_DAY)
    oldest = today - CONFIG.freeze_days - CONFIG.history_days
    settled = [maxima for day, maxima in taught.items() if day > oldest and day >= FIRST_DAY + 5]
    known = baseline.known(today)
    assert bool(known) == bool(settled)
    if settled:
        column = [maxima[1] for maxima in settled]
        assert known[1] == upper_quantile(column, quantile=CONFIG.quantile)
