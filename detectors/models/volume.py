"""Step 4 of 7: features -> score. Volume: more bytes in an hour than this hour of the week has.

Catches an institution that moves far more data than it does at this hour, new people or not.
Misses everything within its own habit, and says little: bytes have no usable variance (the
tail index is near one in every log measured), so it works on logs and weighs little.
Where nothing says whose data left, bytes are all there is: then an hour is also held against the
institution as it stood a month or two ago, so that nobody raises their own usual while taking.

Source: a seasonal residual with a Gaussian tail, as River's GaussianScorer; mean and variance
are Welford's (1962, "Note on a Method for Calculating Corrected Sums of Squares and Products",
Technometrics 4, 419-420), to the bit those of River's `stats.Var`. The score is in standard
deviations.
"""

from math import expm1, fsum, log1p, sqrt
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from detectors.detector import ClosedDay, ClosedHour, DetectorMode, Score
from detectors.features.vector import Features
from detectors.instants import DAY_MS, HOUR_MS

HOUR_SECONDS: Final = 3_600
HOURS_PER_WEEK: Final = 168
# What is judged by is at least so old, and at most twice.
PAST_DAYS: Final = 30
# 1 January 1970 was a Thursday: adding three days makes hour 0 a Monday's midnight.
_MONDAY_OFFSET_HOURS: Final = 72
# Logs of bytes are below 50, so rounding alone leaves 1e-28: hours that never differ have that.
_VARIANCE_MIN: Final = 1e-20


class VolumeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune."""

    mode: DetectorMode = "on"
    weight: Annotated[
        float, Meta(gt=0, description="share of the false-alert budget, beside the others'")
    ] = 0.05
    hours_min: Annotated[
        int, Meta(ge=2, description="active hours to learn before anything is scored")
    ] = 100
    season_rate: Annotated[
        float, Meta(gt=0, lt=1, description="weight of the newest value of an hour of the week")
    ] = 0.2
    deviations_min: Annotated[
        float, Meta(gt=0, description="standard deviations below which nothing is said")
    ] = 3.0


class Usual(Struct, kw_only=True, omit_defaults=True):
    """Mean log bytes by hour of the week, and mean and variance of what the hours leave over."""

    season: dict[int, float] = field(default_factory=dict)
    count: float = 0.0
    mean: float = 0.0
    squares: float = 0.0


class PastUsual(Struct, frozen=True, kw_only=True):
    """The usual as it stood on `day`, since the epoch."""

    day: int
    usual: Usual


class VolumeState(Usual, kw_only=True, omit_defaults=True):
    """The usual as it is; and, since anything left that nobody is named for, as it was.

    `past` is what is judged by, `next_past` what takes its place once it is old enough.
    """

    past: PastUsual | None = None
    next_past: PastUsual | None = None


def hour_of_week(at_ms: int) -> int:
    """Return 0 for Monday 00:00 UTC to 167.

    >>> hour_of_week(0)
    72
    """
    return (at_ms // HOUR_MS + _MONDAY_OFFSET_HOURS) % HOURS_PER_WEEK


def fold(state: Usual, residual: float) -> None:
    """Fold one more residual into count, mean and sum of squares."""
    state.count += 1.0
    before = residual - state.mean
    # The reciprocal first: the order of the operations decides the last bit.
    state.mean += (1.0 / state.count) * before
    state.squares += before * (residual - state.mean)


def variance_of(state: Usual) -> float:
    """Return the variance of the residuals, 0 for fewer than two.

    >>> state = VolumeState()
    >>> for residual in (1.0, 2.0, 4.0):
    ...     fold(state, residual)
    >>> round(variance_of(state), 6)
    2.333333
    """
    return state.squares / (state.count - 1.0) if state.count > 1.0 else 0.0


class Volume:
    """Bytes of the open hour against this hour of the week.

    >>> volume = Volume(VolumeConfig(hours_min=3), VolumeState())
    >>> for hour, taken_bytes in enumerate([1_000, 1_100, 900, 1_000, 1_050]):
    ...     at_ms = hour * HOUR_MS
    ...     volume.learn_hour(ClosedHour(at_ms=at_ms, taken_bytes=taken_bytes, trusted=True))
    >>> round(volume.deviations(5 * HOUR_MS, 1_000_000)) > 50
    True
    """

    __slots__ = ("config", "state")

    def __init__(self, config: VolumeConfig, state: VolumeState) -> None:
        """Keep the knobs and the numbers that survived."""
        self.config = config
        self.state = state

    def deviations(self, at_ms: int, taken_bytes: int, *, unnamed_bytes: int = 0) -> float:
        """Return how many standard deviations `taken_bytes` lies above the usual of its hour."""
        now = self._deviations(self.state, at_ms, taken_bytes)
        if not unnamed_bytes or self.state.past is None:
            return now
        return max(now, self._deviations(self.state.past.usual, at_ms, taken_bytes))

    def _deviations(self, usual: Usual, at_ms: int, taken_bytes: int) -> float:
        variance = variance_of(usual)
        if usual.count < self.config.hours_min or variance < _VARIANCE_MIN:
            return 0.0
        return (log1p(taken_bytes) - usual_of(usual, at_ms) - usual.mean) / sqrt(variance)

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return a score where the open hour stands out."""
        deviations = self.deviations(
            features.at_ms, features.hour_bytes, unnamed_bytes=features.hour_unnamed_bytes
        )
        if deviations < self.config.deviations_min:
            return ()
        return (
            Score(
                channel="volume/1h",
                detector="volume",
                feature="bytes",
                window_seconds=HOUR_SECONDS,
                value=deviations,
                observed=float(features.hour_bytes),
                expected=self.expected_bytes(features.at_ms),
            ),
        )

    def learn(self, closed_day: ClosedDay) -> None:
        """Learn nothing: its hours have been learnt, each as it ended."""

    def learn_hour(self, closed_hour: ClosedHour) -> None:
        """Fold a trusted hour in which something was taken."""
        if not closed_hour.trusted:
            return
        at_ms, taken_bytes = closed_hour.at_ms, closed_hour.taken_bytes
        state, hour = self.state, hour_of_week(at_ms)
        if closed_hour.unnamed_bytes or state.past is not None:
            self._remember(at_ms // DAY_MS)
        if state.season:
            fold(state, log1p(taken_bytes) - usual_of(state, at_ms))
        value = log1p(taken_bytes)
        usual = state.season.get(hour, value)
        state.season[hour] = usual + self.config.season_rate * (value - usual)

    def _remember(self, day: int) -> None:
        """Keep the usual as it is before this hour, and let what was kept take its turn."""
        state = self.state
        if state.next_past is None:
            state.past = state.next_past = self._now(day)
        elif day - state.next_past.day >= PAST_DAYS:
            state.past, state.next_past = state.next_past, self._now(day)

    def _now(self, day: int) -> PastUsual:
        state = self.state
        usual = Usual(
            season=dict(state.season), count=state.count, mean=state.mean, squares=state.squares
        )
        return PastUsual(day=day, usual=usual)

    def expected_bytes(self, at_ms: int) -> float:
        """Return what the hour of `at_ms` usually has; 0 before anything is learnt."""
        past = self.state.past
        usuals = (self.state,) if past is None else (self.state, past.usual)
        return max(0.0, min(expm1(usual_of(usual, at_ms) + usual.mean) for usual in usuals))


def usual_of(usual: Usual, at_ms: int) -> float:
    """Return the usual log bytes of an hour; of one never seen the mean over the week."""
    season = usual.season
    hour = hour_of_week(at_ms)
    if hour in season:
        return season[hour]
    return fsum(season.values()) / len(season) if season else 0.0
