"""What cannot be read of one institution is an alert about it, and about nothing else."""

import pytest

from detectors.config import CoreConfig, DetectorsConfig
from detectors.detector import DetectorMode
from detectors.event import InstitutionId, UnreadEvent
from detectors.instants import DAY_MS, MINUTE_MS
from detectors.models.unreadable import UnreadableConfig
from detectors.pipeline import Profile, note_rejected, open_profile
from detectors.policy.unreadable import unreadable_events
from detectors.snapshot import dump, load
from detectors.verdict import Alert, RaiseAlert
from tests.builders import alerts_of, event

START_MS = 1_767_225_600_000
REJECTED = UnreadEvent(institution=InstitutionId("north"), reason="time_unparsable", time=START_MS)


def north(*, mode: DetectorMode = "on", events_min: int = 20) -> Profile:
    """Return a profile nobody has seen before."""
    config = UnreadableConfig(mode=mode, events_min=events_min)
    return open_profile("north", config=CoreConfig(detectors=DetectorsConfig(unreadable=config)))


def read(profile: Profile, count: int, *, day: int = 0, **changes: object) -> list[Alert]:
    """Judge so many events of a day, one a minute, and return what is told."""
    begin_ms = START_MS + day * DAY_MS
    events = (
        event(id=f"{day}-{number}-{changes}", time=begin_ms + number * MINUTE_MS, **changes)
        for number in range(count)
    )
    return alerts_of(profile, events)


def reject(profile: Profile, count: int) -> list[Alert]:
    """Let so many records be rejected, and return what is told."""
    effects = [effect for _ in range(count) for effect in note_rejected(profile, REJECTED)]
    return [effect.alert for effect in effects if isinstance(effect, RaiseAlert)]


def test_rejected_records_are_told_with_their_reasons() -> None:
    """Once there are enough of them, and again at each doubling."""
    profile = north(events_min=20)
    assert read(profile, 60) == []
    alerts = reject(profile, 50)
    assert [(alert.change, alert.revision) for alert in alerts] == [("create", 1), ("update", 2)]
    assert alerts[0].sentence == (
        "north sent 20 events in 7 days that could not be read as written (allowed 1), 25 % of all "
        "that it sent: 20 rejected, 0 judged in part (time_unparsable 20)."
    )
    assert alerts[1].rejects == {"time_unparsable": 40}
    assert {alert.alert_id for alert in alerts} == {alerts[0].alert_id}


def test_events_judged_in_part_count_alike() -> None:
    """But not those from which nothing is missing."""
    profile = north(events_min=20)
    assert read(profile, 60, repairs={"amount_rewritten": 1}) == []
    (alert, *_) = read(profile, 60, day=1, repairs={"text_cut": 2, "amount_rewritten": 1})
    assert alert.reasons[0].observed == 20
    assert alert.repairs == {"amount_rewritten": 80, "text_cut": 40}
    assert alert.sentence.endswith(
        "0 rejected, 20 judged in part (amount_rewritten 20, text_cut 20)."
    )


def test_a_small_share_is_nothing() -> None:
    """One in a hundred may be bad."""
    profile = north(events_min=5)
    read(profile, 1_000)
    assert reject(profile, 10) == []
    assert len(reject(profile, 1)) == 1


@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_whoever_is_not_on_is_silent(mode: DetectorMode) -> None:
    """The counts go on, to be ready and to be shown."""
    profile = north(mode=mode)
    assert reject(profile, 100) == []
    assert profile.state.rejects == {"time_unparsable": 100}


def test_it_is_medium_from_half_on_and_never_evidence_of_taking() -> None:
    """Nobody is stopped for it under the default thresholds, whatever else is known."""
    (alert, *_) = reject(north(), 20)
    assert (alert.severity, alert.confidence, alert.taken_participants) == ("medium", 0.5, 0)
    profile = north()
    read(profile, 100)
    (alert, *_) = reject(profile, 20)
    assert alert.severity == "low"
    assert profile.state.incident is None


def test_it_is_over_after_a_week_that_could_be_read() -> None:
    """And the next one has another id."""
    profile = north()
    read(profile, 40)
    (first,) = reject(profile, 20)
    closing = [alert for day in range(1, 9) for alert in read(profile, 40, day=day)]
    assert [(alert.change, alert.alert_id) for alert in closing] == [("close", first.alert_id)]
    (again,) = reject(profile, 20)
    assert (again.change, again.alert_id != first.alert_id) == ("create", True)


def test_a_notice_that_comes_twice_counts_once() -> None:
    """A row of a raw topic is re-keyed again after a crash."""
    profile = north()
    notice = UnreadEvent(institution=InstitutionId("north"), reason="not_json", notice_id="raw:7")
    for _ in range(40):
        note_rejected(profile, notice)
    assert profile.state.rejected_count == 1


def test_what_was_unreadable_is_known_for_a_week() -> None:
    """Before anything of the institution was judged, it counts to the day of the first event."""
    profile = north()
    reject(profile, 3)
    assert unreadable_events(profile) == 3
    counts = []
    for day in (6, 12, 13):
        alerts_of(profile, [event(id=f"{day}", time=day * DAY_MS)])
        counts.append(unreadable_events(profile))
    assert counts == [3, 3, 0]


def test_a_restart_changes_nothing() -> None:
    """Counts, days and the open alert are part of the saved state."""
    profile = north()
    read(profile, 40)
    reject(profile, 30)
    saved = dump(profile)
    restored = load(saved.main, parts=saved.parts, config=profile.config)
    assert reject(restored, 30) == reject(profile, 30)
    assert dump(restored) == dump(profile)
