"""Step 6 of 7: what cannot be read -> alerts of its own. A broken producer is no theft.

quiet --(beyond what is allowed)--> told --(twice as many)--> told, next revision
  ^                                   |
  +-----------(a week within it)------+
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from detectors.event import AccessEvent, UnreadEvent, time_ms
from detectors.features.takers import begins_of
from detectors.features.windows import AMOUNT_MAX, WINDOW_SECONDS, Quantity, Window
from detectors.instants import DAY_MS
from detectors.models.unreadable import BEFORE_ANY_DAY, Unreadable, UnreadableState, UnreadWeek
from detectors.policy.evaluate import RULE_P_VALUE
from detectors.policy.explain import clause, percent
from detectors.profile import Profile
from detectors.verdict import Alert, AlertChange, Effect, RaiseAlert, ReasonDetail, Severity

# Certain, but no evidence of harm: by default it reaches no rung of the ladder.
_CONFIDENCE: Final = 0.5
_GROWTH: Final = 2
_MEDIUM_RATIO: Final = 0.5
_REASONS_TOLD_MAX: Final = 3
_NAMES_MAX: Final = 64


def note_repaired(
    profile: Profile, repairs: Mapping[str, int], *, event_id: str
) -> tuple[Effect, ...]:
    """Count an event judged in part, and how often each thing was mended; say so if too many."""
    state = profile.state
    state.repaired_count += 1
    for reason, count in repairs.items():
        _count(state.repairs, reason, count)
    unreadable = _unreadable(profile)
    if not unreadable.counts(repairs):
        return ()
    at_ms = profile.state.frontier_ms
    return _noted(profile, unreadable, tuple(repairs), event_id=event_id, at_ms=at_ms)


def note_rejected(profile: Profile, unread: UnreadEvent) -> tuple[Effect, ...]:
    """Count a record of the institution that could not be judged; say so if too many."""
    if unread.notice_id and not profile.dedupe.admit(_as_event(unread)):
        return ()
    profile.state.rejected_count += 1
    _count(profile.state.rejects, unread.reason, 1)
    return _noted(
        profile,
        _unreadable(profile),
        (unread.reason,),
        event_id="",
        rejected=True,
        # Where nothing of the institution was ever judged, the time at which the record came.
        at_ms=profile.state.frontier_ms or time_ms(unread),
    )


def _as_event(unread: UnreadEvent) -> AccessEvent:
    """Return an event by which a notice that comes twice is known again."""
    return AccessEvent(
        id=unread.notice_id, time=0, institution=unread.institution, dataset=unread.reason
    )


def unreadable_events(profile: Profile) -> int:
    """Return how many records of the last 7 days could not be read as they were written."""
    return _week(profile, profile.state.today.day).events


def _week(profile: Profile, day: int) -> UnreadWeek:
    return _unreadable(profile).week(day, first_day=profile.state.first_day)


def close_unreadable(profile: Profile, *, day: int, at_ms: int) -> tuple[Effect, ...]:
    """End the alert once a week is within what is allowed."""
    unreadable = _unreadable(profile)
    state = unreadable.state
    if not state.revision:
        return ()
    week = _week(profile, day)
    if unreadable.is_too_much(week, total=_total(profile, week)):
        return ()
    state.revision += 1
    alert = _alert(profile, unreadable, week, change="close", at_ms=at_ms)
    state.revision = state.told_events = 0
    return (RaiseAlert(alert=alert),)


def _count(counts: dict[str, int], reason: str, count: int) -> None:
    if reason in counts or len(counts) < _NAMES_MAX:
        counts[reason] = min(AMOUNT_MAX, counts.get(reason, 0) + count)


def _unreadable(profile: Profile) -> Unreadable:
    state = profile.detector_states["unreadable"]
    if not isinstance(state, UnreadableState):
        msg = f"not the state of this rule: {state!r}"
        raise TypeError(msg)
    return Unreadable(profile.config.detectors.unreadable, state)


def _noted(
    profile: Profile,
    unreadable: Unreadable,
    reasons: tuple[str, ...],
    *,
    event_id: str,
    rejected: bool = False,
    at_ms: int,
) -> tuple[Effect, ...]:
    day, first_day = max(BEFORE_ANY_DAY, profile.state.today.day), profile.state.first_day
    unreadable.count(day, reasons, rejected=rejected, first_day=first_day)
    if not at_ms:
        # The first lines of a file: nobody knows yet when that is, and it is told with the next.
        return ()
    week, state = _week(profile, day), unreadable.state
    grown = week.events >= _GROWTH * state.told_events
    if unreadable.config.mode != "on" or not grown:
        return ()
    if not unreadable.is_too_much(week, total=_total(profile, week)):
        return ()
    change: AlertChange = "update" if state.revision else "create"
    state.number += not state.revision
    state.revision += 1
    state.told_events = week.events
    alert = _alert(profile, unreadable, week, change=change, at_ms=at_ms, event_id=event_id)
    return (RaiseAlert(alert=alert),)


def _total(profile: Profile, week: UnreadWeek) -> int:
    """Return how many records came in these days, the rejected ones included."""
    return profile.windows.total(Window.WEEK, Quantity.REQUESTS) + week.rejected


def _alert(
    profile: Profile,
    unreadable: Unreadable,
    week: UnreadWeek,
    *,
    change: AlertChange,
    at_ms: int,
    event_id: str = "",
) -> Alert:
    state, total = profile.state, _total(profile, week)
    over = change == "close"
    detail = ReasonDetail(
        detector="unreadable",
        reason="unreadable",
        feature="unreadable_events",
        window_seconds=WINDOW_SECONDS[Window.WEEK],
        observed=float(week.events),
        expected=unreadable.config.allowed_ratio * total,
        p_value=RULE_P_VALUE,
        share=1.0,
    )
    ratio = week.events / max(1, total)
    severity: Severity = "medium" if ratio >= _MEDIUM_RATIO and not over else "low"
    began_ms = begins_of(Window.WEEK, profile.state.windows.bucket)
    return Alert(
        alert_id=_alert_id(profile, unreadable.state.number),
        change=change,
        revision=unreadable.state.revision,
        institution=state.institution,
        at_ms=at_ms,
        # Of one of whom nothing was ever judged, no earlier time is known.
        started_ms=at_ms if state.first_day < 0 else max(began_ms, state.first_day * DAY_MS),
        severity=severity,
        confidence=_CONFIDENCE,
        p_value=1.0 if over else RULE_P_VALUE,
        sentence=(
            f"{state.institution} is read as it is written again; the alert is closed."
            if over
            else _sentence(profile, detail, week, ratio=ratio)
        ),
        reasons=() if over else (detail,),
        repairs=dict(state.repairs),
        rejects=dict(state.rejects),
        taken_participants=0,
        trigger_event_id=event_id,
        config_hash=profile.config_hash,
        reference_version=profile.reference.version,
    )


def _sentence(profile: Profile, detail: ReasonDetail, week: UnreadWeek, *, ratio: float) -> str:
    ordered = sorted(week.reasons.items(), key=lambda each: (-each[1], each[0]))
    reasons = ", ".join(f"{name} {count:,}" for name, count in ordered[:_REASONS_TOLD_MAX])
    return (
        f"{profile.state.institution} {clause(detail)}, {percent(ratio)} of all that it sent: "
        f"{week.rejected:,} rejected, {week.repaired:,} judged in part ({reasons})."
    )


def _alert_id(profile: Profile, number: int) -> str:
    """Return an id that every replay of the same records gives again."""
    text = f"unreadable\n{profile.state.institution}\n{number}"
    return blake2b(text.encode(), digest_size=16).hexdigest()
