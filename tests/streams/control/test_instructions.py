"""Instructions of the response in a partition: the worker and a replay obey them alike."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.feedback import Feedback, Label
from detectors.instants import HOUR_MS
from detectors.register import Institution, Register, Registered
from detectors.snapshot import dump
from detectors.verdict import RaiseAlert
from streams.control.records import INSTRUCTION, Instruction, control_record, encode_instruction
from streams.replay.replay import Replay
from streams.sinks import alerts
from tests.builders import KafkaRecord, taking
from tests.desks import KEYS, JudgeDesk
from tests.streams.worker.reference_desk import unknown_references, with_days

CORE = CoreConfig()
DETECTORS = ("excess", "sweep", "drip", "volume", "multivariate")


def event(number: int) -> AccessEvent:
    """Return a theft, an hour after the one before."""
    time = 1_767_600_000_000 + number * HOUR_MS
    return taking(41_200, first=number * 42_000, id=f"e{number}", time=time)


def instruction(sequence: int, body: Registered | Feedback) -> Instruction:
    """Return an instruction."""
    return Instruction(sequence=sequence, body=body)


def entry(cap: int) -> Registered:
    """Return an entry with a cap."""
    return Registered(institution="north", entry=Institution(id="north", participants_max=cap))


FALSE = Feedback(
    alert_id="a1",
    institution="north",
    label=Label.FALSE_POSITIVE,
    until_ms=1_767_600_000_000 + 4 * HOUR_MS,
    detectors=DETECTORS,
    factor=1e12,
)
EVENTS: list[AccessEvent | Instruction] = [
    instruction(3, FALSE),
    event(0),
    event(1),
    instruction(4, entry(100_000)),
    instruction(4, entry(1)),
    event(2),
    instruction(2, entry(2)),
    event(3),
    event(5),
]


def records_of(items: Sequence[AccessEvent | Instruction]) -> list[KafkaRecord]:
    """Return the partition's records."""
    records = []
    for offset, item in enumerate(items):
        if isinstance(item, Instruction):
            records.append(control(offset, encode_instruction(item)))
        else:
            records.append(KafkaRecord(offset, msgspec.json.encode(item)))
    return records


def control(offset: int, value: bytes) -> KafkaRecord:
    """Return the record of an instruction, signed."""
    signed = control_record(
        INSTRUCTION, value, topic="events", partition=0, key=b"north", keys=KEYS
    )
    return KafkaRecord(offset, signed.value, headers=signed.headers)


@settings(max_examples=20)
@given(cuts=st.sets(st.integers(min_value=1, max_value=len(EVENTS) - 1)))
def test_worker_and_replay_obey_at_the_same_event(cuts: set[int]) -> None:
    """The same alerts to the byte, the same state, however the log is cut into batches."""
    desk = JudgeDesk()
    records = records_of(EVENTS)
    bounds = [0, *sorted(cuts), len(records)]
    for start, end in pairwise(bounds):
        desk.take(records[start:end])
    replay = Replay(CORE, register=Register(), references=unknown_references())
    effects = [
        effect for effect in replay.effects(with_days(EVENTS)) if isinstance(effect, RaiseAlert)
    ]
    assert desk.values("t.alerts") == [
        alerts.record(effect, topic_prefix="t").value for effect in effects
    ]
    assert dump(desk.profile()).main == dump(replay.profiles["north"]).main
    assert desk.watcher.reasons == []
    # Behind the bar nothing was said; the cap was, as soon as it was told.
    assert effects[0].alert.at_ms == 1_767_600_000_000 + 2 * HOUR_MS


def test_an_instruction_alone_opens_a_profile() -> None:
    """An institution may be registered long before its first event."""
    desk = JudgeDesk()
    desk.take(records_of([instruction(0, entry(7))]))
    assert desk.profile().entry.participants_max == 7


def test_a_replayed_instruction_is_skipped() -> None:
    """As any record that the saved state contains already."""
    desk = JudgeDesk()
    records = records_of(EVENTS)
    desk.take(records)
    desk.take(records)
    assert desk.profile().entry.participants_max == 100_000
    assert desk.profile().state.events_count == 5


@pytest.mark.parametrize("value", [b"", b"{", b"{}", b'{"sequence": 1, "body": {"type": "x"}}'])
def test_a_broken_instruction_is_refused(value: bytes) -> None:
    """It changes nothing and stops nobody."""
    desk = JudgeDesk()
    desk.take([control(0, value)])
    assert desk.watcher.reasons == ["wrong_type"]
