"""The thefts: one function per way to steal. Each draws its parameters from the ranges it names.

Unless said otherwise a thief takes 12 to 28 % of the cohort (100,000 of 500,000 in the middle).
"""

from typing import Final

import numpy as np

from detectors.instants import DAY_MS, HOUR_MS
from detectors.synthetic.institutions import CANARY_EACH, InstitutionPlan
from detectors.synthetic.theft_requests import (
    TheftContext,
    TheftRequests,
    approve,
    draw_source,
    merged,
    page_size,
    part,
    requests_for,
    steady_times,
    without_repeats,
    working_times,
)

HAUL: Final = (0.12, 0.28)
FIELDS_PER_SLICE: Final = 2
SLICES: Final = 20
UNAPPROVED_DATASET: Final = 4
WEEK_DAYS: Final = 7


def grab(context: TheftContext, *, hours: tuple[float, float]) -> TheftRequests:
    """Take everything tonight, in one go."""
    haul = context.haul(*HAUL)
    source = draw_source(context, haul, walking_share=0.5)
    count = max(2, haul // page_size(context, haul))
    times = steady_times(context, count, duration_ms=context.drawn(*hours) * HOUR_MS)
    return requests_for(context, context.members[0], source, times, user=_some_user(context))


def walk(context: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Walk through the ids in ascending order, day and night."""
    haul = context.haul(*HAUL)
    source = draw_source(context, haul, walking_share=1.0)
    count = max(2, haul // page_size(context, haul))
    times = steady_times(context, count, duration_ms=context.drawn(*days) * DAY_MS)
    return requests_for(context, context.members[0], source, times, user=_some_user(context))


def many_users(
    context: TheftContext, *, days: tuple[float, float], users: tuple[int, int]
) -> TheftRequests:
    """Let 6 to 14 users of one institution each take a small part."""
    member = context.members[0]
    count = int(context.rng.integers(users[0], users[1] + 1))
    source = draw_source(context, context.haul(*HAUL), walking_share=0.3)
    length = context.drawn(*days)
    requests = []
    for number in range(count):
        mine = part(source, number, of=count)
        weights = np.ones(max(1, int(length)))
        moments = max(2, mine.size // page_size(context, mine.size))
        times = working_times(context, member, moments, weights=weights)
        requests.append(requests_for(context, member, mine, times, user=number))
    return merged(requests)


def new_user(context: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Take it by an account that nobody has seen before."""
    member = context.members[0]
    haul = context.haul(*HAUL)
    source = draw_source(context, haul, walking_share=0.3)
    count = max(2, haul // page_size(context, haul))
    times = steady_times(context, count, duration_ms=context.drawn(*days) * DAY_MS)
    return requests_for(context, member, source, times, user=member.users + 1)


def nights(context: TheftContext, *, count: tuple[int, int]) -> TheftRequests:
    """Take half the usual haul, at night only."""
    member = context.members[0]
    haul = context.haul(0.06, 0.14)
    source = draw_source(context, haul, walking_share=0.3)
    weights = np.ones(int(context.rng.integers(count[0], count[1] + 1)))
    moments = max(2, haul // page_size(context, haul))
    times = working_times(context, member, moments, weights=weights, nightly=True)
    return requests_for(context, member, source, times, user=_some_user(context))


def slowly(context: TheftContext, *, days: int, growth_ratio: float = 1.0) -> TheftRequests:
    """Take it in working hours over many days, each `growth_ratio` times the day before."""
    member = context.members[0]
    haul = context.haul(*HAUL)
    source = draw_source(context, haul, walking_share=0.3)
    weights = np.power(growth_ratio, np.arange(days, dtype=np.float64))
    # Some requests a day, as an analyst would, not one huge one.
    count = int(days * context.drawn(3.0, 12.0))
    times = working_times(context, member, count, weights=weights)
    return requests_for(context, member, source, times, user=_some_user(context))


def together(
    context: TheftContext, *, days: tuple[float, float], haul: tuple[float, float]
) -> TheftRequests:
    """Let every member take its own part, none of them much."""
    source = draw_source(context, context.haul(*haul), walking_share=0.3)
    length = context.drawn(*days)
    requests = []
    for number, member in enumerate(context.members):
        mine = part(source, number, of=len(context.members))
        weights = np.ones(max(1, int(length)))
        moments = max(2, mine.size // page_size(context, mine.size))
        times = working_times(context, member, moments, weights=weights)
        user = int(context.rng.integers(member.users))
        requests.append(requests_for(context, member, mine, times, user=user))
    return merged(requests)


def apart(
    context: TheftContext, *, days: tuple[float, float], haul: tuple[float, float]
) -> TheftRequests:
    """Let every member take people of its own choice: they never agreed on who takes whom.

    What two of them both have is gone once; the label counts it at its first taking.
    """
    each = context.haul(*haul) // len(context.members)
    length = context.drawn(*days)
    requests = []
    for member in context.members:
        source = draw_source(context, each, walking_share=0.0)
        weights = np.ones(max(1, int(length)))
        moments = max(2, each // page_size(context, each))
        times = working_times(context, member, moments, weights=weights)
        user = int(context.rng.integers(member.users))
        requests.append(requests_for(context, member, source, times, user=user))
    return without_repeats(context, merged(requests))


def slices(
    context: TheftContext, *, days: tuple[float, float], fields_first: bool
) -> TheftRequests:
    """Take all participants a few fields at a time, in about twenty slices.

    Page by page (each page's slices in a row), or field by field (all pages, then once more).
    What is gone is counted in cells, participants times slices, for neither half is the whole.
    """
    member = context.members[0]
    haul = context.haul(*HAUL)
    source = draw_source(context, haul, walking_share=0.3)
    sets = _field_slices(context, member)
    page_count = max(2, haul // page_size(context, haul))
    duration_ms = context.drawn(*days) * DAY_MS
    times = steady_times(context, page_count * len(sets), duration_ms=duration_ms)
    page_number = np.arange(len(times))
    page_number = page_number % page_count if fields_first else page_number // len(sets)
    slice_number = np.arange(len(times))
    slice_number = slice_number // page_count if fields_first else slice_number % len(sets)
    edges = np.linspace(0, source.size, page_count + 1).astype(np.int64)
    theft_requests = requests_for(context, member, source, times, user=_some_user(context))
    table = np.resize(theft_requests.table, len(times))
    length = np.diff(edges)[page_number]
    table["time_ms"] = times
    table["arrival_ms"] = times
    table["offset"] = source.offset + edges[page_number]
    table["length"] = length
    table["rows"] = length
    table["fields"] = np.array(sets)[slice_number]
    table["bytes"] = table["bytes"] // 2
    gained = length / context.config.cohort_participants / len(sets)
    return TheftRequests(table=table, gained_ratio=gained, contiguous=theft_requests.contiguous)


def now_and_then(context: TheftContext, *, weeks: tuple[int, int]) -> TheftRequests:
    """Take a part on one day of each week, and be quiet in between."""
    member = context.members[0]
    haul = context.haul(*HAUL)
    source = draw_source(context, haul, walking_share=0.3)
    weights = np.zeros(int(context.rng.integers(weeks[0], weeks[1] + 1)) * WEEK_DAYS)
    weights[::WEEK_DAYS] = 1.0
    moments = max(2, haul // page_size(context, haul))
    times = working_times(context, member, moments, weights=weights)
    return requests_for(context, member, source, times, user=_some_user(context))


def beyond_approval(context: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Take the usual haul under an approved export that covers 2 to 5 % of the cohort."""
    haul = context.haul(*HAUL)
    source = draw_source(context, haul, walking_share=0.5)
    count = max(2, haul // page_size(context, haul))
    times = steady_times(context, count, duration_ms=context.drawn(*days) * DAY_MS)
    approve(context, participants=context.haul(0.02, 0.05), ended_ms=int(times[-1]))
    return requests_for(context, context.members[0], source, times, user=_some_user(context))


def out_of_scope(context: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Read a dataset that was never approved: 0.5 to 5 % of the cohort."""
    haul = context.haul(0.005, 0.05)
    source = draw_source(context, haul, walking_share=0.3)
    count = max(2, haul // page_size(context, haul))
    times = steady_times(context, count, duration_ms=context.drawn(*days) * DAY_MS)
    theft_requests = requests_for(
        context, context.members[0], source, times, user=_some_user(context)
    )
    theft_requests.table["dataset"] = UNAPPROVED_DATASET
    return theft_requests


def over_canaries(context: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Take 1 to 4 % of the cohort, quietly, in a run of ids long enough to hold a canary."""
    haul = max(CANARY_EACH, context.haul(0.01, 0.04))
    source = draw_source(context, haul, walking_share=1.0)
    weights = np.ones(max(1, int(context.drawn(*days))))
    count = max(2, haul // 100)
    times = working_times(context, context.members[0], count, weights=weights)
    return requests_for(context, context.members[0], source, times, user=_some_user(context))


def under_cover(context: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Ride along with a hub's nightly job: same user, same hours, a little more each night."""
    member = context.members[0]
    mine = context.world.table[context.world.table["institution"] == member.index]
    hours = (mine["time_ms"] % DAY_MS) / HOUR_MS
    source = draw_source(context, context.haul(*HAUL), walking_share=0.3)
    length = int(context.drawn(*days))
    count = length * 10
    day = context.rng.integers(0, length, count)
    midnight_ms = context.started_ms - context.started_ms % DAY_MS
    moments = midnight_ms + day * DAY_MS + context.rng.choice(hours, count) * HOUR_MS
    times = np.sort(np.maximum(moments.astype(np.int64), context.started_ms))
    return requests_for(context, member, source, times, user=0)


def _some_user(context: TheftContext) -> int:
    return int(context.rng.integers(context.members[0].users))


def _field_slices(context: TheftContext, member: InstitutionPlan) -> list[int]:
    """Add the slices of the project's own fields to the world; return their indices."""
    field_sets = context.world.draft.field_sets
    mine = field_sets[member.projects[0].fields]
    chunk = max(1, min(FIELDS_PER_SLICE, len(mine) // 3))
    chunks = [mine[begin : begin + chunk] for begin in range(0, len(mine), chunk)][:SLICES]
    field_sets.extend(chunks)
    return list(range(len(field_sets) - len(chunks), len(field_sets)))
