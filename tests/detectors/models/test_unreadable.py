"""How much cannot be read: seven days of it, for which reasons, and from when on it is too much."""

from collections import Counter

import msgspec
import pytest

from detectors.models.unreadable import (
    Unreadable,
    UnreadableConfig,
    UnreadableState,
    UnreadWeek,
)


def unreadable(**knobs: float | tuple[str, ...]) -> Unreadable:
    """Return a count of nothing yet."""
    return Unreadable(msgspec.convert(knobs, UnreadableConfig), UnreadableState())


@pytest.mark.parametrize(
    ("repairs", "counts"),
    [
        ([], False),
        (["id_missing"], False),
        (["id_missing", "name_cleaned"], False),
        (["id_missing", "text_cut"], True),
        (["text_cut"], True),
    ],
)
def test_only_what_may_hide_something_counts(repairs: list[str], *, counts: bool) -> None:
    """One such repair is enough."""
    assert unreadable().counts(repairs) == counts


def test_seven_days_are_counted_together() -> None:
    """Each event once, each of its reasons once; the eighth day is forgotten."""
    machine = unreadable()
    for day in range(100, 109):
        machine.count(day, ["not_json"], rejected=True)
        machine.count(day, ["text_cut", "time_moved"], rejected=False)
        machine.count(day, ["text_cut"], rejected=False)
    week = machine.week(108)
    assert (week.rejected, week.repaired, week.events) == (7, 14, 21)
    assert week.reasons == {"not_json": 7, "text_cut": 14, "time_moved": 7}
    assert sorted(machine.state.days) == list(range(102, 109))
    assert machine.week(112).events == 9
    assert machine.week(115).events == 0


def test_invented_reasons_do_not_let_the_state_grow() -> None:
    """64 a day are kept; the events themselves are counted all the same."""
    machine = unreadable()
    for number in range(70):
        machine.count(7, [f"reason {number}"], rejected=True)
    machine.count(7, ["reason 3", "reason 69"], rejected=True)
    week = machine.week(7)
    assert len(week.reasons) == 64
    assert (week.events, week.reasons["reason 3"], week.reasons["reason 63"]) == (71, 2, 1)
    assert week.reasons["reason 64"] == 0


@pytest.mark.parametrize(
    ("rejected", "repaired", "total", "is_too_much"),
    [
        pytest.param(10, 10, 1_999, True, id="as many as matter, and more than a hundredth"),
        pytest.param(10, 10, 2_000, False, id="a hundredth exactly"),
        pytest.param(10, 9, 20, False, id="too few to matter"),
    ],
)
def test_too_much_is_beyond_what_is_allowed(
    rejected: int, repaired: int, total: int, *, is_too_much: bool
) -> None:
    """Twenty events and a hundredth, whatever became of them."""
    week = UnreadWeek(rejected=rejected, repaired=repaired, reasons=Counter())
    assert unreadable().is_too_much(week, total=total) == is_too_much
    wider = unreadable(events_min=19, allowed_ratio=0.5)
    assert wider.is_too_much(week, total=2 * (rejected + repaired) - 1)
