"""Thefts by differences: 40 people singled out, each by sets that are allowed one by one."""

from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.differencing.requests import (
    COHORT,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Request,
    cohort,
    some,
)

_TARGETS: Final = 40
_PACE_MS: Final = 10 * MINUTE_MS


def tracker(random: Random) -> list[Request]:
    """Return a set once, then the set without one person, another each time."""
    return _without(cohort(random, 2_000), random)


def tracker_of_half_the_cohort(random: Random) -> list[Request]:
    """Return the same with a quarter of a million people."""
    return _without(cohort(random, COHORT // 2), random)


def tracker_of_neighbours(random: Random) -> list[Request]:
    """Return a range of ids, then the range without one person."""
    first = random.randrange(COHORT - 5_000)
    return _without(frozenset(range(first, first + 5_000)), random)


def one_more(random: Random) -> list[Request]:
    """Return a set, then the set and one person more, who was never asked for before."""
    people = cohort(random, 2_000)
    requests = [Request(at_ms=0, people=people)]
    for number, target in enumerate(cohort(random, _TARGETS), start=1):
        requests.append(_asked(number, people | {target}, target))
    return requests


def shrinking(random: Random) -> list[Request]:
    """Return a chain: each set is the last one without one more person."""
    return _chain(random, pace_ms=_PACE_MS)


def shrinking_slowly(random: Random) -> list[Request]:
    """Return the same, a step every seven hours."""
    return _chain(random, pace_ms=7 * HOUR_MS)


def prefixes(random: Random) -> list[Request]:
    """Return all ids up to a bound, and the bound comes down by one."""
    stop = random.randrange(5_000, COHORT)
    return [
        Request(
            at_ms=number * _PACE_MS,
            people=range(stop - number),
            targets=frozenset({stop - number} if number else ()),
        )
        for number in range(_TARGETS + 1)
    ]


def two_users(random: Random) -> list[Request]:
    """Return sets of one user, and of a colleague the same without a person."""
    requests = _pairs(random, gap_ms=MINUTE_MS)
    return [
        Request(at_ms=each.at_ms, people=each.people, targets=each.targets, user="ben")
        if each.targets
        else each
        for each in requests
    ]


def other_sets(random: Random) -> list[Request]:
    """Return for each person another set, with and without them."""
    return _pairs(random, gap_ms=MINUTE_MS)


def a_day_later(random: Random) -> list[Request]:
    """Return for each person another set; those without them on the next day."""
    return _pairs(random, gap_ms=DAY_MS)


def one_person(random: Random) -> list[Request]:
    """Return one person in forty sets: each is asked for with and without them."""
    target = random.randrange(COHORT)
    requests = []
    for number in range(_TARGETS):
        people = cohort(random, 500) | {target}
        requests += [_asked(2 * number, people), _asked(2 * number + 1, people - {target}, target)]
    return requests


def complements(random: Random) -> list[Request]:
    """Return for each person a set, and everybody but the others of the set."""
    everybody = frozenset(range(COHORT))
    requests = []
    for number in range(_TARGETS):
        people = cohort(random, 500)
        target = min(people)
        requests += [
            _asked(2 * number, people),
            _asked(2 * number + 1, everybody - (people - {target}), target),
        ]
    return requests


def padded(random: Random) -> list[Request]:
    """Return a set without one person and three others by chance."""
    return _padded(random, others_count=3)


def padded_beyond(random: Random) -> list[Request]:
    """Return a set without one person and twelve others by chance, which differ by too many."""
    return _padded(random, others_count=12)


def among_others(random: Random) -> list[Request]:
    """Return a tracker with twenty other sets before each step."""
    requests = []
    for number, each in enumerate(tracker(random)):
        requests.append(Request(at_ms=number * HOUR_MS, people=each.people, targets=each.targets))
        requests += [
            Request(at_ms=number * HOUR_MS + (1 + other) * MINUTE_MS, people=cohort(random, 300))
            for other in range(20)
        ]
    return requests


def _asked(number: int, people: frozenset[int], *targets: int) -> Request:
    return Request(at_ms=number * _PACE_MS, people=people, targets=frozenset(targets))


def _without(people: frozenset[int], random: Random) -> list[Request]:
    targets = some(random, people, _TARGETS)
    return [_asked(0, people)] + [
        _asked(number, people - {target}, target) for number, target in enumerate(targets, start=1)
    ]


def _padded(random: Random, *, others_count: int) -> list[Request]:
    people = cohort(random, 2_000)
    requests = [_asked(0, people)]
    for number, target in enumerate(some(random, people, _TARGETS), start=1):
        noise = frozenset(some(random, people, others_count))
        requests.append(_asked(number, people - noise - {target}, target))
    return requests


def _chain(random: Random, *, pace_ms: int) -> list[Request]:
    people = cohort(random, 2_000)
    requests = [Request(at_ms=0, people=people)]
    for number, target in enumerate(some(random, people, _TARGETS), start=1):
        people -= {target}
        requests.append(Request(at_ms=number * pace_ms, people=people, targets=frozenset({target})))
    return requests


def _pairs(random: Random, *, gap_ms: int) -> list[Request]:
    requests = []
    for number in range(_TARGETS):
        people = cohort(random, 500)
        target = min(people)
        at_ms = number * _PACE_MS
        requests += [
            Request(at_ms=at_ms, people=people),
            Request(at_ms=at_ms + gap_ms, people=people - {target}, targets=frozenset({target})),
        ]
    return requests


THEFTS: Final[tuple[Callable[[Random], list[Request]], ...]] = (
    tracker,
    tracker_of_half_the_cohort,
    tracker_of_neighbours,
    one_more,
    shrinking,
    shrinking_slowly,
    prefixes,
    two_users,
    other_sets,
    a_day_later,
    one_person,
    complements,
    padded,
    padded_beyond,
    among_others,
)
