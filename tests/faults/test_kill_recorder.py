"""kill -9 of the recorder, again and again: each suspension is in force exactly once."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from detectors.register import Institution, Registered
from detectors.response.entries import AlertSeen, AuditEntry
from detectors.response.suspension import Suspension
from detectors.response.verify import verify
from detectors.verdict import Alert, AlertChange, RaiseAlert
from streams.control.records import ControlRecord, Instruction, decode_instruction, read_control
from streams.control.signature import Decision, sign
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader, committed_records
from streams.response.journal import Journal
from streams.sinks import alerts, suspensions
from streams.state.envelope import keys_from_text
from tests.builders import alert
from tests.waiting import until

SCRIPT = Path(__file__).parent / "record.py"
# The one whose public key `record.py` is configured with.
ANN = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PARTITIONS = 3
INSTITUTIONS_COUNT = 50
PAUSE_SECONDS = 0.2
DEATH_SECONDS_MAX = 20
# In a transaction: early, later, at its end. Between the journal and the judges: at once, later.
DEATHS = ("send:2", "tell:1", "tell:1", "tell:2", "send:3", "tell:3", "send:4", "send:1")
NOW_MS = 1_775_044_800_000


def statement(institution: str, *, revision: int, taken: int) -> Alert:
    """Return a statement of an institution's one incident."""
    change: AlertChange = "create" if revision == 1 else "update"
    return alert(
        alert_id=f"alert-{institution}",
        change=change,
        revision=revision,
        institution=institution,
        at_ms=NOW_MS + revision,
        started_ms=NOW_MS,
        confidence=1.0,
        sentence=f"{institution} took {taken}, 90 % of it by user u-{institution}.",
        taken_participants=taken,
        top_user=f"u-{institution}",
        top_user_share=0.9,
    )


def registered(name: str, prefix: str, revision: int) -> bytes:
    """Return the signed decision that registers an institution."""
    entry = Institution(id=name, group=f"g{revision}")
    decision = Decision(
        decision_id=name,
        note="",
        at_ms=revision,
        verb=Registered(institution=name, entry=entry),
    )
    return sign(decision, ANN, who="ann", topic=f"{prefix}.decisions")


@contextlib.contextmanager
def recorder(bootstrap: str, prefix: str, moment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a recorder that is dead by the end, whatever happens."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), bootstrap, prefix, str(PARTITIONS), moment],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


async def feed(bootstrap: str, prefix: str) -> None:
    """Send a throttle, then a suspension of each institution, and register each in between."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for revision, taken in ((1, 20), (2, 200)):
            for number in range(INSTITUTIONS_COUNT):
                name = f"i{number}"
                stated = statement(name, revision=revision, taken=taken)
                record = alerts.record(RaiseAlert(alert=stated), topic_prefix=prefix)
                await producer.send_and_wait(record.topic, record.value, key=record.key)
                await producer.send_and_wait(
                    f"{prefix}.decisions", registered(name, prefix, revision)
                )
                # The recorder must die in many transactions: what it reads comes bit by bit.
                await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await producer.stop()


async def journal(bootstrap: str, prefix: str) -> list[bytes]:
    """Return the journal's lines."""
    records = committed_records(f"{prefix}.audit", cluster=unprotected(bootstrap))
    return [record.value or b"" async for record in records]


async def suspension_records(bootstrap: str, prefix: str) -> list[Suspension]:
    """Return every suspension record that a reader of committed records is given."""
    records = committed_records(f"{prefix}.suspensions", cluster=unprotected(bootstrap))
    return [suspensions.suspension_of(record.value or b"") async for record in records]


async def play(bootstrap: str, prefix: str) -> None:
    """Let recorders die at their moments while alerts come in; let the last one finish."""
    feeding = asyncio.create_task(feed(bootstrap, prefix))
    for moment in DEATHS:
        with recorder(bootstrap, prefix, moment) as process:
            died = await asyncio.to_thread(process.wait, DEATH_SECONDS_MAX)
            assert died == -signal.SIGKILL, moment
    await feeding
    with recorder(bootstrap, prefix, "never"):
        await until_all(lambda: _seen_count(bootstrap, prefix))
        # What judges must know comes after the journal. In a thread: the reader has a loop.
        await until_all(lambda: asyncio.to_thread(_told_count, bootstrap, prefix))


async def until_all(count: Callable[[], Awaitable[int]]) -> None:
    """Return once as many are counted as were sent."""

    async def are_all() -> bool:
        return await count() >= 2 * INSTITUTIONS_COUNT

    await until(are_all)


async def _seen_count(bootstrap: str, prefix: str) -> int:
    entries = [
        msgspec.json.decode(raw, type=AuditEntry) for raw in await journal(bootstrap, prefix)
    ]
    return sum(isinstance(entry.body, AlertSeen) for entry in entries)


def _instructions(bootstrap: str, prefix: str) -> dict[int, Instruction]:
    """Return what the judges were told, by its position in the audit: a repeat says the same."""
    instructions: dict[int, Instruction] = {}
    for instruction in _all_instructions(bootstrap, prefix):
        assert instructions.setdefault(instruction.sequence, instruction) == instruction
    return instructions


def _told_count(bootstrap: str, prefix: str) -> int:
    return len(_instructions(bootstrap, prefix))


def _all_instructions(bootstrap: str, prefix: str) -> Iterator[Instruction]:
    keys = keys_from_text(None)
    topic = f"{prefix}.access-events"
    with TopicReader(topic, cluster=unprotected(bootstrap)) as reader:
        for partition in reader.partitions:
            for records in reader.records(partition):
                for record in records:
                    control = read_control(record, topic=topic, partition=partition, keys=keys)
                    assert isinstance(control, ControlRecord)
                    instruction = decode_instruction(control.value)
                    assert isinstance(instruction, Instruction)
                    yield instruction


@pytest.mark.kafka
@pytest.mark.slow
def test_each_suspension_is_in_force_exactly_once(kafka: str, topic_prefix: str) -> None:
    """Nothing lost, nothing doubled, nothing invented, and the audit is whole."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=PARTITIONS)
    asyncio.run(play(kafka, topic_prefix))
    lines = asyncio.run(journal(kafka, topic_prefix))
    assert verify(lines).problems == ()
    seen = [
        (entry.body.institution, entry.body.revision)
        for entry in (msgspec.json.decode(line, type=AuditEntry) for line in lines)
        if isinstance(entry.body, AlertSeen)
    ]
    expected = [(f"i{n}", revision) for n in range(INSTITUTIONS_COUNT) for revision in (1, 2)]
    assert sorted(seen) == sorted(expected)
    history = asyncio.run(suspension_records(kafka, topic_prefix))
    assert set(Counter(suspension.record_id for suspension in history).values()) == {1}
    last = {suspension.scope_id: suspension for suspension in history}
    states = {
        (suspension.measure, suspension.state, suspension.revision) for suspension in last.values()
    }
    assert (len(last), states) == (INSTITUTIONS_COUNT, {("suspend", "active", 2)})
    folded = Journal()
    for line in lines:
        folded.read(line)
    assert len(folded.state.open) == INSTITUTIONS_COUNT
    assert folded.state.entries["i7"].group == "g2"
