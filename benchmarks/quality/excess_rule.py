"""The reference rule: new participants over four windows against the own frozen past.

The mark to beat: it looks at the end of every hour, knows approved exports, and shrinks the own
95 % quantile of days that ended 30 days ago to the peers' 90 %.
"""

import numpy as np
from msgspec import Struct

from benchmarks.quality.hourly import HOURS_PER_DAY, Hours, rolling
from detectors.synthetic.requests import Floats

WINDOW_HOURS = (1, 24, 168, 720)
HISTORY_DAYS, FROZEN_DAYS = 84, 30
PRIOR_DAYS = 14.0
ALLOWED_RATIO = 2.0


class Peers(Struct, frozen=True, kw_only=True):
    """What the other institutions usually take: by day and window."""

    usual: Floats


def peers_of(everybody: list[Hours]) -> Peers:
    """Return the 90 % quantile of the institutions' own upper quantiles, for each day."""
    own = np.stack([_own_quantiles(each)[0] for each in everybody])
    # Before the 30 days are over nobody has a past: nothing is usual, and nothing is scored then.
    known = ~np.isnan(own).all(axis=(0, 2))
    usual = np.zeros(own.shape[1:])
    usual[known] = np.nanquantile(own[:, known], 0.9, axis=0)
    return Peers(usual=usual)


def window_scores(hours: Hours, peers: Peers) -> Floats:
    """Return one score per window and hour; below 0 is usual, higher is stranger."""
    own, known_days = _own_quantiles(hours)
    weight = (known_days / (known_days + PRIOR_DAYS))[:, None]
    own = np.where(np.isnan(own), 0.0, own)
    usual = np.repeat(weight * own + (1.0 - weight) * peers.usual, HOURS_PER_DAY, axis=0)
    scores = np.zeros((len(WINDOW_HOURS), len(hours.new)))
    for place, window in enumerate(WINDOW_HOURS):
        taken = rolling(hours.new, window)
        allowed = ALLOWED_RATIO * np.maximum(1.0, usual[:, place])
        # Below the allowance only the ratio speaks, so that every budget has its threshold.
        ratio = np.maximum(taken, 1.0) / allowed
        scores[place] = np.log10(np.maximum(taken - allowed, 1.0)) + 2.0 * np.log10(ratio)
    return scores


def _own_quantiles(hours: Hours) -> tuple[Floats, Floats]:
    """Return, by day and window, the own 95 % of daily maxima as it stood 30 days ago."""
    days = len(hours.new) // HOURS_PER_DAY
    first_day = hours.first_hour // HOURS_PER_DAY
    maxima = np.stack(
        [
            rolling(hours.new, window).reshape(days, HOURS_PER_DAY).max(axis=1)
            for window in WINDOW_HOURS
        ],
        axis=1,
    )
    usual = np.full((days, len(WINDOW_HOURS)), np.nan)
    known = np.zeros(days)
    for day in range(days):
        last = day - FROZEN_DAYS
        first = max(first_day, last - HISTORY_DAYS)
        if last > first:
            usual[day] = np.quantile(maxima[first:last], 0.95, axis=0)
            known[day] = last - first
    return usual, known
