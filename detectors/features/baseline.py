"""Step 3 of 7: closed days -> what is usual, as it stood a month ago.

The baseline is frozen: a day counts only once it is `freeze_days` old, so that nobody can teach
it while stealing (learning up to now found none of the ramp-ups; see docs/quality.md).
Days under suspicion are never learnt.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct, field

from detectors.features.windows import Window

# Amounts are compared between cohorts as if every cohort had this many participants.
COMMON_COHORT: Final = 500_000

LEARNT_WINDOWS: Final = (Window.HOUR, Window.DAY, Window.WEEK, Window.MONTH)


class BaselineConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the usual is learnt."""

    freeze_days: Annotated[
        int, Meta(ge=0, le=365, description="a day counts once it is this old")
    ] = 30
    history_days: Annotated[
        int, Meta(ge=7, le=730, description="days of history behind the freeze")
    ] = 84
    quantile: Annotated[
        float, Meta(gt=0.5, lt=1.0, description="of the daily maxima: what is still usual")
    ] = 0.95
    shrinkage_days: Annotated[
        float, Meta(gt=0, description="days of own history that weigh as much as the peers")
    ] = 14.0


class BaselineState(Struct, kw_only=True):
    """Daily maxima of new participants per learnt window, by day since the epoch."""

    first_day: int = -1
    maxima: dict[int, list[int]] = field(default_factory=dict)


def upper_quantile(values: list[int], *, quantile: float) -> float:
    """Return the linearly interpolated quantile of `values`, 0 for none.

    >>> upper_quantile([0, 10, 20, 30, 40], quantile=0.9)
    36.0
    """
    if not values:
        return 0.0
    ordered = sorted(values)
    place = quantile * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


class Baseline:
    """Own upper quantile per window, and how many days stand behind it.

    >>> baseline = Baseline(BaselineConfig(freeze_days=1), BaselineState())
    >>> for day in range(5):
    ...     baseline.learn(day, [10, 20, 30, 40])
    >>> baseline.frozen(5)
    (4, (10.0, 20.0, 30.0, 40.0))
    """

    __slots__ = ("_cached", "_cached_day", "config", "state")

    def __init__(self, config: BaselineConfig, state: BaselineState) -> None:
        """Start with nothing cached."""
        self.config = config
        self.state = state
        self._cached_day = -1
        self._cached: tuple[int, tuple[float, ...]] = (0, (0.0,) * len(LEARNT_WINDOWS))

    def learn(self, day: int, maxima: list[int]) -> None:
        """Keep a closed, trusted day; forget days behind the history."""
        state = self.state
        if state.first_day < 0:
            state.first_day = day
        state.maxima[day] = maxima
        oldest = day - self.config.freeze_days - self.config.history_days
        for old in [key for key in state.maxima if key <= oldest]:
            del state.maxima[old]
        self._cached_day = -1

    def frozen(self, today: int) -> tuple[int, tuple[float, ...]]:
        """Return (days of history, own quantile per learnt window) as of the freeze."""
        if today != self._cached_day:
            self._cached = self._compute(today, newest=today - self.config.freeze_days)
            self._cached_day = today
        return self._cached

    def known(self, today: int) -> tuple[int, tuple[float, ...]]:
        """Return the same over all days, the unfrozen too: what the peers are told."""
        return self._compute(today, newest=today + 1)

    def _compute(self, today: int, *, newest: int) -> tuple[int, tuple[float, ...]]:
        oldest = today - self.config.freeze_days - self.config.history_days
        days = [maxima for day, maxima in self.state.maxima.items() if oldest < day < newest]
        quantiles = tuple(
            upper_quantile([maxima[at] for maxima in days], quantile=self.config.quantile)
            for at in range(len(LEARNT_WINDOWS))
        )
        return len(days), quantiles
