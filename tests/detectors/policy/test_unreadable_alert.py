"""What an alert about unreadable events says, in full, from its first statement to its last."""

import pytest
from msgspec.structs import replace

from detectors.config import CoreConfig, DetectorsConfig
from detectors.event import InstitutionId, UnreadEvent
from detectors.instants import DAY_MS, MINUTE_MS
from detectors.models.unreadable import UnreadableConfig, UnreadableState
from detectors.pipeline import Profile, note_rejected, open_profile
from detectors.policy.unreadable import unreadable_events
from detectors.verdict import Alert, RaiseAlert, ReasonDetail
from tests.builders import alerts_of, event

START_MS = 1_767_225_600_000


def north(*, events_min: int = 20) -> Profile:
    """Return a profile nobody has seen before."""
    config = UnreadableConfig(events_min=events_min)
    return open_profile("north", config=CoreConfig(detectors=DetectorsConfig(unreadable=config)))


def read(profile: Profile, count: int, *, day: int = 0, **changes: object) -> list[Alert]:
    """Judge so many events of a day, one a minute, and return what is told."""
    begin_ms = START_MS + day * DAY_MS
    events = (
        event(id=f"{day}-{number}", time=begin_ms + number * MINUTE_MS, **changes)
        for number in range(count)
    )
    return alerts_of(profile, events)


def reject(profile: Profile, *reasons: str) -> list[Alert]:
    """Let a record be rejected for each reason, and return what is told."""
    north_id = InstitutionId("north")
    effects = [
        effect
        for reason in reasons
        for effect in note_rejected(profile, UnreadEvent(institution=north_id, reason=reason))
    ]
    return [effect.alert for effect in effects if isinstance(effect, RaiseAlert)]


def test_the_first_statement_in_full() -> None:
    """Which events, of how many, and why: certain, and no evidence of harm."""
    profile = north()
    assert read(profile, 40) == []
    (alert,) = reject(profile, *["time_unparsable"] * 20)
    detail = ReasonDetail(
        detector="unreadable",
        reason="unreadable",
        feature="unreadable_events",
        window_seconds=604_800,
        observed=20.0,
        expected=0.6,
        p_value=1e-9,
        share=1.0,
    )
    assert len(alert.alert_id) == 32
    assert alert == Alert(
        alert_id=alert.alert_id,
        change="create",
        revision=1,
        institution="north",
        at_ms=profile.state.frontier_ms,
        started_ms=START_MS,
        severity="low",
        confidence=0.5,
        p_value=1e-9,
        sentence="north sent 20 events in 7 days that could not be read as written (allowed 1), "
        "33 % of all that it sent: 20 rejected, 0 judged in part (time_unparsable 20).",
        reasons=(detail,),
        repairs={},
        rejects={"time_unparsable": 20},
        taken_participants=0,
        config_hash=profile.config_hash,
        reference_version="prior",
    )


def test_the_last_statement_in_full() -> None:
    """Nothing is strange any more, and the counts of all time stay."""
    profile = north()
    read(profile, 40)
    (first,) = reject(profile, *["time_unparsable"] * 20)
    (last,) = (alert for day in range(1, 9) for alert in read(profile, 40, day=day))
    closed_day, rest_ms = divmod(last.at_ms - START_MS, DAY_MS)
    assert (closed_day, rest_ms) == (7, 0)
    assert last == Alert(
        alert_id=first.alert_id,
        change="close",
        revision=2,
        institution="north",
        at_ms=last.at_ms,
        started_ms=last.started_ms,
        severity="low",
        confidence=0.5,
        p_value=1.0,
        sentence="north is read as it is written again; the alert is closed.",
        reasons=(),
        repairs={},
        rejects={"time_unparsable": 20},
        taken_participants=0,
        config_hash=profile.config_hash,
        reference_version="prior",
    )
    assert START_MS <= last.started_ms <= last.at_ms


def test_the_three_commonest_reasons_are_told() -> None:
    """Of equals the first in the alphabet; the event that led to it is named where it has an id."""
    profile = north(events_min=11)
    read(profile, 1)
    reject(profile, "b", "b", "c", "c", "d", "d", "a", "a", "e", "e")
    (alert,) = read(profile, 1, day=1, repairs={"d": 7})
    assert alert.sentence.endswith("10 rejected, 1 judged in part (d 3, a 2, b 2).")
    assert (alert.trigger_event_id, alert.severity) == ("1-0", "medium")
    assert alert.repairs == {"d": 7}
    assert alert.rejects == dict.fromkeys("bcdae", 2)
    assert alert.started_ms == START_MS


def test_half_of_all_is_medium() -> None:
    """One event less than half is low."""
    for readable, severity in [(20, "medium"), (21, "low")]:
        profile = north()
        read(profile, readable)
        (alert,) = reject(profile, *["not_json"] * 20)
        assert alert.severity == severity


def test_invented_reasons_do_not_let_the_counts_grow() -> None:
    """64 of all time are named; those go on being counted."""
    profile = north(events_min=10**6)
    reject(profile, *(f"reason {number}" for number in range(70)), "reason 3", "reason 69")
    assert len(profile.state.rejects) == 64
    assert (profile.state.rejects["reason 3"], profile.state.rejected_count) == (2, 72)
    assert "reason 69" not in profile.state.rejects


def test_one_alert_is_of_one_spell_of_trouble() -> None:
    """The next has an id of its own, and begins again with its first revision."""
    profile = north()
    ids = []
    for spell in range(2):
        read(profile, 40, day=20 * spell)
        (alert,) = reject(profile, *["not_json"] * 20)
        assert (alert.change, alert.revision) == ("create", 1)
        # Of the week alone: the spell before is longer ago.
        assert alert.started_ms == START_MS + max(0, 20 * spell - 6) * DAY_MS
        assert alert.reasons[0].expected == 0.01 * 60
        ids.append(alert.alert_id)
        closing = [each for day in range(1, 9) for each in read(profile, 40, day=20 * spell + day)]
        assert [(each.change, each.revision) for each in closing] == [("close", 2)]
    assert len(set(ids)) == 2
    state = profile.detector_states["unreadable"]
    assert isinstance(state, UnreadableState)
    assert (state.number, state.revision, state.told_events) == (2, 0, 0)


def test_each_notice_counts_once_and_each_event_that_was_mended() -> None:
    """A notice is another by its place or its reason."""
    profile = north()
    first = UnreadEvent(
        institution=InstitutionId("north"), reason="not_json", time=START_MS, notice_id="raw:7"
    )
    others = [replace(first, notice_id="raw:8"), replace(first, reason="too_large")]
    for notice in [first, *others, first, *others]:
        note_rejected(profile, notice)
    assert (profile.state.rejected_count, profile.state.repaired_count) == (3, 0)
    read(profile, 3, repairs={"text_cut": 2})
    assert (profile.state.rejected_count, profile.state.repaired_count) == (3, 3)


def test_an_alert_of_the_first_day_of_all_begins_with_it() -> None:
    """However late on that day it is told."""
    profile = north(events_min=1)
    alerts_of(profile, [event(time=5 * MINUTE_MS)])
    (alert,) = reject(profile, "not_json")
    assert (alert.started_ms, alert.at_ms) == (0, 5 * MINUTE_MS)


def test_the_state_of_another_rule_is_a_bug() -> None:
    """It is said whose it is not, and what it is."""
    profile = north()
    profile.detector_states["unreadable"] = profile.detector_states["volume"]
    with pytest.raises(TypeError, match="not the state of this rule: Volume"):
        reject(profile, "not_json")


def test_the_only_record_of_an_institution_is_all_that_it_sent() -> None:
    """Nothing of it was ever judged, and it is told all the same."""
    profile = north(events_min=1)
    unread = UnreadEvent(institution=InstitutionId("north"), reason="not_json", time=START_MS)
    (effect,) = note_rejected(profile, unread)
    assert isinstance(effect, RaiseAlert)
    alert = effect.alert
    assert (alert.started_ms, alert.at_ms) == (START_MS, START_MS)
    assert alert.sentence == (
        "north sent 1 events in 7 days that could not be read as written (allowed 0), "
        "100 % of all that it sent: 1 rejected, 0 judged in part (not_json 1)."
    )


def test_nothing_is_told_of_1970() -> None:
    """The first lines of a file have no time: they are told of with the first that has one."""
    profile = north(events_min=3)
    assert reject(profile, *["not_json"] * 5) == []
    unread = UnreadEvent(institution=InstitutionId("north"), reason="not_json", time=START_MS)
    (effect,) = note_rejected(profile, unread)
    assert isinstance(effect, RaiseAlert)
    assert (effect.alert.at_ms, effect.alert.rejects) == (START_MS, {"not_json": 6})


def test_what_was_rejected_before_the_first_judged_event_is_of_its_week() -> None:
    """Whoever spoils the records before the theft is told of after its first event."""
    profile = north()
    assert reject(profile, *["not_json"] * 19) == []
    assert read(profile, 40) == []
    (alert,) = reject(profile, "not_json")
    assert (alert.reasons[0].observed, alert.reasons[0].expected) == (20.0, 0.6)
    for day in range(1, 7):
        assert read(profile, 40, day=day) == []
        assert unreadable_events(profile) == 20
    assert [each.change for each in read(profile, 40, day=7)] == ["close"]
    assert unreadable_events(profile) == 0
