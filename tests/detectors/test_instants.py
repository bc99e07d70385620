"""Times between ms, dates and text: nothing is lost either way."""

from datetime import UTC, datetime, timedelta, timezone

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from detectors.instants import instant_ms, instant_of, parse_rfc3339, rfc3339

moments = st.integers(min_value=0, max_value=7_258_118_400_000)
zones = st.integers(min_value=-23, max_value=23).map(lambda hours: timezone(timedelta(hours=hours)))


@given(at_ms=moments)
def test_a_moment_is_the_same_after_any_way_of_writing_it(at_ms: int) -> None:
    """As an instant and as text, to the millisecond."""
    assert instant_ms(instant_of(at_ms)) == at_ms
    assert parse_rfc3339(rfc3339(at_ms)) == at_ms


@given(instant=st.datetimes(min_value=datetime(1900, 1, 1), timezones=zones))  # noqa: DTZ001 - hypothesis adds the zone.
def test_an_instant_is_the_same_moment_in_every_zone(instant: datetime) -> None:
    """Floored to the millisecond, also before the epoch."""
    assert instant_ms(instant) == instant_ms(instant.astimezone(UTC))
    assert instant_of(instant_ms(instant)) <= instant
    assert instant - instant_of(instant_ms(instant)) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "12345",
        "2026-04-01",
        "2026-04-01T12:00:00",
        "2300-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    """A time without an offset would mean another moment to each reader."""
    with pytest.raises(msgspec.ValidationError):
        parse_rfc3339(text)
