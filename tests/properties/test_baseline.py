import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.features.baseline import (
    LEARNT_WINDOWS,
    Baseline,
    BaselineConfig,
    BaselineState,
    upper_quantile,
)

CONFIG = BaselineConfig(freeze_days=30, history_days=20)
AMOUNTS = st.lists(
    st.integers(0, 10**9), min_size=len(LEARNT_WINDOWS), max_size=len(LEARNT_WINDOWS)
)
# Days that come in order, with and without gaps.
DAYS = st.lists(st.tuples(st.integers(1, 12), AMOUNTS), max_size=40)


def learnt(days: list[tuple[int, list[int]]]) -> tuple[Baseline, dict[int, list[int]]]:
    """Return a baseline that has learnt, and what it was taught by day."""
    baseline, taught, day = Baseline(CONFIG, BaselineState()), dict[int, list[int]](), 20_000
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
    today = max(taught, default=20_000) + ahead
    counted = [
        maxima
        for day, maxima in taught.items()
        if CONFIG.freeze_days < today - day < CONFIG.freeze_days + CONFIG.history_days
    ]
    history_days, usual = baseline.frozen(today)
    assert history_days == len(counted)
    for place, value in enumerate(usual):
        column = [maxima[place] for maxima in counted]
        assert value == upper_quantile(column, quantile=CONFIG.quantile)


@given(days=DAYS, recent=st.lists(AMOUNTS, min_size=1, max_size=30))
def test_nobody_can_teach_the_baseline_within_the_freeze(
    days: list[tuple[int, list[int]]], recent: list[list[int]]
) -> None:
    """Whatever an institution does for a month, today's usual stays what it was."""
    baseline, taught = learnt(days)
    last = max(taught, default=20_000)
    today = last + len(recent)
    before = baseline.frozen(today)
    for day, maxima in enumerate(recent, start=last + 1):
        baseline.learn(day, maxima)
    assert baseline.frozen(today) == before


@given(days=DAYS)
def test_the_history_is_bounded(days: list[tuple[int, list[int]]]) -> None:
    """No more days are kept than the freeze and the history need."""
    baseline, _ = learnt(days)
    assert len(baseline.state.maxima) <= CONFIG.freeze_days + CONFIG.history_days


@given(days=DAYS)
def test_what_is_told_to_peers_includes_the_unfrozen_days(
    days: list[tuple[int, list[int]]],
) -> None:
    """The peers hear of all kept days, today's included."""
    baseline, taught = learnt(days)
    today = max(taught, default=20_000)
    kept = [day for day in taught if day > today - CONFIG.freeze_days - CONFIG.history_days]
    days_count, usual = baseline.known(today)
    assert days_count == len(kept)
    assert len(usual) == len(LEARNT_WINDOWS)
