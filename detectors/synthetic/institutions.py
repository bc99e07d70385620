"""The honest institutions of a world: what each is, how much it reads, and whose data."""

from typing import Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from detectors.synthetic.config import WorldConfig

Kind = Literal["steady", "weekly_batch", "re_analysis", "pipeline", "nightly_sync"]
Reports = Literal["participants", "count", "rows"]
Pool = NDArray[np.uint32]

FIELDS_TOTAL: Final = 400
FIELDS_PER_SET: Final = (3, 40)
RUN_PARTICIPANTS: Final = 200
# One record in so many may be made a canary: no honest pool holds it.
CANARY_EACH: Final = 1_000
CANARY_AT: Final = 500
WORKING_COHORT_RATIO_MAX: Final = 0.6
HUB_COHORT_RATIO: Final = (0.08, 0.5)
PIPELINE_EVENTS_PER_DAY_MIN: Final = 12.0
OTHER_DATASET_SHARE: Final = 0.3


class ProjectPlan(Struct, frozen=True, kw_only=True):
    """One approved project: its participants are a pool that grows day by day."""

    name: str
    index: int
    dataset: int
    fields: int
    pool: int
    start_day: int
    initial_participants: int
    recorded: bool
    budget_declared: bool


class InstitutionPlan(Struct, frozen=True, kw_only=True):
    """Everything fixed about one institution."""

    index: int
    name: str
    kind: Kind
    events_per_day: float
    request_participants: float
    users: int
    first_day: int
    peak_hour: float
    reports: Reports
    cold: bool
    projects: tuple[ProjectPlan, ...]


class Draft(Struct, kw_only=True):
    """The parts of a world that institutions share while they are drawn."""

    config: WorldConfig
    pools: list[Pool]
    field_sets: list[list[str]]


def draw_pool(rng: np.random.Generator, draft: Draft, *, size: int, clustered: bool) -> int:
    """Add an honest pool of `size` participants, scattered or in runs of ids; return its index."""
    members = draw_members(rng, draft, size=size, clustered=clustered)
    # Its neighbour in a canary's stead, so that the pool keeps its size.
    members[members % CANARY_EACH == CANARY_AT] += 1
    draft.pools.append(members)
    return len(draft.pools) - 1


def draw_members(rng: np.random.Generator, draft: Draft, *, size: int, clustered: bool) -> Pool:
    """Return `size` participants of the cohort, canaries included."""
    total = draft.config.cohort_participants
    size = max(1, min(size, total))
    if clustered:
        runs = rng.permutation(total // RUN_PARTICIPANTS)[: size // RUN_PARTICIPANTS + 1]
        members = (runs[:, None] * RUN_PARTICIPANTS + np.arange(RUN_PARTICIPANTS)).ravel()[:size]
    else:
        members = rng.choice(total, size, replace=False)
    return members.astype(np.uint32)


def draw_fields(rng: np.random.Generator, draft: Draft, *, count: int | None = None) -> int:
    """Add a set of column names; return its index."""
    wanted = int(rng.integers(*FIELDS_PER_SET)) if count is None else count
    chosen = np.sort(rng.choice(FIELDS_TOTAL, wanted, replace=False))
    draft.field_sets.append([f"field-{number:03d}" for number in chosen.tolist()])
    return len(draft.field_sets) - 1


def draw_institution(draft: Draft, index: int) -> InstitutionPlan:
    """Draw one institution; its stream of randomness is its own."""
    config = draft.config
    rng = np.random.default_rng([config.seed, 1, index])
    kind = _kind(rng, config)
    rate = float(rng.lognormal(np.log(config.events_per_day_median), config.events_per_day_sigma))
    if kind in {"pipeline", "nightly_sync"}:
        rate = max(rate, PIPELINE_EVENTS_PER_DAY_MIN)
    rate = min(rate, config.events_per_day_max)
    first_day = 0
    if rng.random() < config.onboarding_share:
        first_day = int(rng.integers(config.days // 6, max(config.days // 6 + 1, config.days - 14)))
    cohort_ratio = _cohort_ratio(rng, config, kind=kind)
    cohort = max(10, int(cohort_ratio * config.cohort_participants))
    reports = _reports(rng, config)
    return InstitutionPlan(
        index=index,
        name=f"inst-{index:03d}",
        kind=kind,
        events_per_day=rate,
        request_participants=max(2.0, cohort * 0.001 * float(rng.lognormal(0.0, 0.5))),
        users=1 if kind in {"pipeline", "nightly_sync"} else int(min(40, 2 + rate**0.6)),
        first_day=first_day,
        peak_hour=float((14.0 + rng.integers(-8, 10)) % 24),
        reports=reports,
        cold=bool(rng.random() < config.cold_share),
        projects=_projects(rng, draft, index=index, first_day=first_day, cohort=cohort),
    )


def _kind(rng: np.random.Generator, config: WorldConfig) -> Kind:
    shares: list[tuple[Kind, float]] = [
        ("pipeline", config.pipeline_share),
        ("nightly_sync", config.hub_share),
        ("weekly_batch", config.weekly_batch_share),
        ("re_analysis", config.re_analysis_share),
    ]
    mark = rng.random()
    for kind, share in shares:
        if mark < share:
            return kind
        mark -= share
    return "steady"


def _cohort_ratio(rng: np.random.Generator, config: WorldConfig, *, kind: Kind) -> float:
    drawn = float(
        rng.lognormal(np.log(config.working_cohort_median_ratio), config.working_cohort_sigma)
    )
    if kind == "nightly_sync":
        drawn = float(rng.uniform(*HUB_COHORT_RATIO))
    return min(drawn, WORKING_COHORT_RATIO_MAX)


def _reports(rng: np.random.Generator, config: WorldConfig) -> Reports:
    mark = rng.random()
    if mark < config.count_only_share:
        return "count"
    if mark < config.count_only_share + config.rows_only_share:
        return "rows"
    return "participants"


def _projects(
    rng: np.random.Generator, draft: Draft, *, index: int, first_day: int, cohort: int
) -> tuple[ProjectPlan, ...]:
    """Draw the projects held from the first day, and those that start while we watch."""
    config = draft.config
    clustered = bool(rng.random() < config.clustered_share)
    shares = rng.dirichlet(np.full(int(rng.integers(1, 4)), 2.0))
    starts = [(first_day, max(5, int(share * cohort)), True) for share in shares]
    years = (config.days - first_day) / 365.0
    for _ in range(int(rng.poisson(config.project_starts_per_year * years))):
        day = int(rng.integers(first_day, config.days))
        size = max(5, int(cohort * rng.lognormal(np.log(0.3), 0.6)))
        recorded = bool(rng.random() >= config.project_starts_unrecorded_share)
        starts.append((day, min(size, config.cohort_participants // 3), recorded))
    home = int(rng.integers(config.datasets))
    projects: list[ProjectPlan] = []
    for number, (day, size, recorded) in enumerate(starts):
        grown = int(size * (1.0 + config.growth_per_day_ratio) ** (config.days - day)) + 1
        other = int(rng.integers(config.datasets)) if rng.random() < OTHER_DATASET_SHARE else home
        # Work that nobody recorded runs under the name and the fields of work that is on record.
        cover = None if recorded else projects[0]
        projects.append(
            ProjectPlan(
                name=cover.name if cover else f"p-{index:03d}-{number}",
                index=number,
                dataset=cover.dataset if cover else other,
                fields=cover.fields if cover else draw_fields(rng, draft),
                pool=draw_pool(rng, draft, size=grown, clustered=clustered),
                start_day=day,
                initial_participants=size,
                recorded=recorded,
                budget_declared=bool(rng.random() < config.budgets_declared_share),
            )
        )
    return tuple(projects)
