"""Several files are one world: their events are judged in the order in which they happened."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.event import AccessEvent, time_ms
from streams.replay import time_order
from streams.replay.time_order import FileOrder, by_time, merged

HOUR_MS = 3_600_000


def events(name: str, times: list[int]) -> list[AccessEvent]:
    """Return a file's events."""
    return [
        AccessEvent(id=f"{name}{place}", time=at, institution="i", dataset="d")
        for place, at in enumerate(times)
    ]


times = st.lists(st.integers(0, 50), max_size=30)


@given(first=times, second=times, third=times)
def test_sorted_files_are_merged_into_one_sorted_sequence(
    first: list[int], second: list[int], third: list[int]
) -> None:
    """Nothing is lost, and each file keeps its own order, also among equal times."""
    logs = {"a": first, "b": second, "c": third}
    files = [events(name, sorted(at)) for name, at in logs.items()]
    together = list(merged([iter(file) for file in files]))
    assert [time_ms(event) for event in together] == sorted(first + second + third)
    for name, file in zip(logs, files, strict=True):
        own = [event for event in together if isinstance(event, AccessEvent)]
        assert [event for event in own if event.id.startswith(name)] == file


@given(disordered=times, run_events=st.integers(1, 7))
def test_a_file_in_no_order_is_sorted_in_runs(disordered: list[int], run_events: int) -> None:
    """As sorting it in memory would, equal times as they came."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time_order, "RUN_EVENTS", run_events)
        file = events("a", disordered)
        assert list(by_time(iter(file))) == sorted(file, key=time_ms)


def order_of(times_ms: list[int]) -> FileOrder:
    """Return how the events of a file with these times run."""
    order = FileOrder("a")
    assert len(list(order.counted(iter(events("a", times_ms))))) == len(times_ms)
    return order


def test_what_comes_a_little_late_is_no_disorder() -> None:
    """It came late to the worker too, and is judged as it was there."""
    steady = [at * HOUR_MS for at in range(100)]
    assert not order_of(steady).is_none
    assert order_of([*steady, steady[-1] - HOUR_MS // 2]).late_count == 0
    few_late = order_of([*steady, 0, 1])
    assert (few_late.late_count, few_late.is_none) == (2, False)
    halves = order_of([*steady, *steady])
    assert (halves.late_count, halves.is_none) == (98, True)
