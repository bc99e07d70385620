"""The usual ways to look for extraction, re-implemented small: one function, one score an hour.

Each is our reading of a published rule, not the product: All of Us (bytes per machine and day),
CloudWatch (a band per hour of the week), Elastic (`high_sum`), Purview (30 days against peers).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from river.anomaly import HalfSpaceTrees
from river.proba import Gaussian
from scipy.stats import norm

from benchmarks.quality.hourly import HOURS_PER_DAY, Hours, rolling
from detectors.synthetic.requests import Floats

WEEK_HOURS = 168
MONTH_HOURS = 720
WARM_HOURS = 168
GRACE_HOURS = 30

Score = Callable[[Hours], Floats]


def bytes_per_user_day(hours: Hours) -> Floats:
    """Return the most bytes one user took in 24 hours."""
    return hours.user_day_bytes


def bytes_per_institution_day(hours: Hours) -> Floats:
    """Return the bytes the institution took in 24 hours."""
    return rolling(hours.taken_bytes, HOURS_PER_DAY)


def three_sigma(hours: Hours) -> Floats:
    """Return the hour's bytes in standard deviations above the mean of all hours before."""
    mean, deviation = _running(hours.taken_bytes, hours.first_hour)
    return _standardised(hours.taken_bytes, mean, deviation)


def hour_of_week_band(hours: Hours) -> Floats:
    """Return the same against the same hour of earlier weeks."""
    weeks = np.resize(hours.taken_bytes, (-(-len(hours.new) // WEEK_HOURS), WEEK_HOURS))
    scores = np.zeros(weeks.shape)
    for week in range(2, len(weeks)):
        past = weeks[:week]
        scores[week] = _standardised(weeks[week], past.mean(axis=0), past.std(axis=0))
    return np.asarray(scores.ravel()[: len(hours.new)])


def high_sum(hours: Hours) -> Floats:
    """Return -log10 of a lognormal tail of the hour's bytes, times how rarely the hour is busy."""
    busy = hours.taken_bytes > 0
    logs = np.where(busy, np.log(np.maximum(hours.taken_bytes, 1.0)), 0.0)
    count = np.maximum(1.0, np.cumsum(busy) - busy)
    mean = (np.cumsum(logs) - logs) / count
    square = (np.cumsum(logs**2) - logs**2) / count
    deviation = np.sqrt(np.maximum(square - mean**2, 0.25))
    days = busy.reshape(-1, HOURS_PER_DAY).astype(np.float64)
    seen = np.arange(1, len(days) + 1)[:, None]
    active = ((np.cumsum(days, axis=0) - days + 1.0) / (seen + 1.0)).ravel()
    tail = norm.sf(_standardised(logs, mean, deviation)) * active
    scores = np.where(busy, -np.log10(np.maximum(tail, 1e-300)), 0.0)
    scores[: hours.first_hour + WARM_HOURS] = 0.0
    return np.asarray(scores)


def half_space_trees(hours: Hours) -> Floats:
    """Return River's half-space trees on requests, bytes, new participants and the hour."""
    model: Any = HalfSpaceTrees(n_trees=10, height=8, window_size=250, seed=1)
    scale = 12.0
    scores = np.zeros(len(hours.new))
    for hour in np.flatnonzero(hours.requests).tolist():
        features = {
            "requests": min(1.0, float(np.log10(1.0 + hours.requests[hour])) / 4.0),
            "bytes": min(1.0, float(np.log10(1.0 + hours.taken_bytes[hour])) / scale),
            "new": min(1.0, float(np.log10(1.0 + hours.new[hour])) / 6.0),
            "hour": (hour % HOURS_PER_DAY) / HOURS_PER_DAY,
        }
        scores[hour] = model.score_one(features)
        model.learn_one(features)
    scores[: hours.first_hour + WARM_HOURS] = 0.0
    return scores


def gaussian_scorer(hours: Hours) -> Floats:
    """Return River's Gaussian on the logarithm of the hour's new participants, upper side only.

    Its anomaly scorer saturates at 1, where nothing has an order any more: the tail's logarithm
    says the same and goes on.
    """
    model: Any = Gaussian()  # type: ignore[no-untyped-call] # River's has no annotations
    scores = np.zeros(len(hours.new))
    busy = np.flatnonzero(hours.requests).tolist()
    for seen, hour in enumerate(busy):
        value = float(np.log10(1.0 + hours.new[hour]))
        if seen > GRACE_HOURS and model.sigma > 0:
            scores[hour] = max(0.0, -float(norm.logsf(value, model.mu, model.sigma)))
        model.update(value)
    return scores


def month_against_peers(hours: Hours) -> Floats:
    """Return what was read in 30 days; dividing by the peers' norm changes no order."""
    return rolling(hours.read, MONTH_HOURS)


def month_of_new(hours: Hours) -> Floats:
    """Return the new participants of 30 days, a static limit."""
    return rolling(hours.new, MONTH_HOURS)


def nothing(hours: Hours) -> Floats:
    """Return nothing strange, ever."""
    return np.zeros(len(hours.new))


def at_random(hours: Hours) -> Floats:
    """Return one random number a day, the same whenever asked."""
    days = len(hours.new) // HOURS_PER_DAY
    seed = [int(hours.new.sum()) % 2**32, *hours.institution.encode()]
    return np.repeat(np.random.default_rng(seed).random(days), HOURS_PER_DAY)


BASELINES: dict[str, Score] = {
    "bytes per user, 24 h": bytes_per_user_day,
    "bytes per institution, 24 h": bytes_per_institution_day,
    "3-sigma bytes": three_sigma,
    "hour-of-week band": hour_of_week_band,
    "high_sum-like": high_sum,
    "30 days against peers": month_against_peers,
    "new in 30 days, static": month_of_new,
    "River half-space trees": half_space_trees,
    "River Gaussian scorer": gaussian_scorer,
    "null": nothing,
    "random": at_random,
}


def _running(values: Floats, first: int) -> tuple[Floats, Floats]:
    """Return mean and deviation of everything before each hour, from `first` on."""
    own = values.copy()
    own[:first] = 0.0
    count = np.maximum(1.0, np.arange(len(values)) - first)
    mean = (np.cumsum(own) - own) / count
    square = (np.cumsum(own**2) - own**2) / count
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _standardised(values: Floats, mean: Floats, deviation: Floats) -> Floats:
    return np.where(deviation > 0, (values - mean) / np.maximum(deviation, 1e-9), 0.0)
