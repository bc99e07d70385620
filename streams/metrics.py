"""Step 7 of 7: what happens -> metrics, every one of them in one table.

Base units, explicit buckets, bounded labels, every label pre-created: a series that is absent is
a fault, never a zero. `docs/metrics.md` is generated from the table.
"""

from importlib.metadata import version
from typing import Final, Literal

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from detectors.registry import DETECTORS
from detectors.verdict import Alert, Suspend
from streams.alert_days import AlertDays
from streams.rejects import RejectReason

NAMESPACE: Final = "headgate"
OTHER: Final = "other"
SEVERITIES: Final = ("low", "medium", "high", "critical")
CHANGES: Final = ("create", "update", "close")
MODES: Final = ("dry_run", "on")

# From the poll of a quiet worker to a person's patience.
_DELAY_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_CHECKPOINT_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)


class Spec(Struct, frozen=True, kw_only=True):
    """One row of the table."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


EVENTS: Final = Spec(
    name="headgate_events_judged_total", kind="counter", meaning="Events that the core judged."
)
REJECTS: Final = Spec(
    name="headgate_events_rejected_total",
    kind="counter",
    meaning="Events refused, by reason; each is in dead letters.",
    labels=("reason",),
)
DEAD_LETTERS: Final = Spec(
    name="headgate_dead_letters_total",
    kind="counter",
    meaning="Refused records that the broker has acknowledged as dead letters.",
)
DROPPED: Final = Spec(
    name="headgate_events_dropped_total",
    kind="counter",
    meaning="Events that were neither judged nor refused, such as repeats after a restart.",
    labels=("step", "reason", "intentional"),
)
ALERTS: Final = Spec(
    name="headgate_alerts_total",
    kind="counter",
    meaning="Statements about incidents, by the detector of the first reason.",
    labels=("detector", "severity", "change"),
)
ALERT_DELAY: Final = Spec(
    name="headgate_alert_delay_seconds",
    kind="histogram",
    meaning="From Kafka's receipt of the event that tripped an alert to the alert on the broker.",
    buckets=_DELAY_BUCKETS,
)
SUSPENSIONS: Final = Spec(
    name="headgate_suspensions_total",
    kind="counter",
    meaning="Suspensions asked for; dry_run stops nobody.",
    labels=("mode",),
)
COVERAGE: Final = Spec(
    name="headgate_coverage_ratio",
    kind="gauge",
    meaning="Largest share of a dataset's cohort that an institution holds.",
    labels=("institution",),
)
INSTITUTIONS: Final = Spec(
    name="headgate_institutions_count",
    kind="gauge",
    meaning="Institutions that this worker judges.",
)
LAG: Final = Spec(
    name="headgate_lag_records",
    kind="gauge",
    meaning="Records of the partition that are not judged yet.",
    labels=("partition",),
)
EVENT_TIME: Final = Spec(
    name="headgate_event_time_seconds",
    kind="gauge",
    meaning="When Kafka received the partition's last judged event; it stands still if we do.",
    labels=("partition",),
)
CHECKPOINT_TIME: Final = Spec(
    name="headgate_checkpoint_time_seconds",
    kind="gauge",
    meaning="When the last checkpoint was committed, since the epoch; `time() - it` is its age.",
)
CHECKPOINT_DURATION: Final = Spec(
    name="headgate_checkpoint_duration_seconds",
    kind="histogram",
    meaning="How long a checkpoint took.",
    buckets=_CHECKPOINT_BUCKETS,
)
CHECKPOINT_BYTES: Final = Spec(
    name="headgate_checkpoint_written_bytes_total",
    kind="counter",
    meaning="State written to the state topic.",
)
CHECKPOINT_STATES: Final = Spec(
    name="headgate_checkpoint_states_total",
    kind="counter",
    meaning="Institutions whose state was written.",
)
BUDGET: Final = Spec(
    name="headgate_alert_days_budget",
    kind="gauge",
    meaning="Configured false alert-days per week per 100 institutions.",
)
REALISED: Final = Spec(
    name="headgate_alert_days_realised",
    kind="gauge",
    meaning="Alert-days per week per 100 institutions, as they came; true alerts included.",
)
CONFIG_INFO: Final = Spec(
    name="headgate_config_info",
    kind="gauge",
    meaning="Always 1; the label names the core's configuration, as alerts quote it.",
    labels=("hash",),
)
BUILD_INFO: Final = Spec(
    name="headgate_build_info",
    kind="gauge",
    meaning="Always 1; the label is the installed version.",
    labels=("version",),
)

SPECS: Final = (
    EVENTS, REJECTS, DEAD_LETTERS, DROPPED, ALERTS, ALERT_DELAY, SUSPENSIONS, COVERAGE,
    INSTITUTIONS, LAG, EVENT_TIME, CHECKPOINT_TIME, CHECKPOINT_DURATION, CHECKPOINT_BYTES,
    CHECKPOINT_STATES, BUDGET, REALISED, CONFIG_INFO, BUILD_INFO,
)  # fmt: skip


class Metrics:
    """Every metric, built on the registry passed in; the attributes never change.

    >>> metrics = Metrics(CollectorRegistry(), institutions_labelled_max=1)
    >>> metrics.institution_label("oxford"), metrics.institution_label("leeds")
    ('oxford', 'other')
    """

    __slots__ = (
        "_alert_days",
        "_labelled",
        "_labelled_max",
        "_other_ratio",
        "alert_delay",
        "alerts",
        "budget",
        "build_info",
        "checkpoint_bytes",
        "checkpoint_duration",
        "checkpoint_states",
        "checkpoint_time",
        "config_info",
        "coverage",
        "dead_letters",
        "dropped",
        "event_time",
        "events",
        "institutions",
        "lag",
        "realised",
        "rejects",
        "suspensions",
    )  # fmt: skip

    def __init__(self, registry: CollectorRegistry, *, institutions_labelled_max: int) -> None:
        """Register everything, at zero."""
        self.events = _counter(EVENTS, registry)
        self.rejects = _counter(REJECTS, registry)
        self.dead_letters = _counter(DEAD_LETTERS, registry)
        self.dropped = _counter(DROPPED, registry)
        self.alerts = _counter(ALERTS, registry)
        self.alert_delay = _histogram(ALERT_DELAY, registry)
        self.suspensions = _counter(SUSPENSIONS, registry)
        self.coverage = _gauge(COVERAGE, registry)
        self.institutions = _gauge(INSTITUTIONS, registry)
        self.lag = _gauge(LAG, registry)
        self.event_time = _gauge(EVENT_TIME, registry)
        self.checkpoint_time = _gauge(CHECKPOINT_TIME, registry)
        self.checkpoint_duration = _histogram(CHECKPOINT_DURATION, registry)
        self.checkpoint_bytes = _counter(CHECKPOINT_BYTES, registry)
        self.checkpoint_states = _counter(CHECKPOINT_STATES, registry)
        self.budget = _gauge(BUDGET, registry)
        self.realised = _gauge(REALISED, registry)
        self.config_info = _gauge(CONFIG_INFO, registry)
        self.build_info = _gauge(BUILD_INFO, registry)
        self._alert_days = AlertDays()
        self._labelled: set[str] = set()
        self._labelled_max = institutions_labelled_max
        self._other_ratio = 0.0
        self._create_labels()

    def _create_labels(self) -> None:
        for reason in RejectReason:
            self.rejects.labels(reason=reason.value)
        for mode in MODES:
            self.suspensions.labels(mode=mode)
        for detector in DETECTORS:
            for severity in SEVERITIES:
                for change in CHANGES:
                    self.alerts.labels(detector=detector, severity=severity, change=change)
        self.build_info.labels(version=version(NAMESPACE)).set(1)

    def configured(self, *, config_hash: str, budget: float) -> None:
        """Say which configuration is in effect."""
        self.config_info.labels(hash=config_hash).set(1)
        self.budget.set(budget)

    def institution_label(self, institution: str) -> str:
        """Return the label of an institution: its name, or `other` once all labels are taken."""
        if institution in self._labelled:
            return institution
        if len(self._labelled) >= self._labelled_max:
            return OTHER
        self._labelled.add(institution)
        return institution

    def covered(self, institution: str, *, ratio: float) -> None:
        """Note what an institution holds; `other` shows the largest that it was told."""
        label = self.institution_label(institution)
        if label == OTHER:
            self._other_ratio = ratio = max(ratio, self._other_ratio)
        self.coverage.labels(institution=label).set(ratio)

    def alerted(self, alert: Alert) -> None:
        """Count a statement about an incident."""
        detector = alert.reasons[0].detector if alert.reasons else OTHER
        self.alerts.labels(detector=detector, severity=alert.severity, change=alert.change).inc()
        self.covered(
            alert.institution, ratio=max((one.after_ratio for one in alert.coverage), default=0.0)
        )
        if alert.change != "close":
            self._alert_days.note(alert.institution, at_ms=alert.at_ms)

    def watched(self, *, institutions_count: int, at_ms: int) -> None:
        """Note how many are judged and how far event time has come; recompute what was realised."""
        self.institutions.set(institutions_count)
        self.realised.set(self._alert_days.rate(institutions_count, at_ms=at_ms))

    def suspended(self, suspension: Suspend, *, mode: Literal["dry_run", "on"]) -> None:
        """Count a suspension that was asked for."""
        del suspension  # who it is belongs to the topic, not to a label.
        self.suspensions.labels(mode=mode).inc()


def _counter(spec: Spec, registry: CollectorRegistry) -> Counter:
    return Counter(spec.name, spec.meaning, spec.labels, registry=registry)


def _gauge(spec: Spec, registry: CollectorRegistry) -> Gauge:
    return Gauge(spec.name, spec.meaning, spec.labels, registry=registry)


def _histogram(spec: Spec, registry: CollectorRegistry) -> Histogram:
    return Histogram(spec.name, spec.meaning, spec.labels, registry=registry, buckets=spec.buckets)
