"""Honest work whose result sets nearly equal one another: two weeks of each."""

from collections.abc import Callable, Iterator
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

_DAYS: Final = 14
_PANELS: Final = 12


def same_again(random: Random) -> list[Request]:
    """Return the same query, run 200 times."""
    people = cohort(random, 2_000)
    return [Request(at_ms=number * HOUR_MS, people=people) for number in range(200)]


def growing_weekly(random: Random) -> list[Request]:
    """Return a dashboard of twelve panels, each hour; a few people are released once a week."""
    return _dashboard(random, step_days=7, grown=4)


def growing_daily(random: Random) -> list[Request]:
    """Return the same, with a few people each day."""
    return _dashboard(random, step_days=1, grown=4)


def withdrawn(random: Random) -> list[Request]:
    """Return the same; eight people withdraw once, and are gone from all panels at once."""
    panels = [cohort(random, 2_000) for _ in range(_PANELS)]
    gone = frozenset(some(random, panels[0] | panels[1], 8))
    panels = [panel | frozenset(some(random, gone, 5)) for panel in panels]
    return [
        Request(at_ms=hour * HOUR_MS + place * MINUTE_MS, people=panel - (gone if late else set()))
        for hour in range(9, _DAYS * 24)
        for late in [hour > 7 * 24]
        for place, panel in enumerate(panels)
    ]


def refreshed_data(random: Random) -> list[Request]:
    """Return panels of people with a value beyond a bound; once some values are corrected."""
    values = {person: random.random() for person in cohort(random, 20_000)}
    requests = []
    for day in range(_DAYS):
        if day == _DAYS // 2:
            values |= {person: random.random() for person in some(random, frozenset(values), 60)}
        for place in range(_PANELS):
            above = frozenset(p for p, value in values.items() if value > 0.2 + 0.06 * place)
            requests.append(Request(at_ms=day * DAY_MS + place * MINUTE_MS, people=above))
    return requests


def criteria(random: Random) -> list[Request]:
    """Return an analysis a day: two bounds, then twelve exclusions, one after the other."""
    people = {p: (random.gauss(57, 8), random.gauss(27, 5)) for p in cohort(random, 4_000)}
    ill = [frozenset(some(random, frozenset(people), 2**power)) for power in range(12)]
    requests = []
    for day in range(_DAYS):
        age, weight = random.randrange(40, 60, 5), random.randrange(20, 30, 5)
        chosen = frozenset(p for p, (old, heavy) in people.items() if old > age and heavy > weight)
        for number, excluded in enumerate([frozenset[int](), *ill]):
            chosen -= excluded
            at_ms = day * DAY_MS + number * 15 * MINUTE_MS
            requests.append(Request(at_ms=at_ms, people=chosen))
    return requests


def bounds_by_one(random: Random) -> list[Request]:
    """Return sets of a study of 300, by a bound on age that moves by one year, 25 times a day."""
    people = {p: random.gauss(57, 8) for p in cohort(random, 300)}
    requests = []
    for day in range(_DAYS):
        age = random.randrange(40, 60)
        for number in range(25):
            age += random.choice((-1, 1))
            chosen = frozenset(p for p, old in people.items() if old > age)
            at_ms = day * DAY_MS + number * 15 * MINUTE_MS
            requests.append(Request(at_ms=at_ms, people=chosen))
    return requests


def sensitivity(random: Random) -> list[Request]:
    """Return ten sets, each with and without five outliers, every day."""
    outliers = cohort(random, 5)
    panels = [cohort(random, 1_000) | outliers for _ in range(10)]
    return [
        Request(at_ms=day * DAY_MS + (2 * place + without) * MINUTE_MS, people=chosen)
        for day in range(_DAYS)
        for place, panel in enumerate(panels)
        for without, chosen in enumerate((panel, panel - outliers))
    ]


def paged(random: Random) -> list[Request]:
    """Return a list read page by page every day, into which a few people are sorted each day."""
    people = cohort(random, 20_000)
    requests = []
    for day in range(_DAYS):
        people |= cohort(random, 4)
        ordered = sorted(people)
        for place in range(0, len(ordered), 1_000):
            page = frozenset(ordered[place : place + 1_000])
            requests.append(Request(at_ms=day * DAY_MS + place, people=page))
    return requests


def newest(random: Random) -> list[Request]:
    """Return the last hundred to come, every five minutes of the day; two more each hour."""
    first = random.randrange(COHORT // 2)
    steps = range(_DAYS * 24 * 12)
    begins = [first + 2 * (step // 12) for step in steps]
    return [
        Request(at_ms=step * 5 * MINUTE_MS, people=range(begins[step], begins[step] + 100))
        for step in steps
    ]


def newest_so_many(random: Random) -> list[Request]:
    """Return the newest of a study, as many as a session asks for, 40 sets a day."""
    ordered = some(random, cohort(random, 20_000), 20_000)
    counts = [50 + int(random.lognormvariate(4.0, 1.0)) for _ in range(_DAYS * 40)]
    return [
        Request(at_ms=number * 30 * MINUTE_MS, people=frozenset(ordered[-count:]))
        for number, count in enumerate(counts)
    ]


def slices(random: Random) -> list[Request]:
    """Return ranges of 50 to 80 ids anywhere in a study of 2,000, 400 times a day."""
    base = random.randrange(COHORT - 3_000)
    firsts = [base + random.randrange(2_000) for _ in range(_DAYS * 400)]
    return [
        Request(at_ms=number * 3 * MINUTE_MS, people=range(first, first + random.randrange(50, 81)))
        for number, first in enumerate(firsts)
    ]


def batches(random: Random) -> list[Request]:
    """Return batches of 256 neighbours in a study of 20,000, as a model learns, 1,000 a day."""
    base = random.randrange(COHORT - 30_000)
    firsts = [base + random.randrange(20_000) for _ in range(_DAYS * 1_000)]
    return [
        Request(at_ms=number * MINUTE_MS, people=range(first, first + 256))
        for number, first in enumerate(firsts)
    ]


def missing_values(random: Random) -> list[Request]:
    """Return one set, asked for 60 fields in turn; of each a few people have no value."""
    people = cohort(random, 2_000)
    return [
        Request(
            at_ms=number * MINUTE_MS,
            people=people - frozenset(some(random, people, random.randrange(9))),
            fields=(f"field-{number}",),
        )
        for number in range(60)
    ]


def linked_datasets(random: Random) -> list[Request]:
    """Return one set in 40 datasets, each without a few people."""
    people = cohort(random, 2_000)
    return [
        Request(
            at_ms=number * MINUTE_MS,
            people=people - frozenset(some(random, people, random.randrange(9))),
            dataset=f"dataset-{number}",
        )
        for number in range(40)
    ]


def two_projects(random: Random) -> list[Request]:
    """Return two projects with nearly the same people, each with users and queries of its own."""
    people = cohort(random, 2_000)
    requests = []
    for number in range(60):
        chosen = frozenset(some(random, people, 1_000))
        for project, user, left_out in (("p1", "ada", 0), ("p2", "ben", 2)):
            requests.append(
                Request(
                    at_ms=number * HOUR_MS,
                    people=chosen - frozenset(sorted(chosen)[:left_out]),
                    project=project,
                    user=user,
                )
            )
    return requests


def one_left_out(random: Random) -> list[Request]:
    """Return a jackknife: an estimate on each of 60 sets that leave out one person in turn."""
    people = cohort(random, 60)
    return [
        Request(at_ms=number * MINUTE_MS, people=people - {person})
        for number, person in enumerate(sorted(people))
    ]


def _dashboard(random: Random, *, step_days: int, grown: int) -> list[Request]:
    panels = [cohort(random, 2_000) for _ in range(_PANELS)]
    requests = []
    for hour in range(_DAYS * 24):
        if hour % (24 * step_days) == 24 * step_days - 12:
            released = cohort(random, grown)
            # Not all of the new ones are what a panel asks for.
            panels = [panel | frozenset(_most(random, released)) for panel in panels]
        requests += [
            Request(at_ms=hour * HOUR_MS + place * MINUTE_MS, people=panel)
            for place, panel in enumerate(panels)
        ]
    return requests


def _most(random: Random, people: frozenset[int]) -> Iterator[int]:
    return (person for person in sorted(people) if random.random() < 0.7)  # noqa: PLR2004


HARD_NEGATIVES: Final[tuple[Callable[[Random], list[Request]], ...]] = (
    same_again,
    growing_weekly,
    growing_daily,
    withdrawn,
    refreshed_data,
    criteria,
    bounds_by_one,
    sensitivity,
    paged,
    newest,
    newest_so_many,
    slices,
    batches,
    missing_values,
    linked_datasets,
    two_projects,
    one_left_out,
)
