"""Step 4 of 7: what every detector and every rule obeys, and what each says.

A detector scores and never changes state while scoring; learning comes after, and only from
what is trusted. Higher is stranger, always. Scores stay on their channel; only p-values cross.
A rule knows neither odds nor habits: something breaks it, or nothing does.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal, Protocol, runtime_checkable

from msgspec import Meta, Struct

from detectors.calibration.tail import Tail
from detectors.event import AccessEvent
from detectors.features.participant_sets import ParticipantSet
from detectors.features.vector import Features
from detectors.features.windows import Windows
from detectors.verdict import Severity

DetectorMode = Literal["off", "shadow", "on"]
ParticipantCount = Annotated[int, Meta(ge=0, description="participants")]


class Score(Struct, frozen=True, kw_only=True):
    """What a detector says on one channel: how strange, and in which numbers."""

    channel: Annotated[str, Meta(description="what is calibrated by itself: `detector[/part]`")]
    detector: str
    feature: Annotated[str, Meta(description="one of the features in the detector's row")]
    window_seconds: int
    value: Annotated[float, Meta(ge=0, description="in the detector's own unit; more is stranger")]
    observed: float
    expected: float


class Breach(Struct, frozen=True, kw_only=True):
    """What a rule says: which line was crossed, and by how much."""

    detector: str
    feature: Annotated[str, Meta(description="one of the features in the rule's row")]
    window_seconds: int
    observed: float
    expected: Annotated[float, Meta(description="what was allowed")]


class ClosedHour(Struct, frozen=True, kw_only=True):
    """An hour in which an institution took something, and that is over."""

    at_ms: Annotated[int, Meta(description="when it began")]
    taken_bytes: int
    trusted: Annotated[bool, Meta(description="not under suspicion")]
    unnamed_bytes: Annotated[
        int, Meta(description="of these, what left without a word of whose data it was")
    ] = 0


class ClosedDay(Struct, frozen=True, kw_only=True):
    """A day of one institution that is over, and the silent ones after it."""

    day: Annotated[int, Meta(description="since the epoch, UTC")]
    silent_days: Annotated[int, Meta(ge=0, description="days after it without an event")]
    trusted: Annotated[bool, Meta(description="neither under suspicion nor exempted from learning")]
    settled: Annotated[bool, Meta(description="not one of the institution's first days")]
    new: Annotated[ParticipantCount, Meta(description="taken that day and never held before")]
    month_usual: Annotated[float, Meta(description="new participants that 30 days usually have")]
    point: Annotated[tuple[float, ...], Meta(description="the day, in the order of DAY_FEATURES")]
    active: Annotated[bool, Meta(description="False for a day that was silent itself")] = True


class RuleInput(Struct, frozen=True, kw_only=True):
    """One successful event as a rule sees it: who was new, and what its project now holds."""

    event: AccessEvent
    at_ms: int
    participants: ParticipantSet | None
    new: ParticipantCount
    exempted: ParticipantCount
    held_participants: int
    project_participants: int
    project_grew: bool
    # What is held of the dataset and of its class, each with its cap, where it has one.
    held_under_caps: tuple[tuple[int, int], ...] = ()
    # What has left under a cap on bytes, this event included; 0 where there is no cap.
    # The first time that a name which the register does not know takes something to speak of.
    unregistered: bool = False
    institution_bytes: int = 0
    project_bytes: int = 0


class Detector(Protocol):
    """One way to see extraction, of one institution."""

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return what is strange now; nothing where nothing is. Change no state."""
        ...

    def learn(self, closed_day: ClosedDay) -> None:
        """Fold a day that is over; whether it may be learnt from is for the detector to ask."""
        ...


@runtime_checkable
class HourlyDetector(Protocol):
    """A detector that also knows what is usual in an hour."""

    def learn_hour(self, closed_hour: ClosedHour) -> None:
        """Fold an hour that is over."""
        ...

    def expected_bytes(self, at_ms: int) -> float:
        """Return the bytes that the hour of `at_ms` usually has; 0 before anything is learnt."""
        ...


@runtime_checkable
class CumulativeDetector(Protocol):
    """A detector whose evidence adds up for longer than any window reaches back."""

    def note_told(self, today_new: int) -> None:
        """Note that people know of all up to now, `today_new` participants of the open day too."""
        ...

    def forget_told(self) -> None:
        """Let what people were told of be no evidence any more."""
        ...


class EventRule(Protocol):
    """A rule that looks at one event against the register; it needs no history and no odds."""

    def evaluate(self, rule_input: RuleInput) -> Breach | None:
        """Return what the event breaks, or nothing. Change no state."""
        ...


class WindowRule(Protocol):
    """A rule on what has been taken within a window."""

    def crossed(self, windows: Windows, amounts: list[int]) -> bool:
        """Tell whether `amounts`, just added to `windows`, carried a limit over."""
        ...

    def evaluate(self, features: Features) -> tuple[Breach, ...]:
        """Return one breach for each limit that is passed. Change no state."""
        ...


class SetRule(Protocol):
    """A rule that compares what an event took, person by person, with what was taken before."""

    @property
    def participants_min(self) -> int:
        """Return how many people a set has at least that is looked at."""
        ...

    def note(self, event: AccessEvent, people: ParticipantSet, *, at_ms: int) -> bool:
        """Compare a set with the earlier ones, keep it, and tell whether there is more to ask."""
        ...

    def earlier(self, event: AccessEvent) -> tuple[str, ...]:
        """Return the ids of the events with which the event, noted last, was counted."""
        ...

    def evaluate(self, event: AccessEvent, *, factor: float = 1.0) -> Breach | None:
        """Return what the event, noted last, breaks; what is allowed counts `factor` times.

        Change no state.
        """
        ...


@runtime_checkable
class PartedState(Protocol):
    """What a detector remembers, where some of it is large and hardly changes."""

    def without_parts(self) -> Struct:
        """Return what changes with every event."""
        ...

    def parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield the rest, each with a name of which its bytes are a function."""
        ...

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take the rest back.

        Raises:
            StateError: a part is missing.
        """
        ...


ToldOf = Literal["new", "gained", "hour_bytes", "event", "sets", "beside"]


class Feature(Struct, frozen=True, kw_only=True):
    """A number that a detector gives as its reason, and how a person reads it."""

    clause: Annotated[
        str,
        Meta(description="after the institution's name; may hold observed, expected, window, name"),
    ]
    reason: Annotated[str, Meta(description="in alerts; the detector's own name if empty")] = ""
    counts_new_participants: Annotated[
        bool, Meta(description="what was observed are participants taken in the window")
    ] = False
    shares_basis: Annotated[
        ToldOf,
        Meta(
            description="what users have shares of: new: of what was observed, new participants; "
            "gained: as new, those of approved exports too; hour_bytes: of the bytes of the open "
            "hour; event: one event broke a rule; sets: as event, beside an earlier one; "
            "beside: of the new participants of the window, which are not what was observed"
        ),
    ] = "beside"
    counts_bytes: Annotated[bool, Meta(description="what was observed is bytes, not people")] = (
        False
    )


class DetectorRow(Struct, frozen=True, kw_only=True):
    """One detector or rule as the system knows it: one of the four factories, or none.

    The second stage, which judges all institutions at once, is built elsewhere.
    """

    config: type[Struct]
    card: Annotated[str, Meta(description="its page, from the root of the repository")]
    features: Mapping[str, Feature] = {}
    severity_min: Annotated[
        Severity, Meta(description="of an alert about it, however few were taken")
    ] = "low"
    detector: Annotated[
        Callable[..., Detector] | None,
        Meta(description="called with the config, and the state if it has one"),
    ] = None
    state: Annotated[type[Struct] | None, Meta(description="what a detector remembers")] = None
    event_rule: Annotated[
        Callable[..., EventRule | None] | None,
        Meta(description="called with the config and the register's entry; None: nothing to ask"),
    ] = None
    window_rule: Annotated[
        Callable[..., WindowRule | None] | None,
        Meta(description="called with the config; None: nothing to ask"),
    ] = None
    set_rule: Annotated[
        Callable[..., SetRule] | None,
        Meta(description="called with the config, the state, and what is known of ids"),
    ] = None
    tails: Annotated[
        Mapping[str, Tail], Meta(description="by channel, before anything is known of the peers")
    ] = {}
    channels: Annotated[
        Callable[..., tuple[str, ...]] | None,
        Meta(description="called with the config, where the settings name the channels"),
    ] = None
    any_channel_tail: Annotated[
        Tail | None, Meta(description="of each channel that the settings name")
    ] = None

    @property
    def is_rule(self) -> bool:
        """Tell whether it is about lines that are crossed or not: then no p-value means a thing."""
        rules = (self.event_rule, self.window_rule, self.set_rule)
        return any(rule is not None for rule in rules)
