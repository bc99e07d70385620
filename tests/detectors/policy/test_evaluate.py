"""What the detectors make of one moment: who is compared with whom, and what is worth watching."""

from math import log10

import pytest
from msgspec.structs import replace

from detectors.calibration.tail import Tail
from detectors.config import CoreConfig
from detectors.incident import PolicyConfig
from detectors.peers.reference import EVERYBODY, INCIDENT_CHANNEL
from detectors.pipeline import Profile, judge, open_profile
from detectors.policy.evaluate import evaluate
from detectors.profile_state import PValuePenalty
from detectors.verdict import Verdict
from tests.builders import taking

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


def test_an_incident_is_as_rare_as_among_its_peers() -> None:
    """Of its own group, where that has a tail of its own."""
    profile = north()
    peers = profile.reference.tails[EVERYBODY]
    rare = Tail(knots=((0.0, -4.0),), slope=1.0)
    profile.reference = replace(
        profile.reference,
        tails={
            EVERYBODY: peers,
            profile.entry.group: {**peers, INCIDENT_CHANNEL: rare},
        },
    )
    like_everybody = verdict_on(north(), 40_000)
    assert log10(verdict_on(profile, 40_000).p_value) == pytest.approx(
        log10(like_everybody.p_value) - 4.0
    )


def test_a_penalty_makes_nothing_likelier_than_certain() -> None:
    """It raises the p-values of its detector to one at most."""
    profile = north()
    profile.state.penalties["excess"] = PValuePenalty(factor=1e300, until_ms=START_MS + 1)
    reasons = verdict_on(profile, 40_000).reasons
    assert [detail.p_value for detail in reasons if detail.detector == "excess"] == [1.0]
