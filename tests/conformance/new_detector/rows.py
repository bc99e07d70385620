"""Step 4 of 7: features -> score. Rows: more rows in a day than a day has had.

Catches a query that unloads whole tables, whoever the participants in them are.
Misses an institution that has always unloaded tables, and a thief who reads few rows a day.

Source: a toy, in which the mean of the days' logarithms stands for what is usual.
The score is in factors of ten above that mean.
"""

from math import log10
from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.detector import ClosedDay, DetectorMode, Score
from detectors.features.vector import DAY_FEATURES, Features
from detectors.features.windows import WINDOW_SECONDS, Quantity, Window

_ROWS: Final = DAY_FEATURES.index("rows")


class RowsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune."""

    mode: DetectorMode = "on"
    weight: Annotated[
        float, Meta(gt=0, description="share of the false-alert budget, beside the others'")
    ] = 0.1
    decades_min: Annotated[
        float, Meta(gt=0, description="factors of ten below which nothing is said")
    ] = 1.0


class RowsState(Struct, kw_only=True):
    """How many days were learnt, and the sum of what they held, each scaled to 0..1."""

    days_count: int = 0
    scaled_rows: float = 0.0


class Rows:
    """Rows of the last day against the mean day."""

    __slots__ = ("config", "state")

    def __init__(self, config: RowsConfig, state: RowsState) -> None:
        """Keep the knobs and the sum."""
        self.config = config
        self.state = state

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return a score where the day so far has many times the rows of the mean day."""
        rows = features.windows.total(Window.DAY, Quantity.ROWS)
        usual = 10 ** (_DECADES * self.state.scaled_rows / max(1, self.state.days_count))
        decades = log10(max(1.0, rows / usual))
        if not self.state.days_count or decades < self.config.decades_min:
            return ()
        return (
            Score(
                channel="rows/1d",
                detector="rows",
                feature="rows",
                window_seconds=WINDOW_SECONDS[Window.DAY],
                value=decades,
                observed=float(rows),
                expected=usual,
            ),
        )

    def learn(self, closed_day: ClosedDay) -> None:
        """Fold a trusted day."""
        if closed_day.trusted:
            self.state.days_count += 1
            self.state.scaled_rows += closed_day.point[_ROWS]


# What a scaled number of 1 means; see `day_point`.
_DECADES: Final = 36.8 * log10(2.718281828459045)
