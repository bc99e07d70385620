"""Step 7 of 7: confidence x harm -> a rung: nothing, throttle, suspend; and whose access."""

from typing import Final

from detectors.feedback import Label
from detectors.instants import DAY_MS
from detectors.policy.explain import MAJORITY_RATIO
from detectors.register import Institution
from detectors.response.config import Modes, ResponseConfig, ResponseMode
from detectors.response.state import Incident, ResponseState
from detectors.response.suspension import Measure, Scope

# What turned out harmless leaves the ladder.
HARMLESS: Final = frozenset({Label.FALSE_POSITIVE, Label.EXPECTED})
_STRENGTH: Final[dict[Measure | None, int]] = {None: 0, "throttle": 1, "suspend": 2}
_PROJECTS_MIN: Final = 2


def risk_of(state: ResponseState, institution: str) -> float:
    """Return the risk of an institution: that of all its incidents, old ones decayed.

    Event time decides how old: what counts is the institution's own last statement.
    """
    incidents = state.incidents.get(institution, {}).values()
    now_ms = max((incident.at_ms for incident in incidents), default=0)
    risks = (_risk(state, incident, now_ms=now_ms) for incident in incidents)
    return min(1.0, sum(sorted(risks)))


def _risk(state: ResponseState, incident: Incident, *, now_ms: int) -> float:
    if incident.label in HARMLESS:
        return 0.0
    config = state.config
    weight = config.confirmed_weight if incident.label is Label.CONFIRMED else 1.0
    age_days = (now_ms - incident.at_ms) / DAY_MS
    kept = 0.5 ** (age_days / config.risk_halflife_days)
    harm = min(1.0, incident.taken_participants / state.cohort_size)
    return float(weight * kept * confidence_in(incident) * harm)


def rung_of(
    risk: float, *, confidence: float, config: ResponseConfig, modes: Modes
) -> tuple[Measure, ResponseMode] | None:
    """Return the strongest measure that risk and confidence ask for and the modes know.

    >>> config = ResponseConfig(modes=Modes(throttle="automatic", suspend="off"))
    >>> rung_of(0.5, confidence=1.0, config=config, modes=config.modes)
    ('throttle', 'automatic')
    >>> rung_of(0.5, confidence=0.6, config=config, modes=config.modes) is None
    True
    """
    suspends = risk >= config.suspend_risk and confidence >= config.suspend_confidence
    if suspends and modes.suspend != "off":
        return "suspend", modes.suspend
    throttles = risk >= config.throttle_risk and confidence >= config.throttle_confidence
    if throttles and modes.throttle != "off":
        return "throttle", modes.throttle
    return None


def confidence_in(incident: Incident) -> float:
    """Return how sure an incident is: as sure as its alert, or as the person who confirmed it."""
    return 1.0 if incident.label is Label.CONFIRMED else incident.confidence


def is_stronger(measure: Measure, than: Measure | None) -> bool:
    """Tell whether one measure goes further than another.

    >>> is_stronger("suspend", "throttle"), is_stronger("throttle", "throttle")
    (True, False)
    """
    return _STRENGTH[measure] > _STRENGTH[than]


def scope_of(incident: Incident, entry: Institution) -> tuple[Scope, str]:
    """Return the smallest scope that holds the story: one user, one of several projects, or all."""
    if incident.user is not None and incident.user_share >= MAJORITY_RATIO:
        return "user", incident.user
    projects = {project.id for project in entry.projects}
    if incident.project in projects and len(projects) >= _PROJECTS_MIN:
        return "project", str(incident.project)
    return "institution", incident.institution
