"""What honest institutions do on ordinary days: sessions of analysts, pipelines, nightly hubs."""

from typing import Final

import numpy as np

from detectors.instants import DAY_MS, HOUR_MS, MINUTE_MS
from detectors.synthetic.config import START_MS, WorldConfig
from detectors.synthetic.institutions import InstitutionPlan, ProjectPlan
from detectors.synthetic.requests import (
    DENIED,
    DOWNLOAD,
    ERROR,
    QUERY,
    SUCCESS,
    Floats,
    Ints,
    Table,
    drawn_bytes,
    hour_sampler,
    joined,
    pages,
    table_of,
)

WEEK_DAYS: Final = 7
SATURDAY: Final = 5
REQUEST_SIGMA: Final = 1.3
GAP_MINUTES_MEAN: Final = 2.0
NEWEST_SESSION_SHARE: Final = 0.1
BATCH_DAY_FACTOR: Final = 5.0
BATCH_REST_FACTOR: Final = 0.3
DENIED_SHARE, ERROR_SHARE = 0.01, 0.01
HUB_PAGES: Final = 40
HUB_NIGHT_SHARE: Final = 0.02
WEEKLY_PIPELINE_SHARE: Final = 0.6


def honest_requests(
    plan: InstitutionPlan, config: WorldConfig, rng: np.random.Generator, day_factors: Floats
) -> Table:
    """Return every ordinary request of one institution; `day_factors` scales each day."""
    if plan.kind == "pipeline":
        return _pipeline(plan, config, rng)
    if plan.kind == "nightly_sync":
        return _hub(plan, config, rng)
    return _sessions(plan, config, rng, day_factors)


def ordinary_factors(
    plan: InstitutionPlan, config: WorldConfig, rng: np.random.Generator
) -> tuple[Floats, list[tuple[str, int, int]]]:
    """Return each day's factor on the usual rate, and the episodes (kind, day, day) behind it."""
    factors = np.ones(config.days)
    weekday = np.arange(config.days) % WEEK_DAYS
    factors[weekday >= SATURDAY] *= config.weekend_ratio
    if plan.kind == "weekly_batch":
        batch_day = int(rng.integers(SATURDAY))
        factors *= np.where(weekday == batch_day, BATCH_DAY_FACTOR, BATCH_REST_FACTOR)
    factors[: plan.first_day] = 0.0
    episodes: list[tuple[str, int, int]] = []
    for week in range(config.days // WEEK_DAYS):
        if rng.random() < config.deadline_week_share:
            first, last = week * WEEK_DAYS, (week + 1) * WEEK_DAYS
            factors[first:last] *= config.deadline_ratio
            episodes.append(("deadline_rush", first, last))
    if rng.random() < config.holidays_per_year * config.days / 365.0:
        away = int(rng.integers(10, 22))
        first = int(rng.integers(0, max(1, config.days - away - WEEK_DAYS)))
        factors[first : first + away] = 0.0
        # The first week back works off what waited.
        factors[first + away : first + away + WEEK_DAYS] *= 2.0
        episodes.append(("holiday_then_back", first + away, first + away + WEEK_DAYS))
    return factors, episodes


def members_at(project: ProjectPlan, config: WorldConfig, day: Ints) -> Ints:
    """Return how many participants the project has on each of `day`; 0 before it starts."""
    age = np.maximum(0, day - project.start_day)
    grown = project.initial_participants * (1.0 + config.growth_per_day_ratio) ** age
    return np.where(day < project.start_day, 0, grown.astype(np.int64))


def _sessions(
    plan: InstitutionPlan, config: WorldConfig, rng: np.random.Generator, day_factors: Floats
) -> Table:
    """Draw gamma-Poisson sessions; within one, an analyst reads on from where he is."""
    mean = plan.events_per_day * day_factors / config.session_events_mean
    shape = config.session_shape
    sessions = rng.poisson(mean * rng.gamma(shape, 1.0 / shape, config.days))
    session_day = np.repeat(np.arange(config.days), sessions)
    count = len(session_day)
    hours = hour_sampler(rng, peak_trough_ratio=config.peak_trough_ratio, peak_hour=plan.peak_hour)(
        count
    )
    events = rng.geometric(1.0 / config.session_events_mean, count)
    session_project = _session_projects(plan, rng, session_day)
    session_user = rng.zipf(1.7, count) % plan.users
    of = np.repeat(np.arange(count), events)
    first = np.cumsum(events) - events
    gaps = rng.exponential(GAP_MINUTES_MEAN * MINUTE_MS, len(of))
    into = _within(gaps, first, events)
    time_ms = (START_MS + session_day * DAY_MS + hours * HOUR_MS).astype(np.int64)[of]
    time_ms += into.astype(np.int64)
    wanted = rng.lognormal(np.log(plan.request_participants), REQUEST_SIGMA, len(of))
    length = np.maximum(1, wanted).astype(np.int64)
    progress = _within(length.astype(np.float64), first, events).astype(np.int64)
    start_share = rng.random(count)
    start_share[rng.random(count) < NEWEST_SESSION_SHARE] = 1.0
    table = table_of(time_ms, institution=plan.index, user=session_user[of], action=QUERY)
    for project in plan.projects:
        mine = session_project[of] == project.index
        members = members_at(project, config, session_day[of][mine])
        size = np.minimum(length[mine], members)
        room = members - size
        offset = np.minimum((start_share[of][mine] * room).astype(np.int64) + progress[mine], room)
        _assign(table, mine, project, offset=offset, length=size)
    return _finish(table, config, rng)


def _session_projects(plan: InstitutionPlan, rng: np.random.Generator, session_day: Ints) -> Ints:
    """Return the project of each session: a fair share of those that have started."""
    chosen = rng.integers(len(plan.projects), size=len(session_day))
    start = np.array([project.start_day for project in plan.projects])
    return np.where(start[chosen] <= session_day, chosen, 0)


def _within(steps: Floats, first: Ints, counts: Ints) -> Floats:
    """Return the running sum of `steps` before each element, begun anew in every session."""
    total = np.cumsum(steps) - steps
    return np.asarray(total - np.repeat(total[first], counts) if len(steps) else total)


def _assign(
    table: Table, mine: np.ndarray, project: ProjectPlan, *, offset: Ints, length: Ints
) -> None:
    """Point the rows `mine` at a slice of the project's pool."""
    table["project"][mine] = project.index
    table["dataset"][mine] = project.dataset
    table["fields"][mine] = project.fields
    table["pool"][mine] = project.pool
    table["offset"][mine] = offset
    table["length"][mine] = length


def _pipeline(plan: InstitutionPlan, config: WorldConfig, rng: np.random.Generator) -> Table:
    """Read each project's pool round and round, in equal pages at equal distances, all week."""
    cycle_days = WEEK_DAYS if rng.random() < WEEKLY_PIPELINE_SHARE else 1
    per_day = max(1, int(plan.events_per_day / len(plan.projects)))
    tables = []
    for project in plan.projects:
        first_day = max(plan.first_day, project.start_day)
        count = per_day * (config.days - first_day)
        step = np.arange(count)
        day = first_day + step // per_day
        page = max(1, -(-project.initial_participants // (per_day * cycle_days)))
        members = members_at(project, config, day)
        page_count = np.maximum(1, -(-members // page))
        offset = (step % page_count) * page
        jitter = rng.normal(0.0, MINUTE_MS, count)
        # Clipped into the run, so that no pipeline speaks before its world begins.
        time_ms = START_MS + day * DAY_MS + (step % per_day + 0.5) * (DAY_MS / per_day) + jitter
        table = table_of(time_ms.astype(np.int64), institution=plan.index, action=DOWNLOAD)
        length = np.minimum(page, members - offset)
        _assign(table, np.ones(count, bool), project, offset=offset, length=length)
        tables.append(_finish(table, config, rng))
    return joined(tables)


def _hub(plan: InstitutionPlan, config: WorldConfig, rng: np.random.Generator) -> Table:
    """Fetch the newest every night, and everything every `hub_sync_days`."""
    tables = []
    phase = int(rng.integers(config.hub_sync_days))
    night_hour = float(rng.uniform(0.0, 4.0))
    per_night = int(plan.events_per_day)
    for project in plan.projects:
        for day in range(max(plan.first_day, project.start_day), config.days):
            members = int(members_at(project, config, np.array([day]))[0])
            if (day - phase) % config.hub_sync_days == 0:
                offset, length = pages(members, page=max(1, members // HUB_PAGES))
            else:
                newest = max(1, int(members * HUB_NIGHT_SHARE))
                offset, length = pages(newest, page=max(1, newest // per_night))
                offset += members - newest
            into = np.sort(rng.random(len(offset))) * 3.0 * HOUR_MS
            time_ms = START_MS + day * DAY_MS + night_hour * HOUR_MS + into
            table = table_of(time_ms.astype(np.int64), institution=plan.index, action=DOWNLOAD)
            _assign(table, np.ones(len(table), bool), project, offset=offset, length=length)
            tables.append(table)
    return _finish(joined(tables), config, rng)


def _finish(table: Table, config: WorldConfig, rng: np.random.Generator) -> Table:
    """Draw what every request has: bytes, rows and outcome."""
    count = len(table)
    mark = rng.random(count)
    outcome = np.where(mark < DENIED_SHARE, DENIED, SUCCESS)
    table["outcome"] = np.where(mark > 1.0 - ERROR_SHARE, ERROR, outcome)
    table["bytes"] = drawn_bytes(rng, table["length"], sigma=config.bytes_sigma)
    table["rows"] = table["length"]
    failed = table["outcome"] != SUCCESS
    table["bytes"][failed] = 0
    table["rows"][failed] = 0
    return table
