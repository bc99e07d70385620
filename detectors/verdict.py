"""Step 6 of 7: what the core can say. Verdicts, their reasons, and the effects that follow.

The core only *says* these things; the shell's sinks carry them out.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct


class Reason(StrEnum):
    """Why a verdict is what it is. `NOTHING` is a reason too: silence is a decision."""

    NOTHING = "nothing"
    EXCESS = "excess"
    VOLUME = "volume"
    DRIP = "drip"
    COVERAGE = "coverage"
    SWEEP = "sweep"
    SLICING = "slicing"
    COLLUSION = "collusion"
    SCOPE = "scope"
    QUOTA = "quota"
    CANARY = "canary"
    MULTIVARIATE = "multivariate"


Severity = Literal["low", "medium", "high", "critical"]
# The order of harm, mildest first: whoever compares or numbers severities does it by this.
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
AlertChange = Literal["create", "update", "close"]
ALERT_CHANGES: Final[tuple[AlertChange, ...]] = get_args(AlertChange)
Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]


class ReasonDetail(Struct, frozen=True, kw_only=True):
    """One reason in numbers: what was seen, what was expected, and how improbable that is."""

    detector: str
    reason: Reason
    feature: Annotated[str, Meta(description="glossary name, such as new_participants")]
    window_seconds: int
    observed: float
    expected: float
    p_value: Annotated[float, Meta(gt=0.0, le=1.0)]
    share: Annotated[Ratio, Meta(description="of the whole evidence; all shares sum to 1")]


class Coverage(Struct, frozen=True, kw_only=True):
    """The share of the cohort an institution holds of one dataset, before and after."""

    dataset: str
    before_ratio: float
    after_ratio: float
    held_participants: int
    kind: Annotated[
        Literal["exact", "upper_bound"],
        Meta(description="upper_bound where events named counts, not participants"),
    ]


class Alert(Struct, frozen=True, kw_only=True):
    """One incident of one institution, as it stands now. The same incident keeps its id."""

    alert_id: str
    change: AlertChange
    revision: Annotated[int, Meta(ge=1, description="1 at creation, one more at each update")]
    institution: str
    at_ms: Annotated[int, Meta(description="event time of this statement")]
    started_ms: Annotated[int, Meta(description="event time at which the window began")]
    severity: Severity
    confidence: Ratio
    p_value: float
    sentence: str
    reasons: tuple[ReasonDetail, ...]
    coverage: tuple[Coverage, ...]
    taken_participants: Annotated[int, Meta(description="new participants in this incident")]
    full_cohort_days: Annotated[
        float | None, Meta(description="until the whole cohort is held at the last day's pace")
    ] = None
    top_user: str | None
    top_user_share: float
    top_project: str | None
    sample_event_ids: tuple[str, ...]
    trigger_event_id: str
    config_hash: str
    reference_version: str


class Verdict(Struct, frozen=True, kw_only=True):
    """What one evaluation concluded; mostly that there is nothing to watch."""

    watched: Annotated[bool, Meta(description="unusual enough to open an incident, or to go on")]
    p_value: float
    reasons: tuple[ReasonDetail, ...]


class RaiseAlert(Struct, frozen=True, kw_only=True, tag=True):
    """Tell people: create, update or close (see `alert.change`)."""

    alert: Alert


class Run(Struct, frozen=True, kw_only=True):
    """Consecutive days on which one channel was strange: one exceedance, however long it lasts."""

    first_day: int
    peak_day: Annotated[int, Meta(description="when the peak was reached: there the run counts")]
    peak: float


class DailySummary(Struct, frozen=True, kw_only=True, tag=True):
    """One institution's closed days, from which the peer reference is built."""

    institution: str
    group: str
    day: Annotated[int, Meta(description="the last closed day, days since the epoch, UTC")]
    days_count: Annotated[int, Meta(ge=1, description="days closed at once; silent ones count")]
    age_days: int
    usual: Annotated[
        tuple[float, ...],
        Meta(description="own upper quantile per learnt window, in a cohort of half a million"),
    ]
    runs: Annotated[dict[str, Run], Meta(description="by channel: what was strange on these days")]
    held_participants: int
    trusted: Annotated[bool, Meta(description="False while under suspicion")]
    alerted: Annotated[bool, Meta(description="an alert was raised or updated")] = False


class NewHoldings(Struct, frozen=True, kw_only=True, tag=True):
    """Who one institution took new on one day, for the judge of several institutions.

    Said again when the day's set has grown; the later one of a day holds the earlier.
    """

    institution: str
    day: int
    at_ms: int
    participants: Annotated[bytes, Meta(description="portable 64-bit Roaring bitmap")]


Effect = RaiseAlert | DailySummary | NewHoldings
