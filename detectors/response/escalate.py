"""Step 7 of 7: an alert, or what became of one -> the measure that its risk asks for."""

from hashlib import blake2b
from typing import Final

from msgspec.structs import replace

from detectors.response import guard
from detectors.response.changes import change, measure_ends, put, release, request_ends
from detectors.response.config import ResponseMode
from detectors.response.journal import AlertSeen
from detectors.response.ladder import (
    HARMLESS,
    confidence_in,
    is_stronger,
    risk_of,
    rung_of,
    scope_of,
)
from detectors.response.state import Incident, ResponseState, remember
from detectors.response.suspension import HEADGATE, Measure, Scope, Suspension, scope_id

# After a release only this much more risk acts again, so that nobody flaps.
_HYSTERESIS: Final = 2.0
_TOO_MANY: Final = "held: too many institutions at once"


def on_alert(state: ResponseState, seen: AlertSeen) -> list[Suspension]:
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
    return [] if seen.change == "close" else escalate(state, incident)


def _incident(seen: AlertSeen, known: Incident | None) -> Incident:
    """Return an incident as stated now, with what people said of it before."""
    return Incident(
        alert_id=seen.alert_id,
        institution=seen.institution,
        at_ms=seen.at_ms,
        severity=seen.severity,
        confidence=seen.confidence,
        taken_participants=seen.taken_participants,
        detectors=seen.detectors,
        user=seen.user,
        user_share=seen.user_share,
        project=seen.project,
        sentence=seen.sentence,
        label=known.label if known else None,
        labelled_ms=known.labelled_ms if known else -1,
        measures_count=known.measures_count if known else 0,
    )


def escalate(state: ResponseState, incident: Incident) -> list[Suspension]:
    """Take the measure that the institution's risk asks for, if it is not taken already."""
    entry = state.entry(incident.institution)
    risk = risk_of(state, incident.institution)
    modes = state.config.modes_of(entry.jurisdiction)
    sure = confidence_in(incident)
    rung = rung_of(risk, confidence=sure, config=state.config, modes=modes)
    if rung is None or incident.label in HARMLESS:
        return []
    measure, mode = rung
    scope, subject = scope_of(incident, entry)
    name = scope_id(scope, institution=incident.institution, subject=subject)
    standing = state.open.get(name)
    ended: list[Suspension] = []
    if standing is not None:
        if not standing.dry_run or mode == "dry_run":
            going = replace(standing, alerted_ms=incident.at_ms)
            return [_gone_on(state, going, measure, mode)]
        # What was only recorded must not become real unnoticed: it ends, and another begins.
        ended = [release(state, standing, by=HEADGATE, why="the dry run is over")]
    elif _cools(state, name, risk=risk):
        return []
    fresh = _requested(state, incident, measure, (scope, subject))
    incident.measures_count += 1
    return ended + _placed(state, replace(fresh, dry_run=mode == "dry_run"), mode)


def _cools(state: ResponseState, name: str, *, risk: float) -> bool:
    cooling = state.cooling.get(name)
    if cooling is None or state.now_ms >= cooling.until_ms:
        return False
    return risk < _HYSTERESIS * cooling.risk


def _suspension_id(incident: Incident) -> str:
    """Return an id that every fold of the same alerts and decisions gives again.

    So a replay knows a measure by the id by which people decided on it.
    """
    text = f"{incident.alert_id}\n{incident.at_ms}\n{incident.measures_count}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _requested(
    state: ResponseState, incident: Incident, measure: Measure, where: tuple[Scope, str]
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
        held=False,
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
        agreed=False,
        by=HEADGATE,
        why="alert",
        reason=incident.sentence,
        contact=entry.contact,
    )


def _placed(state: ResponseState, fresh: Suspension, mode: ResponseMode) -> list[Suspension]:
    """Put a new measure in force, before a person, or with all others into the guard's hands."""
    if mode == "approve":
        return [put(state, fresh)]
    if not guard.too_many(state, fresh.institution, dry_run=fresh.dry_run):
        ends_ms = measure_ends(state)
        begun = replace(fresh, state="active", started_ms=state.now_ms, expires_ms=ends_ms)
        return [put(state, begun)]
    others = guard.unagreed(state, dry_run=fresh.dry_run)
    held = put(state, replace(fresh, held=True, why=_TOO_MANY))
    return [held, *(_held(state, one) for one in others if one.state == "active")]


def _held(state: ResponseState, one: Suspension) -> Suspension:
    ends_ms = request_ends(state)
    waiting = replace(
        one, state="requested", asks=None, held=True, started_ms=None, expires_ms=ends_ms
    )
    return change(state, waiting, by=HEADGATE, why=_TOO_MANY)


def _gone_on(
    state: ResponseState, one: Suspension, measure: Measure, mode: ResponseMode
) -> Suspension:
    """Let an open measure last longer, and be a stronger one where the risk asks for it."""
    ends_ms = None if one.expires_ms is None else request_ends(state)
    longer = replace(one, expires_ms=ends_ms)
    # Real measures are not made stronger by a mode under which nobody is to be stopped.
    unmeant = mode == "dry_run" and not one.dry_run
    if unmeant or not is_stronger(measure, one.asks or one.measure):
        return change(state, longer, by=HEADGATE, why="the incident goes on")
    unagreed = one.agreed and guard.too_many(state, one.institution, dry_run=one.dry_run)
    if one.state == "active" and (mode == "approve" or unagreed):
        longer = replace(longer, asks=measure, approvals=())
        return change(state, longer, by=HEADGATE, why="the incident has grown")
    # Who agreed to less has not agreed to this.
    grown = replace(longer, measure=measure, approvals=(), agreed=False)
    if one.state == "approved":
        grown = replace(grown, state="requested")
    return change(state, grown, by=HEADGATE, why="the incident has grown")
