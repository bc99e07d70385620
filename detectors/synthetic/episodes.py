"""What honest institutions do now and then: full reads, exports, release days, broken clients.

Each is a twin of a theft: much new in little time, and yet in order.
"""

from typing import Final

import numpy as np
from msgspec import Struct

from detectors.instants import DAY_MS, HOUR_MS, MINUTE_MS
from detectors.synthetic.config import START_MS, WorldConfig
from detectors.synthetic.institutions import Draft, InstitutionPlan, draw_fields, draw_pool
from detectors.synthetic.labels import HonestEpisode
from detectors.synthetic.requests import (
    DOWNLOAD,
    EXPORT,
    Table,
    drawn_bytes,
    joined,
    pages,
    table_of,
)

# Half of the institutions load what they need at once, the others over their first weeks.
OPENING_DAYS: Final = (1.0, 28.0)
START_DAYS_MAX: Final = 14
RE_READ_DAYS: Final = (3, 15)
EXPORT_COHORT_MEDIAN_RATIO: Final = 0.08
EXPORT_COHORT_RATIO_MAX: Final = 0.6
RELEASE_SHARE: Final = 0.7
STORM_REPEATS_MAX: Final = 20
STORM_REQUESTS_MAX: Final = 50


def full_read(
    plan: InstitutionPlan, *, number: int, day: float, days: float, rng: np.random.Generator
) -> Table:
    """Return requests that read all of project `number` once, page by page."""
    project = plan.projects[number]
    page_count = int(rng.integers(3, 60))
    size = project.initial_participants
    offset, length = pages(size, page=max(1, size // page_count))
    into = np.sort(rng.random(len(offset))) * days
    time_ms = (START_MS + (day + into) * DAY_MS).astype(np.int64)
    return table_of(
        time_ms,
        institution=plan.index,
        user=int(rng.integers(plan.users)),
        project=project.index,
        dataset=project.dataset,
        fields=project.fields,
        pool=project.pool,
        offset=offset,
        length=length,
        action=DOWNLOAD,
        rows=length,
        bytes=drawn_bytes(rng, length, sigma=1.0),
    )


def full_reads(
    plan: InstitutionPlan, config: WorldConfig, rng: np.random.Generator
) -> tuple[Table, list[HonestEpisode]]:
    """Return the first full read of every project, and the repeats of re-analysis.

    A warm institution reads what it already has while we warm up; a cold one at any time, which
    looks like a theft and is not. A project that starts later is read when it starts.
    """
    tables: list[Table] = []
    spans: list[HonestEpisode] = []
    opening_days = OPENING_DAYS[int(rng.integers(2))]
    for number, project in enumerate(plan.projects):
        from_start = project.start_day > plan.first_day
        days = float(rng.uniform(0.2, START_DAYS_MAX))
        if from_start:
            day = float(project.start_day)
            kind = "project_start" if project.recorded else "unrecorded_project_start"
        elif plan.cold:
            day, kind = float(rng.uniform(plan.first_day, config.days - 1)), "cold_re_read"
        else:
            day, kind = plan.first_day + float(rng.uniform(0.0, opening_days)), "opening_read"
            days = min(days, opening_days)
        # A read that begins on the last day is cut short: no work begins before its approval.
        days = min(days, config.days - day - 0.01)
        tables.append(full_read(plan, number=number, day=day, days=days, rng=rng))
        spans.append(_span(plan, kind, day, day + days + 1.0))
        if plan.kind == "re_analysis":
            again = day + days + float(rng.uniform(*RE_READ_DAYS))
            while again < config.days - 1:
                tables.append(full_read(plan, number=number, day=again, days=0.3, rng=rng))
                again += float(rng.uniform(*RE_READ_DAYS))
    return joined(tables), spans


class Export(Struct, frozen=True, kw_only=True):
    """One bulk export: its requests, and whether the committee recorded an approval."""

    approved: bool
    dataset: int
    participants: int
    started_ms: int
    ended_ms: int
    table: Table


def draw_export(draft: Draft, plan: InstitutionPlan, rng: np.random.Generator) -> Export:
    """Draw size, hour, pages and approval of one export."""
    config, project = draft.config, plan.projects[0]
    drawn = rng.lognormal(np.log(EXPORT_COHORT_MEDIAN_RATIO), 0.7)
    participants = int(min(drawn, EXPORT_COHORT_RATIO_MAX) * config.cohort_participants)
    approved = bool(rng.random() >= config.exports_unrecorded_share)
    started_ms = int(START_MS + float(rng.uniform(plan.first_day, config.days - 1)) * DAY_MS)
    length_ms = float(rng.uniform(0.5, 10.0)) * HOUR_MS
    count = int(rng.integers(4, 60))
    offset, length = pages(participants, page=max(1, participants // count))
    into = np.sort(rng.random(len(offset))) * length_ms
    clustered = bool(rng.random() < config.clustered_share)
    table = table_of(
        (started_ms + into).astype(np.int64),
        institution=plan.index,
        user=int(rng.integers(plan.users)),
        dataset=project.dataset,
        fields=project.fields,
        pool=draw_pool(rng, draft, size=participants, clustered=clustered),
        offset=offset,
        length=length,
        action=EXPORT,
        rows=length,
        bytes=drawn_bytes(rng, length, sigma=1.0),
    )
    return Export(
        approved=approved,
        dataset=project.dataset,
        participants=participants,
        started_ms=started_ms,
        ended_ms=int(started_ms + length_ms),
        table=table,
    )


def exports(draft: Draft, plan: InstitutionPlan, rng: np.random.Generator) -> list[Export]:
    """Return the bulk exports of one institution."""
    years = (draft.config.days - plan.first_day) / 365.0
    count = int(rng.poisson(draft.config.exports_per_year * years))
    return [draw_export(draft, plan, rng) for _ in range(count)]


def release_day(
    draft: Draft, plans: tuple[InstitutionPlan, ...], *, number: int, rng: np.random.Generator
) -> tuple[Table, list[HonestEpisode]]:
    """Return one release: most institutions fetch a new dataset for their own participants."""
    config = draft.config
    first_day = int(rng.integers(config.warmup_days, config.days - 4))
    fields = draw_fields(rng, draft)
    tables, spans = [], []
    for plan in plans:
        if plan.first_day > first_day or rng.random() > RELEASE_SHARE:
            continue
        day = first_day + float(rng.exponential(0.8))
        table = full_read(plan, number=0, day=day, days=0.3, rng=rng)
        table["fields"] = fields
        table["dataset"] = config.datasets + number
        tables.append(table)
        spans.append(_span(plan, "release_day", day, day + 1.3))
    return joined(tables), spans


def retry_storm(
    table: Table, plan: InstitutionPlan, rng: np.random.Generator
) -> tuple[Table, HonestEpisode]:
    """Return repeats, with the same ids, of a run of requests: a client that never heard back."""
    begin = int(rng.integers(max(1, len(table) - STORM_REQUESTS_MAX)))
    run = table[begin : begin + int(rng.integers(3, STORM_REQUESTS_MAX))]
    repeats = np.repeat(run, rng.integers(1, STORM_REPEATS_MAX, len(run)))
    repeats["arrival_ms"] += rng.integers(1, 30 * MINUTE_MS, len(repeats))
    first, last = int(run["time_ms"].min()), int(repeats["arrival_ms"].max())
    episode = HonestEpisode(
        institution=plan.name, kind="retry_storm", started_ms=first, ended_ms=last + 1
    )
    return repeats, episode


def disturb(table: Table, config: WorldConfig, rng: np.random.Generator) -> bool:
    """Make some requests arrive late and some clocks wrong; tell whether this clock is."""
    late = rng.random(len(table)) < config.late_share
    table["arrival_ms"][late] += rng.exponential(1.5 * HOUR_MS, int(late.sum())).astype(np.int64)
    skewed = bool(rng.random() < config.clock_skew_share)
    if skewed:
        # A clock ahead of the broker's by more than minutes would be rejected, not judged.
        table["time_ms"] += int(rng.uniform(-45.0, 5.0) * MINUTE_MS)
    return skewed


def _span(plan: InstitutionPlan, kind: str, first_day: float, last_day: float) -> HonestEpisode:
    return HonestEpisode(
        institution=plan.name,
        kind=kind,
        started_ms=int(START_MS + first_day * DAY_MS),
        ended_ms=int(START_MS + last_day * DAY_MS),
    )
