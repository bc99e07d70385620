"""How long a run lasts, and what the peers are told of it."""

from math import log10

import pytest
from msgspec.structs import replace

from detectors.calibration.budget import BudgetConfig
from detectors.calibration.combine import combine
from detectors.config import CohortConfig, CoreConfig, DetectorsConfig
from detectors.feedback import Feedback, Label
from detectors.incident import Incident
from detectors.instants import DAY_MS, HOUR_MS
from detectors.instructions import apply_instruction
from detectors.models.excess import ExcessConfig
from detectors.peers.reference import EVERYBODY, INCIDENT_CHANNEL, PastDays, incident_rate, tail_of
from detectors.pipeline import Profile, open_profile
from detectors.policy.evaluate import evaluate, group_of
from detectors.policy.runs import (
    GROWTH_DECADES,
    alert_score,
    note,
    note_label,
    note_told,
    participants_needed,
)
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


def test_the_people_needed_are_those_beyond_the_usual_hour_of_the_own_peers() -> None:
    """The score is their decades; what is usual in a day, or of other groups, does not matter."""
    profile = north()
    usual = {EVERYBODY: (7.0, 70.0, 700.0, 7_000.0), profile.entry.group: (900.0, 1e3, 1e4, 1e5)}
    profile.reference = replace(profile.reference, usual=usual)
    beyond = participants_needed(profile) - 900
    assert log10(beyond) == pytest.approx(alert_score(profile, "excess"), abs=1e-3)


def test_labels_between_two_summaries_are_bounded() -> None:
    """The first goes first, however many alerts somebody labels in a day."""
    profile = north()
    for number in range(65):
        note_label(profile, f"a-{number}", Label.CONFIRMED)
    assert list(profile.state.today.labels) == [f"a-{number}" for number in range(1, 65)]


def test_a_channel_alone_is_told_at_its_score() -> None:
    """There the combined surprise is as rare as the budget allows, all others being silent."""
    profile = north()
    reference, group = profile.reference, group_of(profile)
    rate = incident_rate(reference, budget_rate=profile.budget_rate)
    incident = tail_of(reference, group, INCIDENT_CHANNEL)
    p_value = tail_of(reference, group, "excess").p_value(alert_score(profile, "excess"))
    combined, _ = combine({"excess": p_value}, weights=profile.weights)
    assert incident.p_value(-log10(combined)) == pytest.approx(rate)
    assert alert_score(profile, INCIDENT_CHANNEL) == incident.score_at(rate)


def test_a_channel_that_decides_nothing_is_held_against_its_own_tail() -> None:
    """Of a detector in shadow it is the score that would be as rare alone."""
    shadow = DetectorsConfig(excess=ExcessConfig(mode="shadow"))
    profile = open_profile("north", config=CoreConfig(detectors=shadow))
    rate = incident_rate(profile.reference, budget_rate=profile.budget_rate)
    tail = tail_of(profile.reference, group_of(profile), "excess")
    assert alert_score(profile, "excess") == tail.score_at(rate)


def test_who_only_counts_is_held_against_the_past_of_such() -> None:
    """Where they were told of more often than the budget allows, it takes more to be told."""
    profile = north()
    loud = PastDays(institution_days=10_000, alert_days=1_000)
    profile.reference = replace(profile.reference, counted=loud)
    named = alert_score(profile, INCIDENT_CHANNEL)
    profile.state.events_count = profile.state.counted_events = 1
    assert alert_score(profile, INCIDENT_CHANNEL) > named


def test_a_run_is_marked_once_people_are_told_of_it() -> None:
    """By the alert of the incident that is open, and the first that was; none before any is."""
    profile = north()
    evaluation = replace(evaluate(profile, START_MS), strange=(("excess", 3.0),))
    note(profile, evaluation)
    assert profile.state.today.runs["excess"].alert_id == ""
    assert profile.state.today.judged == list(evaluation.features.new)
    profile.state.incident = incident = Incident(
        number=1, first_day=0, last_day=0, started_ms=0, mark=0.0, alert_id="a-1"
    )
    note(profile, evaluation)
    assert profile.state.today.runs["excess"].alert_id == ""
    incident.revision = 1
    note(profile, evaluation)
    run = profile.state.today.runs["excess"]
    assert (run.alert_id, run.alert_score) == ("a-1", alert_score(profile, "excess"))
    incident.alert_id = "a-2"
    note_told(profile, incident)
    assert profile.state.today.runs["excess"] == run
    del profile.state.open_runs["excess"]
    note(profile, replace(evaluation, strange=((INCIDENT_CHANNEL, 3.0),)))
    assert profile.state.today.runs[INCIDENT_CHANNEL].alert_id == "a-2"
