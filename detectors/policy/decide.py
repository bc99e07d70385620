"""Step 6 of 7: verdict -> effects. Opens, raises, updates and closes the institution's incident."""

from hashlib import blake2b
from math import log10
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

from detectors.calibration.combine import P_VALUE_MIN
from detectors.event import AccessEvent
from detectors.features.failures import failures_of
from detectors.features.ledger import Ledger
from detectors.features.vector import EVIDENCE
from detectors.features.windows import Quantity, Window
from detectors.incident import Incident, change_of, severity_of
from detectors.instants import DAY_MS, SECOND_MS
from detectors.peers.reference import incident_rate, usual_of
from detectors.policy.alert_subject import remember_subject
from detectors.policy.evaluate import RULE_P_VALUE, group_of
from detectors.policy.explain import (
    bytes_alone,
    counting_of,
    named,
    sentence,
    takers,
    told_words,
    unlearnt_words,
)
from detectors.policy.news import news_of, note_facts, rule_facts
from detectors.policy.runs import GROWTH_DECADES, note_told
from detectors.policy.shares import month_participants, shares_of
from detectors.profile import Profile
from detectors.registry import DETECTORS, feature_of, is_rule
from detectors.verdict import (
    SEVERITIES,
    Alert,
    AlertChange,
    DatasetCoverage,
    Effect,
    RaiseAlert,
    Severity,
    Unlearnt,
    Verdict,
)

_MILDEST: Final = SEVERITIES[0]
# Forecasts beyond a year tell nobody what to do today.
_FORECAST_DAYS_MAX: Final = 365


class Statement(Struct, frozen=True, kw_only=True):
    """What is to be said of an incident now, and the amount that decided on it."""

    change: AlertChange
    verdict: Verdict
    at_ms: int
    event: Annotated[AccessEvent | None, Meta(description="that led to it; None: time alone did")]
    taken_participants: Annotated[int, Meta(description="since the incident began")]


def decide(
    profile: Profile, verdict: Verdict, *, at_ms: int, event: AccessEvent
) -> tuple[Effect, ...]:
    """Fold a verdict into the incident and return what should happen.

    `event` is the one that was judged.
    """
    if not verdict.watched:
        return ()
    incident = _opened(profile, verdict, at_ms=at_ms)
    surprise = -log10(max(verdict.p_value, P_VALUE_MIN))
    if surprise >= incident.mark + GROWTH_DECADES or verdict.p_value <= RULE_P_VALUE:
        incident.last_day, incident.mark = at_ms // DAY_MS, max(incident.mark, surprise)
    taken = taken_participants(profile.ledger, incident)
    rate = incident_rate(
        profile.reference, budget_rate=profile.budget_rate, group=group_of(profile)
    )
    news = None
    if incident.raised:
        news = news_of(profile, verdict, at_ms=at_ms, event=event, rate=rate)
    change = change_of(
        incident,
        within_budget=verdict.p_value <= rate,
        new_fact=news is not None,
        taken_participants=taken,
        config=profile.config.policy,
    )
    if change is None:
        return ()
    statement = Statement(
        change=change,
        verdict=verdict if news is None else news.verdict,
        at_ms=at_ms,
        event=event,
        taken_participants=taken,
    )
    _note(profile, incident, statement)
    alert = _alert(profile, incident, statement)
    facts = rule_facts(verdict, event) if news is None else news.facts
    note_facts(profile, incident, alert, facts)
    remember_subject(profile, alert)
    return (RaiseAlert(alert=alert),)


def close(profile: Profile, *, at_ms: int) -> tuple[Effect, ...]:
    """End the incident after quiet; say so if people had been told."""
    incident = profile.state.incident
    profile.state.incident = None
    if incident is None or not incident.raised:
        return ()
    _forget_told(profile, incident)
    incident.revision += 1
    statement = Statement(
        change="close",
        verdict=Verdict(watched=False, p_value=1.0, reasons=()),
        at_ms=at_ms,
        event=None,
        taken_participants=taken_participants(profile.ledger, incident),
    )
    return (RaiseAlert(alert=_alert(profile, incident, statement)),)


def _forget_told(profile: Profile, incident: Incident) -> None:
    """Begin anew with all that people were told of: it is evidence of nothing else.

    What came after the last word stays, and runs are counted anew as well.
    """
    profile.state.told_day = incident.told_day
    profile.windows.forget(EVIDENCE, last_day=incident.told_day)
    profile.takers.forget(last_day=incident.told_day)
    profile.state.open_runs.clear()
    for detector in profile.cumulative:
        detector.forget_told()


def taken_participants(ledger: Ledger, incident: Incident) -> int:
    """Return how many people were taken since the incident began, weighed by class.

    Of those who were only counted, as many as are expected to be new; of approved exports nobody.
    """
    return max(0, ledger.unapproved_participants - incident.unapproved_participants_before)


def _opened(profile: Profile, verdict: Verdict, *, at_ms: int) -> Incident:
    state = profile.state
    if state.incident is None:
        state.incidents_count += 1
        window_ms = verdict.reasons[0].window_seconds * SECOND_MS
        state.incident = Incident(
            number=state.incidents_count,
            first_day=at_ms // DAY_MS,
            last_day=at_ms // DAY_MS,
            started_ms=max(at_ms - window_ms, state.first_day * DAY_MS),
            mark=0.0,
            unapproved_participants_before=state.today.unapproved_participants_before,
            held_before=dict(state.today.held_before),
            counted_before=dict(state.today.counted_before),
        )
    return state.incident


def _note(profile: Profile, incident: Incident, statement: Statement) -> None:
    """Remember in the incident what is said of it now."""
    incident.revision += 1
    profile.state.today.alerted = True
    taken, verdict = statement.taken_participants, statement.verdict
    # A window reaches back behind the incident's first day: what it shows has been said too.
    shown = (
        int(detail.observed)
        for detail in verdict.reasons
        if feature_of(detail.detector, detail.feature).counts_new_participants
    )
    incident.alerted_participants = max(1, taken, *shown)
    incident.taken_participants = taken
    incident.told_day = statement.at_ms // DAY_MS
    for detector in profile.cumulative:
        detector.note_told(profile.state.today.new)
    # It never falls: nobody makes a theft look milder by a small breach after it.
    incident.severity = max(incident.severity, _severity(profile, statement), key=SEVERITIES.index)
    if not incident.alert_id:
        incident.alert_id = _alert_id(profile, incident)
    note_told(profile, incident)


def _severity(profile: Profile, statement: Statement) -> Severity:
    """Return how grave what is said now is, by harm; some facts are grave however few it was."""
    reasons = statement.verdict.reasons
    # Who re-reads takes nothing new: bytes alone may be worth a look, and no more.
    if bytes_alone(reasons):
        return _MILDEST
    harm = severity_of(statement.taken_participants / profile.config.cohort.size)
    floors = (DETECTORS[each.detector].severity_min for each in reasons if each.share > 0.0)
    return max((harm, *floors), key=SEVERITIES.index)


def _alert_id(profile: Profile, incident: Incident) -> str:
    """Return an id that every replay of the same events gives again."""
    text = f"alert\n{profile.state.institution}\n{incident.number}\n{incident.started_ms}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _alert(profile: Profile, incident: Incident, statement: Statement) -> Alert:
    state, verdict, event = profile.state, statement.verdict, statement.event
    alert = Alert(
        alert_id=incident.alert_id,
        change=statement.change,
        revision=incident.revision,
        institution=state.institution,
        at_ms=statement.at_ms,
        started_ms=incident.started_ms,
        severity=incident.severity,
        confidence=1.0 - min(1.0, verdict.p_value / profile.budget_rate) / 2.0,
        p_value=verdict.p_value,
        sentence=f"{state.institution} has been quiet since; the incident is closed.",
        reasons=verdict.reasons,
        coverage=_coverage(profile, incident),
        taken_participants=statement.taken_participants,
        taken_kind="estimate" if profile.ledger.state.estimated else "exact",
        full_cohort_days=full_cohort_days(profile),
        repairs=dict(state.repairs),
        rejects=dict(state.rejects),
        unlearnt=_unlearnt(profile, verdict, day=statement.at_ms // DAY_MS),
        failed=failures_of(state.failures, state.today.day),
        trigger_event_id=event.id if event is not None else "",
        config_hash=profile.config_hash,
        reference_version=profile.reference.version,
    )
    return _explained(profile, alert, event) if verdict.reasons else alert


def _explained(profile: Profile, alert: Alert, event: AccessEvent | None) -> Alert:
    """Return an alert with its sentence, and with who took what within the window it tells of."""
    window_shares = shares_of(profile, alert.reasons[0], event)
    return replace(
        alert,
        started_ms=max(window_shares.shares.begins_ms, profile.state.first_day * DAY_MS),
        sentence=sentence(
            named(alert.institution, profile.state.unregistered),
            alert.reasons,
            alert.coverage,
            counting=counting_of(alert.taken_kind, classed=profile.ledger.totals.classed),
            by=(
                *takers(alert.reasons[0], window_shares.shares, window_shares.top_user),
                *told_words(alert.reasons[0], window_shares.shares, profile.state.told_day),
                *unlearnt_words(alert.unlearnt),
            ),
            full_cohort_days=alert.full_cohort_days,
        ),
        shares=window_shares.shares,
        top_user=window_shares.top_user,
        top_user_share=window_shares.top_user_share,
        top_user_participants=month_participants(profile, window_shares.top_user),
        top_project=window_shares.top_project,
        top_project_share=window_shares.top_project_share,
        sample_event_ids=window_shares.sample_event_ids,
    )


def _unlearnt(profile: Profile, verdict: Verdict, *, day: int) -> tuple[Unlearnt, ...]:
    """Return who has no past yet by which to judge; a limit needs none."""
    if not verdict.reasons or is_rule(verdict.reasons[0].detector):
        return ()
    unlearnt: list[Unlearnt] = []
    if not profile.baseline.has_past(day):
        unlearnt.append("institution")
    if usual_of(profile.reference, group_of(profile)) == profile.config.reference.usual_prior:
        unlearnt.append("peers")
    return tuple(unlearnt)


def full_cohort_days(profile: Profile) -> float | None:
    """Return in how many days the whole cohort is held at the last day's pace; None for years."""
    if profile.ledger.totals.classed:
        # People of several classes have no one pace.
        return None
    left = profile.config.cohort.size - profile.ledger.taken_participants
    pace = profile.windows.total(Window.DAY, Quantity.GAINED)
    return left / pace if 0 < left <= _FORECAST_DAYS_MAX * pace else None


def _coverage(profile: Profile, incident: Incident) -> tuple[DatasetCoverage, ...]:
    details = []
    for name, holding in sorted(profile.ledger.state.holdings.items()):
        counted, size = holding.counted_participants, profile.ledger.size_of(name)
        held = min(size, holding.held_participants + counted)
        before = incident.held_before.get(name, 0) + incident.counted_before.get(name, 0)
        details.append(
            DatasetCoverage(
                dataset=name,
                before_ratio=min(1.0, before / size),
                after_ratio=held / size,
                held_participants=held,
                kind="upper_bound" if counted else "exact",
            )
        )
    return tuple(details)
