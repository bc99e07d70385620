"""The open 5 minutes, and what is forgotten of windows on purpose."""

import pytest

from detectors.features.windows import (
    AMOUNT_MAX,
    BUCKET_MS,
    Quantity,
    Window,
    Windows,
    WindowsState,
    zeros,
)
from detectors.instants import DAY_MS, HOUR_MS

NOW_MS = 100 * DAY_MS + 3 * HOUR_MS + 7


def filled() -> Windows:
    """Return windows that had ten of everything 20 days, 3 days, 5 hours and no time ago."""
    windows = Windows(WindowsState())
    for ago_ms in (20 * DAY_MS, 3 * DAY_MS, 5 * HOUR_MS, BUCKET_MS, 0):
        windows.add(NOW_MS - ago_ms, [10] * len(Quantity))
    return windows


def totals(windows: Windows, quantity: Quantity) -> list[int]:
    """Return what every window has of a quantity."""
    return [windows.total(window, quantity) for window in Window]


@pytest.mark.parametrize("quantity", [Quantity.NEW, Quantity.GAINED, Quantity.BYTES])
def test_what_is_forgotten_begins_anew_in_every_window(quantity: Quantity) -> None:
    """The rest stays; what comes later is counted as ever, after a restart too."""
    windows = filled()
    assert totals(windows, quantity) == [10, 20, 30, 40, 50]
    windows.forget((quantity, Quantity.DENIED))
    for at_ms in (NOW_MS, NOW_MS + BUCKET_MS):
        amounts = zeros()
        amounts[quantity] = 3
        windows.add(at_ms, amounts)
    for seen in (windows, Windows(windows.snapshot())):
        assert totals(seen, quantity) == [3, 6, 6, 6, 6]
        assert totals(seen, Quantity.DENIED) == [0] * 5
        assert totals(seen, Quantity.READ) == [0, 20, 30, 40, 50]
        assert seen.closed_new() == ((3,) * 4 if quantity is Quantity.NEW else (20, 30, 40, 50))


def test_what_is_forgotten_up_to_a_day_is_that_day_as_a_whole() -> None:
    """Its last 5 minutes too, and not the first of the next."""
    windows = Windows(WindowsState())
    begin_ms = 100 * DAY_MS
    for at_ms in (begin_ms - 12 * HOUR_MS, begin_ms - BUCKET_MS, begin_ms, begin_ms + BUCKET_MS):
        windows.add(at_ms, [10] * len(Quantity))
    windows.forget((Quantity.NEW,), last_day=99)
    assert totals(windows, Quantity.NEW) == [10, 20, 20, 20, 20]
    assert totals(windows, Quantity.GAINED) == [10, 30, 40, 40, 40]
    windows.forget((Quantity.NEW,), last_day=100)
    assert totals(windows, Quantity.NEW) == [0] * 5


@pytest.mark.parametrize(("days_ago", "in_week"), [(6, 10), (7, 0)])
def test_what_comes_late_is_of_a_week_for_seven_days(days_ago: int, in_week: int) -> None:
    """The open one is one of them; at any hour of it."""
    windows = Windows(WindowsState())
    windows.advance(100 * DAY_MS + 12 * HOUR_MS)
    windows.add((100 - days_ago) * DAY_MS + 12 * HOUR_MS, [10] * len(Quantity))
    assert totals(windows, Quantity.NEW) == [0, 0, 0, in_week, 10]
    assert totals(Windows(windows.snapshot()), Quantity.NEW) == [0, 0, 0, in_week, 10]


def test_the_open_bucket_says_from_when_and_until_when_it_is() -> None:
    """Every event asks whether it belongs there; before the first none does."""
    windows = Windows(WindowsState())
    assert (windows.begins_ms, windows.ends_ms) == (-BUCKET_MS, 0)
    windows.advance(NOW_MS)
    open_bucket = (NOW_MS - 7, NOW_MS - 7 + BUCKET_MS)
    assert (windows.begins_ms, windows.ends_ms) == open_bucket
    windows.advance(NOW_MS - DAY_MS)
    assert (windows.begins_ms, windows.ends_ms) == open_bucket
    restored = Windows(windows.snapshot())
    assert (restored.begins_ms, restored.ends_ms) == open_bucket
    windows.advance(NOW_MS - 7 + BUCKET_MS)
    assert windows.begins_ms == NOW_MS - 7 + BUCKET_MS


def test_what_is_open_is_bounded_when_it_is_saved() -> None:
    """Events add to it without a look at the bound."""
    windows = filled()
    windows.state.open[Quantity.BYTES] = AMOUNT_MAX + 5
    assert windows.snapshot().open[Quantity.BYTES] == AMOUNT_MAX


def test_what_is_saved_holds_what_nobody_has_added_up_yet() -> None:
    """Beside what had been added up of the same hour and day, at an earlier look."""
    windows = Windows(WindowsState())
    begin_ms = 100 * DAY_MS
    for bucket in range(3):
        windows.add(begin_ms + bucket * BUCKET_MS, [10] * len(Quantity))
        if bucket == 1:
            windows.total(Window.WEEK, Quantity.BYTES)
    state = windows.snapshot()
    assert [state.hours[100 * 24], state.days[100]] == [[20] * len(Quantity)] * 2


@pytest.mark.parametrize(
    ("day", "hour", "is_late"), [(71, 0, False), (71, 23, False), (70, 23, True)]
)
def test_what_is_older_than_a_month_counts_as_it_comes(
    day: int, hour: int, *, is_late: bool
) -> None:
    """The oldest day of the month is one of it, at any hour of that day and of the open one."""
    windows = Windows(WindowsState())
    windows.advance(100 * DAY_MS + 12 * HOUR_MS)
    windows.add(day * DAY_MS + hour * HOUR_MS, [10] * len(Quantity))
    open_count = 10 if is_late else 0
    assert totals(windows, Quantity.NEW) == [open_count] * 4 + [10]
