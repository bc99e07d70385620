"""Which events are told apart, and what of it survives."""

import pytest
from msgspec.structs import replace

from detectors.event import AccessEvent, Participants
from detectors.features.dedupe import Dedupe, DedupeConfig, DedupeState
from tests.builders import event

CONFIG = DedupeConfig(events_max=3)


def admitted(*events: AccessEvent) -> list[bool]:
    """Return which of some events are no repeats."""
    dedupe = Dedupe(CONFIG, DedupeState())
    return [dedupe.admit(each) for each in events]


def test_a_restart_forgets_none_of_the_last_and_their_order() -> None:
    """The oldest goes first, before as after."""
    events = [event(id=name) for name in "abcd"]
    dedupe = Dedupe(CONFIG, DedupeState())
    assert [dedupe.admit(each) for each in events[:3]] == [True] * 3
    restored = Dedupe(CONFIG, dedupe.state)
    assert restored.state == dedupe.state
    assert [restored.admit(each) for each in events[:3]] == [False] * 3
    assert [restored.admit(each) for each in (events[3], events[1], events[0])] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Participants(count=1), Participants(count=2)),
        (Participants(count=1), Participants(ids=[1])),
        (Participants(ids=[0]), Participants(ranges=[(0, 0)])),
        (Participants(bitmap=b"a"), Participants(bitmap=b"b")),
        (Participants(ids=[1, 2]), Participants(ids=[1, 2, 3])),
        (Participants(ids=[1]), Participants(ids=[2])),
        (Participants(ids=[1]), Participants(ranges=[(1, 1)])),
        (Participants(ranges=[(1, 2)]), Participants(ranges=[(1, 3)])),
        (Participants(ranges=[(1, 2)]), Participants(ranges=[(0, 2)])),
    ],
)
def test_an_id_that_returns_with_other_people_is_another_event(
    first: Participants, second: Participants
) -> None:
    """However people are said: by how many, by who, from whom to whom."""
    events = [event(participants=people) for people in (first, second, first, second)]
    assert admitted(*events) == [True, True, False, False]


@pytest.mark.parametrize("changed", ["bytes", "rows", "files"])
def test_an_id_that_returns_with_other_amounts_is_another_event(changed: str) -> None:
    """Or of another dataset; its time and its user do not matter."""
    plain = event()
    others = [replace(plain, **{changed: 1}), replace(plain, dataset="another")]
    assert admitted(plain, *others) == [True] * 3
    assert admitted(plain, replace(plain, time=1, user="ada")) == [True, False]


def test_whoever_lists_nobody_says_no_more_than_whoever_names_nobody() -> None:
    """An empty list is a repeat of none."""
    assert admitted(event(), event(participants=Participants(ids=[]))) == [True, False]
