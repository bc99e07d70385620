"""Values that many tests need: each builder gives a whole one, and a test says what differs."""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from detectors.detector import RuleInput
from detectors.event import AccessEvent, Participants, time_ms
from detectors.features.vector import Features
from detectors.features.windows import Windows, WindowsState
from detectors.instants import DAY_MS
from detectors.pipeline import Profile, judge
from detectors.response.entries import AlertSeen, AuditEntry, Body, DecisionMade, Verb
from detectors.response.suspension import Suspension
from detectors.verdict import Alert, DatasetCoverage, Effect, RaiseAlert, ReasonDetail, WindowShares
from streams.ingest.headers import Headers


class KafkaRecord(NamedTuple):
    """A record as Kafka gives it, of the institution `north` unless it says otherwise."""

    offset: int
    value: bytes | None
    key: bytes | None = b"north"
    timestamp: int = 1_800_000_000_000
    headers: Headers = ()


def event(**changes: object) -> AccessEvent:
    """Return an event of north that names nobody, with changes."""
    plain = AccessEvent(id="e", time=1_767_225_600_000, institution="north", dataset="imaging")
    return replace(plain, **changes)


def taking(count: int, *, first: int = 0, **changes: object) -> AccessEvent:
    """Return an event that takes `count` participants from `first` on, with changes."""
    return event(participants=Participants(ranges=[(first, first + count - 1)]), **changes)


def rule_input(access_event: AccessEvent, **changes: object) -> RuleInput:
    """Return an event that takes one new person, as a rule sees it, with changes."""
    plain = RuleInput(
        event=access_event,
        at_ms=time_ms(access_event),
        participants=None,
        new=1,
        exempted=0,
        held_participants=1,
        project_participants=1,
        project_grew=True,
    )
    return replace(plain, **changes)


def features(**changes: object) -> Features:
    """Return a moment at which nothing has been taken of half a million people, with changes."""
    plain = Features(
        at_ms=0,
        windows=Windows(WindowsState()),
        new=(0,) * 4,
        usual=(0.0,) * 4,
        cohort_size=500_000,
        hour_bytes=0,
    )
    return replace(plain, **changes)


def effects_of(profile: Profile, events: Iterable[AccessEvent]) -> list[Effect]:
    """Judge `events` and return every effect."""
    return [effect for event in events for effect in judge(profile, event)]


def alerts_of(profile: Profile, events: Iterable[AccessEvent]) -> list[Alert]:
    """Judge `events` and return every alert."""
    effects = effects_of(profile, events)
    return [effect.alert for effect in effects if isinstance(effect, RaiseAlert)]


def reason_detail(**changes: object) -> ReasonDetail:
    """Return the reason of a grab in the night in numbers, with changes."""
    detail = ReasonDetail(
        detector="excess",
        reason="excess",
        feature="new_participants",
        window_seconds=3_600,
        observed=41_200.0,
        expected=300.0,
        p_value=1.3e-9,
        share=0.9,
    )
    return replace(detail, **changes)


def coverage(**changes: object) -> DatasetCoverage:
    """Return what is held of a dataset after a grab in the night, with changes."""
    grown = DatasetCoverage(
        dataset="imaging",
        before_ratio=0.02,
        after_ratio=0.1024,
        held_participants=51_200,
        kind="exact",
    )
    return replace(grown, **changes)


def window_shares(**changes: object) -> WindowShares:
    """Return the shares of a window of which a hundred were taken."""
    plain = WindowShares(
        of="new_participants", begins_ms=0, total=100, top_user=0, nobody=0, late=0, unknown=0
    )
    return replace(plain, **changes)


def alert(**changes: object) -> Alert:
    """Return an alert about a grab in the night, by one user and for two reasons, with changes."""
    stated = Alert(
        alert_id="a-17",
        change="create",
        revision=1,
        institution="north",
        at_ms=1_775_044_800_123,
        started_ms=1_775_041_200_000,
        severity="high",
        confidence=0.97,
        p_value=2.0e-9,
        sentence="north took 41,200 new participants in 1 h (expected 300).",
        reasons=(
            reason_detail(),
            reason_detail(detector="quota", reason="quota", feature="bytes", share=0.1),
        ),
        coverage=(coverage(),),
        taken_participants=41_200,
        top_user="u-9",
        shares=window_shares(begins_ms=1_775_041_200_000, total=41_200, top_user=32_960),
        top_user_share=0.8,
        top_user_participants=33_000,
        top_project="p-3",
        top_project_share=0.7,
        sample_event_ids=("e-1", "e-2"),
        trigger_event_id="e-2",
        config_hash="00ff00ff00ff00ff",
        reference_version="2026-04-01",
    )
    return replace(stated, **changes)


def suspension(**changes: object) -> Suspension:
    """Return a suspension of one user that one person has approved, with changes."""
    stated = Suspension(
        suspension_id="s-1",
        revision=2,
        state="active",
        measure="suspend",
        dry_run=False,
        institution="north",
        scope="user",
        subject="u-9",
        jurisdiction=None,
        alert_id="a-17",
        severity="high",
        at_ms=1_775_044_800_123,
        alerted_ms=1_775_044_800_000,
        requested_ms=1_775_044_800_000,
        started_ms=1_775_044_800_123,
        expires_ms=1_775_131_200_000,
        approvals=("ann",),
        approvals_needed=1,
        by="ann",
        why="approved",
        reason="north took far more participants than usual.",
        contact=None,
    )
    return replace(stated, **changes)


def alert_seen(**changes: object) -> AlertSeen:
    """Return an alert as the audit has it: one user took 100 people for sure, with changes."""
    seen = AlertSeen(
        alert_id="a1",
        change="create",
        revision=1,
        institution="north",
        at_ms=60 * DAY_MS,
        started_ms=0,
        severity="high",
        confidence=1.0,
        p_value=1e-9,
        taken_participants=100,
        detectors=("excess",),
        user="u1",
        user_share=0.9,
        user_participants=100,
        project="p1",
        project_share=0.9,
        sentence="north took 100.",
        config_hash="",
        record_sha256="",
    )
    return replace(seen, **changes)


def decision_made(verb: Verb, **changes: object) -> DecisionMade:
    """Return a decision of ann's as the audit has it, with changes."""
    decision = DecisionMade(decision_id="d", who="ann", note="", at_ms=1, verb=verb, jws="")
    return replace(decision, **changes)


def audit_entry(body: Body, **changes: object) -> AuditEntry:
    """Return the first entry of an audit, with changes."""
    entry = AuditEntry(sequence=1, previous="", batch=0, recorded_ms=1_000, source=None, body=body)
    return replace(entry, **changes)
