"""One old date, or one of the far future, changes nobody's usual: it is active days that count."""

import random
from functools import cache

import pytest

from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants, time_ms
from detectors.instants import DAY_MS, HOUR_MS
from detectors.register import Register
from detectors.verdict import RaiseAlert
from streams.replay.replay import Replay
from tests.builders import event

FIRST_MS = 1_767_225_600_000
INSTITUTIONS = 20
DAYS = 40


@cache
def working() -> tuple[AccessEvent, ...]:
    """Return the events of institutions that begin on one day and re-read what they work on."""
    rng = random.Random(7)
    own = [rng.sample(range(500_000), 6_000) for _ in range(INSTITUTIONS)]
    events = [
        event(
            id=f"{day}-{number}-{place}",
            time=FIRST_MS + day * DAY_MS + (8 + place) * HOUR_MS,
            institution=f"inst-{number:02}",
            user=f"u{place}",
            participants=Participants(ids=sorted(rng.sample(people[: 4_000 + 50 * day], 50))),
        )
        for day in range(DAYS)
        for number, people in enumerate(own)
        for place in range(rng.randint(2, 9))
    ]
    return tuple(sorted(events, key=time_ms))


def dated(days: int, *, institutions: int) -> list[AccessEvent]:
    """Return one look at one person by each of some institutions, so many days from the first."""
    return [
        event(
            id=f"odd-{number}",
            time=FIRST_MS + days * DAY_MS,
            institution=f"inst-{number:02}",
            user="u",
            participants=Participants(ids=[1]),
        )
        for number in range(institutions)
    ]


def flagged(events: list[AccessEvent]) -> set[str]:
    """Return whom a replay tells of."""
    effects = Replay(CoreConfig(), register=Register()).effects(events)
    return {effect.alert.institution for effect in effects if isinstance(effect, RaiseAlert)}


@pytest.mark.parametrize(
    ("days", "institutions"),
    [(-7, 6), (-30, 6), (-30, 20), (-92, 1), (-92, 6), (-92, 12), (-365, 20), (400, 1), (400, 20)],
)
def test_one_strange_date_flags_nobody(days: int, institutions: int) -> None:
    """Neither those who have it nor the others, be they one, many or all."""
    odd = dated(days, institutions=institutions)
    events = [*odd, *working()] if days < 0 else [*working(), *odd]
    assert flagged(events) == set()


def test_a_theft_is_told_though_all_have_an_old_date() -> None:
    """What is usual is known from the days that count."""
    theft = event(
        id="theft",
        time=FIRST_MS + DAYS * DAY_MS,
        institution="inst-05",
        user="u-bad",
        participants=Participants(ranges=[(100_000, 159_999)]),
    )
    odd = dated(-92, institutions=INSTITUTIONS)
    assert flagged([*odd, *working(), theft]) == {"inst-05"}
