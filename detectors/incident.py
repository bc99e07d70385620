"""Step 6 of 7: one judgement after another -> incidents. One theft is one alert, not a hundred.

An incident opens as a candidate when the evidence is at all unusual, is raised when its tail
probability falls below the budget, is updated when it has grown much worse, and closes after
quiet. The same incident keeps the same alert id throughout.

    candidate --(within budget)--> raised --(grown)--> raised, next revision
        |                            |
        +--------(quiet)-------------+--> closed
"""

from typing import Annotated, Final

from msgspec import Meta, Struct, field

from detectors.verdict import SEVERITIES, AlertChange, Severity

# Severity by harm: the share of the cohort taken in the incident. From a hundredth on, the
# number of people is that of a whole study; from a fifth on, the cohort as such is gone.
_TAKEN_RATIO_MIN: Final[dict[Severity, float]] = {
    "low": 0.0,
    "medium": 0.01,
    "high": 0.05,
    "critical": 0.20,
}


class PolicyConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When to speak, and when to speak again."""

    candidate_surprise: Annotated[
        float, Meta(gt=0, description="-log10 of the p-value at which an incident is watched")
    ] = 0.5
    quiet_days: Annotated[
        int, Meta(ge=1, le=60, description="days without growing evidence that end an incident")
    ] = 30
    update_growth_ratio: Annotated[
        float, Meta(gt=1, description="an alert is updated when this much more was taken")
    ] = 2.0
    evaluation_growth_ratio: Annotated[
        float, Meta(gt=1, le=2, description="within a day, judge again at this much more")
    ] = 1.1


class Incident(Struct, kw_only=True):
    """The open incident of one institution; plain numbers, so that it survives a restart."""

    number: int
    first_day: int
    last_day: int
    started_ms: int
    mark: float
    revision: int = 0
    alert_id: str = ""
    # What was said last: how many people the evidence spoke of, and how many were taken by then.
    alerted_participants: int = 0
    taken_participants: int = 0
    told_day: int = -1
    severity: Severity = "low"
    # The facts that have been told: what rules found, and of whom, of what data and by what
    # family of detectors people know.
    facts: list[str] = field(default_factory=list)
    # Since people were told: new participants by users and classes that they were not told of.
    untold_users: dict[str, int] = field(default_factory=dict)
    untold_classes: dict[str, int] = field(default_factory=dict)
    # Of those taken, weighed by class, whom no exemption covered; then who is held, by dataset.
    unapproved_participants_before: int = 0
    held_before: dict[str, int] = field(default_factory=dict)
    counted_before: dict[str, int] = field(default_factory=dict)

    @property
    def raised(self) -> bool:
        """Tell whether people have been told."""
        return self.revision > 0


class AlertSubject(Struct, frozen=True, kw_only=True):
    """What an alert was about when it was last stated; None: of several, or nobody knows."""

    user: str | None
    project: str | None
    dataset: str | None
    taken_participants: int


def severity_of(taken_ratio: float) -> Severity:
    """Return the severity of having taken `taken_ratio` of the cohort.

    >>> severity_of(0.07)
    'high'
    """
    return next(each for each in reversed(SEVERITIES) if taken_ratio >= _TAKEN_RATIO_MIN[each])


def change_of(
    incident: Incident,
    *,
    within_budget: bool,
    new_fact: bool,
    taken_participants: int,
    config: PolicyConfig,
) -> AlertChange | None:
    """Return whether to raise or update the incident now. A new fact is always told.

    An open incident is no verdict: without evidence within the budget it has nothing to add.
    """
    if not incident.raised:
        return "create" if within_budget else None
    if new_fact:
        return "update"
    if not within_budget:
        return None
    since = taken_participants - incident.taken_participants
    grown = (config.update_growth_ratio - 1.0) * incident.alerted_participants
    return "update" if since >= grown else None
