"""What every theft is made of: whose data, in which pages, when, and how much was gone."""

from typing import Final

import numpy as np
from msgspec import Struct

from detectors.instants import DAY_MS, HOUR_MS
from detectors.synthetic.config import WorldConfig
from detectors.synthetic.episodes import Export
from detectors.synthetic.institutions import InstitutionPlan, draw_members
from detectors.synthetic.requests import (
    DOWNLOAD,
    IDENTITY_POOL,
    QUERY,
    Floats,
    Ints,
    Table,
    drawn_bytes,
    hour_sampler,
    table_of,
    usual_scale,
)
from detectors.synthetic.world import World

# Far above any honest request's number, so that no id is used twice.
THEFT_NUMBERS_FROM: Final = 1_000_000_000
THEFT_NUMBERS_EACH: Final = 10_000_000


class TheftContext(Struct, frozen=True, kw_only=True):
    """Where a theft takes place: the world, the institutions, the first moment, the dice."""

    world: World
    members: tuple[InstitutionPlan, ...]
    started_ms: int
    rng: np.random.Generator

    @property
    def config(self) -> WorldConfig:
        """Return the world's config."""
        return self.world.config

    def drawn(self, low: float, high: float) -> float:
        """Return a parameter drawn evenly from its stated range."""
        return float(self.rng.uniform(low, high))

    def haul(self, low: float, high: float) -> int:
        """Return how many participants are taken, as a drawn share of the cohort."""
        return max(1, int(self.drawn(low, high) * self.config.cohort_participants))


class TheftRequests(Struct, kw_only=True):
    """A theft's requests, and what share of the cohort each of them took away."""

    table: Table
    gained_ratio: Floats
    contiguous: bool


class Source(Struct, frozen=True, kw_only=True):
    """Whose data a thief takes: a run of ids, or a pool of scattered participants."""

    pool: int
    offset: int
    size: int

    @property
    def contiguous(self) -> bool:
        """Tell whether the thief walks through ids."""
        return self.pool == IDENTITY_POOL


def draw_source(context: TheftContext, size: int, *, walking_share: float) -> Source:
    """Choose `size` participants: a run of ids with the given probability, or scattered."""
    total = context.config.cohort_participants
    size = min(size, total)
    if context.rng.random() < walking_share:
        offset = int(context.rng.integers(0, total - size + 1))
        return Source(pool=IDENTITY_POOL, offset=offset, size=size)
    pools = context.world.draft.pools
    pools.append(draw_members(context.rng, context.world.draft, size=size, clustered=False))
    return Source(pool=len(pools) - 1, offset=0, size=size)


def part(source: Source, number: int, *, of: int) -> Source:
    """Return part `number` of `of` equal parts.

    >>> part(Source(pool=0, offset=100, size=10), 1, of=3)
    Source(pool=0, offset=103, size=3)
    """
    first, last = source.size * number // of, source.size * (number + 1) // of
    return Source(pool=source.pool, offset=source.offset + first, size=last - first)


def page_size(context: TheftContext, size: int) -> int:
    """Return how many participants one request takes: at most a fiftieth of the haul."""
    return int(np.clip(context.rng.lognormal(np.log(500.0), 0.8), 1, max(1, size // 50)))


def requests_for(
    context: TheftContext, member: InstitutionPlan, source: Source, time_ms: Ints, *, user: int = 0
) -> TheftRequests:
    """Return requests by `member` that take all of `source`, one page at each of `time_ms`."""
    edges = np.linspace(0, source.size, len(time_ms) + 1).astype(np.int64)
    length = np.diff(edges)
    taken = length > 0
    project = member.projects[0]
    table = table_of(
        np.sort(time_ms)[taken],
        institution=member.index,
        user=user,
        project=project.index,
        dataset=project.dataset,
        fields=project.fields,
        pool=source.pool,
        offset=source.offset + edges[:-1][taken],
        length=length[taken],
        action=DOWNLOAD if context.rng.integers(2) else QUERY,
        rows=length[taken],
        bytes=drawn_bytes(context.rng, length[taken], sigma=1.0, scale=_scale(context, member)),
    )
    gained = length[taken] / context.config.cohort_participants
    return TheftRequests(table=table, gained_ratio=gained, contiguous=source.contiguous)


def _scale(context: TheftContext, member: InstitutionPlan) -> float:
    """Return the institution's usual bytes: the thief reads the same records as the others."""
    table = context.world.table
    return usual_scale(table[table["institution"] == member.index])


def steady_times(context: TheftContext, count: int, *, duration_ms: float) -> Ints:
    """Return `count` moments anywhere within the duration: a script that never sleeps."""
    into = np.sort(context.rng.random(count)) * duration_ms
    return (context.started_ms + into).astype(np.int64)


def working_times(
    context: TheftContext,
    member: InstitutionPlan,
    count: int,
    *,
    weights: Floats,
    nightly: bool = False,
) -> Ints:
    """Return about `count` moments on days weighted by `weights`, in working hours or at night."""
    day = context.rng.choice(len(weights), count, p=weights / weights.sum())
    peak = member.peak_hour
    if nightly:
        hours = (peak + 9.0 + context.rng.random(count) * 6.0) % 24.0
    else:
        ratio = context.config.peak_trough_ratio
        hours = hour_sampler(context.rng, peak_trough_ratio=ratio, peak_hour=peak)(count)
    # Days are counted from the midnight before; nothing happens before the theft's first moment.
    midnight_ms = context.started_ms - context.started_ms % DAY_MS
    moments = (midnight_ms + day * DAY_MS + hours * HOUR_MS).astype(np.int64)
    return np.sort(np.maximum(moments, context.started_ms))


def without_repeats(context: TheftContext, theft_requests: TheftRequests) -> TheftRequests:
    """Return the theft requests with each participant counted once, at the first taking."""
    total = context.config.cohort_participants
    gone = np.zeros(total, bool)
    gained = np.zeros(len(theft_requests.table))
    pools = context.world.draft.pools
    columns = zip(
        *(theft_requests.table[name].tolist() for name in ("pool", "offset", "length")), strict=True
    )
    for row, (pool, offset, length) in enumerate(columns):
        members = pools[pool][offset : offset + length]
        gained[row] = (length - int(np.count_nonzero(gone[members]))) / total
        gone[members] = True
    return TheftRequests(
        table=theft_requests.table, gained_ratio=gained, contiguous=theft_requests.contiguous
    )


def approve(context: TheftContext, *, participants: int, ended_ms: int) -> None:
    """Put an export of the first member on record, from the theft's first moment on."""
    member = context.members[0]
    export = Export(
        approved=True,
        dataset=member.projects[0].dataset,
        participants=participants,
        started_ms=context.started_ms,
        ended_ms=ended_ms,
        table=table_of(np.zeros(0, np.int64)),
    )
    exports = context.world.exports
    exports[member.index] = [*exports.get(member.index, []), export]


def merged(requests: list[TheftRequests]) -> TheftRequests:
    """Return several requests as one, in order of time."""
    table = np.concatenate([theft_requests.table for theft_requests in requests])
    order = np.argsort(table["time_ms"], kind="stable")
    return TheftRequests(
        table=table[order],
        gained_ratio=np.concatenate([theft_requests.gained_ratio for theft_requests in requests])[
            order
        ],
        contiguous=any(theft_requests.contiguous for theft_requests in requests),
    )
