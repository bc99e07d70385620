from math import isclose, log10

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from detectors.calibration.budget import BudgetConfig, budget_rate
from detectors.calibration.combine import P_VALUE_MIN, combine
from detectors.calibration.tail import EXCEEDANCES_MIN, Tail, fit

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCORES = st.floats(0.0, 1e18)
SLOPES = st.floats(1e-6, 1e6)


@st.composite
def tails(draw: st.DrawFn, *, slopes: st.SearchStrategy[float] = SLOPES) -> Tail:
    """Return a tail: scores going up, rates down."""
    scores = sorted(draw(st.sets(st.floats(0.0, 1e6), min_size=1, max_size=6)))
    rates = sorted(
        draw(st.lists(st.floats(-6.0, 1.0), min_size=len(scores), max_size=len(scores))),
        reverse=True,
    )
    return Tail(knots=tuple(zip(scores, rates, strict=True)), slope=draw(slopes))


P_VALUES = st.floats(0.0, 1.0, exclude_min=True)
CHANNELS = st.sampled_from(["a", "b", "c", "d"])
WEIGHTS = st.dictionaries(CHANNELS, st.floats(0.01, 100.0), min_size=1)


@given(tail=tails(), score=SCORES)
def test_a_tail_gives_a_probability_for_every_score(tail: Tail, score: float) -> None:
    """Never zero, never above one, never an overflow, however steep the tail or far the score."""
    assert 0.0 < tail.p_value(score) <= 1.0


@given(tail=tails(), lower=SCORES, higher=SCORES)
def test_a_stranger_score_is_never_more_probable(tail: Tail, lower: float, higher: float) -> None:
    """Higher is stranger, always."""
    assume(lower <= higher)
    assert tail.p_value(higher) <= tail.p_value(lower)


@given(tail=tails())
def test_a_tail_passes_through_its_knots(tail: Tail) -> None:
    """What was counted is what is said, the equal rates of close scores included."""
    for score, rate in tail.knots:
        assert isclose(tail.log_rate(score), rate, abs_tol=1e-6)


@given(
    exceedances=st.lists(st.floats(0.0, 1e9), max_size=60),
    institution_days=st.integers(0, 10**7),
    prior=tails(slopes=st.floats(0.05, 20.0)),
    prior_days=st.floats(0.1, 1e5),
    score=SCORES,
)
def test_a_fitted_tail_is_a_tail_whatever_it_was_fitted_to(
    exceedances: list[float],
    institution_days: int,
    prior: Tail,
    prior_days: float,
    score: float,
) -> None:
    """Equal scores, huge scores, too few scores: the slope is positive, the p-value valid."""
    tail = fit(exceedances, institution_days=institution_days, prior=prior, prior_days=prior_days)
    assert tail.slope > 0.0
    assert 0.0 < tail.p_value(score) <= 1.0
    if len(exceedances) < EXCEEDANCES_MIN:
        assert tail == prior


@given(exceedances=st.lists(st.floats(0.0, 100.0), max_size=40), data=st.data())
def test_the_order_of_exceedances_is_irrelevant(
    exceedances: list[float], data: st.DataObject
) -> None:
    """A tail is a function of what happened, not of when it was heard of."""
    prior = Tail(knots=((0.0, 0.0),), slope=1.0)
    again = data.draw(st.permutations(exceedances))
    fitted = [
        fit(scores, institution_days=500, prior=prior, prior_days=100.0)
        for scores in (exceedances, again)
    ]
    assert fitted[1] == fitted[0]


@given(p_values=st.dictionaries(CHANNELS, P_VALUES), weights=WEIGHTS)
def test_combined_p_values_are_probabilities_and_shares_sum_to_one(
    p_values: dict[str, float], weights: dict[str, float]
) -> None:
    """The shares are those of the channels that spoke, and nothing is more than certain."""
    p_value, shares = combine(p_values, weights=weights)
    assert 0.0 < p_value <= 1.0
    assert all(0.0 <= share <= 1.0 for share in shares.values())
    if set(p_values) & set(weights):
        assert set(shares) == set(p_values)
        assert isclose(sum(shares.values()), 1.0)
    else:
        assert (p_value, shares) == (1.0, {})


@given(
    p_values=st.dictionaries(CHANNELS, P_VALUES, min_size=1),
    weights=WEIGHTS,
    factor=st.floats(0.0, 1.0, exclude_min=True),
    data=st.data(),
)
def test_stronger_evidence_on_one_channel_never_weakens_the_whole(
    p_values: dict[str, float], weights: dict[str, float], factor: float, data: st.DataObject
) -> None:
    """The combination is monotone in each p-value."""
    channel = data.draw(st.sampled_from(sorted(p_values)))
    stronger = p_values | {channel: max(P_VALUE_MIN, factor * p_values[channel])}
    assume(stronger[channel] <= p_values[channel])
    before, _ = combine(p_values, weights=weights)
    after, _ = combine(stronger, weights=weights)
    assert after <= before * (1.0 + 1e-12)


@given(weight=st.floats(0.01, 100.0), p_value=st.floats(1e-11, 1.0), scale=st.floats(0.1, 10.0))
def test_only_the_ratio_of_weights_matters(weight: float, p_value: float, scale: float) -> None:
    """Weights are shares of the budget: doubling all of them changes nothing."""
    combined, _ = combine({"a": p_value}, weights={"a": weight, "b": 1.0})
    other, _ = combine({"a": p_value}, weights={"a": scale * weight, "b": scale})
    assert isclose(combined, other, rel_tol=1e-9)


@given(knob=st.floats(1e-6, 700.0))
def test_the_budget_is_a_rate_of_at_most_one_alert_a_day(knob: float) -> None:
    """700 a week per 100 institutions is every institution on every day."""
    rate = budget_rate(BudgetConfig(false_alert_days_per_week_per_100_institutions=knob))
    assert 0.0 < rate <= 1.0


def test_exceedances_that_are_all_alike_are_counted_and_end_there() -> None:
    """All of them reach their score; nothing was seen beyond, where the tail falls steeply."""
    prior = Tail(knots=((0.0, 0.0),), slope=1.0)
    fitted = fit([3.0] * 50, institution_days=10_000, prior=prior, prior_days=1e-6)
    assert [score for score, _ in fitted.knots] == [3.0]
    assert fitted.p_value(3.0) == pytest.approx(50 / 10_000)
    assert fitted.slope > prior.slope


def test_within_what_was_seen_the_rate_is_counted() -> None:
    """A straight line through scores that bend downwards would be far off at their end."""
    prior = Tail(knots=((0.0, 0.0),), slope=1.0)
    scores = [4.0 - 3.0 / rank for rank in range(1, 101)]
    fitted = fit(scores, institution_days=10_000, prior=prior, prior_days=1e-6)
    for reached in (6, 12, 25, 50, 100):
        score = sorted(scores, reverse=True)[reached - 1]
        assert fitted.p_value(score) == pytest.approx(reached / 10_000, rel=1e-3)


def test_a_tail_is_counted_at_halved_ranks() -> None:
    """Forty days that were strange: at the lowest, the half, the quarter and the eighth."""
    exceedances = [float(score) for score in range(1, 41)]
    prior = Tail(knots=((0.0, 0.0),), slope=1.0)
    tail = fit(exceedances, institution_days=1_000, prior=prior, prior_days=1e-9)
    ranks = [40, 20, 10, 5]
    assert [score for score, _ in tail.knots] == [41.0 - rank for rank in ranks]
    assert [rate for _, rate in tail.knots] == pytest.approx(
        [log10(rank / 1_000) for rank in ranks], abs=1e-6
    )


@given(
    count=st.integers(EXCEEDANCES_MIN, 300),
    institution_days=st.integers(300, 10_000),
)
def test_a_tail_has_a_knot_for_each_halving(count: int, institution_days: int) -> None:
    """However many days were strange, few numbers stand for them in every reference."""
    prior = Tail(knots=((0.0, 0.0),), slope=1.0)
    exceedances = [float(score) for score in range(count)]
    tail = fit(exceedances, institution_days=institution_days, prior=prior, prior_days=1e-9)
    assert len(tail.knots) <= count.bit_length()
    assert tail.knots[0][0] == 0.0
