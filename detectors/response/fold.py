"""Step 7 of 7: the journal -> what is in force. The same entries give the same state and actions.

Two times pass. Risk decays by the events' own time; measures begin and end by the recorder's,
because people are stopped in the real world. Both are in the entries: no clock is read here.
"""

from detectors.config_schedule import Scheduled
from detectors.feedback import Feedback
from detectors.register import Registered
from detectors.response.changes import release
from detectors.response.decide import decided
from detectors.response.entries import AlertSeen, AuditEntry, Configured, DecisionMade
from detectors.response.escalate import on_alert
from detectors.response.push import ConfigRefused, begin_under
from detectors.response.state import ResponseState
from detectors.response.suspension import HEADGATE, Suspension
from detectors.response.withheld import Withheld

ResponseAction = Suspension | Withheld | Feedback | Registered | Scheduled | ConfigRefused


def apply(state: ResponseState, entry: AuditEntry) -> tuple[ResponseAction, ...]:
    """Take in one entry and return what follows; mostly nothing."""
    # What follows from an entry is recorded in the same moment: then nothing can have expired.
    time_passed = entry.recorded_ms > state.now_ms
    state.now_ms = max(state.now_ms, entry.recorded_ms)
    actions: list[ResponseAction] = _expired(state) if time_passed else []
    body = entry.body
    if isinstance(body, AlertSeen):
        actions += on_alert(state, body)
    elif isinstance(body, DecisionMade):
        actions += decided(state, body, sequence=entry.sequence)
    elif isinstance(body, Configured):
        state.config, state.cohort_size = body.response, body.cohort_size
        begin_under(state, body)
    return tuple(actions)


def _expired(state: ResponseState) -> list[ResponseAction]:
    due = [
        suspension
        for suspension in state.open.values()
        if suspension.expires_ms is not None and suspension.expires_ms <= state.now_ms
    ]
    return [release(state, suspension, by=HEADGATE, why="expired") for suspension in due]
