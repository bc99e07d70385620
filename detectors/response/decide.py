"""Step 7 of 7: what people decide -> approvals, releases, and instructions for the judges."""

from msgspec.structs import replace

from detectors.config_schedule import Scheduled
from detectors.feedback import Feedback, Label
from detectors.instants import DAY_MS, instant_of
from detectors.register import Exemption, Registered
from detectors.response.changes import change, measure_ends, release
from detectors.response.entries import (
    Approved,
    ConfigPushed,
    DecisionMade,
    Labelled,
    Released,
)
from detectors.response.escalate import escalate
from detectors.response.push import ConfigRefused, pushed
from detectors.response.state import IncidentRecord, ResponseState
from detectors.response.suspension import Suspension, SuspensionState
from detectors.response.withheld import Withheld

Decided = Suspension | Withheld | Feedback | Registered | Scheduled | ConfigRefused


def decided(state: ResponseState, decision: DecisionMade, *, sequence: int) -> list[Decided]:
    """Carry out a decision; one about what is over, or was said before, has no effect."""
    if isinstance(decision.verb, Approved | Released):
        return _about_a_measure(state, decision, decision.verb)
    if isinstance(decision.verb, Labelled):
        return _labelled(state, decision, decision.verb)
    if isinstance(decision.verb, Registered):
        return _registered(state, decision.verb)
    if isinstance(decision.verb, ConfigPushed):
        return [pushed(state, decision.verb, sequence=sequence)]
    return []


def _about_a_measure(
    state: ResponseState, decision: DecisionMade, verb: Approved | Released
) -> list[Decided]:
    suspension = state.suspension(verb.suspension_id)
    if suspension is None:
        return []
    if isinstance(verb, Released):
        return [release(state, suspension, by=decision.who, why=decision.note or "released")]
    return _approved(state, suspension, decision)


def _registered(state: ResponseState, verb: Registered) -> list[Decided]:
    if verb.entry is not None and verb.entry.id != verb.institution:
        return []
    if verb.entry is None:
        state.entries.pop(verb.institution, None)
    else:
        state.entries[verb.institution] = verb.entry
    return [verb]


def _approved(
    state: ResponseState, suspension: Suspension, decision: DecisionMade
) -> list[Decided]:
    asked = suspension.asks
    if suspension.state == "active" and asked is None:
        return []
    agreed = suspension.approvals if asked is None else asked.approvals
    if decision.who in agreed:
        return []
    approvals = (*agreed, decision.who)
    if len(approvals) >= suspension.approvals_needed:
        next_revision = replace(
            suspension,
            state="active",
            measure=suspension.strongest,
            asks=None,
            approvals=approvals,
            started_ms=suspension.started_ms or state.now_ms,
            expires_ms=measure_ends(state),
        )
    elif asked is not None:
        next_revision = replace(suspension, asks=replace(asked, approvals=approvals))
    else:
        # What the guard holds stays held until enough people agree.
        waiting: SuspensionState = "held" if suspension.state == "held" else "approved"
        next_revision = replace(suspension, state=waiting, approvals=approvals)
    return [change(state, next_revision, by=decision.who, why=decision.note or "approved")]


def _labelled(state: ResponseState, decision: DecisionMade, verb: Labelled) -> list[Decided]:
    incident = state.incident(verb.alert_id)
    # An older statement, sent again, must not undo a later one.
    if incident is None or decision.at_ms <= incident.labelled_ms:
        return []
    _count(state, incident, verb.label)
    incident.label, incident.labelled_ms = verb.label, decision.at_ms
    incident.label_decision_id = decision.decision_id
    incident.labelled_participants = incident.taken_participants
    actions: list[Decided] = [_feedback(state, incident, verb, decision)]
    if verb.label is Label.CONFIRMED:
        return actions + escalate(state, incident)
    why = verb.label.value.replace("_", " ")
    led_to = tuple(state.of_alert(verb.alert_id))
    return actions + [release(state, suspension, by=decision.who, why=why) for suspension in led_to]


def _count(state: ResponseState, incident: IncidentRecord, label: Label) -> None:
    for detector in incident.detectors:
        outcomes = state.outcomes.setdefault(detector, dict.fromkeys(Label, 0))
        if incident.label is not None:
            outcomes[incident.label] -= 1
        outcomes[label] += 1


def _feedback(
    state: ResponseState, incident: IncidentRecord, verb: Labelled, decision: DecisionMade
) -> Feedback:
    """Return what the institution's judge must know; it holds by the events' time."""
    config = state.config
    from_ms = max(incident.at_ms, decision.at_ms)
    until_ms = verb.until_ms or from_ms + config.feedback_days * DAY_MS
    false = verb.label is Label.FALSE_POSITIVE
    exemption = Exemption(
        id=f"feedback {incident.alert_id}",
        valid_from=instant_of(incident.at_ms),
        valid_to=instant_of(until_ms),
        # The work that was expected may go on as far again as it has come.
        participants_max=incident.taken_participants,
        approver=decision.who,
    )
    return Feedback(
        alert_id=incident.alert_id,
        institution=incident.institution,
        label=verb.label,
        until_ms=until_ms,
        detectors=incident.detectors,
        factor=config.false_positive_factor if false else 1.0,
        exemption=exemption if verb.label is Label.EXPECTED else None,
    )
