"""What the detectors make of one moment: who is compared with whom, and what is worth watching."""

from math import log10

import pytest
from msgspec.structs import replace

from detectors.calibration.tail import Tail
from detectors.config import CohortConfig, CoreConfig
from detectors.incident import PolicyConfig
from detectors.instants import DAY_MS
from detectors.peers.reference import EVERYBODY, INCIDENT_CHANNEL
from detectors.pipeline import Profile, judge, open_profile
from detectors.policy.evaluate import evaluate, features_of, usual_now
from detectors.profile_state import PValuePenalty
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
