"""Whether the watchman is awake: events come, are judged in time, and are saved."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard, stat, timeseries

from grafana.parts import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    at,
    curves,
    number,
    page,
    query,
    steps,
)

UID: Final = "headgate-pipeline"
_DELAY: Final = (
    "histogram_quantile({}, sum by (le) (rate(headgate_alert_delay_seconds_bucket[30m])))"
)
_UNREADABLE: Final = "topk(10, max by (institution) (headgate_unreadable_events_count))"
_CHECKPOINT: Final = (
    "histogram_quantile(0.95,"
    " sum by (le, instance) (rate(headgate_checkpoint_duration_seconds_bucket[5m])))"
)
_BEHIND: Final = (
    "time() - headgate_event_time_seconds and on (instance, partition) headgate_lag_records > 0"
)


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    board = page(
        "Pipeline",
        UID,
        "Whether events come, are judged in time, and are saved.",
        hours=3,
    )
    for panel in _answers():
        board = board.with_panel(at(panel, width=4, height=4))
    for graph in (*_judging(), *_keeping(), *_delivering()):
        board = board.with_panel(at(graph, width=8, height=9))
    return board


def _answers() -> tuple[stat.Panel, ...]:
    return (
        number(
            "Workers that answer",
            query('sum(up{job="headgate"})'),
            unit="none",
            says="None: nobody watches.",
            thresholds=steps(VERMILLION, (1, BLUE)),
        ),
        number(
            "Waiting",
            query("sum(headgate_lag_records)"),
            unit="short",
            says="Records that are not judged yet.",
            thresholds=steps(BLUE, (10_000, YELLOW), (1_000_000, ORANGE)),
        ),
        number(
            "Behind",
            query(f"max({_BEHIND}) or vector(0)"),
            unit="s",
            says="How long ago the last judged event came, where others wait.",
            thresholds=steps(BLUE, (10, YELLOW), (60, VERMILLION)),
        ),
        number(
            "Oldest checkpoint",
            query("max(time() - headgate_checkpoint_time_seconds)"),
            unit="s",
            says="How long a worker has not been known to be saved.",
            thresholds=steps(BLUE, (30, YELLOW), (120, VERMILLION)),
        ),
        number(
            "Rejected in 1 h",
            query("sum(increase(headgate_events_rejected_total[1h]))"),
            unit="short",
            says="Each is in dead letters, with the reason.",
            thresholds=steps(BLUE, (1, YELLOW)),
        ).decimals(0),
        number(
            "Institutions",
            query("sum(headgate_institutions_count)"),
            unit="none",
            says="That are judged.",
            thresholds=steps(BLUE),
        ),
    )


def _judging() -> tuple[timeseries.Panel, ...]:
    return (*_judged(), *_not_judged(), _judged_apart())


def _judged() -> tuple[timeseries.Panel, ...]:
    return (
        curves(
            "Events judged",
            query("sum by (instance) (rate(headgate_events_judged_total[1m]))", "{{instance}}"),
            unit="eps",
            says="By worker.",
        ),
        curves(
            "Waiting by partition",
            query("max by (partition) (headgate_lag_records)", "partition {{partition}}"),
            unit="short",
            says="One that stands out is one institution that sends very much.",
        ),
        curves(
            "From event to alert",
            query(_DELAY.format("0.5"), "half of them", ref="A"),
            query(_DELAY.format("0.95"), "19 in 20", ref="B"),
            unit="s",
            says="From Kafka's receipt of the event to the alert on the broker.",
            named={"half of them": BLUE, "19 in 20": ORANGE},
        ),
    )


def _not_judged() -> tuple[timeseries.Panel, ...]:
    return (
        curves(
            "Rejected, by reason",
            query("sum by (reason) (rate(headgate_events_rejected_total[5m])) > 0", "{{reason}}"),
            unit="eps",
            says="The reasons are in the metrics' page.",
        ),
        curves(
            "Rejected or judged in part in 7 days, by institution",
            query(_UNREADABLE, "{{institution}}"),
            unit="none",
            says="Many of one institution: its producer is broken, or somebody spoils its records.",
        ),
        curves(
            "Mended in events judged in part, by what was done",
            query("sum by (reason) (rate(headgate_event_repairs_total[5m])) > 0", "{{reason}}"),
            unit="eps",
            says="What left is judged by what can be read; the table is in the events' page.",
        ),
        curves(
            "Dead letters on the broker, by reason",
            query("sum by (reason) (rate(headgate_dead_letters_total[5m])) > 0", "{{reason}}"),
            unit="eps",
            says="Follows what is rejected; if it stays behind, the broker does not acknowledge.",
        ),
        curves(
            "Odd, but judged or without effect",
            query("sum(rate(headgate_events_late_total[5m]))", "late", ref="A"),
            query("sum(rate(headgate_events_unresolved_total[5m]))", "unresolved", ref="B"),
            query(
                'sum(rate(headgate_events_dropped_total{reason="repeated_id"}[5m]))',
                "repeated",
                ref="C",
            ),
            query(
                'sum(rate(headgate_events_dropped_total{reason="already_saved"}[5m]))',
                "already saved",
                ref="D",
            ),
            unit="eps",
            says="Repeats are a producer's retries; already saved is seen after a restart.",
            named={
                "late": ORANGE,
                "unresolved": VERMILLION,
                "repeated": SKY,
                "already saved": GREEN,
            },
        ),
    )


def _judged_apart() -> timeseries.Panel:
    return curves(
        "Aliases judged apart",
        query("sum by (instance) (headgate_judges_apart_count)", "{{instance}}"),
        unit="none",
        says="Names that had a judge elsewhere before they were aliases: not joined.",
    )


def _keeping() -> tuple[timeseries.Panel, ...]:
    return (
        curves(
            "Checkpoints: 19 in 20 take at most",
            query(_CHECKPOINT, "{{instance}}"),
            unit="s",
            says="Grows with a slow broker.",
        ),
        curves(
            "State written",
            query("sum(rate(headgate_checkpoint_written_bytes_total[5m]))", "bytes", ref="A"),
            unit="Bps",
            says="Only what changed is written.",
            named={"bytes": BLUE},
        ),
        curves(
            "Institutions saved",
            query("sum(rate(headgate_checkpoint_states_total[5m]))", "states", ref="A"),
            unit="ops",
            says="States written to the state topic.",
            named={"states": BLUE},
        ),
        curves(
            "Memory",
            query('process_resident_memory_bytes{job="headgate"}', "{{instance}}"),
            unit="bytes",
            says="Resident, by worker.",
        ),
        curves(
            "Lines of the audit",
            query("max(headgate_audit_entries_count)", "lines"),
            unit="short",
            says="It only ever grows.",
            named={"lines": BLUE},
        ),
        curves(
            "Versions",
            query("count by (version) (headgate_build_info)", "version {{version}}", ref="A"),
            query("count by (hash) (headgate_config_info)", "configuration {{hash}}", ref="B"),
            query(
                "sum(increase(headgate_config_changes_total[5m]))", "told of a pushed one", ref="C"
            ),
            unit="none",
            says="Workers by release and by configuration; partitions told of a pushed one.",
        ),
    )


def _delivering() -> tuple[timeseries.Panel, ...]:
    return (
        curves(
            "Suspensions to the platform",
            query(
                "sum by (outcome) (increase(headgate_hook_attempts_total[5m])) > 0",
                "{{outcome}}",
                ref="A",
            ),
            query("sum(headgate_hook_waiting_deliveries)", "waiting", ref="B"),
            query("max(headgate_hook_dead)", "dead", ref="C"),
            query("sum(increase(headgate_hook_unreadable_total[5m])) > 0", "unreadable", ref="D"),
            unit="none",
            says="Attempts by what came of them; what waits; 1 while the receiver is dead.",
            named={"waiting": ORANGE, "dead": VERMILLION, "unreadable": PURPLE},
        ),
    )
