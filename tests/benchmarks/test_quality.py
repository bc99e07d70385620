"""The quality benchmark measures what it says: alarms, thresholds, outcomes, and no peeking."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.accepted import Bound, read_bounds, shortfalls
from benchmarks.quality.alarms import Alarms, alert_days, day_peaks, outcome
from benchmarks.quality.baselines import BASELINES
from benchmarks.quality.excess_rule import peers_of, window_scores
from benchmarks.quality.headgate import core_config, judge_all, judge_some, rings
from benchmarks.quality.hourly import Hours, hours_of
from benchmarks.quality.protocol import (
    HEADGATE,
    Calibration,
    Plan,
    calibrate,
    calibration_peaks,
    run_seed,
)
from benchmarks.quality.real_logs import log_world
from benchmarks.quality.report import Report, world_report, write_curves, write_json
from detectors.features.participant_sets import bitmap_of
from detectors.instants import DAY_MS, HOUR_MS
from detectors.synthetic import Theft, World, WorldConfig, build_world, inject
from detectors.synthetic.config import START_MS
from detectors.verdict import RaiseAlert
from streams.replay.replay import Replay

CONFIG = WorldConfig(
    seed=5,
    institutions=12,
    days=56,
    warmup_days=42,
    cohort_participants=20_000,
    events_per_day_max=40.0,
)
DATA = Path(__file__).parents[2] / "../shared/data"
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
THEFT = Theft(
    scenario="smash_and_grab_v1",
    institutions=("a", "b"),
    users=(),
    started_ms=10 * DAY_MS,
    ended_ms=11 * DAY_MS,
    haul_ratio=0.2,
    reasons=("excess",),
    taken_at_ms=(10 * DAY_MS, 10 * DAY_MS + HOUR_MS, 11 * DAY_MS),
    taken_ratio=(0.05, 0.1, 0.2),
)


def small(seed: int) -> World:
    """Return a small world of a seed."""
    return build_world(
        WorldConfig(
            seed=seed,
            institutions=10,
            days=70,
            warmup_days=49,
            cohort_participants=20_000,
            events_per_day_max=30.0,
        )
    )


def alarms(institution: str, *moments: tuple[int, float, str]) -> Alarms:
    """Return alarms of (moment, score, reason)."""
    return Alarms(
        institution=institution,
        at_ms=np.array([at_ms for at_ms, _, _ in moments], np.int64),
        score=np.array([score for _, score, _ in moments], np.float64),
        reasons=tuple(reason for _, _, reason in moments),
    )


@pytest.fixture(scope="module")
def world() -> World:
    """Return one small honest world."""
    return build_world(CONFIG)


@pytest.fixture(scope="module")
def hours(world: World) -> list[Hours]:
    """Return the hours of everybody in it."""
    return [hours_of(world, plan) for plan in world.plans]


def test_an_alert_day_is_counted_once_however_often_it_alarms() -> None:
    """Two alarms of one institution on one day are one alert-day."""
    days = alert_days(
        [alarms("a", (5, 1.0, "excess"), (6, 2.0, "drip")), alarms("b", (7, 1.0, "drip"))],
        threshold=0.5,
        since_ms=0,
    )
    assert days == {("a", 0): (5, "excess"), ("b", 0): (7, "drip")}


def test_alarms_before_the_warm_up_ends_do_not_count() -> None:
    """Nothing is scored while everybody is new."""
    days = alert_days([alarms("a", (5, 1.0, "excess"))], threshold=0.5, since_ms=6)
    assert days == {}


def test_a_day_peaks_once() -> None:
    """The peak of a day is its highest score; silent days have none."""
    peaks = day_peaks([alarms("a", (1, 1.0, ""), (2, 3.0, ""), (2 * DAY_MS, 2.0, ""))], since_ms=0)
    assert peaks.tolist() == [3.0, 2.0]


def test_the_first_alarm_of_any_member_finds_the_theft() -> None:
    """Delay, share gone and reason are those of the earliest alarm inside the theft."""
    theft_outcome = outcome(
        [
            alarms("a", (10 * DAY_MS + 2 * HOUR_MS, 1.0, "volume")),
            alarms("b", (9 * DAY_MS, 1.0, "drip"), (10 * DAY_MS + HOUR_MS, 1.0, "excess")),
        ],
        THEFT,
        threshold=0.0,
    )
    assert (theft_outcome.detected, theft_outcome.delay_hours, theft_outcome.gone_ratio) == (
        True,
        1.0,
        0.1,
    )
    assert (theft_outcome.reason, theft_outcome.reason_true) == ("excess", True)


def test_a_missed_theft_costs_its_whole_haul() -> None:
    """No alarm: everything is gone."""
    theft_outcome = outcome([alarms("a", (13 * DAY_MS, 1.0, "excess"))], THEFT, threshold=0.0)
    assert (theft_outcome.detected, theft_outcome.gone_ratio) == (False, 0.2)


def test_new_participants_sum_to_what_the_events_carry(world: World, hours: list[Hours]) -> None:
    """The hourly new participants of an institution are those that its events name, once each."""
    plan = next(plan for plan in world.plans if not world.exports[plan.index])
    read_by_dataset: dict[str, set[int]] = {}
    from_events = 0
    for event in world.events({plan.name}):
        if event.outcome != "success" or event.participants is None:
            continue
        before = read_by_dataset.setdefault(event.dataset, set())
        ids = set(bitmap_of(event.participants) or ())
        from_events += len(ids - before)
        before |= ids
    assert hours[plan.index].new.sum() == pytest.approx(from_events, rel=0.01)


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_baseline_is_finite_and_gives_the_same_again(name: str, hours: list[Hours]) -> None:
    """Every baseline gives one finite number an hour, and the same whenever asked."""
    score = BASELINES[name](hours[3])
    assert score.shape == hours[3].new.shape
    assert np.isfinite(score).all()
    assert np.array_equal(score, BASELINES[name](hours[3]))


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "random"])
def test_a_baseline_does_not_see_the_future(name: str, hours: list[Hours]) -> None:
    """Doubling the last week changes no score before it."""
    before = hours[3]
    cut = len(before.new) - 7 * 24
    columns = {
        column: np.concatenate([getattr(before, column)[:cut], 2 * getattr(before, column)[cut:]])
        for column in ("requests", "taken_bytes", "read", "new", "user_day_bytes")
    }
    after = Hours(institution=before.institution, first_hour=before.first_hour, **columns)
    assert np.array_equal(BASELINES[name](before)[:cut], BASELINES[name](after)[:cut])


def test_the_reference_rule_sees_a_grab(world: World, hours: list[Hours]) -> None:
    """A grab scores at least ten times what its institution had scored without it."""
    planted = inject(world, "smash_and_grab_v1", trial=0)
    theft = planted.labels.thefts[0]
    plan = next(plan for plan in planted.plans if plan.name in theft.institutions)
    peers, scored = peers_of(hours), CONFIG.warmup_days * 24
    honest = window_scores(hours[plan.index], peers)[:, scored:].max()
    stolen = window_scores(hours_of(planted, plan), peers)[:, scored:].max()
    assert stolen > honest + 1.0


def test_the_benchmark_judges_as_replay_does(world: World) -> None:
    """The alerts that are scored are those that a user's replay of the same events would raise."""
    planted = inject(world, "smash_and_grab_v1", trial=0)
    config = core_config(planted, budget=5.0)
    scored = judge_all(planted.events(), config=config, register=planted.register)
    replay = Replay(config, register=planted.register)
    raised = [
        effect.alert
        for effect in replay.effects(planted.events())
        if isinstance(effect, RaiseAlert)
    ]
    scored_alerts = [*scored.alerts, *rings(scored.holdings, config=config)]
    assert sorted(alert.alert_id for alert in scored_alerts) == sorted(
        alert.alert_id for alert in raised
    )


def test_judging_some_alone_is_judging_them_among_all(world: World) -> None:
    """An institution judged against the recorded references says what it said among the others."""
    config = core_config(world, budget=20.0)
    everybody = judge_all(world.events(), config=config, register=world.register)
    for plan in world.plans:
        alone = judge_some(
            world.events({plan.name}), config=config, register=world.register, honest=everybody
        )
        mine = [each for each in everybody.alerts if each.institution == plan.name]
        # The silent are closed by the time of others, which one alone does not see.
        among = [each.alert_id for each in mine if each.change != "close"]
        assert [each.alert_id for each in alone.alerts if each.change != "close"] == among


def test_one_seed_gives_every_figure(tmp_path: Path) -> None:
    """Calibrate, test, report: the whole protocol on small worlds."""
    plan = Plan(
        build=small,
        scenarios=("smash_and_grab_v1", "collusion_v1"),
        trials=1,
        knobs=(20.0,),
        budgets=(5.0, 20.0),
        baselines=("random", "null", "reference excess rule", "perfect"),
    )
    calibration = calibrate(plan, [calibration_peaks(plan, 1)])
    report = world_report("small", [run_seed(plan, calibration, 2)])
    rows = {(row.detector, row.budget, row.scenario): row for row in report.figures}
    assert rows["perfect", 5.0, "all"].recall == 1.0
    assert rows["null", 5.0, "all"].recall == 0.0
    assert rows["random", 20.0, "all"].measured > 0.0
    assert rows[HEADGATE, 20.0, "all"].trials == 2
    write_curves(report, tmp_path)
    write_json(Report(form="full", worlds=(report,)), tmp_path / "latest.json")
    assert (tmp_path / "curve-small.png").stat().st_size > 10_000
    assert (tmp_path / "curve-small.csv").read_text().startswith("detector,budget")


def test_the_same_seed_gives_the_same_figures() -> None:
    """The benchmark is deterministic."""
    plan = Plan(
        build=small,
        scenarios=("off_hours_v1",),
        trials=1,
        knobs=(20.0,),
        budgets=(20.0,),
        baselines=(),
    )
    nothing = Calibration(scales=np.ones(1), thresholds={})
    assert run_seed(plan, nothing, 3) == run_seed(plan, nothing, 3)


def test_falling_behind_the_accepted_figures_is_said() -> None:
    """A bound that is not kept is a sentence; one that is kept is silent."""
    plan = Plan(
        build=small,
        scenarios=("off_hours_v1",),
        trials=1,
        knobs=(20.0,),
        budgets=(20.0,),
        baselines=(),
    )
    result = run_seed(plan, Calibration(scales=np.ones(1), thresholds={}), 3)
    report = Report(form="full", worlds=(world_report("small", [result]),))
    bound = Bound(
        form="full",
        world="small",
        budget=20.0,
        scenario="all",
        recall_min=1.1,
        gone_ratio_max=1.0,
        reason_ratio_min=0.0,
        measured_max=1_000.0,
    )
    assert len(shortfalls(report, [bound])) == 1
    assert "recall" in shortfalls(report, [bound])[0]


@pytest.mark.parametrize("name", ["edgar", "wikiticker"])
def test_a_real_log_becomes_a_world(name: str) -> None:
    """Requests, readers and records of a real log are kept, its hours become days."""
    log = DATA / f"{name}.csv.gz"
    if not log.exists():
        pytest.skip(f"{log.name} is not on this machine")
    mapping = EXAMPLES / f"{name}.toml"
    halves = [
        log_world(seed, log=log, mapping=mapping, calibration_below=2_000)
        for seed in (1_000, 2_000)
    ]
    for half in halves:
        assert len(half.plans) > 10
        assert half.table["time_ms"].min() >= START_MS
        theft = inject(half, "participant_sweep_v1", trial=0).labels.thefts[0]
        assert 0.1 < theft.haul_ratio < 0.3
    assert len(halves[0].table) != len(halves[1].table)


def test_the_accepted_figures_can_be_read() -> None:
    """The file under review holds bounds for the form that runs in CI."""
    assert any(bound.form == "short" for bound in read_bounds())
