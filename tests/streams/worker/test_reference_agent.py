import asyncio

import msgspec
import pytest

from detectors.instants import DAY_MS
from detectors.verdict import DailySummary, Run
from streams.control.day_closed import DayClosed
from streams.control.reference_log import (
    DayAwaited,
    DayReference,
    Message,
    message_record,
    read_message,
)
from streams.ingest.rejects import Rejected
from streams.kafka.records import OutgoingRecord
from streams.state.envelope import StateKeys
from streams.state.positions import OffsetGapError
from tests.builders import KafkaRecord
from tests.desks import KEYS, OnePartitionGroup
from tests.streams.worker.reference_desk import ReferenceDesk

PARTITIONS = ReferenceDesk.partitions


def posted_for(
    *values: bytes, first: int = 0, recorded: KafkaRecord | None = None
) -> list[OutgoingRecord]:
    """Recover and fold summaries as one batch; return all that was posted."""
    desk = ReferenceDesk(OnePartitionGroup(committed=None), recorded=recorded)

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        await desk.give(*values, first=first)

    asyncio.run(scenario())
    assert desk.group.commits == [{0: 0}]
    return desk.outbox.posted


def summary(institution: str, day: int) -> bytes:
    """Return one institution's closed day, on which one channel was strange."""
    closed = DailySummary(
        institution=institution,
        group="",
        day=day,
        days_count=1,
        age_days=200,
        usual=(1.0, 2.0, 3.0, 4.0),
        runs={"excess/1d": Run(first_day=day, peak_day=day, peak=3.0)},
        held_participants=0,
        trusted=True,
    )
    return msgspec.json.encode(closed)


def closed(partition: int, day: int) -> bytes:
    """Return what a partition says once a day is over."""
    return msgspec.json.encode(DayClosed(partition=partition, day=day, at_ms=day * DAY_MS + 5))


def of_all(day: int) -> list[bytes]:
    """Return the summaries of a day, and that all partitions have closed it."""
    return [
        *(summary(name, day) for name in ("north", "south", "west")),
        *(closed(partition, day) for partition in range(PARTITIONS)),
    ]


DAYS = [each for day in (100, 101) for each in of_all(day)]


def messages_in(posted: list[OutgoingRecord]) -> list[Message | Rejected]:
    """Return what the records of the reference topic say."""
    assert {record.topic for record in posted} <= {"t.reference"}
    records = [KafkaRecord(0, record.value, headers=record.headers) for record in posted]
    return [read_message(record, topic="t.reference", keys=KEYS) for record in records]


def days_of(posted: list[OutgoingRecord]) -> list[int]:
    """Return of which days references were published."""
    return [message.day for message in messages_in(posted) if isinstance(message, DayReference)]


def recorded(message: Message, keys: StateKeys = KEYS) -> KafkaRecord:
    """Return a message as it lies on its topic, signed by `keys`."""
    record = message_record(message, topic="t.reference", keys=keys)
    return KafkaRecord(0, record.value, headers=record.headers)


def test_a_day_that_all_partitions_have_closed_gives_its_reference() -> None:
    """One record a day, on a topic that all read; and who closes it first says that it waits."""
    messages = messages_in(posted_for(*DAYS))
    assert [
        (type(message), message.day) for message in messages if not isinstance(message, Rejected)
    ] == [
        (DayAwaited, 100),
        (DayReference, 101),
        (DayAwaited, 101),
        (DayReference, 102),
    ]
    last = messages[-1]
    assert isinstance(last, DayReference)
    assert last.reference is not None
    assert (last.reference.day, last.reference.version) == (102, "day-102")


def test_one_partition_that_has_not_closed_a_day_holds_its_reference() -> None:
    """What it may still say of that day belongs into it."""
    assert days_of(posted_for(*DAYS[:-1])) == [101]


def test_days_that_are_closed_at_once_have_a_record_each() -> None:
    """Whoever is at one of them must find what holds there, and nothing of later days."""
    summaries = [*of_all(100), *of_all(101)[:3], *(closed(p, 104) for p in range(PARTITIONS))]
    assert days_of(posted_for(*summaries)) == [101, 102, 103, 104, 105]


def test_what_is_recorded_is_not_built_again() -> None:
    """After a crash the summaries are read again, and what holds stays."""
    posted = posted_for(*DAYS, recorded=recorded(DayReference(day=101, reference=None)))
    assert days_of(posted) == [102]


def test_a_record_that_is_not_ours_holds_nothing() -> None:
    """Its day is built from the summaries."""
    message = DayReference(day=900, reference=None)
    forged = posted_for(*DAYS, recorded=recorded(message, StateKeys("somebody else's key")))
    assert days_of(forged) == [101, 102]


def test_while_nothing_is_known_one_record_stands_for_many_days() -> None:
    """One old date must not bring about a record for each day since."""
    summaries = [closed(partition, day) for day in (100, 900) for partition in range(PARTITIONS)]
    assert days_of(posted_for(*summaries)) == [101, 901]


def test_a_record_that_is_no_summary_is_passed_over() -> None:
    """It is somebody else's; the reference does not depend on it."""
    assert messages_in(posted_for(b"{", *DAYS)) == messages_in(posted_for(*DAYS))


def test_dropped_summaries_are_a_hole() -> None:
    """A reference from a part of the summaries would be wrong in silence."""
    with pytest.raises(OffsetGapError, match=r"records 0 to 4 of t\.summaries\[0\]"):
        posted_for(*DAYS, first=5)
