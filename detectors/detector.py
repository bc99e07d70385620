"""Step 4 of 7: what every detector obeys, and what it says.

A detector scores and never changes state while scoring; learning comes after, and only from
what is trusted. Higher is stranger, always. Scores stay on their channel; only p-values cross.
"""

from typing import Literal, Protocol

from msgspec import Struct

from detectors.event import AccessEvent
from detectors.features.participant_sets import ParticipantSet
from detectors.features.vector import Features
from detectors.verdict import Reason

DetectorMode = Literal["off", "shadow", "on"]


class RuleInput(Struct, frozen=True, kw_only=True):
    """One successful event as a rule sees it: who was new, and what its project now holds."""

    event: AccessEvent
    at_ms: int
    people: ParticipantSet | None
    new: int
    exempted: int
    held_participants: int
    project_participants: int
    project_grew: bool
    # What has left under a cap on bytes, this event included; 0 where there is no cap.
    institution_bytes: int = 0
    project_bytes: int = 0


class Score(Struct, frozen=True, kw_only=True):
    """What a detector says on one channel: how strange, and in which numbers."""

    channel: str
    detector: str
    reason: Reason
    feature: str
    window_seconds: int
    value: float
    observed: float
    expected: float
    rule: bool = False


class EventRule(Protocol):
    """A rule that looks at one event against the register; it needs no history and no odds."""

    def evaluate(self, rule_input: RuleInput) -> Score | None:
        """Return what the event breaks, or nothing. Change no state."""
        ...


class Detector(Protocol):
    """One way to see extraction."""

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return what is strange now; nothing where nothing is. Change no state."""
        ...
