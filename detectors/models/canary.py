"""Step 4 of 7: event -> score. Canary: a record that nobody has reason to read.

Catches any reading that does not know which participants are real, from its first page on.
Misses a thief who knows the canaries, or who takes only people found through the catalogue.

Source: honeytokens, as in L. Spitzner (2003), "Honeytokens: The Other Honeypot".
A rule: it bypasses calibration.
"""

from typing import Annotated

from msgspec import Meta, Struct
from pyroaring import BitMap64

from detectors.detector import Breach, DetectorMode, RuleInput
from detectors.event import ParticipantId
from detectors.features.participant_sets import as_bitmap
from detectors.features.windows import WINDOW_SECONDS, Window
from detectors.register import Institution


class CanaryConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which participants are canaries."""

    mode: DetectorMode = "on"
    participants: Annotated[
        tuple[ParticipantId, ...], Meta(description="ids that belong to nobody real")
    ] = ()


class Canary:
    """Canaries among the participants read.

    >>> from detectors.event import AccessEvent
    >>> event = AccessEvent(id="e", time=0, institution="i", dataset="d")
    >>> rule_input = RuleInput(
    ...     event=event,
    ...     at_ms=0,
    ...     participants=range(6, 9),
    ...     new=3,
    ...     exempted=0,
    ...     held_participants=3,
    ...     project_participants=0,
    ...     project_grew=False,
    ... )
    >>> Canary(CanaryConfig(participants=(7,))).evaluate(rule_input).observed
    1.0
    """

    __slots__ = ("_canaries",)

    def __init__(self, config: CanaryConfig) -> None:
        """Turn the ids into a set."""
        self._canaries = BitMap64(config.participants)

    def evaluate(self, rule_input: RuleInput) -> Breach | None:
        """Return a breach where a canary was read; no approval is about people who do not exist."""
        if rule_input.participants is None:
            return None
        touched = as_bitmap(rule_input.participants).intersection_cardinality(self._canaries)
        if not touched:
            return None
        return Breach(
            detector="canary",
            feature="canaries",
            window_seconds=WINDOW_SECONDS[Window.MINUTES_5],
            observed=float(touched),
            expected=0.0,
        )


def canary_of(config: CanaryConfig, _: Institution) -> Canary | None:
    """Return the rule, where there are canaries."""
    return Canary(config) if config.participants else None
