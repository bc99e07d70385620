"""What the response makes of alerts and decisions, entry by entry, as in the audit's journal."""

from msgspec.structs import replace

from detectors.response.config import Modes, ResponseConfig, ResponseMode
from detectors.response.entries import AuditEntry, Body, Configured, Tick, Verb
from detectors.response.fold import ResponseAction, apply
from detectors.response.state import ResponseState
from detectors.response.suspension import Suspension
from tests.builders import alert_seen, audit_entry, decision_made

COHORT_SIZE = 1_000
# Below the default, so that a hundred people of a thousand are on the highest rung.
RUNGS = {"suspend_risk": 0.045}


class ResponseDesk:
    """A journal that grows, and its fold, over a cohort of a thousand."""

    def __init__(self, mode: ResponseMode | Modes = "automatic", **changes: object) -> None:
        """Begin with these modes, or with one for both rungs."""
        modes = mode if isinstance(mode, Modes) else Modes(throttle=mode, suspend=mode)
        response = replace(ResponseConfig(modes=modes), **(RUNGS | changes))
        self.state = ResponseState()
        self.now_ms = 1_000
        self.entries: list[AuditEntry] = []
        self.put(Configured(response=response, cohort_size=COHORT_SIZE, config_hash="", version=""))

    def put(self, body: Body) -> tuple[ResponseAction, ...]:
        """Add an entry and return what follows."""
        entry = audit_entry(body, sequence=len(self.entries) + 1, recorded_ms=self.now_ms)
        self.entries.append(entry)
        return apply(self.state, entry)

    def alert(self, **changes: object) -> tuple[ResponseAction, ...]:
        """State an alert of north in which 100 of 1,000 were taken, by one user."""
        return self.put(alert_seen(**changes))

    def decide(
        self, verb: Verb, *, who: str = "ann", at_ms: int = 1, decision_id: str = "d"
    ) -> tuple[ResponseAction, ...]:
        """Let somebody decide."""
        return self.put(decision_made(verb, who=who, at_ms=at_ms, decision_id=decision_id))

    def wait(self, seconds: int) -> tuple[ResponseAction, ...]:
        """Let time pass."""
        self.now_ms += seconds * 1_000
        return self.put(Tick())

    @property
    def only_open(self) -> Suspension:
        """Return the only open suspension."""
        (suspension,) = self.state.open.values()
        return suspension


def measures_in(actions: tuple[ResponseAction, ...]) -> list[tuple[str, str]]:
    """Return measure and state of each suspension among the actions."""
    return [(action.measure, action.state) for action in actions if isinstance(action, Suspension)]
