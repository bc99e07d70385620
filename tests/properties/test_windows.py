import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from detectors.features.windows import (
    AMOUNT_MAX,
    BUCKET_MS,
    BUCKETS_PER_DAY,
    BUCKETS_PER_HOUR,
    HOURS_PER_DAY,
    MONTH_DAYS,
    QUANTITIES_COUNT,
    WEEK_DAYS,
    Quantity,
    Window,
    Windows,
    WindowsState,
)
from detectors.instants import DAY_MS

Taking = tuple[int, list[int]]

# Progress in both directions: within a bucket, an hour, a day, a month, and over gaps of years.
STEPS_MS = st.one_of(
    st.integers(-BUCKET_MS, BUCKET_MS),
    st.integers(-DAY_MS, DAY_MS),
    st.integers(-40 * DAY_MS, 40 * DAY_MS),
    st.sampled_from(
        [0, BUCKET_MS, 12 * BUCKET_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 9_000 * DAY_MS]
    ),
)
AMOUNTS = st.lists(
    st.one_of(st.integers(0, 3), st.just(2**53)),
    min_size=QUANTITIES_COUNT,
    max_size=QUANTITIES_COUNT,
)


@st.composite
def takings(draw: st.DrawFn, *, amounts: st.SearchStrategy[list[int]] = AMOUNTS) -> list[Taking]:
    """Return amounts at times that mostly go on, sometimes go back, sometimes leap."""
    at_ms = draw(st.integers(0, 100 * DAY_MS))
    history = []
    for step_ms in draw(st.lists(STEPS_MS, max_size=25)):
        at_ms = max(0, at_ms + step_ms)
        history.append((at_ms, draw(amounts)))
    return history


def recomputed(history: list[Taking], window: Window, measure: Quantity) -> int:
    """Return the same total from the whole history, by the definition of the windows."""
    now = -1
    placed = []
    for at_ms, amounts in history:
        bucket = at_ms // BUCKET_MS
        now = max(now, bucket)
        day, today = bucket // BUCKETS_PER_DAY, now // BUCKETS_PER_DAY
        placed.append((bucket if day > today - MONTH_DAYS else now, amounts[measure]))
    per, length = {
        Window.MINUTES_5: (1, 1),
        Window.HOUR: (1, BUCKETS_PER_HOUR),
        Window.DAY: (BUCKETS_PER_HOUR, HOURS_PER_DAY),
        Window.WEEK: (BUCKETS_PER_DAY, WEEK_DAYS),
        Window.MONTH: (BUCKETS_PER_DAY, MONTH_DAYS),
    }[window]
    return sum(amount for bucket, amount in placed if bucket // per > now // per - length)


def totals(windows: Windows) -> list[list[int]]:
    """Return every total of every window."""
    return [[windows.total(window, measure) for measure in Quantity] for window in Window]


def saved(windows: Windows) -> bytes:
    """Return the bytes that survive a restart; to make them changes nothing."""
    before = msgspec.msgpack.encode(windows.state)
    raw = msgspec.msgpack.encode(windows.snapshot())
    assert msgspec.msgpack.encode(windows.state) == before
    return raw


def restored(windows: Windows) -> Windows:
    """Return the windows as a restart would: from their bytes."""
    return Windows(msgspec.msgpack.decode(saved(windows), type=WindowsState))


@given(history=takings())
def test_incremental_sums_equal_a_naive_recomputation(history: list[Taking]) -> None:
    """Whatever the order and the gaps of event time, each total is what its definition says."""
    windows = Windows(WindowsState())
    for count, (at_ms, amounts) in enumerate(history, start=1):
        windows.add(at_ms, amounts)
        expected = [
            [recomputed(history[:count], window, measure) for measure in Quantity]
            for window in Window
        ]
        assert totals(windows) == expected


@given(history=takings(), cut=st.integers(0, 25))
def test_restored_windows_go_on_as_if_nothing_had_happened(history: list[Taking], cut: int) -> None:
    """A restart at any place changes neither a total nor a byte of the state."""
    lasting, restarted = Windows(WindowsState()), Windows(WindowsState())
    for count, (at_ms, amounts) in enumerate(history):
        if count == cut:
            restarted = restored(restarted)
        lasting.add(at_ms, amounts)
        restarted.add(at_ms, amounts)
        assert totals(restarted) == totals(lasting)
    assert saved(restarted) == saved(lasting)


@given(
    history=takings() | takings(amounts=st.just([AMOUNT_MAX] * QUANTITIES_COUNT)),
    looks=st.sets(st.integers(0, 25)),
)
@example(
    history=[(count * BUCKET_MS, [AMOUNT_MAX] * QUANTITIES_COUNT) for count in range(3)], looks={2}
)
def test_whoever_looks_changes_nothing(history: list[Taking], looks: set[int]) -> None:
    """Sums are the same, and the state byte for byte, whenever somebody asked for them."""
    alone, watched = Windows(WindowsState()), Windows(WindowsState())
    for count, (at_ms, amounts) in enumerate(history):
        alone.add(at_ms, amounts)
        watched.add(at_ms, amounts)
        if count in looks:
            watched.settle()
        assert alone.closed_new() == watched.closed_new()
    assert saved(alone) == saved(watched)
    assert totals(alone) == totals(watched)


@given(history=takings(amounts=st.just([2**70] * QUANTITIES_COUNT)))
def test_absurd_amounts_stop_at_the_bound_and_still_fit_a_saved_state(
    history: list[Taking],
) -> None:
    """No amount is too large to be kept: buckets are full at their bound, and sums stay exact."""
    windows = Windows(WindowsState())
    for at_ms, amounts in history:
        windows.add(at_ms, amounts)
        assert totals(restored(windows)) == totals(windows)
        assert all(0 <= total < 2**63 for row in totals(windows) for total in row)
        assert max(windows.state.open) <= AMOUNT_MAX


@given(history=takings())
def test_windows_keep_no_more_buckets_than_they_need(history: list[Taking]) -> None:
    """The state is bounded: eleven 5-minute buckets, 24 hours and 30 days."""
    windows = Windows(WindowsState())
    for at_ms, amounts in history:
        windows.add(at_ms, amounts)
        state = windows.state
        assert len(state.buckets) < BUCKETS_PER_HOUR
        assert len(state.hours) <= HOURS_PER_DAY
        assert len(state.days) <= MONTH_DAYS


@given(
    history=takings(
        amounts=st.lists(st.integers(0, 3), min_size=QUANTITIES_COUNT, max_size=QUANTITIES_COUNT)
    ),
    data=st.data(),
)
def test_the_order_of_late_events_is_irrelevant(history: list[Taking], data: st.DataObject) -> None:
    """Once time has come to the latest event, the order of those before it changes nothing."""
    if not history:
        return
    last = max(history, key=lambda taking: taking[0])
    recent = [taking for taking in history if taking[0] > last[0] - 29 * DAY_MS]
    totals_seen = []
    for order in (recent, data.draw(st.permutations(recent))):
        windows = Windows(WindowsState())
        for at_ms, amounts in order:
            windows.add(at_ms, amounts)
        totals_seen.append(totals(windows))
    assert totals_seen[1] == totals_seen[0]


def test_each_window_forgets_a_day_when_its_time_has_come() -> None:
    """One participant a day: a week holds the last seven, a month the last thirty, and no more."""
    windows = Windows(WindowsState())
    amounts = [1] * QUANTITIES_COUNT
    for day in range(40):
        windows.add(day * DAY_MS + 5, amounts)
        counts = [windows.total(window, Quantity.NEW) for window in (Window.WEEK, Window.MONTH)]
        assert counts == [min(day + 1, WEEK_DAYS), min(day + 1, MONTH_DAYS)]


def test_a_day_forgets_an_hour_when_its_time_has_come() -> None:
    """One participant an hour: a day holds the last 24, and an hour the last twelve buckets."""
    windows = Windows(WindowsState())
    amounts = [1] * QUANTITIES_COUNT
    for bucket in range(40 * BUCKETS_PER_HOUR):
        windows.add(bucket * BUCKET_MS, amounts)
        hours = bucket // BUCKETS_PER_HOUR
        whole_hours = min(hours, HOURS_PER_DAY - 1)
        in_this_hour = bucket % BUCKETS_PER_HOUR + 1
        expected = [
            1,
            min(bucket + 1, BUCKETS_PER_HOUR),
            whole_hours * BUCKETS_PER_HOUR + in_this_hour,
        ]
        assert [
            windows.total(window, Quantity.NEW)
            for window in (Window.MINUTES_5, Window.HOUR, Window.DAY)
        ] == expected
