"""Step 6 of 7: what the core can say. Verdicts, their reasons, and the effects that follow.

The core only *says* these things; the shell's sinks carry them out.
"""

from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from detectors.feedback import Label

Severity = Literal["low", "medium", "high", "critical"]
# The order of harm, mildest first: whoever compares or numbers severities does it by this.
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
AlertChange = Literal["create", "update", "close"]
ALERT_CHANGES: Final[tuple[AlertChange, ...]] = get_args(AlertChange)
# What is known of who was taken: every name, or, of some, only how many they were.
TakenKind = Literal["exact", "estimate"]
# Of whom nothing had been learnt yet when an alert was given.
Unlearnt = Literal["institution", "peers"]
Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]


class ReasonDetail(Struct, frozen=True, kw_only=True):
    """One reason in numbers: what was seen, what was expected, and how improbable that is."""

    detector: Annotated[str, Meta(description="one of the registry's names")]
    reason: Annotated[
        str, Meta(description="the detector's name, but where it sees several patterns theirs")
    ]
    feature: Annotated[str, Meta(description="glossary name, such as new_participants")]
    window_seconds: Annotated[int, Meta(description="how far back the numbers reach")]
    observed: Annotated[float, Meta(description="in the feature's unit")]
    expected: Annotated[float, Meta(description="usual, or allowed by a rule; the same unit")]
    p_value: Annotated[
        float, Meta(gt=0.0, le=1.0, description="chance that an honest day has this much")
    ]
    share: Annotated[Ratio, Meta(description="of the whole evidence; all shares sum to 1")]


class DatasetCoverage(Struct, frozen=True, kw_only=True):
    """The share of the cohort an institution holds of one dataset, before and after."""

    dataset: str
    before_ratio: Annotated[float, Meta(description="of the cohort, when the incident began")]
    after_ratio: Annotated[float, Meta(description="of the cohort, now")]
    held_participants: Annotated[int, Meta(description="distinct ones, now")]
    kind: Annotated[
        Literal["exact", "upper_bound"],
        Meta(description="upper_bound where events named counts, not participants"),
    ]


ShareOf = Literal["new_participants", "bytes", "event"]


class WindowShares(Struct, frozen=True, kw_only=True):
    """Who took how much within the window that an alert's sentence tells of."""

    of: Annotated[
        ShareOf,
        Meta(description="what is shared out; event: a rule was broken by one event alone"),
    ]
    begins_ms: Annotated[int, Meta(description="event time at which the window begins")]
    total: Annotated[int, Meta(description="taken within the window, by whomever")]
    top_user: Annotated[int, Meta(description="by the named user, at least")]
    nobody: Annotated[int, Meta(description="by events that name no user, at least")]
    late: Annotated[
        int, Meta(description="dated more than 30 days before, and counted when they came")
    ]
    unknown: Annotated[
        int, Meta(description="by users of whom there were too many to keep; 0: all is exact")
    ]


class FailedRequests(Struct, frozen=True, kw_only=True):
    """The requests of an institution in 7 days that ended as denied or as errors."""

    count: int = 0
    with_bytes_count: Annotated[int, Meta(description="of these, how many carry bytes")] = 0
    bytes: Annotated[int, Meta(description="that left with them")] = 0

    @property
    def with_bytes_ratio(self) -> float:
        """How many of them carry bytes, from 0 to 1."""
        return self.with_bytes_count / max(1, self.count)


class Alert(Struct, frozen=True, kw_only=True):
    """One incident of one institution, as it stands now. The same incident keeps its id."""

    alert_id: Annotated[str, Meta(description="the same from creation to close, and in a replay")]
    change: AlertChange
    revision: Annotated[int, Meta(ge=1, description="1 at creation, one more at each update")]
    institution: str
    at_ms: Annotated[int, Meta(description="event time of this statement")]
    started_ms: Annotated[
        int, Meta(description="event time at which the window told of began; of a close, all")
    ]
    # Harm: by the share of the cohort taken.
    severity: Severity
    confidence: Annotated[Ratio, Meta(description="0.5 at the alert budget, 1 far below it")]
    p_value: Annotated[float, Meta(description="of all reasons together")]
    sentence: Annotated[str, Meta(description="the explanation, for people")]
    reasons: Annotated[
        tuple[ReasonDetail, ...], Meta(description="the weightiest first; none at a close")
    ]
    coverage: Annotated[
        tuple[DatasetCoverage, ...], Meta(description="by dataset; none from the second stage")
    ] = ()
    taken_participants: Annotated[int, Meta(description="new participants in this incident")]
    taken_kind: Annotated[
        TakenKind, Meta(description="estimate where events named counts, not participants")
    ] = "exact"
    full_cohort_days: Annotated[
        float | None, Meta(description="until the whole cohort is held at the last day's pace")
    ] = None
    shares: Annotated[
        WindowShares | None, Meta(description="none at a close, or from the second stage")
    ] = None
    top_user: Annotated[
        str | None, Meta(description="who took most within the window of `shares`")
    ] = None
    top_user_share: Annotated[
        float, Meta(description="of all within that window, at least; 0 where no user is named")
    ] = 0.0
    top_user_participants: Annotated[
        int, Meta(description="new participants that this user took in 30 days, at least")
    ] = 0
    top_project: Annotated[str | None, Meta(description="for which most was taken there")] = None
    top_project_share: Annotated[float, Meta(description="as top_user_share")] = 0.0
    members: Annotated[
        tuple[str, ...], Meta(description="institutions of a ring, this one included")
    ] = ()
    sample_event_ids: Annotated[
        tuple[str, ...],
        Meta(description="the largest of that window, of who took most of it; largest first"),
    ] = ()
    repairs: Annotated[
        dict[str, int],
        Meta(description="what was mended in the institution's events so far, how often"),
    ] = {}
    rejects: Annotated[
        dict[str, int], Meta(description="its records that could not be judged so far, by reason")
    ] = {}
    failed: Annotated[
        FailedRequests, Meta(description="what left with requests that failed, in 7 days")
    ] = FailedRequests()
    unlearnt: Annotated[
        tuple[Unlearnt, ...],
        Meta(description="who had no past yet, so that what is expected is built in, not learnt"),
    ] = ()
    trigger_event_id: Annotated[
        str, Meta(description="of the event that led to it; empty where time alone did")
    ] = ""
    config_hash: Annotated[str, Meta(description="names the configuration it was judged under")]
    reference_version: Annotated[
        str, Meta(description="names the knowledge of the peers it was judged by, if any")
    ] = ""


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

    first_day: Annotated[int, Meta(description="days since the epoch, UTC")]
    peak_day: Annotated[int, Meta(description="when the peak was reached: there the run counts")]
    peak: Annotated[float, Meta(description="the highest score, in the channel's unit")]
    alert_id: Annotated[str, Meta(description="of the alert that told people of it, if any")] = ""
    alert_score: Annotated[
        float,
        Meta(description="of a told one: what it takes to be told of alone, in the channel's unit"),
    ] = 0.0


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
    active: Annotated[bool, Meta(description="the first of these days had events")] = True
    alert_id: Annotated[str, Meta(description="of what was raised or updated, if anything")] = ""
    labels: Annotated[
        dict[str, Label], Meta(description="by alert: what people said since the last summary")
    ] = {}


class NewHoldings(Struct, frozen=True, kw_only=True, tag=True):
    """Who one institution took new on one day, for the judge of several institutions.

    Said again when the day's set has grown; the later one of a day holds the earlier.
    """

    institution: str
    day: int
    at_ms: int
    participants: Annotated[bytes, Meta(description="portable 64-bit Roaring bitmap")]


Effect = RaiseAlert | DailySummary | NewHoldings
