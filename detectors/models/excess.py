"""Step 4 of 7: features -> score. Excess: more new participants than this institution ever took.

Catches every theft that collects people faster than the institution, as it stood a month ago,
and its peers do: tonight, in a week or in a month. Re-reading the same people scores nothing.
Misses a theft hidden inside a heavy institution's own pace; a declared budget sees that one.

Source: the measurements behind docs/quality.md; shrinkage of a quantile to the group as in
B. Efron and C. Morris (1975), "Data Analysis Using Stein's Estimator and its Generalizations",
Journal of the American Statistical Association 70, 311-319.
The score has no unit: twice log10 of the participants beyond the bar plus log10 of the ratio.
Both are of a cohort of half a million. Harm counts twice, for a small institution's first
project multiplies its usual by hundreds.
"""

from math import log10
from typing import Annotated

from msgspec import Meta, Struct

from detectors.detector import Mode, Score
from detectors.features.baseline import COMMON_COHORT, LEARNT_WINDOWS
from detectors.features.vector import Features
from detectors.features.windows import WINDOW_NAMES, WINDOW_SECONDS
from detectors.verdict import Reason


class ExcessConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune."""

    mode: Mode = "on"
    weight: Annotated[
        float, Meta(gt=0, description="share of the false-alert budget, beside the others'")
    ] = 1.0
    multiple: Annotated[
        float, Meta(ge=1.0, description="of the usual: below it nothing is in excess")
    ] = 2.0
    floor_cohort_ratio: Annotated[
        float, Meta(gt=0, le=1, description="share of the cohort too small to matter")
    ] = 0.001


class Excess:
    """New participants in 1 h, 1 d, 7 d and 30 d against the usual of the same window.

    >>> from detectors.features.windows import Windows, WindowsState
    >>> features = Features(
    ...     at_ms=0,
    ...     windows=Windows(WindowsState()),
    ...     new=(9_000, 9_000, 9_000, 9_000),
    ...     usual=(400.0, 1_000.0, 4_000.0, 9_000.0),
    ...     history_days=84,
    ...     named=True,
    ...     held_participants=0,
    ...     cohort_size=500_000,
    ...     hour_bytes=0,
    ... )
    >>> [(score.channel, round(score.value, 2)) for score in Excess(ExcessConfig()).score(features)]
    [('excess/1h', 8.88), ('excess/1d', 8.34), ('excess/7d', 6.05)]
    """

    __slots__ = ("config",)

    def __init__(self, config: ExcessConfig) -> None:
        """Keep the knobs."""
        self.config = config

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return one score a window whose bar is passed."""
        floor = self.config.floor_cohort_ratio * features.cohort_size
        scale = COMMON_COHORT / features.cohort_size
        found = []
        for place, window in enumerate(LEARNT_WINDOWS):
            observed, usual = features.new[place], features.usual[place]
            bar = self.config.multiple * max(usual, floor / 2)
            if observed <= bar or observed < floor:
                continue
            value = max(0.0, 2.0 * log10(scale * (observed - bar)) + log10(observed / bar))
            found.append(
                Score(
                    channel=f"excess/{WINDOW_NAMES[window]}",
                    detector="excess",
                    reason=Reason.EXCESS,
                    feature="new_participants",
                    window_seconds=WINDOW_SECONDS[window],
                    value=value,
                    observed=float(observed),
                    expected=usual,
                )
            )
        return tuple(found)
