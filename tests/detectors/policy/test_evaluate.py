"""What the detectors make of one moment: who is compared with whom, and what is worth watching."""

from math import log10

import pytest
from msgspec.structs import replace

from detectors.calibration.tail import Tail
from detectors.config import CohortConfig, CoreConfig
from detectors.incident import PolicyConfig
from detectors.instants import DAY_MS, instant_of
from detectors.models.differencing.config import DifferencingConfig
from detectors.models.differencing.rule import Differencing
from detectors.models.differencing.state import DifferencingState
from detectors.peers.reference import COUNTED, EVERYBODY, INCIDENT_CHANNEL
from detectors.pipeline import Profile, judge, open_profile
from detectors.policy.evaluate import (
    compared,
    evaluate,
    features_of,
    group_of,
    penalty_factor,
    usual_now,
)
from detectors.profile_state import PValuePenalty
from detectors.register import Exemption, Institution
from detectors.verdict import Verdict
from tests.builders import event, taking

START_MS = 1_767_225_600_000


def verdict_on(profile: Profile, count: int) -> Verdict:
    """Return what is made of an institution that has taken so many people at once."""
    judge(profile, taking(count, time=START_MS))
    return evaluate(profile, profile.state.frontier_ms).verdict


def north() -> Profile:
    """Return a profile nobody has seen before."""
    return open_profile("north", config=CoreConfig())


def test_what_is_no_candidate_is_shown_and_not_watched() -> None:
    """From which surprise on it is one, an operator may choose."""
    deaf = CoreConfig(policy=PolicyConfig(candidate_surprise=20.0))
    shown = verdict_on(open_profile("north", config=deaf), 40_000)
    assert [shown.watched, verdict_on(north(), 40_000).watched] == [False, True]
    assert shown.reasons == verdict_on(north(), 40_000).reasons


def test_a_candidate_is_one_from_the_bound_on() -> None:
    """What is as surprising as the bound is watched."""
    plain = north()
    judge(plain, taking(40_000, time=START_MS))
    strange = dict(evaluate(plain, plain.state.frontier_ms).strange)
    policy = PolicyConfig(candidate_surprise=strange[INCIDENT_CHANNEL])
    assert verdict_on(open_profile("north", config=CoreConfig(policy=policy)), 40_000).watched


@pytest.mark.parametrize("channel", [INCIDENT_CHANNEL, "excess"])
def test_what_is_strange_is_as_rare_as_among_its_peers(channel: str) -> None:
    """Of its own group, where that has a tail of its own: an incident, and each channel of it."""
    profile = north()
    peers = profile.reference.tails[EVERYBODY]
    group = {**peers, channel: Tail(knots=((0.0, -4.0),), slope=1.0)}
    profile.reference = replace(
        profile.reference, tails={EVERYBODY: peers, profile.entry.group: group}
    )
    rare, usual = verdict_on(profile, 40_000), verdict_on(north(), 40_000)
    if channel == INCIDENT_CHANNEL:
        assert log10(rare.p_value) == pytest.approx(log10(usual.p_value) - 4.0)
    else:
        p_values = {detail.detector: detail.p_value for detail in rare.reasons}
        # 40,000 people are a score of log10(40,000): beyond the one knot, a decade for each.
        assert log10(p_values[channel]) == pytest.approx(-4.0 - log10(40_000), abs=0.1)


def test_what_left_unnamed_in_the_hour_is_looked_at() -> None:
    """Bytes of which nobody is named are bytes of the hour."""
    profile = north()
    judge(profile, event(id="unnamed", bytes=700, time=START_MS))
    judge(profile, taking(3, id="named", bytes=50, time=START_MS))
    features = features_of(profile, START_MS)
    assert (features.hour_bytes, features.hour_unnamed_bytes) == (750, 700)


def test_the_usual_is_that_of_the_day_in_this_cohort() -> None:
    """At any hour the same; of a tenth of the people a tenth is usual."""
    small = open_profile("north", config=CoreConfig(cohort=CohortConfig(size=50_000)))
    first_day = START_MS // DAY_MS
    assert usual_now(small, first_day) == pytest.approx(
        tuple(usual / 10.0 for usual in usual_now(north(), first_day))
    )
    profile = north()
    for day in range(first_day, first_day + 100):
        profile.baseline.learn(day, [10 * (day - first_day)] * 4)
    today = first_day + 100
    noon_ms = today * DAY_MS + DAY_MS // 2
    assert features_of(profile, noon_ms).usual == usual_now(profile, today)


def test_a_penalty_makes_nothing_likelier_than_certain() -> None:
    """It raises the p-values of its detector to one at most."""
    profile = north()
    profile.state.penalties["excess"] = PValuePenalty(factor=1e300, until_ms=START_MS + 1)
    reasons = verdict_on(profile, 40_000).reasons
    assert [detail.p_value for detail in reasons if detail.detector == "excess"] == [1.0]


@pytest.mark.parametrize(
    ("participants_max", "until_ms", "factor"),
    [(None, 1, 7.0), (None, 0, 1.0), (20, 1, 7.0), (19, 1, 1.0)],
)
def test_a_penalty_holds_until_its_time_or_its_people_are_reached(
    participants_max: int | None, until_ms: int, factor: float
) -> None:
    """No longer then, and none of another detector."""
    profile = north()
    judge(profile, taking(20, time=START_MS))
    profile.state.penalties["excess"] = PValuePenalty(
        factor=7.0, until_ms=START_MS + until_ms, participants_max=participants_max
    )
    assert (penalty_factor(profile, "excess"), penalty_factor(profile, "drip")) == (factor, 1.0)


@pytest.mark.parametrize(
    ("counted", "of", "only_counts"), [(1, 2, False), (2, 5, False), (2, 3, True)]
)
def test_who_counts_in_more_than_half_of_the_events_is_compared_with_such(
    counted: int, of: int, *, only_counts: bool
) -> None:
    """Half of them is not enough."""
    profile = north()
    profile.state.counted_events, profile.state.events_count = counted, of
    assert group_of(profile) == profile.entry.group + (COUNTED if only_counts else "")


def rule_on_sets(*, apart_participants_min: int = 10) -> Differencing:
    """Return a rule that allows one set in ten to differ from another by fewer people."""
    return Differencing(
        DifferencingConfig(
            allowed_differences=0, allowed_ratio=0.1, apart_participants_min=apart_participants_min
        ),
        DifferencingState(),
        cohort=range(0),
        has_spaces=False,
    )


def breaches_of(profile: Profile) -> list[str]:
    """Return which rules two sets break that differ by three people; the first breaks none."""
    first, second = (event(id=name, time=START_MS, user="ada") for name in ("first", "second"))
    assert compared(profile, first, range(60), at_ms=START_MS) == ()
    breaches = compared(profile, second, range(63), at_ms=START_MS + 1)
    return [breach.detector for breach in breaches]


def test_sets_are_compared_by_every_rule_on_sets() -> None:
    """Whatever another makes of them; of an event that names nobody there is nothing to compare."""
    profile = north()
    deaf = rule_on_sets(apart_participants_min=2)
    profile.set_rules = {"deaf": deaf, "first": rule_on_sets(), "second": rule_on_sets()}
    assert breaches_of(profile) == ["differencing"] * 2
    assert compared(profile, event(), None, at_ms=START_MS) == ()


def test_what_is_approved_breaks_no_rule_on_sets() -> None:
    """Nor does what a false positive of the rule has raised the bar for."""
    export = Exemption(
        id="export", valid_from=instant_of(START_MS), valid_to=instant_of(START_MS + DAY_MS)
    )
    entry = Institution(id="north", exemptions=(export,))
    approved = open_profile("north", config=CoreConfig(), entry=entry)
    doubted, other = north(), north()
    penalty = PValuePenalty(factor=1e9, until_ms=START_MS)
    doubted.state.penalties["differencing"] = other.state.penalties["excess"] = penalty
    for profile in (approved, doubted, other):
        profile.set_rules = {"differencing": rule_on_sets()}
    breaches = [breaches_of(profile) for profile in (approved, doubted, other)]
    assert breaches == [[], [], ["differencing"]]
