"""Step 7 of 7: confidence x harm -> a rung: nothing, throttle, suspend; and whose access."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from detectors.feedback import Label
from detectors.instants import DAY_MS
from detectors.policy.explain import MAJORITY_RATIO
from detectors.register import Institution
from detectors.response.config import Modes, ResponseConfig, ResponseMode
from detectors.response.state import IncidentRecord, ResponseState
from detectors.response.suspension import Measure, SuspensionScope
from detectors.response.withheld import Threshold

# What turned out harmless leaves the ladder.
HARMLESS: Final = frozenset({Label.FALSE_POSITIVE, Label.EXPECTED})
_STRENGTH: Final[dict[Measure | None, int]] = {None: 0, "throttle": 1, "suspend": 2}
_PROJECTS_MIN: Final = 2
# What was said of so many people is not said of many more.
_LABEL_GROWTH: Final = 2


def risk_of(state: ResponseState, institution: str) -> float:
    """Return the risk of an institution: that of all its incidents, old ones decayed.

    Event time decides how old: what counts is the institution's own last statement.
    """
    incidents = state.incidents.get(institution, {}).values()
    now_ms = max((incident.at_ms for incident in incidents), default=0)
    risks = (_risk(state, incident, now_ms=now_ms) for incident in incidents)
    return min(1.0, sum(sorted(risks)))


def own_risk_of(state: ResponseState, incident: IncidentRecord) -> float:
    """Return the risk of what the incident's user took alone, whatever others took."""
    participants = incident.user_participants
    if incident.label in HARMLESS:
        participants = min(participants, unlabelled_participants(incident))
    return min(1.0, _weighed(state, incident, participants=participants))


def _risk(state: ResponseState, incident: IncidentRecord, *, now_ms: int) -> float:
    if is_harmless(incident) or is_of_a_ring(incident):
        return 0.0
    age_days = (now_ms - incident.at_ms) / DAY_MS
    decay = 0.5 ** (age_days / state.config.risk_halflife_days)
    return float(decay * _weighed(state, incident, participants=unlabelled_participants(incident)))


def _weighed(state: ResponseState, incident: IncidentRecord, *, participants: int) -> float:
    """Return confidence times the harm of taking so many; confirmed, it weighs more."""
    weight = state.config.confirmed_weight if incident.label is Label.CONFIRMED else 1.0
    return weight * confidence_in(incident) * min(1.0, participants / state.cohort_size)


class Rung(Struct, frozen=True, kw_only=True):
    """How high the ladder is climbed, and what stands against a higher rung."""

    measure: Annotated[Measure | None, Meta(description="None: no rung that is on")]
    mode: ResponseMode
    off: Annotated[Measure | None, Meta(description="reached, but off: the strongest such")] = None
    missed: Annotated[
        tuple[Threshold, ...], Meta(description="what stronger measures ask for, and was not seen")
    ] = ()
    meanwhile: Annotated[
        Measure | None,
        Meta(description="reached too: in force while people are asked"),
    ] = None


def rung_of(risk: float, *, confidence: float, config: ResponseConfig, modes: Modes) -> Rung:
    """Return the strongest measure that risk and confidence ask for and the modes know.

    >>> config = ResponseConfig(modes=Modes(throttle="automatic", suspend="off"))
    >>> rung = rung_of(0.5, confidence=1.0, config=config, modes=config.modes)
    >>> rung.measure, rung.mode, rung.off
    ('throttle', 'automatic', 'suspend')
    >>> rung = rung_of(0.5, confidence=0.6, config=config, modes=config.modes)
    >>> rung.measure, [(each.measure, each.needed) for each in rung.missed]
    (None, [('suspend', 0.95), ('throttle', 0.75)])
    """
    steps: tuple[tuple[Measure, ResponseMode, float, float], ...] = (
        ("suspend", modes.suspend, config.suspend_confidence, config.suspend_risk),
        ("throttle", modes.throttle, config.throttle_confidence, config.throttle_risk),
    )
    missed: list[Threshold] = []
    off: Measure | None = None
    for measure, mode, confidence_needed, risk_needed in steps:
        compared = (
            Threshold(
                measure=measure, quantity="confidence", needed=confidence_needed, seen=confidence
            ),
            Threshold(measure=measure, quantity="risk", needed=risk_needed, seen=risk),
        )
        short = [threshold for threshold in compared if threshold.seen < threshold.needed]
        if not short and mode != "off":
            return Rung(measure=measure, mode=mode, off=off, missed=tuple(missed))
        missed += short
        off = off if short else off or measure
    return Rung(measure=None, mode="off", off=off, missed=tuple(missed))


def is_harmless(incident: IncidentRecord) -> bool:
    """Tell whether people said so, and it holds: until twice as much was taken as by then."""
    covered = _LABEL_GROWTH * incident.labelled_participants
    return incident.label in HARMLESS and incident.taken_participants <= covered


def unlabelled_participants(incident: IncidentRecord) -> int:
    """Return how many were taken of whom nobody has said that it is harmless."""
    covered = incident.labelled_participants if incident.label in HARMLESS else 0
    return max(0, incident.taken_participants - covered)


def is_of_a_ring(incident: IncidentRecord) -> bool:
    """Tell whether nothing but a likeness between institutions speaks: that stops nobody."""
    return incident.detectors == ("collusion",)


def confidence_in(incident: IncidentRecord) -> float:
    """Return how sure an incident is: as sure as its alert, or as the person who confirmed it."""
    return 1.0 if incident.label is Label.CONFIRMED else incident.confidence


def is_stronger(measure: Measure, than: Measure | None) -> bool:
    """Tell whether one measure goes further than another.

    >>> is_stronger("suspend", "throttle"), is_stronger("throttle", "throttle")
    (True, False)
    """
    return _STRENGTH[measure] > _STRENGTH[than]


def scope_of(incident: IncidentRecord, entry: Institution) -> tuple[SuspensionScope, str]:
    """Return the smallest scope that holds the story: one user, one of several projects, or all."""
    if incident.user is not None and incident.user_share >= MAJORITY_RATIO:
        return "user", incident.user
    projects = {project.id for project in entry.projects}
    named = incident.project in projects and incident.project_share >= MAJORITY_RATIO
    if named and len(projects) >= _PROJECTS_MIN:
        return "project", str(incident.project)
    return "institution", incident.institution


def is_second_taking(
    state: ResponseState, incident: IncidentRecord, *, scope: SuspensionScope, subject: str
) -> bool:
    """Tell whether another user goes on while a measure against one is in force: one is many.

    Accounts are easily had: after a second one it is the institution that takes.
    """
    return scope == "user" and any(
        standing.scope == "user"
        and standing.state == "active"
        and standing.institution == incident.institution
        and standing.subject != subject
        for standing in state.open.values()
    )
