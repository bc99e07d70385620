"""Step 7 of 7: what happens -> metrics, those of the table in `table`.

Every label that is known beforehand is created at zero: an absent series is a fault, never a zero.
"""

from collections import Counter as Tally
from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from detectors.registry import DETECTORS
from detectors.verdict import ALERT_CHANGES, SEVERITIES, Alert
from streams.ingest.rejects import RejectReason
from streams.ingest.repairs import RepairReason
from streams.metrics import table
from streams.metrics.alert_days import AlertDays
from streams.metrics.institution_gauges import (
    OTHER,
    InstitutionGauges,
    InstitutionStatus,
)
from streams.metrics.series import Series
from streams.metrics.table import Spec

NAMESPACE: Final = "headgate"
REPEATED: Final = "repeated_id"
SAVED: Final = "already_saved"
GROUPS_LABELLED_MAX: Final = 20


class Metrics:
    """Every metric, built on the registry passed in; the attributes never change.

    >>> registry = CollectorRegistry()
    >>> Metrics(registry, institutions_labelled_max=1).events.inc(3)
    >>> registry.get_sample_value("headgate_events_judged_total")
    3.0
    """

    __slots__ = (
        "_alert_days",
        "_config_info",
        "_detectors",
        "_institution_gauges",
        "_modes",
        "_needed",
        "_partition_lag",
        "_partition_time",
        "alert_delay",
        "alert_p_value",
        "alerts",
        "budget",
        "build_info",
        "checkpoint_bytes",
        "checkpoint_duration",
        "checkpoint_states",
        "checkpoint_time",
        "config_changes",
        "config_refused",
        "dead_letters",
        "dropped",
        "events",
        "ids_excess",
        "institutions",
        "judges_apart",
        "late",
        "realised",
        "rejects",
        "repairs",
        "ring_days",
        "ring_judges",
        "strays",
        "unresolved",
    )

    def __init__(self, registry: CollectorRegistry, *, institutions_labelled_max: int) -> None:
        """Register everything, at zero."""
        self.events = _counter(table.EVENTS, registry)
        self.late = _counter(table.LATE, registry)
        self.repairs = _counter(table.REPAIRS, registry)
        self.strays = _counter(table.STRAYS, registry)
        self.judges_apart = _gauge(table.JUDGES_APART, registry)
        self.unresolved = _counter(table.UNRESOLVED, registry)
        self.rejects = _counter(table.REJECTS, registry)
        self.dead_letters = _counter(table.DEAD_LETTERS, registry)
        self.dropped = _counter(table.DROPPED, registry)
        self.alerts = _counter(table.ALERTS, registry)
        self.alert_delay = _histogram(table.ALERT_DELAY, registry)
        self.alert_p_value = _histogram(table.ALERT_P_VALUE, registry)
        self.ring_judges = _gauge(table.RING_JUDGES, registry)
        self.ring_days = _gauge(table.RING_DAYS, registry)
        self.ids_excess = _gauge(table.TOO_MANY_IDS, registry)
        self.institutions = _gauge(table.INSTITUTIONS, registry)
        self.checkpoint_time = _gauge(table.CHECKPOINT_TIME, registry)
        self.checkpoint_duration = _histogram(table.CHECKPOINT_DURATION, registry)
        self.checkpoint_bytes = _counter(table.CHECKPOINT_BYTES, registry)
        self.checkpoint_states = _counter(table.CHECKPOINT_STATES, registry)
        self.budget = _gauge(table.BUDGET, registry)
        self.realised = _gauge(table.REALISED, registry)
        self.config_changes = _counter(table.CONFIG_CHANGES, registry)
        self.config_refused = _counter(table.CONFIG_REFUSED, registry)
        self.build_info = _gauge(table.BUILD_INFO, registry)
        self._config_info = Series(_gauge(table.CONFIG_INFO, registry))
        self._needed = Series(_gauge(table.NEEDED, registry))
        self._detectors = Series(_gauge(table.STRANGE, registry))
        self._partition_lag = Series(_gauge(table.LAG, registry))
        self._partition_time = Series(_gauge(table.EVENT_TIME, registry))
        self._institution_gauges = InstitutionGauges(
            coverage=_gauge(table.COVERAGE, registry),
            incident=_gauge(table.INCIDENT, registry),
            distance=_gauge(table.LIMIT, registry),
            amounts={
                "unnamed_events": _gauge(table.UNNAMED, registry),
                "repeats_ratio": _gauge(table.REPEATS, registry),
                "errors_with_bytes_ratio": _gauge(table.ERRORS, registry),
                "unreadable_events": _gauge(table.UNREADABLE, registry),
            },
            institutions_labelled_max=institutions_labelled_max,
        )
        self._alert_days = AlertDays()
        self._modes: dict[str, str] = {}
        self._create_labels()

    def _create_labels(self) -> None:
        for reason in RejectReason:
            self.rejects.labels(reason=reason.value)
            self.dead_letters.labels(reason=reason.value)
        for repair in RepairReason:
            self.repairs.labels(reason=repair.value)
        for dropped in (REPEATED, SAVED):
            self.dropped.labels(reason=dropped)
        self.set_rings(speaks=None, ring_days=0)
        for detector in DETECTORS:
            self.alert_p_value.labels(detector=detector)
            for severity in SEVERITIES:
                for change in ALERT_CHANGES:
                    self.alerts.labels(detector=detector, severity=severity, change=change)
        self.build_info.labels(version=version(NAMESPACE)).set(1)

    def configured(self, *, config_hash: str, budget: float, modes: Mapping[str, str]) -> None:
        """Say which configuration is in effect; `modes` are those of the detectors."""
        self._config_info.show({(config_hash,): 1.0})
        self.budget.set(budget)
        self._modes = dict(modes)
        self.set_detectors(())

    def alerted(self, alert: Alert) -> None:
        """Count a statement about an incident."""
        detector = alert.reasons[0].detector if alert.reasons else OTHER
        self.alerts.labels(detector=detector, severity=alert.severity, change=alert.change).inc()
        if alert.change != "close":
            self.alert_p_value.labels(detector=detector).observe(alert.p_value)
            self._alert_days.note(alert.institution, at_ms=alert.at_ms)

    def set_institutions(
        self, statuses: Iterable[InstitutionStatus], *, names: Collection[str] = ()
    ) -> None:
        """Show how the institutions stand that are judged here, and nobody else.

        `names` are those too that are not in memory: they keep their labels.
        """
        self._institution_gauges.show(statuses, names=names)

    def set_detectors(self, detectors: Iterable[str]) -> None:
        """Show in how many institutions each detector senses something, named once for each."""
        counts = Tally(detectors)
        self._detectors.show(
            {(name, mode): float(counts[name]) for name, mode in self._modes.items()}
        )

    def set_needed(self, needed: Mapping[str, int]) -> None:
        """Show how many people an alert needs, by peer group; of those beyond some, the most."""
        named = sorted(needed)[:GROUPS_LABELLED_MAX]
        shown: dict[tuple[str, ...], float] = {}
        for group, count in needed.items():
            label = (group if group in named else OTHER,)
            shown[label] = max(float(count), shown.get(label, 0.0))
        self._needed.show(shown)

    def set_rings(self, *, speaks: bool | None, ring_days: int) -> None:
        """Show whether rings are told here; None: another worker looks for them, or nobody."""
        self.ring_judges.labels(state="speaks").set(speaks is True)
        self.ring_judges.labels(state="shadow").set(speaks is False)
        self.ring_days.set(ring_days)

    def set_lag(self, lags: Mapping[int, int], times_seconds: Mapping[int, float]) -> None:
        """Show, of the partitions that are ours, what is not judged yet and when the last came."""
        self._partition_lag.show({(str(number),): lag for number, lag in lags.items()})
        self._partition_time.show({(str(number),): at for number, at in times_seconds.items()})

    def set_totals(self, *, institutions_count: int, at_ms: int) -> None:
        """Note how many are judged and how far event time has come; recompute what was realised."""
        self.institutions.set(institutions_count)
        self.realised.set(self._alert_days.rate(institutions_count, at_ms=at_ms))


def _counter(spec: Spec, registry: CollectorRegistry) -> Counter:
    return Counter(spec.name, spec.meaning, spec.labels, registry=registry)


def _gauge(spec: Spec, registry: CollectorRegistry) -> Gauge:
    return Gauge(spec.name, spec.meaning, spec.labels, registry=registry)


def _histogram(spec: Spec, registry: CollectorRegistry) -> Histogram:
    return Histogram(spec.name, spec.meaning, spec.labels, registry=registry, buckets=spec.buckets)
