"""Instructions of the response in a partition: the worker and a replay obey them alike."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants
from detectors.feedback import Feedback, Label
from detectors.pipeline import Profile
from detectors.register import Institution, Register, Registered
from detectors.snapshot import dump
from detectors.verdict import Effect, RaiseAlert
from streams.control.records import INSTRUCTION, Instruction, control_record, encode_instruction
from streams.ingest.codec import DecodeConfig, decode_limits
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable, Outgoing
from streams.kafka.records import Batch, RecordPosition, Span
from streams.replay.replay import Replay
from streams.sinks import alerts
from streams.state.envelope import keys_from_text
from streams.state.profiles import ProfileCore
from streams.state.protocol import StateStore
from streams.state.store import Saved
from streams.worker.batch_run import Counts
from streams.worker.judge_agent import JudgeAgent
from streams.worker.kafka_sinks import KafkaSinks

CORE = CoreConfig()
KEYS = keys_from_text(None)
HOUR_MS = 3_600_000
DETECTORS = ("excess", "sweep", "drip", "volume", "multivariate")


class Line(msgspec.Struct, frozen=True):
    """A record of the partition."""

    offset: int
    value: bytes | None
    key: bytes | None = b"north"
    timestamp: int = 1_800_000_000_000
    headers: Sequence[tuple[str, bytes]] = ()


class Desk:
    """A judge of one partition; what it posts lies open."""

    def __init__(self) -> None:
        """Begin at offset 0."""
        self.posted: list[bytes | None] = []
        self.refused_as: list[str] = []
        self.state_store: StateStore[Profile] = StateStore(ProfileCore(CORE, register=Register()))
        self.state_store.partition(0).store.partition_record = Saved(0, b"")
        self.agent = JudgeAgent(
            self.state_store,
            topic="events",
            limits=decode_limits(DecodeConfig(), CORE.cohort),
            keys=KEYS,
            base=CORE,
            sinks=KafkaSinks("t"),
            poster=self,
            watcher=self,
            dead_letter_ratio_max=0.01,
        )

    def post(self, record: Outgoing) -> Durable:
        """Keep an alert's bytes."""
        if record.topic == "t.alerts":
            self.posted.append(record.value)
        return _Done()  # type: ignore[return-value] # a future needs a loop, and nobody waits.

    def judged(self, position: RecordPosition, counts: Counts) -> None:
        """Count nothing."""

    def rejected(self, reject: Rejected, durable: Durable) -> None:
        """Keep the reason."""
        del durable
        self.refused_as.append(reject.reason.value)

    def happened(self, effect: Effect, position: RecordPosition, durable: Durable) -> None:
        """Count nothing."""

    def take(self, lines: Sequence[Line]) -> None:
        """Judge lines as one batch."""
        self.agent.handle(0, Batch(lines, Span(lines[0].offset, lines[-1].offset + 1)))

    def profile(self, institution: str = "north") -> Profile:
        """Return a live profile."""
        found = self.state_store.partition(0).profile(institution, 10**9)
        assert found is not None
        return found


class _Done:
    def done(self) -> bool:
        """Say that it is."""
        return True


def event(number: int) -> AccessEvent:
    """Return a theft, an hour after the one before."""
    first = number * 42_000
    return AccessEvent(
        id=f"e{number}",
        time=1_767_600_000_000 + number * HOUR_MS,
        institution="north",
        dataset="imaging",
        participants=Participants(ranges=[(first, first + 41_199)]),
    )


def told(sequence: int, body: Registered | Feedback) -> Instruction:
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
    told(3, FALSE),
    event(0),
    event(1),
    told(4, entry(100_000)),
    told(4, entry(1)),
    event(2),
    told(2, entry(2)),
    event(3),
    event(5),
]


def lines_of(items: Sequence[AccessEvent | Instruction]) -> list[Line]:
    """Return the partition's records."""
    found = []
    for offset, item in enumerate(items):
        if isinstance(item, Instruction):
            made = control_record(
                INSTRUCTION, encode_instruction(item), topic="events", partition=0,
                key=b"north", keys=KEYS,
            )  # fmt: skip
            found.append(Line(offset, made.value, headers=made.headers))
        else:
            found.append(Line(offset, msgspec.json.encode(item)))
    return found


@settings(max_examples=20)
@given(cuts=st.sets(st.integers(min_value=1, max_value=len(EVENTS) - 1)))
def test_worker_and_replay_obey_at_the_same_event(cuts: set[int]) -> None:
    """The same alerts to the byte, the same state, however the log is cut into batches."""
    desk = Desk()
    lines = lines_of(EVENTS)
    bounds = [0, *sorted(cuts), len(lines)]
    for start, end in pairwise(bounds):
        desk.take(lines[start:end])
    replay = Replay(CORE, register=Register(), references="recorded")
    effects = [one for one in replay.effects(EVENTS) if isinstance(one, RaiseAlert)]
    assert desk.posted == [alerts.record(one, topic_prefix="t").value for one in effects]
    assert dump(desk.profile()).main == dump(replay.profiles["north"]).main
    assert desk.refused_as == []
    # Behind the bar nothing was said; the cap was, as soon as it was told.
    assert effects[0].alert.at_ms == 1_767_600_000_000 + 2 * HOUR_MS


def test_an_instruction_alone_opens_a_profile() -> None:
    """An institution may be registered long before its first event."""
    desk = Desk()
    desk.take(lines_of([told(0, entry(7))]))
    assert desk.profile().entry.participants_max == 7


def test_a_replayed_instruction_is_skipped() -> None:
    """As any record that the saved state contains already."""
    desk = Desk()
    lines = lines_of(EVENTS)
    desk.take(lines)
    desk.take(lines)
    assert desk.profile().entry.participants_max == 100_000
    assert desk.profile().state.events_count == 5


@pytest.mark.parametrize("value", [b"", b"{", b"{}", b'{"sequence": 1, "body": {"type": "x"}}'])
def test_a_broken_instruction_is_refused(value: bytes) -> None:
    """It changes nothing and stops nobody."""
    desk = Desk()
    made = control_record(INSTRUCTION, value, topic="events", partition=0, key=b"north", keys=KEYS)
    desk.take([Line(0, made.value, headers=made.headers)])
    assert desk.refused_as == ["wrong_type"]
