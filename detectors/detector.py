"""Step 4 of 7: what every detector obeys, and what it says.

A detector scores and never changes state while scoring; learning comes after, and only from
what is trusted. Higher is stranger, always. Scores stay on their channel; only p-values cross.
"""

from typing import Literal, Protocol

from msgspec import Struct

from detectors.features.vector import Features
from detectors.verdict import Reason


Mode = Literal["off", "shadow", "on"]


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


class Detector(Protocol):
    """One way to see extraction."""

    def score(self, features: Features) -> tuple[Score, ...]:
        """Return what is strange now; nothing where nothing is. Change no state."""
        ...
