"""Step 3 of 7: closed days -> what is usual, as it stood a month ago.

The baseline is frozen: a day counts only once it is `freeze_days` old, so that nobody can teach
it while stealing (learning up to now found none of the ramp-ups; see docs/quality.md). The first
days of an institution never count, for everything is new to a ledger that has just begun: taken
as usual, they would hide a theft of the same size for months. Days under suspicion don't either.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct, field

from detectors.features.windows import MONTH_DAYS, WEEK_DAYS, Window

# Amounts are compared between cohorts as if every cohort had this many participants.
COMMON_COHORT: Final = 500_000

LEARNT_WINDOWS: Final = (Window.HOUR, Window.DAY, Window.WEEK, Window.MONTH)
# How many days each learnt window covers, and so how far it reaches back into the first days.
WINDOW_DAYS: Final = (1, 1, WEEK_DAYS, MONTH_DAYS)
_NOTHING: Final = (-1, (), 0.0)
_DAY_PLACE: Final = LEARNT_WINDOWS.index(Window.DAY)


class BaselineConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the usual is learnt."""

    freeze_days: Annotated[
        int, Meta(ge=0, le=365, description="a day counts once it is this old")
    ] = 30
    history_days: Annotated[
        int, Meta(ge=7, le=730, description="days of history behind the freeze")
    ] = 84
    settling_days: Annotated[
        int, Meta(ge=0, le=365, description="first days of an institution, which teach nothing")
    ] = 21
    quantile: Annotated[
        float, Meta(gt=0.5, lt=1.0, description="of the daily maxima: what is still usual")
    ] = 0.8
    shrinkage_days: Annotated[
        float, Meta(gt=0, description="days of own history that weigh as much as the peers")
    ] = 14.0


class BaselineState(Struct, kw_only=True):
    """Daily maxima of new participants per learnt window, by day since the epoch."""

    # From which on it ages; later than the institution's own where that was one old date.
    first_day: int = 0
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
    """The usual per learnt window: the own upper quantile, shrunk to the peers' while young.

    >>> config = BaselineConfig(freeze_days=1, settling_days=0, shrinkage_days=0.001)
    >>> baseline = Baseline(config, BaselineState())
    >>> for day in range(45):
    ...     baseline.learn(day, [10, 20, 30, 40])
    >>> [round(usual) for usual in baseline.usual(45, peers=(0.0,) * 4)]
    [10, 20, 30, 40]
    """

    __slots__ = ("_cached", "_cached_for", "config", "state")

    def __init__(self, config: BaselineConfig, state: BaselineState) -> None:
        """Start with nothing cached."""
        self.config = config
        self.state = state
        self._cached_for: tuple[int, tuple[float, ...], float] = _NOTHING
        self._cached: tuple[float, ...] = ()

    def learn(self, day: int, maxima: list[int]) -> None:
        """Keep a closed, trusted day; forget days behind the history."""
        state = self.state
        state.maxima[day] = maxima
        oldest = day - self.config.freeze_days - self.config.history_days
        for old in [key for key in state.maxima if key <= oldest]:
            del state.maxima[old]
        self._cached_for = _NOTHING

    def usual(
        self, today: int, *, peers: tuple[float, ...], scale: float = 1.0
    ) -> tuple[float, ...]:
        """Return the usual per learnt window as of the freeze, shrunk to `scale` times `peers`."""
        asked = (today, peers, scale)
        if self._cached_for != asked:
            scaled = tuple(scale * usual for usual in peers)
            self._cached, self._cached_for = self._compute(today, peers=scaled), asked
        return self._cached

    def known(self, today: int) -> tuple[float, ...]:
        """Return the own usual over all settled days, the unfrozen too; empty before any."""
        history = self._history(today, newest=today + 1)
        if not history[_DAY_PLACE]:
            return ()
        return tuple(
            self._quantile(maxima) if maxima else mean
            for maxima, mean in zip(history, _means(history), strict=True)
        )

    def has_past(self, today: int) -> bool:
        """Tell whether the usual of `today` rests on any day of the institution's own."""
        history = self._history(today, newest=today - self.config.freeze_days)
        return bool(history[_DAY_PLACE])

    def _compute(self, today: int, *, peers: tuple[float, ...]) -> tuple[float, ...]:
        """Return the usual; while no week lies behind the first days, seven mean days stand in."""
        history = self._history(today, newest=today - self.config.freeze_days)
        days_count = len(history[_DAY_PLACE])
        usual = []
        for place, (maxima, mean) in enumerate(zip(history, _means(history), strict=True)):
            young = peers[place]
            if WINDOW_DAYS[place] > 1:
                young = self._shrunk(mean, count=days_count, to=young)
            usual.append(self._shrunk(self._quantile(maxima), count=len(maxima), to=young))
        return tuple(usual)

    def _history(self, today: int, *, newest: int) -> tuple[list[int], ...]:
        """Return the daily maxima of each learnt window that reach into no first day."""
        state = self.state
        oldest = today - self.config.freeze_days - self.config.history_days
        first = max(oldest + 1, state.first_day + self.config.settling_days)
        return tuple(
            [
                maxima[place]
                for day, maxima in state.maxima.items()
                if first + window_days - 1 <= day < newest
            ]
            for place, window_days in enumerate(WINDOW_DAYS)
        )

    def _quantile(self, maxima: list[int]) -> float:
        return upper_quantile(maxima, quantile=self.config.quantile)

    def _shrunk(self, own: float, *, count: int, to: float) -> float:
        weight = count / (count + self.config.shrinkage_days)
        return weight * own + (1.0 - weight) * to


def _means(history: tuple[list[int], ...]) -> tuple[float, ...]:
    """Return what each window holds on average, by the mean day."""
    days = history[_DAY_PLACE]
    mean_day = sum(days) / len(days) if days else 0.0
    return tuple(mean_day * window_days for window_days in WINDOW_DAYS)
