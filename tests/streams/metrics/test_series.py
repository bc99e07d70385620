"""Gauges whose series come and go, and a rate that is held beside the budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge

from detectors.instants import DAY_MS
from streams.metrics.alert_days import AlertDays
from streams.metrics.series import Series

NAMES = st.text("ab", min_size=1, max_size=2)


def scrape(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    """Return what a scrape would see, by the labels' values."""
    (family,) = registry.collect()
    return {tuple(sample.labels.values()): sample.value for sample in family.samples}


@given(
    scrapes=st.lists(
        st.dictionaries(st.tuples(NAMES, NAMES), st.floats(0, 9), max_size=4), max_size=6
    )
)
def test_a_scrape_sees_what_is_and_nothing_that_was(
    scrapes: list[dict[tuple[str, ...], float]],
) -> None:
    """A series that is over would otherwise be drawn, and alerted on, for ever."""
    registry = CollectorRegistry()
    series = Series(Gauge("g", "a gauge", ("institution", "dataset"), registry=registry))
    for values in scrapes:
        series.show(values)
        assert scrape(registry) == values


def test_an_institution_counts_once_a_day() -> None:
    """However often it was alerted; two institutions on one day are two alert-days."""
    days = AlertDays()
    days.rate(1, at_ms=0)
    for institution, at_ms in (("a", 0), ("a", DAY_MS - 1), ("b", 5), ("a", DAY_MS)):
        days.note(institution, at_ms=at_ms)
    assert days.rate(100, at_ms=6 * DAY_MS) == pytest.approx(3.0)
    assert days.rate(50, at_ms=6 * DAY_MS) == pytest.approx(6.0)


def test_a_rate_is_of_the_days_that_were_seen() -> None:
    """A process that began today has seen one day, not four weeks of silence."""
    days = AlertDays()
    days.rate(100, at_ms=100 * DAY_MS)
    days.note("a", at_ms=100 * DAY_MS)
    assert days.rate(100, at_ms=100 * DAY_MS) == pytest.approx(7.0)
    assert days.rate(100, at_ms=106 * DAY_MS) == pytest.approx(1.0)
    assert days.rate(100, at_ms=127 * DAY_MS) == pytest.approx(0.25)
    assert days.rate(100, at_ms=128 * DAY_MS) == 0.0


def test_without_institutions_a_rate_is_a_number() -> None:
    """Before the first event there is nobody to share by."""
    days = AlertDays()
    days.note("a", at_ms=0)
    assert days.rate(0, at_ms=0) == pytest.approx(700.0)
