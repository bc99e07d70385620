"""Tails and their combination in numbers that one can check by hand."""

from math import e, log10

import pytest

from detectors.calibration.combine import combine
from detectors.calibration.tail import Tail, fit, lower_of

# One exceedance a day at 0, ten times fewer with each further unit.
PRIOR = Tail(knots=((0.0, 0.0),), slope=1.0)
DECADES_PER_E = log10(2.718281828459045)


@pytest.mark.parametrize(
    ("score", "rate"),
    [(1.0, -1.0), (2.0, -1.0), (2.5, -1.25), (3.0, -1.5), (4.0, -2.0), (5.0, -3.0), (7.0, -5.0)],
)
def test_between_two_knots_a_tail_is_a_straight_line(score: float, rate: float) -> None:
    """Level before the first, and from each knot to the next in proportion."""
    tail = Tail(knots=((2.0, -1.0), (4.0, -2.0), (7.0, -5.0)), slope=0.5)
    assert tail.log_rate(score) == pytest.approx(rate)


def test_behind_the_last_knot_a_tail_falls_by_its_slope() -> None:
    """In decades per unit of score, until a probability would no longer be a number."""
    tail = Tail(knots=((2.0, -1.0),), slope=0.5)
    assert tail.log_rate(6.0) == pytest.approx(-3.0)
    assert tail.p_value(6.0) == pytest.approx(0.001)
    assert tail.p_value(1e9) == pytest.approx(1e-300)


@pytest.mark.parametrize("institution_days", [0, 1, 100])
@pytest.mark.parametrize("count", [0, 2, 3, 10])
def test_a_tail_is_fitted_from_three_exceedances_and_one_day_on(
    count: int, institution_days: int
) -> None:
    """Fewer say nothing of a tail, and without a day there is no rate: the prior stands."""
    exceedances = [float(score) for score in range(1, count + 1)]
    tail = fit(exceedances, institution_days=institution_days, prior=PRIOR, prior_days=1.0)
    assert (tail == PRIOR) == (count < 3 or institution_days == 0)


def test_what_was_counted_is_shrunk_to_the_prior_in_proportion_of_days() -> None:
    """Four exceedances of 1 in a hundred days, against a prior that weighs as much or thrice."""
    counted, expected = log10(4 / 100), PRIOR.log_rate(1.0)
    for prior_days, weight in ((100.0, 0.5), (300.0, 0.25)):
        tail = fit([4.0, 1.0, 3.0, 2.0], institution_days=100, prior=PRIOR, prior_days=prior_days)
        ((score, rate),) = tail.knots
        assert score == 1.0
        assert rate == pytest.approx(weight * counted + (1.0 - weight) * expected)


def test_the_slope_is_that_of_the_mean_beyond_the_last_knot() -> None:
    """Three exceedances lie 1, 2 and 3 beyond it; the prior's own mean counts as three more."""
    tail = fit([1.0, 2.0, 3.0, 4.0], institution_days=100, prior=PRIOR, prior_days=100.0)
    mean = (1.0 + 2.0 + 3.0 + 3 * DECADES_PER_E / PRIOR.slope) / 6
    assert tail.slope == pytest.approx(DECADES_PER_E / mean)
    steep = Tail(knots=((0.0, 0.0),), slope=2.0)
    tail = fit([1.0, 2.0, 3.0, 4.0], institution_days=100, prior=steep, prior_days=100.0)
    mean = (1.0 + 2.0 + 3.0 + 3 * DECADES_PER_E / 2.0) / 6
    assert tail.slope == pytest.approx(DECADES_PER_E / mean)


@pytest.mark.parametrize(
    ("count", "ranks"), [(6, [6]), (7, [7, 3]), (12, [12, 6]), (13, [13, 6]), (28, [28, 14, 7, 3])]
)
def test_halving_ends_at_the_sixth_largest(count: int, ranks: list[int]) -> None:
    """Fewer than that are too few to count by: there the slope takes over."""
    exceedances = [float(score) for score in range(1, count + 1)]
    tail = fit(exceedances, institution_days=1_000, prior=PRIOR, prior_days=1e-9)
    assert [score for score, _ in tail.knots] == [count + 1.0 - rank for rank in ranks]


def test_a_silent_channel_weighs_as_one_that_saw_nothing_strange() -> None:
    """By its own weight, whichever channel it is that speaks."""
    weights = {"a": 1.0, "b": 3.0}
    assert combine({"a": 0.001}, weights=weights)[0] == pytest.approx(4.0 / (1_000.0 + 3.0))
    assert combine({"b": 0.001}, weights=weights)[0] == pytest.approx(4.0 / (3_000.0 + 1.0))


def test_nobody_who_speaks_is_no_evidence() -> None:
    """Without a channel, or with one that has no weight."""
    assert combine({}, weights={"a": 1.0}) == (1.0, {})
    assert combine({"b": 0.001}, weights={"a": 1.0}) == (1.0, {})
    assert combine({}, weights={}) == (1.0, {})


def test_rounding_makes_no_probability_larger_than_one() -> None:
    """The sum of these weights in two parts is an ulp below their sum in one."""
    weights = {"a": 0.1, "b": 0.1, "c": 0.25}
    assert combine({"a": 1.0}, weights=weights)[0] == 1.0


@pytest.mark.parametrize(
    ("log_p", "score"),
    [(-0.5, 2.0), (-1.0, 2.0), (-1.25, 2.5), (-1.5, 3.0), (-2.0, 10 / 3), (-3.0, 4.0), (-4.0, 6.0)],
)
def test_a_score_is_read_off_between_its_knots(log_p: float, score: float) -> None:
    """Level before the first, then from knot to knot, then falling."""
    tail = Tail(knots=((2.0, -1.0), (3.0, -1.5), (4.0, -3.0)), slope=0.5)
    assert tail.score_at(10.0**log_p) == pytest.approx(score)


STEEP = Tail(knots=((0.0, 0.0), (1.0, -0.1), (5.0, -0.5)), slope=2.0)


@pytest.mark.parametrize(
    ("first", "second", "knots_count"),
    [
        pytest.param(STEEP, Tail(knots=((0.0, -2.0),), slope=0.1), 4, id="it falls below"),
        pytest.param(STEEP, Tail(knots=((0.0, -0.1),), slope=0.1), 4, id="soon"),
        pytest.param(STEEP, Tail(knots=((0.0, 0.0),), slope=0.1), 3, id="both meet at the end"),
        pytest.param(STEEP, Tail(knots=((0.0, 1.0),), slope=0.1), 3, id="it is below"),
        pytest.param(STEEP, Tail(knots=((0.0, -9.0),), slope=2.0), 3, id="side by side"),
    ],
)
def test_the_lower_of_two_tails_is_so_beyond_all_knots(
    first: Tail, second: Tail, knots_count: int
) -> None:
    """Where the steeper one begins above the other, from where it falls below."""
    lower = lower_of(second, first)
    assert lower == lower_of(first, second)
    assert len(lower.knots) == knots_count
    for score in (0.0, 1.0, 5.0, 5.1, 5.4, 6.0, 6.5, 9.0, 90.0):
        expected = min(first.log_rate(score), second.log_rate(score))
        assert lower.log_rate(score) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("exceedances", "censored", "ended_count"),
    [
        ([1.0, 2.0, 3.0], [], 2),
        ([1.0, 2.0], [3.0], 1),
        ([2.0, 3.0], [1.0], 1),
        ([1.0], [2.0, 3.0], 0),
        ([], [1.0, 2.0, 3.0], 0),
    ],
)
def test_what_is_censored_adds_its_length_and_no_end(
    exceedances: list[float], censored: list[float], ended_count: int
) -> None:
    """The scale is what was gone beyond the last knot, by how many are known to end there."""
    prior = Tail(knots=((0.0, 0.0),), slope=1.0)
    tail = fit(exceedances, institution_days=100, prior=prior, prior_days=1.0, censored=censored)
    scale = (1.0 + 2.0 + 3.0 * log10(e)) / (ended_count + 3)
    assert tail.slope == pytest.approx(log10(e) / scale)
