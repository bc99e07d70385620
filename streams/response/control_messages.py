"""What an exported audit says was decided, and told the judges: so that files replay as it was."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from detectors.config_schedule import Scheduled
from detectors.errors import InputError
from detectors.event import AccessEvent, UnreadEvent, time_ms
from detectors.feedback import Feedback
from detectors.register import Registered
from detectors.response.entries import DecisionMade, parse_entry
from streams.control.records import Instruction
from streams.response.journal import Followed, Journal


class TimedMessage(Struct, frozen=True, kw_only=True):
    """An instruction or a pushed configuration, and when it was recorded."""

    recorded_ms: int
    message: Instruction | Scheduled


class TimedDecision(Struct, frozen=True, kw_only=True):
    """A person's decision, and when it was recorded."""

    recorded_ms: int
    decision: DecisionMade


class ExportedAudit(Struct, frozen=True, kw_only=True):
    """What a replay takes from an audit, in its order: the rest it works out for itself."""

    control_messages: tuple[TimedMessage, ...] = ()
    decisions: tuple[TimedDecision, ...] = ()


def exported_audit(path: Path) -> ExportedAudit:
    """Return what people decided, and what judges were told, by the lines of an exported audit.

    Raises:
        StateError: its lines do not chain.
        InputError: it has lines, but none of an audit.
    """
    messages: list[TimedMessage] = []
    decisions: list[TimedDecision] = []
    journal = Journal()
    lines = path.read_bytes().splitlines()
    if lines and not any(map(_is_entry, lines)):
        problem = f"{path}: no line of it is an entry of an audit"
        raise InputError(problem)
    for line in lines:
        for followed in journal.read(line):
            message = control_message_of(followed)
            if message is not None:
                recorded_ms = journal.state.now_ms
                messages.append(TimedMessage(recorded_ms=recorded_ms, message=message))
        decision = _decision_in(line)
        if decision is not None:
            decisions.append(decision)
    return ExportedAudit(control_messages=tuple(messages), decisions=tuple(decisions))


def _is_entry(line: bytes) -> bool:
    try:
        parse_entry(line)
    except msgspec.DecodeError:
        return False
    return True


def _decision_in(line: bytes) -> TimedDecision | None:
    try:
        entry = parse_entry(line)
    except msgspec.DecodeError:
        # Not ours: the journal has said so.
        return None
    if not isinstance(entry.body, DecisionMade):
        return None
    return TimedDecision(recorded_ms=entry.recorded_ms, decision=entry.body)


def control_message_of(followed: Followed) -> Instruction | Scheduled | None:
    """Return what judges must know of an action; None where it is nothing to them."""
    action = followed.action
    if isinstance(action, Scheduled):
        return action
    if isinstance(action, Registered | Feedback):
        return Instruction(sequence=followed.sequence, body=action)
    return None


def merge_by_time(
    messages: deque[TimedMessage], events: Iterable[AccessEvent | UnreadEvent]
) -> Iterator[AccessEvent | UnreadEvent | Instruction | Scheduled]:
    """Yield `events`, and before each what was recorded by its time, which leaves `messages`."""
    for event in events:
        while messages and messages[0].recorded_ms <= time_ms(event):
            yield messages.popleft().message
        yield event
