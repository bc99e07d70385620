"""How long a run lasts, and what the peers are told of it."""

import pytest
from msgspec.structs import replace

from detectors.calibration.budget import BudgetConfig
from detectors.config import CohortConfig, CoreConfig
from detectors.feedback import Feedback, Label
from detectors.instants import DAY_MS, HOUR_MS
from detectors.instructions import apply_instruction
from detectors.pipeline import Profile, open_profile
from detectors.policy.evaluate import evaluate
from detectors.policy.runs import GROWTH_DECADES, note, participants_needed
from detectors.verdict import DailySummary
from tests.builders import alerts_of, effects_of, event, taking

START_MS = 1_767_225_600_000


def north() -> Profile:
    """Return a profile nobody has seen before."""
    return open_profile("north", config=CoreConfig())


def test_a_run_lasts_while_its_evidence_grows() -> None:
    """By so many decades, or it has not: the peak moves with every larger value, the end not."""
    profile = north()
    values = [(1, 3.0), (2, 3.0 + GROWTH_DECADES), (4, 3.05 + GROWTH_DECADES)]
    values += [(5, 2.0), (6, 3.05 + GROWTH_DECADES)]
    for day, value in values:
        at_ms = START_MS + day * DAY_MS + HOUR_MS
        note(profile, replace(evaluate(profile, at_ms), strange=(("excess", value),)))
    run, first_day = profile.state.open_runs["excess"], START_MS // DAY_MS
    assert (run.first_day, run.last_day) == (first_day + 1, first_day + 2)
    assert (run.peak_day, run.peak) == (first_day + 4, 3.05 + GROWTH_DECADES)
    assert run.mark == 3.0 + GROWTH_DECADES
    assert profile.state.today.runs["excess"].peak == run.peak


def test_what_people_were_told_of_is_told_to_the_peers_as_such() -> None:
    """With what it takes to be told of alone; and what it turned out to be, once that is said."""
    profile = north()
    (alert,) = alerts_of(profile, [taking(40_000, time=START_MS)])
    run = profile.state.today.runs["excess"]
    assert run.alert_id == alert.alert_id
    assert 3.0 < run.alert_score < run.peak
    feedback = Feedback(
        alert_id=alert.alert_id, institution="north", label=Label.CONFIRMED, until_ms=0
    )
    apply_instruction(profile, feedback, sequence=1)
    days = [event(id=str(day), time=START_MS + day * DAY_MS) for day in (1, 2)]
    first, second = (each for each in effects_of(profile, days) if isinstance(each, DailySummary))
    assert first.labels == {alert.alert_id: Label.CONFIRMED}
    assert second.labels == {}


@pytest.mark.parametrize("size", [20_000, 500_000])
@pytest.mark.parametrize("budget", [1.0, 5.0, 20.0])
def test_so_many_people_at_once_are_told_and_half_of_them_are_not(size: int, budget: float) -> None:
    """What the metric shows is what happens, in any cohort and under any budget."""
    config = CoreConfig(
        cohort=CohortConfig(size=size),
        budget=BudgetConfig(false_alert_days_per_week_per_100_institutions=budget),
    )
    needed = participants_needed(open_profile("north", config=config))
    for count, is_told in ((needed // 2, False), (int(needed * 1.01) + 1, True)):
        profile = open_profile("north", config=config)
        assert bool(alerts_of(profile, [taking(count, time=START_MS)])) == is_told
