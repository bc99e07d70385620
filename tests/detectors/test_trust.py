"""What must hold for a history to be trusted: nobody teaches the judge while stealing."""

import msgspec
import pytest

from detectors.config import CoreConfig
from detectors.event import AccessEvent, Outcome, Participants
from detectors.pipeline import Profile, judge, open_profile
from detectors.verdict import DailySummary, RaiseAlert
from tests.builders import effects_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FIRST_DAY = 20_454
CALM_DAYS = 70


def took(day: int, first: int, count: int, *, hour: int = 10) -> AccessEvent:
    """Return the taking of `count` participants from `first` on."""
    return AccessEvent(
        id=f"{day}/{hour}/{first}",
        time=(FIRST_DAY + day) * DAY_MS + hour * HOUR_MS,
        institution="north",
        dataset="imaging",
        bytes=1_000 * count,
        participants=Participants(ranges=[(first, first + count - 1)]),
    )


def calm_profile() -> Profile:
    """Return an institution that has taken twenty new people a day, for ten weeks."""
    profile = open_profile("north", config=CoreConfig())
    for day in range(CALM_DAYS):
        judge(profile, took(day, 20 * day, 20))
    return profile


def theft(days: int) -> list[AccessEvent]:
    """Return a theft of twenty thousand people a day."""
    return [took(CALM_DAYS + day, 100_000 + 20_000 * day, 20_000, hour=11) for day in range(days)]


def test_a_calm_institution_is_left_alone() -> None:
    """Twenty new people a day are nothing to speak of."""
    profile = open_profile("north", config=CoreConfig())
    effects = effects_of(profile, [took(day, 20 * day, 20) for day in range(CALM_DAYS)])
    assert {type(effect) for effect in effects} == {DailySummary}


def test_a_thief_teaches_the_baseline_nothing() -> None:
    """From the day of the incident on, no day is learnt: not its people, not its bytes."""
    profile = calm_profile()
    effects = effects_of(profile, theft(1))
    assert any(isinstance(effect, RaiseAlert) for effect in effects)
    volume = msgspec.msgpack.encode(profile.detector_states["volume"])
    effects_of(profile, theft(12)[1:])
    learnt = profile.baseline.state.maxima
    assert max(learnt) == FIRST_DAY + CALM_DAYS - 1
    assert max(max(maxima) for maxima in learnt.values()) <= 20 * CALM_DAYS
    assert msgspec.msgpack.encode(profile.detector_states["volume"]) == volume


def test_silence_after_a_theft_is_not_learnt_either() -> None:
    """The theft still fills the long windows of the silent days: they teach nothing."""
    profile = calm_profile()
    effects_of(profile, theft(1))
    judge(profile, took(CALM_DAYS + 10, 400_000, 20))
    assert max(profile.baseline.state.maxima) == FIRST_DAY + CALM_DAYS - 1


def test_accumulators_never_stop_under_suspicion() -> None:
    """What is held and what was taken in the windows goes on being counted."""
    profile = calm_profile()
    held_before = profile.ledger.state.held_participants
    effects_of(profile, theft(5))
    assert profile.ledger.state.held_participants == held_before + 5 * 20_000


def test_peers_are_told_which_days_were_under_suspicion() -> None:
    """A summary says whether its day can be trusted."""
    profile = calm_profile()
    effects = effects_of(profile, theft(4))
    trusted = [effect.trusted for effect in effects if isinstance(effect, DailySummary)]
    assert trusted == [True, False, False, False]


@pytest.mark.parametrize("outcome", ["success", "partial", "denied", "error", "other"])
def test_what_left_is_held_however_the_request_ended(outcome: Outcome) -> None:
    """A client that hangs up after the last byte has the data all the same."""
    profile = calm_profile()
    held_before = profile.ledger.state.held_participants
    (event,) = theft(1)
    left = msgspec.structs.replace(event, outcome=outcome, rows=5_000)
    assert any(isinstance(effect, RaiseAlert) for effect in effects_of(profile, [left]))
    assert profile.ledger.state.held_participants > held_before


@pytest.mark.parametrize("outcome", ["denied", "error"])
def test_what_failed_and_delivered_nothing_is_not_held(outcome: Outcome) -> None:
    """Its people are those who were asked for: they can still be new tomorrow."""
    profile = calm_profile()
    held_before = profile.ledger.state.held_participants
    (event,) = theft(1)
    failed = msgspec.structs.replace(event, id="failed", outcome=outcome, bytes=700, rows=0)
    effects = effects_of(profile, [failed])
    assert [effect for effect in effects if isinstance(effect, RaiseAlert)] == []
    assert profile.ledger.state.held_participants == held_before
    assert any(isinstance(effect, RaiseAlert) for effect in effects_of(profile, [event]))


def test_reading_the_same_people_again_is_never_collection() -> None:
    """A re-analysis of everything held, day after day, raises nothing and holds nobody more."""
    profile = calm_profile()
    held_before = profile.ledger.state.held_participants
    again = [took(CALM_DAYS + day, 0, 20 * CALM_DAYS, hour=12) for day in range(30)]
    assert [effect for effect in effects_of(profile, again) if isinstance(effect, RaiseAlert)] == []
    assert profile.ledger.state.held_participants == held_before


def test_an_alert_says_what_was_held_before_and_after() -> None:
    """Coverage is counted from the day's beginning, exactly, in people."""
    profile = calm_profile()
    (alert,) = (
        effect.alert for effect in effects_of(profile, theft(1)) if isinstance(effect, RaiseAlert)
    )
    (coverage,) = alert.coverage
    assert coverage.before_ratio == 20 * CALM_DAYS / 500_000
    assert coverage.held_participants == 20 * CALM_DAYS + 20_000
    assert alert.taken_participants == 20_000


def test_quiet_ends_an_incident_and_learning_begins_again() -> None:
    """After three quiet days and a month, the incident is closed and the days count again."""
    profile = calm_profile()
    effects_of(profile, theft(1))
    later = [took(CALM_DAYS + 45 + day, 400_000 + 20 * day, 20) for day in range(4)]
    changes = [
        effect.alert.change
        for effect in effects_of(profile, later)
        if isinstance(effect, RaiseAlert)
    ]
    assert changes == ["close"]
    assert max(profile.baseline.state.maxima) == FIRST_DAY + CALM_DAYS + 45 + 2
