"""Step 7 of 7: every metric of a worker, in one table: name, kind, labels, meaning.

Base units, explicit buckets, bounded labels. `docs/metrics.md` is generated from it.
"""

from typing import Final, Literal

from msgspec import Struct

# From the poll of a quiet worker to a person's patience.
_DELAY_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_P_VALUE_BUCKETS: Final = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1)
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
    meaning="Events rejected, by reason; each is in dead letters.",
    labels=("reason",),
)
DEAD_LETTERS: Final = Spec(
    name="headgate_dead_letters_total",
    kind="counter",
    meaning="Rejected records that the broker has acknowledged as dead letters, by reason.",
    labels=("reason",),
)
LATE: Final = Spec(
    name="headgate_events_late_total",
    kind="counter",
    meaning="Judged events more than an hour older than the newest of their institution.",
)
REPAIRS: Final = Spec(
    name="headgate_event_repairs_total",
    kind="counter",
    meaning="What could not be read as it was written in events judged in part, by what was done.",
    labels=("reason",),
)
STRAYS: Final = Spec(
    name="headgate_events_stray_total",
    kind="counter",
    meaning="Events outside of their institution's own partition, or under another key: sent home.",
)
JUDGES_APART: Final = Spec(
    name="headgate_judges_apart_count",
    kind="gauge",
    meaning="Aliases judged in another partition before the register named them: not joined.",
)
UNRESOLVED: Final = Spec(
    name="headgate_events_unresolved_total",
    kind="counter",
    meaning="Judged events whose institution their log did not name.",
)
DROPPED: Final = Spec(
    name="headgate_events_dropped_total",
    kind="counter",
    meaning="Events without effect: a repeat of an id, or already in the saved state.",
    labels=("reason",),
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
ALERT_P_VALUE: Final = Spec(
    name="headgate_alert_p_value",
    kind="histogram",
    meaning="Calibrated p-values of statements about incidents; those of rules are the smallest.",
    labels=("detector",),
    buckets=_P_VALUE_BUCKETS,
)
STRANGE: Final = Spec(
    name="headgate_detector_institutions_count",
    kind="gauge",
    meaning="Institutions in which the detector sees something strange today, in shadow or on.",
    labels=("detector", "mode"),
)
SUSPENSIONS: Final = Spec(
    name="headgate_suspensions_total",
    kind="counter",
    meaning="Measures that began or were asked for; dry_run stops nobody.",
    labels=("mode",),
)
SUSPENSIONS_OPEN: Final = Spec(
    name="headgate_suspensions_open_count",
    kind="gauge",
    meaning="Measures that are not over, shown by who records the audit; held: page somebody.",
    labels=("state", "mode"),
)
WITHHELD: Final = Spec(
    name="headgate_measures_withheld_total",
    kind="counter",
    meaning="Alert statements that led to no measure, or to no stronger one, by why.",
    labels=("reason",),
)
DECIDED: Final = Spec(
    name="headgate_alerts_decided_count",
    kind="gauge",
    meaning="Alerts by what people said they were; confirmed / all is a detector's effectiveness.",
    labels=("detector", "label"),
)
RECORDERS: Final = Spec(
    name="headgate_recorders_count",
    kind="gauge",
    meaning="1 on the worker that records the audit; without one, nothing follows from alerts.",
)
AUDIT_ENTRIES: Final = Spec(
    name="headgate_audit_entries_count",
    kind="gauge",
    meaning="Lines of the audit, as far as this worker has written or read it.",
)
COVERAGE: Final = Spec(
    name="headgate_coverage_ratio",
    kind="gauge",
    meaning="Share of a dataset's cohort that an institution holds.",
    labels=("institution", "jurisdiction", "dataset"),
)
INCIDENT: Final = Spec(
    name="headgate_incident_severity",
    kind="gauge",
    meaning="An institution's open alert: 0 none, 1 low, 2 medium, 3 high, 4 critical.",
    labels=("institution", "jurisdiction"),
)
LIMIT: Final = Spec(
    name="headgate_limit_distance_seconds",
    kind="gauge",
    meaning="At the pace of 30 days, time until an institution holds all it may; +Inf: never.",
    labels=("institution", "jurisdiction"),
)
UNNAMED: Final = Spec(
    name="headgate_unnamed_events_count",
    kind="gauge",
    meaning="Events that name nobody: the institution cannot be judged by people.",
    labels=("institution", "jurisdiction"),
)
REPEATS: Final = Spec(
    name="headgate_repeats_ratio",
    kind="gauge",
    meaning="Share of an institution's events that repeat the id and what left of another.",
    labels=("institution", "jurisdiction"),
)
ERRORS: Final = Spec(
    name="headgate_errors_with_bytes_ratio",
    kind="gauge",
    meaning="Share of an institution's failed requests of 7 days that carry bytes.",
    labels=("institution", "jurisdiction"),
)
UNREADABLE: Final = Spec(
    name="headgate_unreadable_events_count",
    kind="gauge",
    meaning="Events of 7 days that were rejected, or judged in part with something missing.",
    labels=("institution", "jurisdiction"),
)
RING_JUDGES: Final = Spec(
    name="headgate_ring_judges_count",
    kind="gauge",
    meaning="1 on the worker that looks for rings, by whether it tells of them or is in shadow.",
    labels=("state",),
)
RING_DAYS: Final = Spec(
    name="headgate_ring_days_count",
    kind="gauge",
    meaning="Days of the last eight weeks on which a ring was found; beyond 8, `auto` is silent.",
)
TOO_MANY_IDS: Final = Spec(
    name="headgate_cohort_ids_excess_count",
    kind="gauge",
    meaning="Distinct ids that this worker has seen beyond the people of the cohort; 0 is right.",
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
    meaning="When all that was judged was last known to be saved; `time() - it` is its age.",
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
NEEDED: Final = Spec(
    name="headgate_alert_participants_count",
    kind="gauge",
    meaning="New people, taken at once, of which an alert tells at the latest, by peer group.",
    labels=("group",),
)
CONFIG_INFO: Final = Spec(
    name="headgate_config_info",
    kind="gauge",
    meaning="Always 1; the label names the core's configuration, as alerts quote it.",
    labels=("hash",),
)
CONFIG_CHANGES: Final = Spec(
    name="headgate_config_changes_total",
    kind="counter",
    meaning="Pushed configurations that judges were told of, once for each partition.",
)
CONFIG_REFUSED: Final = Spec(
    name="headgate_config_refused_total",
    kind="counter",
    meaning="Records of a pushed configuration that were refused; each is in dead letters.",
)
CONFIG_PUSHES: Final = Spec(
    name="headgate_config_pushes_total",
    kind="counter",
    meaning="Pushed configurations by what the recorder did with them.",
    labels=("outcome",),
)
BUILD_INFO: Final = Spec(
    name="headgate_build_info",
    kind="gauge",
    meaning="Always 1; the label is the installed version.",
    labels=("version",),
)

SPECS: Final = (
    EVENTS, LATE, REPAIRS, STRAYS, JUDGES_APART, UNRESOLVED, REJECTS, DEAD_LETTERS, DROPPED, ALERTS,
    ALERT_DELAY, ALERT_P_VALUE,
    STRANGE, SUSPENSIONS, SUSPENSIONS_OPEN, WITHHELD, DECIDED, RECORDERS, AUDIT_ENTRIES, COVERAGE,
    INCIDENT, LIMIT, UNNAMED, REPEATS, ERRORS, UNREADABLE, RING_JUDGES, RING_DAYS, TOO_MANY_IDS,
    INSTITUTIONS, LAG, EVENT_TIME, CHECKPOINT_TIME, CHECKPOINT_DURATION, CHECKPOINT_BYTES,
    CHECKPOINT_STATES, BUDGET, REALISED, NEEDED,
    CONFIG_INFO, CONFIG_CHANGES, CONFIG_REFUSED, CONFIG_PUSHES, BUILD_INFO,
)  # fmt: skip
