"""When the data left: in which ways it may be said, and from when to when."""

from datetime import UTC, datetime

import pytest

from detectors.event import AccessEvent, time_ms
from streams.ingest.codec import (
    decode,
)
from streams.ingest.rejects import Rejected, RejectReason
from tests.streams.ingest.raw_events import HOUR_MS, LIMITS, NOON_MS, raw_event


@pytest.mark.parametrize(
    "written",
    [NOON_MS, "2026-04-01T12:00:00Z", "2026-04-01T14:00:00.000+02:00", "2026-04-01 12:00:00+00:00"],
)
def test_one_instant_may_be_written_in_many_ways(written: object) -> None:
    """With an offset, or as ms since the epoch."""
    event = decode(raw_event(time=written), limits=LIMITS)
    assert isinstance(event, AccessEvent)
    assert time_ms(event) == NOON_MS


def test_time_is_exact_to_the_millisecond_in_any_year() -> None:
    """As the integers say it, which no float would."""
    for year in (2000, 2017, 2038, 2099):
        for microsecond in (0, 1_000, 999_000, 123_456):
            at = datetime(year, 3, 31, 23, 59, 59, microsecond, tzinfo=UTC)
            event = decode(raw_event(time=at.isoformat()), limits=LIMITS)
            assert isinstance(event, AccessEvent)
            assert time_ms(event) % 1_000 == microsecond // 1_000


@pytest.mark.parametrize(
    ("kafka_time_ms", "good"),
    [(NOON_MS, True), (NOON_MS - HOUR_MS, True), (NOON_MS - HOUR_MS - 1, False), (-1, True)],
    ids=["at once", "an hour ahead", "more than an hour ahead", "Kafka has no time"],
)
def test_an_event_far_ahead_of_kafkas_time_is_rejected(kafka_time_ms: int, *, good: bool) -> None:
    """One wrong clock would freeze a partition's time; a late event is none of that."""
    result = decode(raw_event(), limits=LIMITS, kafka_time_ms=kafka_time_ms)
    assert isinstance(result, AccessEvent) is good
    late = decode(raw_event(), limits=LIMITS, kafka_time_ms=NOON_MS + 10**12)
    assert isinstance(late, AccessEvent)


@pytest.mark.parametrize(
    ("time_ms_given", "reason"),
    [
        pytest.param(LIMITS.earliest_ms - 1, RejectReason.TIME_FAR_PAST, id="before the first"),
        pytest.param(LIMITS.earliest_ms, None, id="the first instant"),
        pytest.param(LIMITS.latest_ms, None, id="the last instant"),
        pytest.param(LIMITS.latest_ms + 1, RejectReason.TIME_FAR_FUTURE, id="after the last"),
    ],
)
def test_the_calendar_includes_its_first_and_last_instant(
    time_ms_given: int, reason: RejectReason | None
) -> None:
    """The configured bounds are times that an event may have; one millisecond beyond is not."""
    event = decode(raw_event(time=time_ms_given), limits=LIMITS)
    if reason is None:
        assert isinstance(event, AccessEvent)
        assert time_ms(event) == time_ms_given
    else:
        assert isinstance(event, Rejected)
        assert event.reason is reason


@pytest.mark.parametrize(
    ("written", "expected_ms"),
    [
        ("2026-04-01T11:59:59.9999999Z", NOON_MS - 1),
        ("2026-04-01T11:59:59.999999999Z", NOON_MS - 1),
        ("2026-04-01T11:59:59.9999999+00:00", NOON_MS - 1),
        ("2026-04-01T12:00:00.0009996Z", NOON_MS),
        ("2026-04-01T12:00:00.123456789Z", NOON_MS + 123),
    ],
)
def test_a_time_written_to_the_nanosecond_is_cut_never_rounded_up(
    written: str, expected_ms: int
) -> None:
    """Else the last event of a day would be judged on the next."""
    event = decode(raw_event(time=written), limits=LIMITS)
    assert isinstance(event, AccessEvent)
    assert time_ms(event) == expected_ms
