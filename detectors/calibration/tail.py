"""Step 5 of 7: score -> tail probability: how often honest institutions reach this score.

Rank p-values cannot go below one over the number of days seen, and a budget of one alert in a
hundred institution-weeks needs smaller ones. So the tail is a model: exponential beyond the
median of the exceedances, which is the peaks-over-threshold limit with shape zero
(J. Pickands 1975, "Statistical Inference Using Extreme Order Statistics", Annals of Statistics
3, 119-131). Its scale comes from a median, not a mean, so that a few thefts in the history
hardly move it.
"""

from math import e, log, log10
from statistics import median
from typing import Annotated, Final

from msgspec import Meta, Struct

# Fewer exceedances than this say nothing of a tail: the prior stands alone.
EXCEEDANCES_MIN: Final = 8
# Scales below this would turn tiny score differences into certainty.
_SCALE_MIN: Final = 0.05
# Floats end near 1e-308; a probability is never zero.
_EXPONENT_MIN: Final = -300.0


class Tail(Struct, frozen=True, kw_only=True):
    """log10 of the exceedances per institution-day is `intercept - slope * score`.

    >>> round(Tail(intercept=1.0, slope=0.5).p_value(8.0), 6)
    0.001
    """

    intercept: float
    slope: Annotated[float, Meta(gt=0)]

    def p_value(self, score: float) -> float:
        """Return the chance that an honest institution's day begins something this strange."""
        # Clamped before the power: a steep tail far off would overflow, or say impossible.
        exponent = self.intercept - self.slope * score
        return float(10.0 ** max(_EXPONENT_MIN, min(0.0, exponent)))

    def score_at(self, p_value: float) -> float:
        """Return the score whose tail probability is `p_value`."""
        return (self.intercept - log10(p_value)) / self.slope


def fit(exceedances: list[float], *, institution_days: int, prior: Tail, prior_days: float) -> Tail:
    """Fit the tail of `exceedances`, one per run, shrunk to `prior` as if worth `prior_days`.

    >>> prior = Tail(intercept=0.0, slope=1.0)
    >>> fit([1.0] * 3, institution_days=100, prior=prior, prior_days=100.0) == prior
    True
    """
    if len(exceedances) < EXCEEDANCES_MIN or institution_days <= 0:
        return prior
    ordered = sorted(exceedances)
    bar = median(ordered)
    beyond = [score - bar for score in ordered if score > bar]
    if not beyond:
        return prior
    # The median of an exponential is its scale times ln 2.
    scale = max(_SCALE_MIN, median(beyond) / log(2.0))
    slope = log10(e) / scale
    intercept = log10(len(beyond) / institution_days) + slope * bar
    weight = institution_days / (institution_days + prior_days)
    return Tail(
        intercept=weight * intercept + (1.0 - weight) * prior.intercept,
        slope=weight * slope + (1.0 - weight) * prior.slope,
    )
