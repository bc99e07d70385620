"""What an exported audit told the judges, and from when on: so that files replay as it was."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from detectors.config_schedule import Scheduled
from detectors.event import AccessEvent, time_ms
from detectors.feedback import Feedback
from detectors.register import Registered
from detectors.response.journal import parse_entry
from streams.control.records import Instruction
from streams.recorder.journal import Followed, Journal


class TimedMessage(Struct, frozen=True, kw_only=True):
    """An instruction or a pushed configuration, and when it was recorded."""

    recorded_ms: int
    told: Instruction | Scheduled


def control_messages_in(path: Path) -> tuple[TimedMessage, ...]:
    """Return what an exported audit told the judges, in its order.

    Raises:
        StateError: its lines do not chain.
    """
    found: list[TimedMessage] = []
    journal = Journal()
    for line in path.read_bytes().splitlines():
        for one in journal.read(line):
            told = control_message_of(one)
            if told is not None:
                recorded_ms = parse_entry(line).recorded_ms
                found.append(TimedMessage(recorded_ms=recorded_ms, told=told))
    return tuple(found)


def control_message_of(followed: Followed) -> Instruction | Scheduled | None:
    """Return what judges must know of an action; None where it is nothing to them."""
    action = followed.action
    if isinstance(action, Scheduled):
        return action
    if isinstance(action, Registered | Feedback):
        return Instruction(sequence=followed.sequence, body=action)
    return None


def merge_by_time(
    told: deque[TimedMessage], events: Iterable[AccessEvent]
) -> Iterator[AccessEvent | Instruction | Scheduled]:
    """Yield `events`, and before each what was recorded by its time; what is told leaves `told`."""
    for event in events:
        while told and told[0].recorded_ms <= time_ms(event):
            yield told.popleft().told
        yield event
