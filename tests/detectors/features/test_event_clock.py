"""How far the time of a log has come, by its events alone; and who is believed to be right."""

import pytest

from detectors.features.event_clock import ALONE_DAYS_MAX, EventClock, EventTime
from detectors.instants import DAY_MS, HOUR_MS

GRACE_MS = 6 * HOUR_MS


def clock(*, time: EventTime | None = None) -> EventClock:
    """Return a clock that waits six hours for what is late, and believes one for ten days."""
    return EventClock(grace_ms=GRACE_MS, alone_days_max=10, time=time)


def test_before_any_event_no_day_has_begun() -> None:
    """And the first event is believed whatever it says."""
    fresh = clock()
    assert (fresh.day, fresh.last_closed_day, fresh.due_ms) == (-1, -2, 0)
    assert fresh.reach("north", 20_000 * DAY_MS)
    assert (fresh.day, fresh.time) == (20_000, EventTime(reached_ms=20_000 * DAY_MS))
    restored = clock(time=fresh.time)
    assert (restored.day, restored.due_ms) == (fresh.day, fresh.due_ms)


@pytest.mark.parametrize(
    ("hours", "last_closed_day", "due_hours"),
    [(0, 98, 6), (5, 98, 6), (6, 99, 24), (23, 99, 24), (24, 99, 30), (30, 100, 48)],
)
def test_a_day_is_closed_after_its_grace(hours: int, last_closed_day: int, due_hours: int) -> None:
    """Something is due at the end of each grace and of each day, whichever is next."""
    ticking = clock(time=EventTime(reached_ms=100 * DAY_MS + hours * HOUR_MS))
    assert ticking.last_closed_day == last_closed_day
    due_ms = 100 * DAY_MS + due_hours * HOUR_MS
    assert ticking.due_ms == due_ms
    assert not ticking.reach("north", due_ms - 1)
    assert ticking.time.reached_ms == 100 * DAY_MS + hours * HOUR_MS
    assert ticking.reach("north", due_ms)
    assert ticking.time.reached_ms == due_ms


def test_the_first_moment_of_all_is_one_like_others() -> None:
    """Something is due when its grace ends."""
    assert clock(time=EventTime(reached_ms=0)).due_ms == GRACE_MS


@pytest.mark.parametrize(("beyond_ms", "is_believed"), [(0, True), (1, False)])
def test_one_alone_is_believed_for_some_days(beyond_ms: int, *, is_believed: bool) -> None:
    """To the millisecond; further ahead only where its time is known to be right."""
    for sure in (False, True):
        ticking = clock(time=EventTime(reached_ms=100 * DAY_MS))
        at_ms = 110 * DAY_MS + beyond_ms
        assert ticking.reach("north", at_ms, sure=sure) == (is_believed or sure)
        assert ticking.day == (110 if is_believed or sure else 100)
    usual = EventClock(grace_ms=0, time=EventTime(reached_ms=0))
    assert not usual.reach("north", ALONE_DAYS_MAX * DAY_MS + 1)
    assert usual.reach("north", ALONE_DAYS_MAX * DAY_MS)


def test_two_who_are_ahead_are_believed_as_far_as_both_have_come() -> None:
    """One says so again and again, and is not believed; then a second one says it."""
    ticking = clock(time=EventTime(reached_ms=100 * DAY_MS))
    for day in (500, 400):
        assert not ticking.reach("north", day * DAY_MS)
        assert ticking.time == EventTime(
            reached_ms=100 * DAY_MS, ahead_ms=day * DAY_MS, ahead_institution="north"
        )
    restored = clock(time=ticking.time)
    assert restored.reach("south", 450 * DAY_MS)
    assert restored.time == EventTime(reached_ms=400 * DAY_MS)
    assert ticking.reach("south", 350 * DAY_MS)
    assert ticking.time == EventTime(reached_ms=350 * DAY_MS)


def test_who_was_ahead_is_forgotten_once_time_goes_on() -> None:
    """Two who were wrong at different times confirm nothing."""
    ticking = clock(time=EventTime(reached_ms=100 * DAY_MS))
    assert not ticking.reach("north", 500 * DAY_MS)
    assert ticking.reach("east", 101 * DAY_MS)
    assert ticking.time == EventTime(reached_ms=101 * DAY_MS)
    assert not ticking.reach("south", 500 * DAY_MS)
