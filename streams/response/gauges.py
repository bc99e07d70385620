"""Step 7 of 7: how the response stands -> gauges, shown by the recorder and by nobody else."""

from collections import Counter as Tally
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from detectors.config_schedule import Scheduled
from detectors.feedback import Label
from detectors.response.push import ConfigRefused
from detectors.response.state import ResponseState
from detectors.response.suspension import Suspension, SuspensionState
from detectors.response.withheld import WITHHELD_REASONS, Withheld
from streams.metrics import table
from streams.metrics.series import Series
from streams.response.journal import Followed

MODES: Final = ("dry_run", "on")
ACCEPTED, REFUSED = OUTCOMES = ("accepted", "refused")


class ResponseGauges:
    """Watches the recorder of this process."""

    __slots__ = (
        "_decided",
        "_open",
        "_pushes",
        "_recorded",
        "_recorders",
        "_suspensions",
        "_withheld",
    )

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register everything; what can be counted is at zero."""
        began, standing = table.SUSPENSIONS, table.SUSPENSIONS_OPEN
        withheld, decided, recorded = table.WITHHELD, table.DECIDED, table.AUDIT_ENTRIES
        self._suspensions = Counter(began.name, began.meaning, began.labels, registry=registry)
        for mode in MODES:
            self._suspensions.labels(mode=mode)
        pushes = table.CONFIG_PUSHES
        self._pushes = Counter(pushes.name, pushes.meaning, pushes.labels, registry=registry)
        for outcome in OUTCOMES:
            self._pushes.labels(outcome=outcome)
        self._open = Series(Gauge(standing.name, standing.meaning, standing.labels,
                                  registry=registry))  # fmt: skip
        self._withheld = Counter(
            withheld.name, withheld.meaning, withheld.labels, registry=registry
        )
        for reason in WITHHELD_REASONS:
            self._withheld.labels(reason=reason)
        self._decided = Series(
            Gauge(decided.name, decided.meaning, decided.labels, registry=registry)
        )
        self._recorders = Gauge(table.RECORDERS.name, table.RECORDERS.meaning, registry=registry)
        self._recorded = Gauge(recorded.name, recorded.meaning, registry=registry)

    def responded(
        self, state: ResponseState, followed: Sequence[Followed], *, entries_count: int
    ) -> None:
        """Count what began, and show how all stands."""
        for action in (each.action for each in followed):
            if isinstance(action, Suspension) and action.revision == 1:
                self._suspensions.labels(mode=_mode(action)).inc()
            elif isinstance(action, Withheld):
                self._withheld.labels(reason=action.reason).inc()
            elif isinstance(action, Scheduled | ConfigRefused):
                accepted = isinstance(action, Scheduled)
                self._pushes.labels(outcome=ACCEPTED if accepted else REFUSED).inc()
        counts = Tally((suspension.state, _mode(suspension)) for suspension in state.open.values())
        states: tuple[SuspensionState, ...] = ("requested", "held", "approved", "active")
        self._open.show({(name, mode): counts[name, mode] for name in states for mode in MODES})
        self._decided.show(
            {
                (detector, label.value): outcomes[label]
                for detector, outcomes in state.outcomes.items()
                for label in Label
            }
        )
        self._recorded.set(entries_count)
        self._recorders.set(1)

    def ended(self) -> None:
        """Show nothing any more: another records."""
        self._recorders.set(0)
        for series in (self._open, self._decided):
            series.show({})


def _mode(suspension: Suspension) -> str:
    return "dry_run" if suspension.dry_run else "on"
