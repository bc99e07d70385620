import pytest

from detectors.calibration.budget import BudgetConfig
from detectors.config import CoreConfig, DetectorsConfig, config_hash
from detectors.event import AccessEvent
from detectors.incident import severity_of
from detectors.instants import DAY_MS, HOUR_MS
from detectors.models.canary import CanaryConfig
from detectors.models.excess import ExcessConfig
from detectors.pipeline import Profile, open_profile
from detectors.policy.evaluate import evaluate
from detectors.policy.explain import duration, percent, sentence
from detectors.register import Institution
from detectors.snapshot import dump
from detectors.verdict import DatasetCoverage, ReasonDetail
from tests.builders import alerts_of, effects_of, taking

START_MS = 1_767_225_600_000


def took(number: int, count: int, *, user: str | None = None, hours: int = 0) -> AccessEvent:
    """Return a taking of `count` people nobody has taken before."""
    return taking(
        count,
        first=50_000 * number,
        id=f"e-{number}",
        time=START_MS + hours * HOUR_MS + number,
        user=user,
        project=user and f"project of {user}",
    )


def north(*, config: CoreConfig | None = None) -> Profile:
    """Return a profile nobody has seen before."""
    entry = Institution(id="north", contact="access@platform.example")
    return open_profile("north", config=config or CoreConfig(), entry=entry)


def detail(reason: str, feature: str, *, window_seconds: int = 86_400) -> ReasonDetail:
    """Return a reason with round numbers."""
    return ReasonDetail(
        detector=reason,
        reason=reason,
        feature=feature,
        window_seconds=window_seconds,
        observed=41_200.0,
        expected=300.0,
        p_value=1e-6,
        share=1.0,
    )


@pytest.mark.parametrize(
    ("taken_ratio", "severity"),
    [(0.0, "low"), (0.01, "medium"), (0.05, "high"), (0.2, "critical"), (1.0, "critical")],
)
def test_severity_is_harm(taken_ratio: float, severity: str) -> None:
    """Each bound belongs to the severity above it."""
    assert severity_of(taken_ratio) == severity


def test_one_theft_is_one_alert_updated_when_it_has_doubled() -> None:
    """The same id throughout; the second taking as large as the first is told, small ones not."""
    alerts = alerts_of(north(), [took(0, 40_000), took(1, 50), took(2, 40_000), took(3, 50)])
    assert [(alert.change, alert.revision) for alert in alerts] == [("create", 1), ("update", 2)]
    assert len({alert.alert_id for alert in alerts}) == 1


def test_a_new_fact_is_told_however_little_was_taken_since() -> None:
    """A canary touched within an incident that people know of is news; the second touch is not."""
    canary = CanaryConfig(participants=(150_000, 200_000))
    profile = north(config=CoreConfig(detectors=DetectorsConfig(canary=canary)))
    alerts = alerts_of(profile, [took(0, 40_000), took(1, 50), took(3, 1), took(4, 1, hours=1)])
    assert [alert.reasons[0].reason for alert in alerts] == ["excess", "canary"]


def test_a_theft_by_one_user_names_that_user() -> None:
    """Where one user took most of it, the alert says so, and for which project."""
    events = [took(0, 1_000, user="ben"), took(1, 40_000, user="ada"), took(2, 45_000, user="ada")]
    last = alerts_of(north(), events)[-1]
    assert (last.top_user, last.top_project) == ("ada", "project of ada")
    assert "by user ada" in last.sentence


def test_samples_are_the_largest_takings() -> None:
    """At most three event ids, the largest first, for whoever looks into the logs."""
    events = [took(number, 100 * (number + 1)) for number in range(8)]
    alerts = alerts_of(north(), [*events, took(8, 40_000)])
    assert alerts[-1].sample_event_ids == ("e-8", "e-7", "e-6")
    assert alerts[-1].trigger_event_id == "e-8"


def test_to_evaluate_changes_nothing() -> None:
    """Whoever looks twice sees the same, and the state is as before; only a note changes it."""
    profile = north()
    effects_of(profile, [took(number, 300 * (number + 1)) for number in range(9)])
    before, at_ms = dump(profile), profile.state.frontier_ms
    assert evaluate(profile, at_ms).verdict == evaluate(profile, at_ms).verdict
    assert evaluate(profile, at_ms).strange
    assert dump(profile) == before


def test_a_smaller_budget_never_tells_more() -> None:
    """The one knob is monotone: whoever wants fewer false alarms hears nothing additional."""
    events = [took(number, 300 * (number + 1), hours=7 * number) for number in range(9)]
    counts = []
    for budget in (700.0, 20.0, 5.0, 1.0, 0.01):
        knob = BudgetConfig(false_alert_days_per_week_per_100_institutions=budget)
        counts.append(len(alerts_of(north(config=CoreConfig(budget=knob)), events)))
    assert counts == sorted(counts, reverse=True)


def test_every_alert_names_the_config_it_was_judged_by() -> None:
    """Another config has another name, and the alert carries it."""
    strict = CoreConfig(detectors=DetectorsConfig(excess=ExcessConfig(floor_cohort_ratio=0.002)))
    (alert,) = alerts_of(north(config=strict), [took(0, 40_000)])
    assert alert.config_hash == config_hash(strict)
    assert config_hash(strict) != config_hash(CoreConfig())


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        pytest.param(
            detail("excess", "new_participants", window_seconds=7_200),
            "north took 41,200 new participants in 2 h (expected 300)",
            id="an amount has what was expected",
        ),
        pytest.param(
            detail("quota", "rows"),
            "north took 41,200 rows in 1 day (limit 300)",
            id="a quota has its limit",
        ),
        pytest.param(
            detail("scope", "dataset_not_approved"),
            "north read a dataset outside its project's approval",
            id="a breach of scope says which",
        ),
        pytest.param(
            detail("coverage", "institution_participants"),
            "north holds 41,200 participants (approved 300)",
            id="a cap says what was approved",
        ),
        pytest.param(
            detail("multivariate", "half_space_trees"),
            "north had an unusual day (half space trees: 4.12e+04)",
            id="a model of points has no amount, only its name and its score",
        ),
    ],
)
def test_a_sentence_says_who_did_what(reason: ReasonDetail, words: str) -> None:
    """Without coverage the sentence ends there; with it, it says what is now held."""
    assert sentence("north", (reason,), ()) == f"{words}."
    coverage = DatasetCoverage(
        dataset="imaging",
        before_ratio=0.1,
        after_ratio=0.38,
        held_participants=190_000,
        kind="upper_bound",
    )
    whole = sentence("north", (reason,), (coverage,), by=("92 % of it by user ada",))
    assert whole == (
        f"{words}, 92 % of it by user ada; now holds at most 38 % of the imaging cohort."
    )


def test_durations_and_shares_are_said_as_people_say_them() -> None:
    """Minutes, hours, days; never a false 0 or 100 percent."""
    assert [duration(seconds) for seconds in (300, 7_200, 86_400, 2_592_000)] == [
        "5 min",
        "2 h",
        "1 day",
        "30 days",
    ]
    assert [percent(ratio) for ratio in (0.00001, 0.9949, 0.9999)] == [
        "0.001 %",
        "99.5 %",
        "99.9 %",
    ]


def test_a_limit_that_is_broken_again_keeps_its_incident_open() -> None:
    """Each break is as improbable as the first: one incident for months, with one id."""
    entry = Institution(id="north", participants_max=1_000)
    profile = open_profile("north", config=CoreConfig(), entry=entry)
    events = [
        taking(20, first=20 * day, id=str(day), time=START_MS + day * DAY_MS) for day in range(60)
    ]
    events += [
        taking(1, first=100_000 + day, id=f"again {day}", time=START_MS + (60 + day) * DAY_MS)
        for day in range(0, 160, 10)
    ]
    alerts = alerts_of(profile, events)
    assert alerts
    assert {alert.change for alert in alerts} <= {"create", "update"}
    assert len({alert.alert_id for alert in alerts}) == 1
