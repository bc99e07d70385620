"""Result sets as somebody asks for them: when, who, and whose data came back."""

from collections.abc import Iterator
from random import Random
from typing import Final

from msgspec import Struct
from pyroaring import BitMap

from detectors.event import AccessEvent, Participants

COHORT: Final = 500_000
START_MS: Final = 1_767_600_000_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
# From here on a list of ids is sent as a bitmap.
_LISTED_MAX: Final = 512


class Request(Struct, frozen=True, kw_only=True):
    """One result set; `targets` are those whom a thief means to single out by it."""

    at_ms: int
    people: frozenset[int] | range
    user: str | None = "ada"
    project: str | None = "p1"
    dataset: str = "imaging"
    fields: tuple[str, ...] = ()
    targets: frozenset[int] = frozenset()


def events_of(requests: list[Request]) -> Iterator[AccessEvent]:
    """Yield the requests as events, in order of time."""
    for number, request in enumerate(sorted(requests, key=lambda each: each.at_ms)):
        yield AccessEvent(
            id=f"e-{number}",
            time=START_MS + request.at_ms,
            institution="north",
            user=request.user,
            project=request.project,
            dataset=request.dataset,
            action="query",
            rows=len(request.people),
            fields=list(request.fields) or None,
            participants=_participants(request.people),
        )


def _participants(people: frozenset[int] | range) -> Participants:
    if isinstance(people, range):
        return Participants(ranges=[(people.start, people.stop - 1)])
    if len(people) <= _LISTED_MAX:
        return Participants(ids=sorted(people))
    return Participants(bitmap=BitMap(people).serialize())


def cohort(random: Random, count: int) -> frozenset[int]:
    """Return people by chance, as a study by a disease has them."""
    return frozenset(random.sample(range(COHORT), count))


def some(random: Random, people: frozenset[int], count: int) -> list[int]:
    """Return some of the people by chance."""
    return random.sample(sorted(people), count)
