"""Step 7 of 7: an alert, or what became of one -> the measure that its risk asks for."""

from hashlib import blake2b
from typing import Final

from msgspec.structs import replace

from detectors.response import guard
from detectors.response.changes import (
    change,
    measure_ends,
    release,
    request_ends,
    revised,
    store,
)
from detectors.response.entries import AlertSeen
from detectors.response.growth import asking, grown, is_unasked
from detectors.response.ladder import (
    Rung,
    confidence_in,
    is_harmless,
    is_of_a_ring,
    is_second_taking,
    is_stronger,
    own_risk_of,
    risk_of,
    rung_of,
    scope_of,
)
from detectors.response.state import IncidentRecord, ResponseState, remember
from detectors.response.suspension import (
    HEADGATE,
    Measure,
    Suspension,
    SuspensionScope,
    scope_id,
)
from detectors.response.withheld import Threshold, Withheld, WithheldReason

# What an alert leads to: each measure that changed, and why there was no stronger one.
LadderOutcome = Suspension | Withheld

# After a release only this much more risk acts again, so that nobody flaps.
_HYSTERESIS: Final = 2.0
_TOO_MANY: Final = "too many institutions at once"
_GROWN: Final = "the incident has grown"
_UNASKED: Final = "no person is asked any more"


def on_alert(state: ResponseState, seen: AlertSeen) -> list[LadderOutcome]:
    """Remember the statement, and act on it unless it closes the incident."""
    known = state.incident(seen.alert_id)
    if known is not None and seen.change == "close":
        # A closing statement gives no new evidence: what was said before stays, and decays.
        incident = replace(
            known,
            at_ms=seen.at_ms,
            severity=seen.severity,
            taken_participants=seen.taken_participants,
        )
    else:
        incident = _incident(seen, known)
    remember(state, incident)
    if seen.change == "close":
        return _noted(incident, [_withheld(state, incident, "closed")])
    return escalate(state, incident)


def _incident(seen: AlertSeen, known: IncidentRecord | None) -> IncidentRecord:
    """Return an incident as stated now, with what people said of it before."""
    return IncidentRecord(
        alert_id=seen.alert_id,
        institution=seen.institution,
        at_ms=seen.at_ms,
        severity=seen.severity,
        confidence=seen.confidence,
        taken_participants=seen.taken_participants,
        detectors=seen.detectors,
        user=seen.user,
        user_share=seen.user_share,
        user_participants=seen.user_participants,
        project=seen.project,
        project_share=seen.project_share,
        sentence=seen.sentence,
        label=known.label if known else None,
        labelled_ms=known.labelled_ms if known else -1,
        label_decision_id=known.label_decision_id if known else None,
        labelled_participants=known.labelled_participants if known else 0,
        measures_count=known.measures_count if known else 0,
    )


def escalate(state: ResponseState, incident: IncidentRecord) -> list[LadderOutcome]:
    """Take the measure that the institution's risk asks for; say why where there is none."""
    return _noted(incident, _outcomes(state, incident))


def _outcomes(state: ResponseState, incident: IncidentRecord) -> list[LadderOutcome]:
    if is_harmless(incident):
        labelled = _withheld(state, incident, "labelled")
        return [replace(labelled, decision_id=incident.label_decision_id)]
    if is_of_a_ring(incident):
        return [_withheld(state, incident, "ring")]
    entry = state.entry(incident.institution)
    scope, subject = scope_of(incident, entry)
    risk = risk_of(state, incident.institution)
    # Nobody is stopped for what others took.
    own_risk = min(risk, own_risk_of(state, incident)) if scope == "user" else risk
    rung = _rung(state, incident, own_risk)
    measure = rung.measure
    if measure is None:
        return [_below(state, incident, rung)]
    if is_second_taking(state, incident, scope=scope, subject=subject):
        scope, subject = "institution", incident.institution
        rung = _rung(state, incident, risk)
        measure = rung.measure or measure
    name = scope_id(scope, institution=incident.institution, subject=subject)
    standing = state.open.get(name)
    if standing is not None and (not standing.dry_run or rung.mode == "dry_run"):
        return _gone_on(state, standing, incident, measure, rung)
    ended: list[LadderOutcome] = []
    if standing is not None:
        # What was only recorded must not become real unnoticed: it ends, and another begins.
        ended = [release(state, standing, by=HEADGATE, why="the dry run is over")]
    else:
        cooling = _cooling(state, incident, measure, name=name, risk=risk)
        if cooling is not None:
            return [cooling]
    fresh = _requested(state, incident, measure, (scope, subject))
    fresh = replace(fresh, dry_run=rung.mode == "dry_run")
    incident.measures_count += 1
    return ended + _placed(state, incident, fresh, rung)


def _rung(state: ResponseState, incident: IncidentRecord, risk: float) -> Rung:
    modes = state.config.modes_of(state.entry(incident.institution).jurisdiction)
    confidence = confidence_in(incident)
    rung = rung_of(risk, confidence=confidence, config=state.config, modes=modes)
    if rung.mode != "approve":
        return rung
    # Nobody takes the rest while people are asked: what needs no person is in force until they say.
    without = replace(modes, suspend="off")
    weaker = rung_of(risk, confidence=confidence, config=state.config, modes=without)
    return replace(rung, meanwhile=weaker.measure) if weaker.mode == "automatic" else rung


def _noted(incident: IncidentRecord, outcomes: list[LadderOutcome]) -> list[LadderOutcome]:
    """Remember with the incident what it did not lead to."""
    reasons = (outcome for outcome in outcomes if isinstance(outcome, Withheld))
    incident.withheld = next(reasons, None)
    return outcomes


def _withheld(state: ResponseState, incident: IncidentRecord, reason: WithheldReason) -> Withheld:
    return Withheld(
        reason=reason,
        alert_id=incident.alert_id,
        institution=incident.institution,
        alerted_ms=incident.at_ms,
        at_ms=state.now_ms,
    )


def _below(state: ResponseState, incident: IncidentRecord, rung: Rung) -> Withheld:
    """Return why no stronger measure was reached: a rung that is off, or numbers too small."""
    known = _withheld(state, incident, "mode_off" if rung.off else "below_threshold")
    return replace(known, measure=rung.off, thresholds=rung.missed)


def _cooling(
    state: ResponseState, incident: IncidentRecord, measure: Measure, *, name: str, risk: float
) -> Withheld | None:
    """Return why a scope that was released is left alone; None where it is not."""
    cooling = state.cooling.get(name)
    if cooling is None or state.now_ms >= cooling.until_ms:
        return None
    needed = _HYSTERESIS * cooling.risk
    if risk >= needed:
        return None
    threshold = Threshold(measure=measure, quantity="risk", needed=needed, seen=risk)
    cools = _withheld(state, incident, "cooling_down")
    return replace(cools, measure=measure, thresholds=(threshold,), until_ms=cooling.until_ms)


def _suspension_id(incident: IncidentRecord) -> str:
    """Return an id that every fold of the same alerts and decisions gives again.

    So a replay knows a measure by the id by which people decided on it.
    """
    text = f"{incident.alert_id}\n{incident.at_ms}\n{incident.measures_count}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _requested(
    state: ResponseState,
    incident: IncidentRecord,
    measure: Measure,
    where: tuple[SuspensionScope, str],
) -> Suspension:
    entry = state.entry(incident.institution)
    scope, subject = where
    institution_wide = scope == "institution"
    return Suspension(
        suspension_id=_suspension_id(incident),
        revision=1,
        state="requested",
        measure=measure,
        dry_run=True,
        institution=incident.institution,
        scope=scope,
        subject=subject,
        jurisdiction=entry.jurisdiction,
        alert_id=incident.alert_id,
        severity=incident.severity,
        at_ms=state.now_ms,
        alerted_ms=incident.at_ms,
        requested_ms=state.now_ms,
        started_ms=None,
        expires_ms=request_ends(state),
        approvals=(),
        approvals_needed=state.config.institution_approvals if institution_wide else 1,
        by=HEADGATE,
        why="alert",
        reason=incident.sentence,
        contact=entry.contact,
    )


def _placed(
    state: ResponseState, incident: IncidentRecord, waiting: Suspension, rung: Rung
) -> list[LadderOutcome]:
    """Put what nobody has agreed to before a person, or in force, or into the guard's hands."""
    affected = guard.affected_count(state, waiting.institution, dry_run=waiting.dry_run)
    if rung.mode == "approve":
        placed = store(state, asking(state, waiting, rung.meanwhile))
    elif affected > guard.limit_of(state):
        return _guarded(state, incident, waiting, affected_count=affected)
    else:
        ends_ms = measure_ends(state)
        active = replace(waiting, state="active", started_ms=state.now_ms, expires_ms=ends_ms)
        placed = store(state, active)
    return [placed, _below(state, incident, rung)] if rung.off or rung.missed else [placed]


def _guarded(
    state: ResponseState, incident: IncidentRecord, waiting: Suspension, *, affected_count: int
) -> list[LadderOutcome]:
    """Hold a measure for people; what is in force stays, or allies could free a thief."""
    held = store(state, replace(waiting, state="held", why=_TOO_MANY))
    threshold = Threshold(
        measure=waiting.measure,
        quantity="institutions",
        needed=guard.limit_of(state),
        seen=affected_count,
    )
    guarded = replace(
        _withheld(state, incident, "guard"),
        measure=waiting.measure,
        thresholds=(threshold,),
        suspension_id=waiting.suspension_id,
    )
    return [held, guarded]


def _gone_on(
    state: ResponseState,
    standing: Suspension,
    incident: IncidentRecord,
    measure: Measure,
    rung: Rung,
) -> list[LadderOutcome]:
    """Let an open measure last longer, and be a stronger one where the risk asks for it."""
    ends_ms = None if standing.expires_ms is None else request_ends(state)
    longer = replace(standing, alerted_ms=incident.at_ms, expires_ms=ends_ms)
    stronger = is_stronger(measure, standing.strongest)
    # Real measures are not made stronger by a mode under which nobody is to be stopped.
    unmeant = rung.mode == "dry_run" and not standing.dry_run
    if not stronger and rung.mode == "approve" and standing.state in {"requested", "approved"}:
        longer = asking(state, longer, rung.meanwhile)
    if unmeant or not (stronger or is_unasked(state, standing, measure, rung.mode)):
        reason: WithheldReason = "dry_run_only" if unmeant and stronger else "already_open"
        return [
            change(state, longer, by=HEADGATE, why="the incident goes on"),
            replace(
                _withheld(state, incident, reason),
                measure=measure,
                open_measure=standing.strongest,
                thresholds=rung.missed,
                suspension_id=standing.suspension_id,
            ),
        ]
    why = _GROWN if stronger else _UNASKED
    if standing.state in {"requested", "approved"}:
        # Who agreed to less has not agreed to this. The mode of the measure decides who must.
        waiting = replace(longer, state="requested", measure=measure, approvals=())
        return _placed(state, incident, revised(state, waiting, by=HEADGATE, why=why), rung)
    return [change(state, grown(state, longer, measure, rung.mode), by=HEADGATE, why=why)]
