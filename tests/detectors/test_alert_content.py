"""What an alert says, from its first statement to its last, in numbers that one can check."""

import pytest

from detectors.config import CohortConfig, CoreConfig, DetectorsConfig
from detectors.event import Participants
from detectors.features.datasets import DatasetConfig
from detectors.feedback import Feedback, Label
from detectors.incident import PolicyConfig
from detectors.instants import DAY_MS, HOUR_MS
from detectors.instructions import apply_instruction
from detectors.models.canary import CanaryConfig
from detectors.pipeline import Profile, open_profile
from detectors.policy.decide import full_cohort_days
from detectors.policy.evaluate import evaluate
from detectors.verdict import Alert, DailySummary
from tests.builders import (
    alerts_of,
    effects_of,
    event,
    taking,
)

START_MS = 1_767_225_600_000


def north() -> Profile:
    """Return a profile nobody has seen before."""
    return open_profile("north", config=CoreConfig())


def grabbed(*, days: int) -> list[Alert]:
    """Let ada grab 40,000, and then 20 people a day be taken; return all that is told."""
    events = [taking(40_000, id="grab", time=START_MS + HOUR_MS // 2, user="ada", project="p-1")]
    events += [
        taking(
            20,
            first=50_000 + 20 * day,
            id=str(day),
            time=START_MS + day * DAY_MS,
            user="ben",
            project="p-2",
        )
        for day in range(1, days)
    ]
    return alerts_of(north(), events)


def test_the_first_statement_says_who_took_what() -> None:
    """One user's grab: share, project, coverage before and after, and the event that showed it."""
    alert = grabbed(days=1)[0]
    assert (alert.change, alert.revision, alert.severity) == ("create", 1, "high")
    assert (alert.at_ms, alert.started_ms) == (START_MS + HOUR_MS // 2, START_MS)
    assert (alert.top_user, alert.top_user_share) == ("ada", 1.0)
    assert (alert.top_project, alert.top_project_share) == ("p-1", 1.0)
    assert (alert.sample_event_ids, alert.trigger_event_id) == (("grab",), "grab")
    assert alert.taken_participants == 40_000
    (row,) = alert.coverage
    assert (row.before_ratio, row.after_ratio, row.held_participants) == (0.0, 0.08, 40_000)
    assert alert.full_cohort_days == pytest.approx(460_000 / 40_000)
    assert alert.reference_version == "prior"
    assert "100 % of it by user ada" in alert.sentence
    assert (
        "now holds 8 % of the imaging cohort, all of it in 12 days at this pace" in alert.sentence
    )


def test_what_comes_late_is_dated_by_the_newest_that_came() -> None:
    """The last time of an alert is that of the window: a late event does not turn it back."""
    newest = event(id="newest", time=START_MS + HOUR_MS - 1)
    late = taking(40_000, id="late", time=START_MS + HOUR_MS // 2)
    first = event(id="first", time=START_MS)
    assert alerts_of(north(), [first, newest, late])[0].at_ms == START_MS + HOUR_MS - 1


def test_silence_leaves_an_institution_young_and_its_first_day_what_it_is() -> None:
    """What a window holds is not dated after it; only a week counts of the silence that follows."""
    profile = north()
    alerts_of(profile, [taking(1, time=START_MS), taking(1, id="2", time=START_MS + 20 * DAY_MS)])
    first_day = START_MS // DAY_MS
    assert (profile.state.first_day, profile.state.baseline.first_day) == (
        first_day,
        first_day + 13,
    )


def test_the_last_statement_says_that_it_is_over_and_what_is_held() -> None:
    """After so many quiet days: no reason, no event, the id of before and one revision more."""
    first, *_, last = grabbed(days=PolicyConfig().quiet_days + 5)
    assert [first.change, last.change] == ["create", "close"]
    assert (last.alert_id, last.revision) == (first.alert_id, first.revision + 1)
    assert (last.p_value, last.confidence, last.reasons) == (1.0, 0.5, ())
    assert (last.trigger_event_id, last.severity) == ("", "high")
    assert last.sentence == "north has been quiet since; the incident is closed."
    assert last.started_ms == START_MS
    closed_day, rest_ms = divmod(last.at_ms - START_MS, DAY_MS)
    assert (closed_day > PolicyConfig().quiet_days, rest_ms) == (True, 0)
    # All that was taken since the incident began is in it, calm work included.
    assert 40_000 < last.taken_participants <= 40_000 + 20 * closed_day
    assert last.coverage[0].held_participants == last.taken_participants


def test_an_incident_that_nobody_heard_of_ends_in_silence() -> None:
    """Its evidence was never within the budget, so there is nothing to take back."""
    profile = north()
    calm = [event(id=str(day), time=START_MS + day * DAY_MS) for day in range(60)]
    assert alerts_of(profile, calm) == []
    assert alerts_of(profile, [taking(3_000, time=START_MS + 60 * DAY_MS)]) == []
    assert profile.state.incident is not None
    assert not profile.state.incident.raised
    later = [event(id=str(day), time=START_MS + day * DAY_MS) for day in range(61, 100)]
    assert alerts_of(profile, later) == []
    assert profile.state.incident is None


def test_people_who_were_only_counted_are_in_what_was_taken() -> None:
    """A mere count may be of anybody: coverage is an upper bound, and the alert says so."""
    profile = north()
    counted = event(id="c", time=START_MS, participants=Participants(count=40_000))
    (alert,) = alerts_of(profile, [counted])
    assert alert.taken_participants == 40_000
    assert alert.coverage[0].kind == "upper_bound"
    assert alert.taken_kind == "estimate"
    assert "estimated from counts that name nobody" in alert.sentence
    assert "now holds at most 8 % of the imaging cohort" in alert.sentence


def test_what_was_counted_before_an_incident_is_not_in_it() -> None:
    """Of two datasets one was counted before: what is counted since was taken, less repeats."""
    profile = north()
    early = event(id="early", time=START_MS, participants=Participants(count=90))
    assert alerts_of(profile, [early]) == []
    late_ms = START_MS + 3 * DAY_MS
    both = [
        event(id=name, time=late_ms, dataset=name, participants=Participants(count=count))
        for name, count in (("imaging", 20_000), ("genomes", 30_000))
    ]
    alert = alerts_of(profile, both)[-1]
    # Of 500,000 people 90 were held, and then 20,087: so many of each count are likely repeats.
    assert alert.taken_participants == 19_997 + 28_795
    assert {row.dataset: row.held_participants for row in alert.coverage} == {
        "imaging": 20_090,
        "genomes": 30_000,
    }
    before = {row.dataset: row.before_ratio for row in alert.coverage}
    assert before == {"imaging": 90 / 500_000, "genomes": 0.0}


def test_what_was_mended_and_rejected_is_said_beside_what_was_taken() -> None:
    """Of all time, by reason: whoever reads an alert must know what it does not rest on."""
    profile = north()
    profile.state.rejects["not_json"] = 3
    mended = taking(40_000, time=START_MS, repairs={"text_cut": 2})
    (alert,) = alerts_of(profile, [mended])
    assert (alert.repairs, alert.rejects) == ({"text_cut": 2}, {"not_json": 3})


def test_coverage_is_of_the_people_of_its_dataset() -> None:
    """Its declared size; and where counts reach beyond it, all of them were held before."""
    config = CoreConfig(datasets={"imaging": DatasetConfig(size=100_000)})
    profile = open_profile("north", config=config)
    alerts_of(profile, [taking(60_000, id="named", time=START_MS)])
    counted = event(id="counted", time=START_MS, participants=Participants(count=60_000))
    later_ms = START_MS + (PolicyConfig().quiet_days + 40) * DAY_MS
    again = taking(30_000, first=60_000, id="again", time=later_ms)
    (*_, last) = alerts_of(profile, [counted, event(time=later_ms - DAY_MS), again])
    assert last.change == "create"
    (row,) = last.coverage
    assert (row.before_ratio, row.after_ratio, row.held_participants) == (1.0, 1.0, 100_000)


def test_the_smallest_incident_has_doubled_with_one_more() -> None:
    """One person was spoken of; the second is as many again."""
    canary = CanaryConfig(participants=(5, 6))
    config = CoreConfig(detectors=DetectorsConfig(canary=canary))
    touches = [taking(1, first=5 + place, id=str(place), time=START_MS) for place in range(2)]
    alerts = alerts_of(open_profile("north", config=config), touches)
    assert [(alert.change, alert.taken_participants) for alert in alerts] == [
        ("create", 1),
        ("update", 2),
    ]


def test_an_incident_after_another_has_a_number_and_an_id_of_its_own() -> None:
    """Also where people were told of both."""
    profile = north()
    quiet_days = PolicyConfig().quiet_days + 5
    first = alerts_of(profile, [taking(40_000, id="one", time=START_MS)])
    calm = [event(id=str(day), time=START_MS + day * DAY_MS) for day in range(1, quiet_days)]
    assert [alert.change for alert in alerts_of(profile, calm)] == ["close"]
    again_ms = START_MS + quiet_days * DAY_MS
    second = alerts_of(profile, [taking(90_000, first=100_000, id="two", time=again_ms)])
    assert [alert.change for alert in first + second] == ["create", "create"]
    assert first[0].alert_id != second[0].alert_id
    assert profile.state.incidents_count == 2
    assert profile.state.incident is not None
    assert (profile.state.incident.number, second[0].taken_participants) == (2, 90_000)


def test_a_day_with_an_alert_is_counted_as_one() -> None:
    """The budget is kept in such days: the summary of the day says whether it was one."""
    profile = north()
    events = [
        event(id="calm", time=START_MS),
        taking(40_000, id="grab", time=START_MS + DAY_MS),
        event(id="next", time=START_MS + 2 * DAY_MS),
    ]
    effects = effects_of(profile, events)
    summaries = [effect for effect in effects if isinstance(effect, DailySummary)]
    assert [bool(summary.alert_id) for summary in summaries] == [False, True]


def test_what_is_unusual_beside_a_broken_rule_has_no_share_in_it() -> None:
    """The rule alone decides, and is the only fact; what else was seen is shown."""
    canary = CanaryConfig(participants=(5,))
    config = CoreConfig(detectors=DetectorsConfig(canary=canary))
    profile = open_profile("north", config=config)
    (alert,) = alerts_of(profile, [taking(40_000, time=START_MS)])
    shares = {detail.detector: detail.share for detail in alert.reasons}
    assert shares.pop("canary") == 1.0
    assert shares
    assert set(shares.values()) == {0.0}
    assert profile.state.incident is not None
    facts = [fact for fact in profile.state.incident.facts if fact.startswith("family/")]
    assert facts == ["family/canary"]


def test_the_facts_of_a_taking_are_who_took_what() -> None:
    """By whom, of which class of data, and that it is people: all else that comes is news."""
    profile = north()
    alerts_of(profile, [taking(40_000, time=START_MS)])
    assert profile.state.incident is not None
    assert profile.state.incident.facts == ["family/people", "user/", "class/"]


def test_a_forecast_is_of_the_last_days_pace_and_of_years_none() -> None:
    """Nobody plans for a date that is decades away, and without a pace there is none."""
    profile = north()
    assert full_cohort_days(profile) is None
    alerts_of(profile, [taking(2_000, time=START_MS)])
    assert full_cohort_days(profile) == pytest.approx(249.0)
    slow = north()
    alerts_of(slow, [taking(10, time=START_MS)])
    assert full_cohort_days(slow) is None


@pytest.mark.parametrize(
    ("cohort_size", "taken", "days"),
    [(3_660, 10, 365.0), (3_661, 10, None), (10, 9, 1 / 9), (10, 10, None)],
    ids=["a year", "more than a year", "one is left", "nobody is left"],
)
def test_a_forecast_is_for_a_year_and_while_somebody_is_left(
    cohort_size: int, taken: int, days: float | None
) -> None:
    """Who holds everybody has nowhere to go."""
    profile = open_profile("north", config=CoreConfig(cohort=CohortConfig(size=cohort_size)))
    alerts_of(profile, [taking(taken, time=START_MS)])
    assert full_cohort_days(profile) == days


@pytest.mark.parametrize(("hours", "raised"), [(0, True), (23, True), (24, False)])
def test_a_false_positive_counts_against_its_detector_until_it_ends(
    hours: int, *, raised: bool
) -> None:
    """Its p-values are that many times larger meanwhile, one at most, and from then on as ever."""
    profile, plain = north(), north()
    feedback = Feedback(
        alert_id="a1",
        institution="north",
        label=Label.FALSE_POSITIVE,
        until_ms=START_MS + 24 * HOUR_MS,
        detectors=("excess",),
        factor=10.0,
    )
    apply_instruction(profile, feedback, sequence=1)
    at_ms = START_MS + hours * HOUR_MS
    p_values = []
    for judged in (profile, plain):
        alerts_of(judged, [taking(20_000, time=at_ms)])
        reasons = evaluate(judged, at_ms).verdict.reasons
        p_values += [detail.p_value for detail in reasons if detail.detector == "excess"]
    assert p_values[0] == pytest.approx(min(1.0, p_values[1] * (10.0 if raised else 1.0)))
