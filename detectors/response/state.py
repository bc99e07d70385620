"""Step 7 of 7: what the response remembers between two entries. Bounded, and plain."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from detectors.config import CoreConfig
from detectors.config_schedule import Scheduled
from detectors.feedback import Label
from detectors.register import Institution
from detectors.response.config import ResponseConfig
from detectors.response.suspension import Suspension
from detectors.response.withheld import Withheld
from detectors.verdict import Severity

# Of one institution; the oldest goes, which by then has nearly no weight.
INCIDENTS_MAX = 64


class IncidentRecord(Struct, kw_only=True):
    """One alert id as last stated, and what people said of it."""

    alert_id: str
    institution: str
    at_ms: int
    severity: Severity
    confidence: float
    taken_participants: int
    detectors: tuple[str, ...]
    user: str | None
    user_share: float
    user_participants: int
    project: str | None
    project_share: float
    sentence: str
    label: Label | None = None
    labelled_ms: int = -1
    label_decision_id: str | None = None
    labelled_participants: Annotated[
        int, Meta(description="taken when people said what it was: the label holds for twice that")
    ] = 0
    withheld: Annotated[
        Withheld | None, Meta(description="what it did not lead to when it was last stated")
    ] = None
    measures_count: Annotated[int, Meta(description="begun since it is remembered")] = 0


class Cooling(Struct, frozen=True, kw_only=True):
    """A scope that was released: until when only a much greater risk acts on it again."""

    until_ms: int
    risk: float


class ResponseState(Struct, kw_only=True):
    """The fold of the journal so far."""

    config: ResponseConfig = field(default_factory=ResponseConfig)
    cohort_size: int = 1
    core: CoreConfig | None = None
    pushed: tuple[Scheduled, ...] = ()
    now_ms: int = 0
    entries: dict[str, Institution] = field(default_factory=dict)
    on_alert: set[str] = field(default_factory=set)
    incidents: dict[str, dict[str, IncidentRecord]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    open: dict[str, Suspension] = field(default_factory=dict)
    cooling: dict[str, Cooling] = field(default_factory=dict)
    outcomes: dict[str, dict[Label, int]] = field(default_factory=dict)

    @property
    def known_count(self) -> int:
        """Return how many institutions are known: registered, or alerted on."""
        return len(self.on_alert | self.entries.keys())

    def entry(self, institution: str) -> Institution:
        """Return the register's entry; an empty one for an unknown institution."""
        return self.entries.get(institution) or Institution(id=institution)

    def incident(self, alert_id: str) -> IncidentRecord | None:
        """Return what is remembered of an alert."""
        return self.incidents.get(self.owners.get(alert_id, ""), {}).get(alert_id)

    def suspension(self, suspension_id: str) -> Suspension | None:
        """Return an open suspension by its id."""
        matching = (
            suspension
            for suspension in self.open.values()
            if suspension.suspension_id == suspension_id
        )
        return next(matching, None)

    def of_alert(self, alert_id: str) -> Iterator[Suspension]:
        """Yield the open suspensions that an alert led to."""
        return (
            suspension
            for suspension in tuple(self.open.values())
            if suspension.alert_id == alert_id
        )


def remember(state: ResponseState, incident: IncidentRecord) -> None:
    """Keep an incident, and forget the oldest of its institution where there are too many."""
    incidents = state.incidents.setdefault(incident.institution, {})
    incidents[incident.alert_id] = incident
    state.owners[incident.alert_id] = incident.institution
    state.on_alert.add(incident.institution)
    if len(incidents) > INCIDENTS_MAX:
        oldest = min(incidents, key=lambda name: (incidents[name].at_ms, name))
        del incidents[oldest], state.owners[oldest]


def next_due_ms(state: ResponseState) -> int | None:
    """Return when something expires next if nothing arrives; None if nothing will."""
    return min(
        (suspension.expires_ms for suspension in state.open.values() if suspension.expires_ms),
        default=None,
    )
