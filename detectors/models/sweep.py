"""Step 4 of 7: features -> score. Sweep: page after page through the ids, slice after slice.

Catches collection that goes up through the participants in order, whatever its page size, and
collection that takes each page of people a few fields at a time.
Misses a thief who shuffles the ids, or lets many users each walk a short way.

Source: enumeration as a sign of scraping (OWASP Automated Threat OAT-011); the measure is ours:
new participants of requests that begin beyond where the same user's last one ended, or that are
read again at once for other fields.
The score is log10 of the walked participants beyond the floor, in a day, of half a million.
"""

from math import log10
from typing import Annotated

from msgspec import Meta, Struct

from detectors.detector import ClosedDay, DetectorMode, Score
from detectors.features.baseline import COMMON_COHORT
from detectors.features.vector import Features
from detectors.features.windows import WINDOW_SECONDS, Quantity, Window


class SweepConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune."""

    mode: DetectorMode = "on"
    weight: Annotated[
        float, Meta(gt=0, description="share of the false-alert budget, beside the others'")
    ] = 0.25
    walked_ratio: Annotated[
        float, Meta(gt=0, le=1, description="share of the day's new participants that was walked")
    ] = 0.8
    slices_min: Annotated[
        float, Meta(ge=1, description="further reads of each new participant that make it slicing")
    ] = 3.0
    floor_cohort_ratio: Annotated[
        float, Meta(gt=0, le=1, description="share of the cohort too small to matter")
    ] = 0.002


class Sweep:
    """New participants taken in ascending order, in a day.

    >>> from detectors.features.windows import Windows, WindowsState, zeros
    >>> windows = Windows(WindowsState())
    >>> amounts = zeros()
    >>> amounts[Quantity.NEW] = amounts[Quantity.WALKED] = 11_000
    >>> windows.add(0, amounts)
    >>> features = Features(
    ...     at_ms=0,
    ...     windows=windows,
    ...     new=(11_000,) * 4,
    ...     usual=(0.0,) * 4,
    ...     cohort_size=500_000,
    ...     hour_bytes=0,
    ... )
    >>> [score.value for score in Sweep(SweepConfig()).score(features)]
    [4.0]
    """

    __slots__ = ("config",)

    def __init__(self, config: SweepConfig) -> None:
        """Keep the knobs."""
        self.config = config

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return what most of the day's new participants were: walked, sliced, or both."""
        floor = self.config.floor_cohort_ratio * features.cohort_size
        new = features.windows.total(Window.DAY, Quantity.NEW)
        if new <= floor:
            # Whom nobody took nobody walked through, nor sliced.
            return ()
        walked = features.windows.total(Window.DAY, Quantity.WALKED)
        sliced = features.windows.total(Window.DAY, Quantity.SLICED)
        scores = []
        if walked > floor and walked >= self.config.walked_ratio * new:
            scores.append(_score(features, "sweep", "walked_participants", walked, floor))
        if sliced >= self.config.slices_min * new:
            scores.append(_score(features, "slicing", "sliced_participants", new, floor))
        return tuple(scores)

    def learn(self, closed_day: ClosedDay) -> None:
        """Learn nothing: a walk is a walk, whatever is usual."""


def _score(
    features: Features, pattern: str, feature: str, participants: int, floor: float
) -> Score:
    scale = COMMON_COHORT / features.cohort_size
    return Score(
        channel=f"sweep/{pattern}",
        detector="sweep",
        feature=feature,
        window_seconds=WINDOW_SECONDS[Window.DAY],
        value=log10(max(1.0, scale * (participants - floor))),
        observed=float(participants),
        expected=floor,
    )
