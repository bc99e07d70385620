"""Step 5 of 7: score -> tail probability: how often honest institutions reach this score.

Within what was seen, the rate is counted; beyond, it falls exponentially (the peaks-over-threshold
limit with shape zero: J. Pickands 1975, "Statistical Inference Using Extreme Order Statistics",
Annals of Statistics 3, 119-131). Rank p-values alone cannot go below one over the number of days
seen; one exponential over everything is no better, for scores of honest work bend downwards and
its straight line asked for ten times too much of a theft (docs/decisions).
"""

from bisect import bisect_right
from math import e, fsum, log10
from operator import neg
from typing import Annotated, Final

from msgspec import Meta, Struct

# The rate is counted down to so many exceedances; fewer say too little.
COUNTED_MIN: Final = 6
# Fewer exceedances than this say nothing of a tail: the prior stands alone.
EXCEEDANCES_MIN: Final = 3
# The prior's scale beyond the last knot is worth so many exceedances.
_SCALE_PRIOR_COUNT: Final = 3
# Scales below this would turn tiny score differences into certainty.
_SCALE_MIN: Final = 0.05
# Floats end near 1e-308; a probability is never zero.
_EXPONENT_MIN: Final = -300.0


class Tail(Struct, frozen=True, kw_only=True):
    """log10 of the exceedances per institution-day: level, then from knot to knot, then falling.

    >>> round(Tail(knots=((2.0, -1.0), (4.0, -2.0)), slope=0.5).p_value(8.0), 6)
    0.0001
    """

    knots: Annotated[
        tuple[tuple[float, float], ...],
        Meta(min_length=1, description="(score, log10 rate), scores going up, rates down"),
    ]
    slope: Annotated[
        float, Meta(gt=0, description="decades of rate per unit of score, beyond the last knot")
    ]

    def log_rate(self, score: float) -> float:
        """Return log10 of how many exceedances of `score` an institution-day has."""
        last_score, last_rate = self.knots[-1]
        if score >= last_score:
            return last_rate - self.slope * (score - last_score)
        place = bisect_right(self.knots, score, key=lambda knot: knot[0])
        if place == 0:
            return self.knots[0][1]
        (left, above), (right, below) = self.knots[place - 1], self.knots[place]
        return above + (below - above) * (score - left) / (right - left)

    def p_value(self, score: float) -> float:
        """Return the chance that an honest institution's day begins something this strange."""
        # Clamped before the power: a steep tail far off would overflow, or say impossible.
        return float(10.0 ** max(_EXPONENT_MIN, min(0.0, self.log_rate(score))))

    def score_at(self, p_value: float) -> float:
        """Return the lowest score that is as rare as `p_value`, or rarer.

        >>> Tail(knots=((2.0, -1.0), (4.0, -2.0)), slope=0.5).score_at(0.0001)
        8.0
        """
        log_rate = log10(p_value)
        score, above = self.knots[0]
        if log_rate >= above:
            return score
        for knot, below in self.knots[1:]:
            if log_rate >= below:
                return score + (knot - score) * (above - log_rate) / (above - below)
            score, above = knot, below
        return score + (above - log_rate) / self.slope


def lower_of(first: Tail, second: Tail) -> Tail:
    """Return the tail that has the lower of two rates at each knot and beyond all of them.

    >>> steep, flat = Tail(knots=((1.0, 0.0),), slope=2.0), Tail(knots=((0.0, -2.0),), slope=1.0)
    >>> lower_of(steep, flat)
    Tail(knots=((0.0, -2.0), (1.0, -3.0), (4.0, -6.0)), slope=2.0)
    """
    steep, flat = sorted((first, second), key=lambda tail: -tail.slope)
    scores = sorted({score for tail in (first, second) for score, _ in tail.knots})
    knots = [(score, min(first.log_rate(score), second.log_rate(score))) for score in scores]
    return Tail(knots=(*knots, *_crossing(steep, flat, after=knots[-1][0])), slope=steep.slope)


def _crossing(steep: Tail, flat: Tail, *, after: float) -> tuple[tuple[float, float], ...]:
    """Return the knot at which one tail falls below another, if that is beyond all others."""
    ahead = steep.log_rate(after) - flat.log_rate(after)
    if ahead <= 0.0 or steep.slope <= flat.slope:
        return ()
    score = after + ahead / (steep.slope - flat.slope)
    return ((score, flat.log_rate(score)),)


def fit(
    exceedances: list[float],
    *,
    institution_days: int,
    prior: Tail,
    prior_days: float,
    censored: list[float] | None = None,
) -> Tail:
    """Fit the tail of `exceedances`, one per run, shrunk to `prior` as if worth `prior_days`.

    Of a `censored` one is known that it reached its score, and not how far beyond it went.

    >>> prior = Tail(knots=((0.0, 0.0),), slope=1.0)
    >>> fit([1.0] * 2, institution_days=100, prior=prior, prior_days=100.0) == prior
    True
    >>> tail = fit([1.0, 2.0, 3.0, 4.0], institution_days=100, prior=prior, prior_days=0.001)
    >>> round(tail.p_value(1.0), 2)
    0.04
    """
    ordered = sorted([*exceedances, *(censored or ())], reverse=True)
    if len(ordered) < EXCEEDANCES_MIN or institution_days <= 0:
        return prior
    weight = institution_days / (institution_days + prior_days)
    rates: dict[float, float] = {}
    rank = len(ordered)
    while True:
        score = ordered[rank - 1]
        # Of equal scores the one with the highest rank is reached by all of them.
        reached = bisect_right(ordered, -score, key=neg)
        counted = log10(reached / institution_days)
        rates[score] = weight * counted + (1.0 - weight) * prior.log_rate(score)
        if rank <= COUNTED_MIN:
            break
        rank //= 2
    beyond = [peak - score for peak in ordered[: rank - 1]]
    # What is censored went further than it shows: it adds to the sum and not to the count.
    ended_count = len(beyond) - sum(peak >= score for peak in censored or ())
    # An exact sum: the built-in one rounds otherwise in Python 3.12 than in 3.11.
    scale = (fsum(beyond) + _SCALE_PRIOR_COUNT * log10(e) / prior.slope) / (
        max(0, ended_count) + _SCALE_PRIOR_COUNT
    )
    return Tail(knots=_falling(rates), slope=log10(e) / max(_SCALE_MIN, scale))


def _falling(rates: dict[float, float]) -> tuple[tuple[float, float], ...]:
    """Return the knots in order; shrinking to a prior may not make a rate rise again."""
    knots: list[tuple[float, float]] = []
    for score, rate in sorted(rates.items()):
        knots.append((score, min(rate, knots[-1][1]) if knots else rate))
    return tuple(knots)
