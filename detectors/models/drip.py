"""Step 4 of 7: features -> score. Drip: a small lasting surplus over the usual monthly pace.

Catches a patient theft whose single days and months look nearly ordinary: what is taken beyond
the pace adds up, day after day, and fades over a season.
Misses a thief who stays within the pace itself; a declared budget sees that one.

Source: E. S. Page (1954), "Continuous Inspection Schemes", Biometrika 41, 100-115: the one-sided
cumulative sum, here of participants, with the frozen monthly usual as the reference value. That it
fades is ours: one project of last year must not stand for ever against an institution.
The score is log10 of the participants beyond a month's usual, of a cohort of half a million.
"""

from itertools import repeat
from math import log10
from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.detector import ClosedDay, DetectorMode, Score
from detectors.features.baseline import COMMON_COHORT
from detectors.features.vector import Features
from detectors.features.windows import MONTH_DAYS

_FADING_DAYS: Final = 90
_FADING_SECONDS: Final = 7_776_000


class DripConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune."""

    mode: DetectorMode = "on"
    weight: Annotated[
        float, Meta(gt=0, description="share of the false-alert budget, beside the others'")
    ] = 0.25
    floor_cohort_ratio: Annotated[
        float, Meta(gt=0, le=1, description="share of the cohort too small to matter")
    ] = 0.01


class DripState(Struct, kw_only=True):
    """Participants beyond the pace, as of the last closed day."""

    surplus_participants: float = 0.0
    # The same, as if nothing had been taken of which people were told; of the open day so many.
    untold_participants: float = 0.0
    told_today: int = 0


class Drip:
    """The surplus that has added up.

    >>> drip = Drip(DripConfig(), DripState())
    >>> day = ClosedDay(
    ...     day=0,
    ...     silent_days=0,
    ...     trusted=True,
    ...     settled=True,
    ...     new=1_500,
    ...     month_usual=15_000.0,
    ...     point=(),
    ... )
    >>> for _ in range(60):
    ...     drip.learn(day)
    >>> round(drip.state.surplus_participants)
    43965
    """

    __slots__ = ("config", "state")

    def __init__(self, config: DripConfig, state: DripState) -> None:
        """Keep the knobs and the sum."""
        self.config = config
        self.state = state

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return a score where the surplus, today's included, is beyond a month's usual."""
        month_usual = features.usual[-1]
        surplus = _next_day(
            self.state.surplus_participants, features.today_new, month_usual=month_usual
        )
        beyond = surplus - month_usual
        if beyond < self.config.floor_cohort_ratio * features.cohort_size:
            return ()
        return (
            Score(
                channel="drip/90d",
                detector="drip",
                feature="surplus_participants",
                window_seconds=_FADING_SECONDS,
                value=log10(beyond * COMMON_COHORT / features.cohort_size),
                observed=surplus,
                expected=month_usual,
            ),
        )

    def learn(self, closed_day: ClosedDay) -> None:
        """Add up a settled day, trusted or not: the sum never stops, it only fades."""
        if not closed_day.settled:
            return
        state, month_usual = self.state, closed_day.month_usual
        untold_new = closed_day.new - state.told_today
        state.told_today = 0
        days = ((closed_day.new, untold_new), *repeat((0, 0), closed_day.silent_days))
        for new, untold in days:
            state.surplus_participants = _next_day(
                state.surplus_participants, new, month_usual=month_usual
            )
            state.untold_participants = _next_day(
                state.untold_participants, untold, month_usual=month_usual
            )

    def note_told(self, today_new: int) -> None:
        """Begin a second sum, of what people were not told of."""
        self.state.untold_participants, self.state.told_today = 0.0, today_new

    def forget_told(self) -> None:
        """Go on from the sum of what people were not told of."""
        self.state.surplus_participants = self.state.untold_participants


def _next_day(surplus: float, new: int, *, month_usual: float) -> float:
    """Return the surplus after another day with so many new participants."""
    faded = (1.0 - 1.0 / _FADING_DAYS) * surplus
    return max(0.0, faded + new - month_usual / MONTH_DAYS)
