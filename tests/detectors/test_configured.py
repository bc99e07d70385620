"""What was pushed, from when on: the schedule, and a judge that follows it."""

import pytest
from msgspec.structs import replace

from detectors.calibration.budget import BudgetConfig
from detectors.config import CohortConfig, CoreConfig, DetectorsConfig, config_hash
from detectors.config_schedule import (
    FILE_SEQUENCE,
    SCHEDULED_MAX,
    Schedule,
    Scheduled,
    changed_keys,
    extended,
    is_restart_only,
    without_canaries,
)
from detectors.event import AccessEvent, Participants
from detectors.instructions import switch_config
from detectors.models.canary import CanaryConfig
from detectors.models.collusion.config import CollusionConfig
from detectors.models.quota import QuotaConfig
from detectors.peers.reference import ReferenceConfig
from detectors.pipeline import Profile, judge, open_profile
from detectors.snapshot import dump, load

DAY_MS = 86_400_000
BASE = CoreConfig()


def limited(participants: int) -> CoreConfig:
    """Return a configuration with a limit a day."""
    quota = QuotaConfig(new_participants_day_max=participants)
    return CoreConfig(detectors=DetectorsConfig(quota=quota))


def push(sequence: int, day: int, config: CoreConfig = BASE) -> Scheduled:
    """Return a push that holds from a day on."""
    return Scheduled(sequence=sequence, from_ms=day * DAY_MS, config=config)


def judged(profile: Profile, schedule: Schedule, *, day: int) -> str:
    """Judge a small event of a day, and return the configuration that it was judged under."""
    at_ms = day * DAY_MS
    event = AccessEvent(
        id=f"{day}-{profile.state.events_count}",
        time=at_ms,
        institution="north",
        dataset="imaging",
        participants=Participants(ranges=[(day, day)]),
    )
    if profile.config_cursor.schedule is not schedule or at_ms >= profile.config_cursor.due_ms:
        switch_config(profile, schedule, at_ms=at_ms)
    judge(profile, event)
    return profile.config_hash


def restarted(profile: Profile) -> Profile:
    """Return the profile as a worker reads it back: under its own file, until it follows."""
    snapshot = dump(profile)
    return load(snapshot.main, parts=snapshot.parts, config=BASE)


@pytest.mark.parametrize("restart", [False, True], ids=["in one go", "restarted in between"])
def test_a_push_holds_from_its_time_on_and_a_late_event_takes_nothing_back(
    *, restart: bool
) -> None:
    """The institution's own events decide; which one it is under survives a restart.

    day      10    20    15    30    25
    under   file   A     A     B     B      A from day 20, B from day 30
    """
    first, second = limited(7), limited(8)
    schedule = Schedule(BASE, (push(1, 20, first), push(2, 30, second)))
    profile = open_profile("north", config=BASE)
    under = []
    for day in (10, 20, 15, 30, 25):
        under.append(judged(profile, schedule, day=day))
        profile = restarted(profile) if restart else profile
    names = {config_hash(BASE): "file", config_hash(first): "A", config_hash(second): "B"}
    assert [names[name] for name in under] == ["file", "A", "A", "B", "B"]


def test_what_is_pushed_replaces_what_was_to_hold_later() -> None:
    """Whoever pushes for now need not know what others have planned; a repeat changes nothing."""
    planned = extended((), push(1, 90))
    now = extended(planned, push(2, 50))
    assert [scheduled.sequence for scheduled in now] == [2]
    assert extended(now, push(2, 50)) is now
    assert extended(now, push(1, 90)) is now
    assert [scheduled.sequence for scheduled in extended(now, push(3, 90))] == [2, 3]


def test_a_judge_whose_own_was_replaced_goes_on_under_what_replaced_it() -> None:
    """Live or restarted, and even at a late event: its own time has passed that of both."""
    early = Schedule(BASE, (push(1, 20, limited(7)),))
    late = early.extended(push(2, 10, limited(8)))
    profile = open_profile("north", config=BASE)
    judged(profile, early, day=25)
    again = restarted(profile)
    assert judged(profile, late, day=5) == judged(again, late, day=5) == config_hash(limited(8))
    assert dump(profile) == dump(again)


def test_the_oldest_push_is_forgotten_and_the_next_holds_from_the_beginning() -> None:
    """The schedule is bounded; a judge that slept through all of it wakes under the oldest kept."""
    schedule = Schedule(BASE)
    for number in range(SCHEDULED_MAX + 3):
        schedule = schedule.extended(push(number, 10 + number, limited(number + 1)))
    assert len(schedule.pushed) == SCHEDULED_MAX
    assert (schedule.pushed[0].sequence, schedule.pushed[0].from_ms) == (3, 0)
    asleep = open_profile("north", config=BASE)
    assert judged(asleep, schedule, day=1) == config_hash(limited(4))
    assert judged(asleep, schedule, day=16) == config_hash(limited(7))


def test_what_holds_from_a_start_stays_that_of_the_workers_file() -> None:
    """Cohort, memory of ids, peers and rings belong to others too; canaries are never sent."""
    file = CoreConfig(
        cohort=CohortConfig(size=9_000),
        reference=ReferenceConfig(lag_days=5),
        detectors=DetectorsConfig(
            collusion=CollusionConfig(mode="off"), canary=CanaryConfig(participants=(7,))
        ),
    )
    schedule = Schedule(file, (push(1, 0, limited(50)),))
    config = schedule.entries[1].config
    quota = limited(50).detectors.quota
    assert config == replace(file, detectors=replace(file.detectors, quota=quota))


def test_a_pushed_limit_bites_at_the_next_event() -> None:
    """The machines are those of the new configuration, on the state of the old."""
    schedule = Schedule(BASE, (push(1, 20, limited(3)),))
    profile = open_profile("north", config=BASE)
    for day in (1, 20, 20):
        judged(profile, schedule, day=day)
    assert profile.state.incident is None
    event = AccessEvent(
        id="many",
        time=20 * DAY_MS,
        institution="north",
        dataset="imaging",
        participants=Participants(ranges=[(100, 140)]),
    )
    (effect, *_) = judge(profile, event)
    assert effect.alert.config_hash == config_hash(schedule.entries[1].config)  # type: ignore[union-attr]


def test_a_judge_whose_pushed_ones_are_of_another_cohort_is_under_its_file() -> None:
    """The file was changed and the worker started again: nothing pushed before holds."""
    profile = open_profile("north", config=BASE)
    judged(profile, Schedule(BASE, (push(4, 1, limited(7)),)), day=2)
    assert judged(profile, Schedule(BASE), day=3) == config_hash(BASE)
    assert profile.state.config_sequence == FILE_SEQUENCE


def test_changes_are_named_key_by_key() -> None:
    """So that people see what they push, and refusals name what is wrong."""
    other = replace(limited(5), budget=BudgetConfig(
        false_alert_days_per_week_per_100_institutions=2.0))  # fmt: skip
    assert [change.path for change in changed_keys(BASE, other)] == [
        "detectors.quota.new_participants_day_max",
        "budget.false_alert_days_per_week_per_100_institutions",
    ]
    assert not is_restart_only("detectors.canary.mode")
    assert is_restart_only("detectors.canary.participants")
    secret = CoreConfig(detectors=DetectorsConfig(canary=CanaryConfig(participants=(7,))))
    assert without_canaries(secret) == BASE
