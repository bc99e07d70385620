"""Step 4 of 7: features -> score. Excess: more new participants than this institution ever took.

Catches every theft that collects people faster than the institution, as it stood a month ago,
and its peers do: tonight, in a week or in a month. Re-reading the same people scores nothing.
Misses a theft hidden inside a heavy institution's own pace; a declared budget sees that one.

Source: the measurements behind docs/quality.md; shrinkage of a quantile to the group as in
B. Efron and C. Morris (1975), "Data Analysis Using Stein's Estimator and its Generalizations",
Journal of the American Statistical Association 70, 311-319.
The score is log10 of the participants taken beyond the usual, of a cohort of half a million, in
the window where that is most. No ratio to the usual comes in: what is lost is people, and in every
world tried a ratio only lifted small institutions' first projects above real thefts.
"""

from math import log10
from typing import Annotated

from msgspec import Meta, Struct

from detectors.detector import ClosedDay, DetectorMode, Score
from detectors.features.baseline import COMMON_COHORT, LEARNT_WINDOWS
from detectors.features.vector import Features
from detectors.features.windows import WINDOW_SECONDS


class ExcessConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune."""

    mode: DetectorMode = "on"
    weight: Annotated[
        float, Meta(gt=0, description="share of the false-alert budget, beside the others'")
    ] = 1.0
    floor_cohort_ratio: Annotated[
        float, Meta(gt=0, le=1, description="share of the cohort too small to matter")
    ] = 0.001


class Excess:
    """New participants in 1 h, 1 d, 7 d and 30 d beyond the usual of the same window.

    >>> from detectors.features.windows import Windows, WindowsState
    >>> features = Features(
    ...     at_ms=0,
    ...     windows=Windows(WindowsState()),
    ...     new=(9_000, 10_000, 10_000, 13_000),
    ...     usual=(0.0, 0.0, 400.0, 9_000.0),
    ...     cohort_size=500_000,
    ...     hour_bytes=0,
    ... )
    >>> [(score.window_seconds, score.value) for score in Excess(ExcessConfig()).score(features)]
    [(86400, 4.0)]
    """

    __slots__ = ("config",)

    def __init__(self, config: ExcessConfig) -> None:
        """Keep the knobs."""
        self.config = config

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return the score of the window with the most beyond its usual, the shortest of equals."""
        beyond = [new - usual for new, usual in zip(features.new, features.usual, strict=True)]
        excess = max(beyond)
        if excess < self.config.floor_cohort_ratio * features.cohort_size:
            return ()
        place = beyond.index(excess)
        return (
            Score(
                channel="excess",
                detector="excess",
                feature="new_participants",
                window_seconds=WINDOW_SECONDS[LEARNT_WINDOWS[place]],
                value=log10(excess * COMMON_COHORT / features.cohort_size),
                observed=float(features.new[place]),
                expected=features.usual[place],
            ),
        )

    def learn(self, closed_day: ClosedDay) -> None:
        """Learn nothing: what is usual is the baseline's to learn."""
