"""Metrics: one table, bounded labels, every series there from the start."""

import http.client
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from detectors.config import CoreConfig, modes_of
from detectors.errors import ConfigError
from detectors.registry import DETECTORS
from streams.ingest.rejects import RejectReason
from streams.metrics.alert_days import AlertDays
from streams.metrics.institution_gauges import DATASETS_LABELLED_MAX, InstitutionStatus
from streams.metrics.registry import Metrics
from streams.metrics.server import serve
from streams.metrics.table import SPECS, Spec
from streams.response.gauges import ResponseGauges
from tests.builders import alert

DAY_MS = 86_400_000


def fresh(*, institutions_labelled_max: int = 3) -> tuple[CollectorRegistry, Metrics]:
    """Return a registry and the metrics on it."""
    registry = CollectorRegistry()
    return registry, Metrics(registry, institutions_labelled_max=institutions_labelled_max)


def test_the_table_is_what_is_served() -> None:
    """No metric beside it, none missing."""
    registry, _ = fresh()
    ResponseGauges(registry)
    served = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in registry.collect()
    }
    assert served == {spec.name: spec.kind for spec in SPECS}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_name_says_its_unit(spec: Spec) -> None:
    """Base units last, counters end in total, buckets ascend."""
    assert spec.name.startswith("headgate_")
    assert spec.name.endswith("_total") == (spec.kind == "counter")
    assert bool(spec.buckets) == (spec.kind == "histogram")
    assert all(low < high for low, high in pairwise(spec.buckets))
    assert spec.meaning.endswith(".")


def test_what_can_be_counted_is_there_from_the_start() -> None:
    """A series that is absent is a fault, never a zero."""
    registry, _ = fresh()
    for reason in RejectReason:
        labels = {"reason": reason.value}
        assert registry.get_sample_value("headgate_events_rejected_total", labels) == 0.0
        assert registry.get_sample_value("headgate_dead_letters_total", labels) == 0.0
    for detector in DETECTORS:
        labels = {"detector": detector, "severity": "critical", "change": "create"}
        assert registry.get_sample_value("headgate_alerts_total", labels) == 0.0


def coverage_of(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """Return what is shown to be held, by institution and dataset."""
    return {
        (sample.labels["institution"], sample.labels["dataset"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "headgate_coverage_ratio"
    }


@given(names=st.lists(st.text(max_size=20), max_size=30, unique=True))
def test_the_number_of_labels_is_bounded(names: list[str]) -> None:
    """However many come, and whatever they are called; the endpoint stays readable."""
    registry, metrics = fresh(institutions_labelled_max=3)
    everything = {f"{name}-{number}": 0.5 for name in names for number in range(2)}
    metrics.set_institutions(
        [InstitutionStatus(institution=name, coverage=everything) for name in names]
    )
    coverage = coverage_of(registry)
    assert len({institution for institution, _ in coverage}) <= 4
    assert len({dataset for _, dataset in coverage}) <= DATASETS_LABELLED_MAX + 1
    assert generate_latest(registry).decode().startswith("# HELP")


def test_those_without_a_label_share_one_that_shows_the_worst() -> None:
    """A small one must not hide a large one."""
    registry, metrics = fresh(institutions_labelled_max=1)
    metrics.set_institutions(
        InstitutionStatus(
            institution=name,
            jurisdiction="gb",
            coverage={"d": ratio},
            severity=round(4 * ratio),
            limit_distance_seconds=1 / ratio,
        )
        for name, ratio in (("a", 0.1), ("b", 0.75), ("c", 0.25))
    )
    other = {"institution": "other", "jurisdiction": "other"}
    assert coverage_of(registry) == {("b", "d"): 0.75, ("other", "d"): 0.25}
    assert registry.get_sample_value("headgate_incident_severity", other) == 1.0
    assert registry.get_sample_value("headgate_limit_distance_seconds", other) == 1 / 0.25


def test_seven_hundred_idle_names_do_not_take_the_label_of_who_has_an_incident() -> None:
    """Nor does their order, or who of them is in memory, change whose labels there are."""
    idle = [InstitutionStatus(institution=f"idle-{n:03}", coverage={"d": 0.01}) for n in range(700)]
    thief = InstitutionStatus(institution="thief", coverage={"d": 0.6}, severity=4)
    seen = []
    for order in (idle, idle[::-1]):
        registry, metrics = fresh(institutions_labelled_max=3)
        metrics.set_institutions([*order, thief])
        seen.append(coverage_of(registry))
        metrics.set_institutions([thief], names={status.institution for status in idle})
        assert coverage_of(registry) == {("thief", "d"): 0.6}
    assert seen[0] == seen[1]
    assert seen[0].keys() == {(name, "d") for name in ("thief", "idle-000", "idle-001", "other")}


def test_nobody_is_called_other() -> None:
    """The word is the label of all that have none."""
    registry, metrics = fresh(institutions_labelled_max=3)
    metrics.set_institutions(
        [InstitutionStatus(institution="other", jurisdiction="gb", severity=2)]
    )
    other = {"institution": "other", "jurisdiction": "other"}
    assert registry.get_sample_value("headgate_incident_severity", other) == 2.0


def test_who_is_judged_elsewhere_is_shown_there_alone() -> None:
    """After a rebalance two workers must not both speak of an institution or a partition."""
    registry, metrics = fresh(institutions_labelled_max=1)
    metrics.set_institutions([InstitutionStatus(institution="a", coverage={"d": 0.1, "e": 0.2})])
    metrics.set_institutions([InstitutionStatus(institution="b", coverage={"d": 0.3})])
    assert coverage_of(registry) == {("b", "d"): 0.3}
    metrics.set_lag({0: 5, 1: 7}, {0: 1.0, 1: 2.0})
    metrics.set_lag({1: 6}, {1: 3.0})
    assert registry.get_sample_value("headgate_lag_records", {"partition": "0"}) is None
    assert registry.get_sample_value("headgate_lag_records", {"partition": "1"}) == 6.0
    assert registry.get_sample_value("headgate_event_time_seconds", {"partition": "1"}) == 3.0


def test_one_who_takes_nothing_never_reaches_the_limit() -> None:
    """And is shown so, not left out."""
    registry, metrics = fresh()
    metrics.set_institutions([InstitutionStatus(institution="a")])
    labels = {"institution": "a", "jurisdiction": "unknown"}
    assert registry.get_sample_value("headgate_limit_distance_seconds", labels) == inf
    assert registry.get_sample_value("headgate_incident_severity", labels) == 0.0


def test_a_detector_that_senses_nothing_is_shown_at_zero() -> None:
    """With its mode, so that shadow stands beside live."""
    registry, metrics = fresh()
    metrics.configured(config_hash="c", budget=5.0, modes=modes_of(CoreConfig()))
    metrics.set_detectors(["excess", "multivariate", "excess"])
    counts = {
        (sample.labels["detector"], sample.labels["mode"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "headgate_detector_institutions_count"
    }
    assert counts.keys() == {(name, mode) for name, mode in modes_of(CoreConfig()).items()}
    assert counts["excess", "on"] == 2.0
    assert counts["multivariate", "shadow"] == 1.0
    assert counts["drip", "on"] == 0.0


def test_an_alert_is_counted_by_its_first_reason() -> None:
    """With severity, change and p-value."""
    registry, metrics = fresh()
    metrics.alerted(alert())
    labels = {"detector": "excess", "severity": "high", "change": "create"}
    assert registry.get_sample_value("headgate_alerts_total", labels) == 1.0
    assert registry.get_sample_value("headgate_alert_p_value_count", {"detector": "excess"}) == 1.0


def test_the_realised_rate_stands_beside_the_budget() -> None:
    """In the same unit: alert-days per week per 100 institutions."""
    registry, metrics = fresh()
    metrics.configured(config_hash="c0ffee", budget=5.0, modes={})
    metrics.set_totals(institutions_count=50, at_ms=0)
    for day in (1, 1, 2, 6):
        metrics.alerted(alert(at_ms=day * DAY_MS))
    metrics.set_totals(institutions_count=50, at_ms=6 * DAY_MS)
    assert registry.get_sample_value("headgate_alert_days_budget") == 5.0
    assert registry.get_sample_value("headgate_alert_days_realised") == 6.0
    assert registry.get_sample_value("headgate_config_info", {"hash": "c0ffee"}) == 1.0


@given(days=st.lists(st.integers(min_value=0, max_value=60), max_size=40))
def test_only_the_last_four_weeks_are_realised(days: list[int]) -> None:
    """As a plain count over the same days says."""
    tracker = AlertDays()
    tracker.rate(1, at_ms=0)
    for day in days:
        tracker.note("northgate", at_ms=day * DAY_MS)
    recent = {day for day in days if day >= 33}
    assert tracker.rate(100, at_ms=60 * DAY_MS) == pytest.approx(len(recent) / 4)


def test_the_endpoint_serves_what_is_registered_on_loopback() -> None:
    """On a free port where none is named, and not any longer once it is closed."""
    registry, metrics = fresh()
    metrics.events.inc(3)
    server = serve(registry, address="127.0.0.1", port=0)
    try:
        connection = http.client.HTTPConnection(server.address, timeout=10)
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        connection.close()
    finally:
        server.close()
    assert "headgate_events_judged_total 3.0" in page
    assert "_created" not in page
    closed = http.client.HTTPConnection(server.address, timeout=1)
    with pytest.raises(ConnectionRefusedError):
        closed.request("GET", "/metrics")


def test_a_taken_port_is_refused_by_the_keys_path() -> None:
    """So that an operator knows what to change."""
    registry, _ = fresh()
    server = serve(registry, address="127.0.0.1", port=0)
    port = int(server.address.rpartition(":")[2])
    try:
        with pytest.raises(ConfigError, match=r"metrics\.port: expected a free port"):
            serve(registry, address="127.0.0.1", port=port)
    finally:
        server.close()


def test_how_many_people_an_alert_needs_is_shown_by_group() -> None:
    """Groups beyond so many are one, which shows the most that any of them needs."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, institutions_labelled_max=1)
    metrics.set_needed({f"group-{number:02}": 1_000 + number for number in range(25)})
    metric = "headgate_alert_participants_count"
    assert registry.get_sample_value(metric, {"group": "group-03"}) == 1_003.0
    assert registry.get_sample_value(metric, {"group": "other"}) == 1_024.0
    assert registry.get_sample_value(metric, {"group": "group-24"}) is None
    metrics.set_needed({"default": 4_000})
    assert registry.get_sample_value(metric, {"group": "group-03"}) is None
