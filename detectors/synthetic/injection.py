"""Plants thefts into a world: chooses who steals and when, and labels what was taken."""

from typing import Final

import numpy as np

from detectors.instants import DAY_MS
from detectors.synthetic.config import START_MS, WorldConfig
from detectors.synthetic.institutions import CANARY_AT, CANARY_EACH, Draft, InstitutionPlan
from detectors.synthetic.labels import Theft
from detectors.synthetic.materialise import user_name
from detectors.synthetic.requests import HONEST
from detectors.synthetic.scenarios import BY_ID, Scenario
from detectors.synthetic.theft_requests import (
    THEFT_NUMBERS_EACH,
    THEFT_NUMBERS_FROM,
    TheftContext,
    TheftRequests,
)
from detectors.synthetic.world import World, build_honest_world, with_theft

HEAVY_SHARE: Final = 0.1
NEWCOMER_DAYS: Final = 2
# Calm victims make every theft easy: nobody is chosen who hardly ever reads.
VICTIM_REQUESTS_MIN: Final = 5


def build_world(config: WorldConfig, *, thefts: tuple[str, ...] = ()) -> World:
    """Return a world with the named thefts injected, each in institutions of its own."""
    world = build_honest_world(config)
    for scenario_id in thefts:
        world = inject(world, scenario_id, trial=0)
    return world


def inject(world: World, scenario_id: str, *, trial: int) -> World:
    """Return the world with one more theft; `trial` varies victims, moments and parameters."""
    scenario = BY_ID[scenario_id]
    draft = world.draft
    # Of its own, for a theft adds pools and fields that the world given must not keep.
    draft = Draft(config=draft.config, pools=[*draft.pools], field_sets=[*draft.field_sets])
    world = world.changed(draft=draft, exports=dict(world.exports))
    # Seeded by the name: a new line in the table must not change the thefts of the others.
    rng = np.random.default_rng([world.config.seed, 4, trial, *scenario_id.encode()])
    started_ms = _start(world.config, scenario, rng)
    members = _victims(world, scenario, rng, started_ms=started_ms)
    if scenario.victims == "newcomer":
        world = _silenced(world, members[0], before_ms=started_ms - NEWCOMER_DAYS * DAY_MS)
    if scenario.canaries:
        world = _with_canaries(world)
    if scenario.budgeted:
        world = _with_budgets(world, members)
    context = TheftContext(world=world, members=members, started_ms=started_ms, rng=rng)
    theft_requests = scenario.steal(context)
    theft_number = len(world.labels.thefts)
    table = theft_requests.table
    first = THEFT_NUMBERS_FROM + theft_number * THEFT_NUMBERS_EACH
    table["number"] = first + np.arange(len(table))
    table["theft"] = theft_number
    return with_theft(world, table, _label(scenario, context, theft_requests))


def _label(scenario: Scenario, context: TheftContext, theft_requests: TheftRequests) -> Theft:
    walked = ("sweep",) if theft_requests.contiguous and "sweep" not in scenario.reasons else ()
    users = np.unique(theft_requests.table[["institution", "user"]]).tolist()
    plans = context.world.plans
    taken = np.cumsum(theft_requests.gained_ratio)
    return Theft(
        scenario=scenario.id,
        institutions=tuple(member.name for member in context.members),
        users=tuple(user_name(plans[institution], user) for institution, user in users),
        started_ms=int(theft_requests.table["time_ms"].min()),
        ended_ms=int(theft_requests.table["time_ms"].max()),
        haul_ratio=float(taken[-1]),
        taken_at_ms=tuple(theft_requests.table["time_ms"].tolist()),
        taken_ratio=tuple(taken.tolist()),
        reasons=(*scenario.reasons, *walked),
    )


def _start(config: WorldConfig, scenario: Scenario, rng: np.random.Generator) -> int:
    """Return the first moment: after the warm-up where the theft still fits into the world."""
    latest = config.days - scenario.days - 1.0
    earliest = min(config.warmup_days + 1.0, max(1.0, latest))
    return int(START_MS + rng.uniform(earliest, max(earliest, latest)) * DAY_MS)


def _victims(
    world: World, scenario: Scenario, rng: np.random.Generator, *, started_ms: int
) -> tuple[InstitutionPlan, ...]:
    """Choose who steals: institutions that read regularly and were there before, each once."""
    taken = {name for theft in world.labels.thefts for name in theft.institutions}
    counts = np.bincount(
        world.table["institution"][world.table["theft"] == HONEST], minlength=len(world.plans)
    )
    start_day = (started_ms - START_MS) // DAY_MS
    fit = [
        plan
        for plan in world.plans
        if plan.name not in taken
        and counts[plan.index] >= VICTIM_REQUESTS_MIN
        and plan.first_day + 7 < start_day
    ]
    if scenario.victims == "hub":
        fit = [plan for plan in fit if plan.kind == "nightly_sync"] or fit
    if scenario.victims in {"hub", "heavy"} and len(fit) > 1:
        heavy = sorted(fit, key=lambda plan: -int(counts[plan.index]))
        fit = heavy[: max(1, int(len(heavy) * HEAVY_SHARE))] if scenario.victims == "heavy" else fit
    count = min(len(fit), int(rng.integers(scenario.members[0], scenario.members[1] + 1)))
    return tuple(fit[index] for index in rng.choice(len(fit), count, replace=False).tolist())


def _silenced(world: World, plan: InstitutionPlan, *, before_ms: int) -> World:
    """Return the world in which `plan` says nothing before `before_ms`: it is new then."""
    table = world.table
    early = (table["institution"] == plan.index) & (table["arrival_ms"] < before_ms)
    return world.changed(table=table[~early])


def _with_canaries(world: World) -> World:
    chosen = range(CANARY_AT, world.config.cohort_participants, CANARY_EACH)
    return world.changed(canaries=tuple(chosen))


def _with_budgets(world: World, members: tuple[InstitutionPlan, ...]) -> World:
    return world.changed(budgeted=world.budgeted | {member.index for member in members})
