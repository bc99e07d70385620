"""The thefts: one function per way to steal. Each draws its parameters from the ranges it names.

Unless said otherwise a thief takes 12 to 28 % of the cohort (100,000 of 500,000 in the middle).
"""

from typing import Final

import numpy as np

from detectors.instants import DAY_MS, HOUR_MS
from detectors.synthetic.institutions import CANARY_EACH, Institution
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


def grab(scene: TheftContext, *, hours: tuple[float, float]) -> TheftRequests:
    """Take everything tonight, in one go."""
    haul = scene.haul(*HAUL)
    source = draw_source(scene, haul, walking_share=0.5)
    count = max(2, haul // page_size(scene, haul))
    times = steady_times(scene, count, duration_ms=scene.drawn(*hours) * HOUR_MS)
    return requests_for(scene, scene.members[0], source, times, user=_some_user(scene))


def walk(scene: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Walk through the ids in ascending order, day and night."""
    haul = scene.haul(*HAUL)
    source = draw_source(scene, haul, walking_share=1.0)
    count = max(2, haul // page_size(scene, haul))
    times = steady_times(scene, count, duration_ms=scene.drawn(*days) * DAY_MS)
    return requests_for(scene, scene.members[0], source, times, user=_some_user(scene))


def many_users(
    scene: TheftContext, *, days: tuple[float, float], users: tuple[int, int]
) -> TheftRequests:
    """Let 6 to 14 users of one institution each take a small part."""
    member = scene.members[0]
    count = int(scene.rng.integers(users[0], users[1] + 1))
    source = draw_source(scene, scene.haul(*HAUL), walking_share=0.3)
    length = scene.drawn(*days)
    loots = []
    for number in range(count):
        mine = part(source, number, of=count)
        weights = np.ones(max(1, int(length)))
        moments = max(2, mine.size // page_size(scene, mine.size))
        times = working_times(scene, member, moments, weights=weights)
        loots.append(requests_for(scene, member, mine, times, user=number))
    return merged(loots)


def new_user(scene: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Take it by an account that nobody has seen before."""
    member = scene.members[0]
    haul = scene.haul(*HAUL)
    source = draw_source(scene, haul, walking_share=0.3)
    count = max(2, haul // page_size(scene, haul))
    times = steady_times(scene, count, duration_ms=scene.drawn(*days) * DAY_MS)
    return requests_for(scene, member, source, times, user=member.users + 1)


def nights(scene: TheftContext, *, count: tuple[int, int]) -> TheftRequests:
    """Take half the usual haul, at night only."""
    member = scene.members[0]
    haul = scene.haul(0.06, 0.14)
    source = draw_source(scene, haul, walking_share=0.3)
    weights = np.ones(int(scene.rng.integers(count[0], count[1] + 1)))
    moments = max(2, haul // page_size(scene, haul))
    times = working_times(scene, member, moments, weights=weights, nightly=True)
    return requests_for(scene, member, source, times, user=_some_user(scene))


def slowly(scene: TheftContext, *, days: int, growth_ratio: float = 1.0) -> TheftRequests:
    """Take it in working hours over many days, each `growth_ratio` times the day before."""
    member = scene.members[0]
    haul = scene.haul(*HAUL)
    source = draw_source(scene, haul, walking_share=0.3)
    weights = np.power(growth_ratio, np.arange(days, dtype=np.float64))
    # Some requests a day, as an analyst would, not one huge one.
    count = int(days * scene.drawn(3.0, 12.0))
    times = working_times(scene, member, count, weights=weights)
    return requests_for(scene, member, source, times, user=_some_user(scene))


def together(
    scene: TheftContext, *, days: tuple[float, float], haul: tuple[float, float]
) -> TheftRequests:
    """Let every member take its own part, none of them much."""
    source = draw_source(scene, scene.haul(*haul), walking_share=0.3)
    length = scene.drawn(*days)
    loots = []
    for number, member in enumerate(scene.members):
        mine = part(source, number, of=len(scene.members))
        weights = np.ones(max(1, int(length)))
        moments = max(2, mine.size // page_size(scene, mine.size))
        times = working_times(scene, member, moments, weights=weights)
        user = int(scene.rng.integers(member.users))
        loots.append(requests_for(scene, member, mine, times, user=user))
    return merged(loots)


def apart(
    scene: TheftContext, *, days: tuple[float, float], haul: tuple[float, float]
) -> TheftRequests:
    """Let every member take people of its own choice: they never agreed on who takes whom.

    What two of them both have is gone once; the label counts it at its first taking.
    """
    each = scene.haul(*haul) // len(scene.members)
    length = scene.drawn(*days)
    loots = []
    for member in scene.members:
        source = draw_source(scene, each, walking_share=0.0)
        weights = np.ones(max(1, int(length)))
        moments = max(2, each // page_size(scene, each))
        times = working_times(scene, member, moments, weights=weights)
        user = int(scene.rng.integers(member.users))
        loots.append(requests_for(scene, member, source, times, user=user))
    return without_repeats(scene, merged(loots))


def slices(scene: TheftContext, *, days: tuple[float, float], fields_first: bool) -> TheftRequests:
    """Take all participants a few fields at a time, in about twenty slices.

    Page by page (each page's slices in a row), or field by field (all pages, then once more).
    What is gone is counted in cells, participants times slices, for neither half is the whole.
    """
    member = scene.members[0]
    haul = scene.haul(*HAUL)
    source = draw_source(scene, haul, walking_share=0.3)
    sets = _field_slices(scene, member)
    page_count = max(2, haul // page_size(scene, haul))
    duration_ms = scene.drawn(*days) * DAY_MS
    times = steady_times(scene, page_count * len(sets), duration_ms=duration_ms)
    page_number = np.arange(len(times))
    page_number = page_number % page_count if fields_first else page_number // len(sets)
    slice_number = np.arange(len(times))
    slice_number = slice_number // page_count if fields_first else slice_number % len(sets)
    edges = np.linspace(0, source.size, page_count + 1).astype(np.int64)
    theft_requests = requests_for(scene, member, source, times, user=_some_user(scene))
    table = np.resize(theft_requests.table, len(times))
    length = np.diff(edges)[page_number]
    table["time_ms"] = times
    table["arrival_ms"] = times
    table["offset"] = source.offset + edges[page_number]
    table["length"] = length
    table["rows"] = length
    table["fields"] = np.array(sets)[slice_number]
    table["bytes"] = table["bytes"] // 2
    gained = length / scene.config.cohort_participants / len(sets)
    return TheftRequests(table=table, gained_ratio=gained, contiguous=theft_requests.contiguous)


def now_and_then(scene: TheftContext, *, weeks: tuple[int, int]) -> TheftRequests:
    """Take a part on one day of each week, and be quiet in between."""
    member = scene.members[0]
    haul = scene.haul(*HAUL)
    source = draw_source(scene, haul, walking_share=0.3)
    weights = np.zeros(int(scene.rng.integers(weeks[0], weeks[1] + 1)) * WEEK_DAYS)
    weights[::WEEK_DAYS] = 1.0
    moments = max(2, haul // page_size(scene, haul))
    times = working_times(scene, member, moments, weights=weights)
    return requests_for(scene, member, source, times, user=_some_user(scene))


def beyond_approval(scene: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Take the usual haul under an approved export that covers 2 to 5 % of the cohort."""
    haul = scene.haul(*HAUL)
    source = draw_source(scene, haul, walking_share=0.5)
    count = max(2, haul // page_size(scene, haul))
    times = steady_times(scene, count, duration_ms=scene.drawn(*days) * DAY_MS)
    approve(scene, participants=scene.haul(0.02, 0.05), ended_ms=int(times[-1]))
    return requests_for(scene, scene.members[0], source, times, user=_some_user(scene))


def out_of_scope(scene: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Read a dataset that was never approved: 0.5 to 5 % of the cohort."""
    haul = scene.haul(0.005, 0.05)
    source = draw_source(scene, haul, walking_share=0.3)
    count = max(2, haul // page_size(scene, haul))
    times = steady_times(scene, count, duration_ms=scene.drawn(*days) * DAY_MS)
    theft_requests = requests_for(scene, scene.members[0], source, times, user=_some_user(scene))
    theft_requests.table["dataset"] = UNAPPROVED_DATASET
    return theft_requests


def over_canaries(scene: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Take 1 to 4 % of the cohort, quietly, in a run of ids long enough to hold a canary."""
    haul = max(CANARY_EACH, scene.haul(0.01, 0.04))
    source = draw_source(scene, haul, walking_share=1.0)
    weights = np.ones(max(1, int(scene.drawn(*days))))
    count = max(2, haul // 100)
    times = working_times(scene, scene.members[0], count, weights=weights)
    return requests_for(scene, scene.members[0], source, times, user=_some_user(scene))


def under_cover(scene: TheftContext, *, days: tuple[float, float]) -> TheftRequests:
    """Ride along with a hub's nightly job: same user, same hours, a little more each night."""
    member = scene.members[0]
    mine = scene.world.table[scene.world.table["institution"] == member.index]
    hours = (mine["time_ms"] % DAY_MS) / HOUR_MS
    source = draw_source(scene, scene.haul(*HAUL), walking_share=0.3)
    length = int(scene.drawn(*days))
    count = length * 10
    day = scene.rng.integers(0, length, count)
    midnight_ms = scene.started_ms - scene.started_ms % DAY_MS
    moments = midnight_ms + day * DAY_MS + scene.rng.choice(hours, count) * HOUR_MS
    times = np.sort(np.maximum(moments.astype(np.int64), scene.started_ms))
    return requests_for(scene, member, source, times, user=0)


def _some_user(scene: TheftContext) -> int:
    return int(scene.rng.integers(scene.members[0].users))


def _field_slices(scene: TheftContext, member: Institution) -> list[int]:
    """Add the slices of the project's own fields to the world; return their indices."""
    field_sets = scene.world.draft.field_sets
    mine = field_sets[member.projects[0].fields]
    chunk = max(1, min(FIELDS_PER_SLICE, len(mine) // 3))
    chunks = [mine[begin : begin + chunk] for begin in range(0, len(mine), chunk)][:SLICES]
    field_sets.extend(chunks)
    return list(range(len(field_sets) - len(chunks), len(field_sets)))
