"""What an exported audit told the judges, and from when on: so that files replay as it was."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from detectors.event import AccessEvent, time_ms
from detectors.response.journal import parse_entry
from detectors.response.suspension import Suspension
from streams.control import Instruction
from streams.recorder.journal import Journal


class Told(Struct, frozen=True, kw_only=True):
    """An instruction, and when it was recorded."""

    recorded_ms: int
    instruction: Instruction


def told_in(path: Path) -> tuple[Told, ...]:
    """Return the instructions of an exported audit, in its order.

    Raises:
        StateError: its lines do not chain.
    """
    found: list[Told] = []
    journal = Journal()
    for line in path.read_bytes().splitlines():
        for one in journal.read(line):
            if not isinstance(one.action, Suspension):
                instruction = Instruction(sequence=one.sequence, body=one.action)
                recorded_ms = parse_entry(line).recorded_ms
                found.append(Told(recorded_ms=recorded_ms, instruction=instruction))
    return tuple(found)


def among(told: deque[Told], events: Iterable[AccessEvent]) -> Iterator[AccessEvent | Instruction]:
    """Yield `events`, and before each what was recorded by its time; what is told leaves `told`."""
    for event in events:
        while told and told[0].recorded_ms <= time_ms(event):
            yield told.popleft().instruction
        yield event
