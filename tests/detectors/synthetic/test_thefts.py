"""Thefts are planted on top of honest worlds, and their labels say exactly what was taken."""

import numpy as np
import pytest
from pyroaring import BitMap64

from detectors.features.participant_sets import bitmap_of
from detectors.instants import DAY_MS
from detectors.synthetic import SCENARIOS, WorldConfig, build_world, inject
from detectors.synthetic.config import START_MS
from detectors.synthetic.scenarios import BY_ID, CORE_IDS
from detectors.synthetic.theft_requests import THEFT_NUMBERS_FROM
from detectors.synthetic.world import World

IDS = [scenario.id for scenario in SCENARIOS]
CONFIG = WorldConfig(
    seed=11, institutions=30, days=119, cohort_participants=50_000, events_per_day_max=60.0
)


@pytest.fixture(scope="module")
def honest() -> World:
    """Return the world before any theft."""
    return build_world(CONFIG)


def test_ids_are_permanent_and_distinct() -> None:
    """Every theft of the design has an id with a version; the protocol's ten are among them."""
    assert len(set(IDS)) == len(IDS)
    assert all(name.rpartition("_v")[2].isdigit() for name in IDS)
    assert set(CORE_IDS) <= set(IDS)


@pytest.mark.parametrize("scenario", IDS)
def test_a_theft_leaves_the_honest_alone(honest: World, scenario: str) -> None:
    """All honest requests of a planted world are those of the honest one."""
    planted = inject(honest, scenario, trial=0)
    honest_requests = planted.table[planted.table["theft"] < 0]
    if BY_ID[scenario].victims == "newcomer":
        # Its institution is new: what it did before is not in this world.
        assert 0 < len(honest_requests) <= len(honest.table)
    else:
        assert np.array_equal(honest_requests, honest.table)
    assert len(honest.labels.thefts) == 0


@pytest.mark.parametrize("scenario", IDS)
def test_a_theft_is_labelled_with_what_it_took(honest: World, scenario: str) -> None:
    """The label's haul is the union of what the thief's events carry (or its share in cells)."""
    planted = inject(honest, scenario, trial=1)
    theft = planted.labels.thefts[0]
    taken = BitMap64()
    for event in planted.events(theft.institutions):
        if int(event.id.rpartition("-")[2]) >= THEFT_NUMBERS_FROM:
            assert event.participants is not None
            taken |= bitmap_of(event.participants) or BitMap64()
    assert len(taken) / CONFIG.cohort_participants == pytest.approx(theft.haul_ratio, abs=1e-3)


@pytest.mark.parametrize("scenario", IDS)
def test_a_theft_lies_inside_the_scored_time(honest: World, scenario: str) -> None:
    """A theft begins after the warm-up where it fits, and ends before the world does."""
    theft = inject(honest, scenario, trial=2).labels.thefts[0]
    assert theft.started_ms <= theft.ended_ms < START_MS + CONFIG.days * DAY_MS
    if BY_ID[scenario].days < CONFIG.days - CONFIG.warmup_days:
        assert theft.started_ms >= START_MS + CONFIG.warmup_days * DAY_MS


def test_what_is_gone_grows_to_the_haul(honest: World) -> None:
    """Nothing is gone before the theft, everything after it."""
    theft = inject(honest, "ramp_up_v1", trial=0).labels.thefts[0]
    assert theft.gone_ratio(theft.started_ms - 1) == 0.0
    assert theft.gone_ratio(theft.ended_ms) == pytest.approx(theft.haul_ratio)
    middle = (theft.started_ms + theft.ended_ms) // 2
    assert 0.0 < theft.gone_ratio(middle) < theft.haul_ratio / 2


def test_the_same_trial_is_the_same_theft(honest: World) -> None:
    """Trials are seeded."""
    first = inject(honest, "split_users_v1", trial=3)
    second = inject(honest, "split_users_v1", trial=3)
    assert first.labels == second.labels
    assert np.array_equal(first.table, second.table)


def test_several_thefts_take_institutions_of_their_own() -> None:
    """No institution steals twice in one world."""
    world = build_world(CONFIG, thefts=("smash_and_grab_v1", "collusion_v1", "off_hours_v1"))
    names = [name for theft in world.labels.thefts for name in theft.institutions]
    assert len(names) == len(set(names)) == 7


def test_collusion_is_spread_over_five(honest: World) -> None:
    """Five institutions share one haul, each with a part of its own."""
    theft = inject(honest, "collusion_v1", trial=0).labels.thefts[0]
    assert len(theft.institutions) == 5


def test_canaries_are_nobody_honest(honest: World) -> None:
    """No honest event carries a canary, the thief's do."""
    planted = inject(honest, "canary_touch_v1", trial=0)
    canaries = BitMap64(planted.canaries)
    for event in honest.events():
        ids = bitmap_of(event.participants) if event.participants else None
        assert not ids or not ids & canaries
    theft = planted.labels.thefts[0]
    touched = BitMap64()
    for event in planted.events(theft.institutions):
        if event.participants is not None:
            touched |= (bitmap_of(event.participants) or BitMap64()) & canaries
    assert touched


def test_a_declared_budget_is_in_the_register(honest: World) -> None:
    """The heavy victim's projects are capped in the one scenario, and not in the other."""
    capped = inject(honest, "heavy_56d_v1", trial=0)
    entry = capped.register.entry(capped.labels.thefts[0].institutions[0])  # type: ignore[arg-type]
    assert all(project.participants_max for project in entry.projects)
    free = inject(honest, "heavy_56d_undeclared_v1", trial=0)
    entry = free.register.entry(free.labels.thefts[0].institutions[0])  # type: ignore[arg-type]
    assert not any(project.participants_max for project in entry.projects)
