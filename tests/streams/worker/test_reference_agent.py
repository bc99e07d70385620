import asyncio

import msgspec
import pytest

from detectors.reference import Reference, ReferenceConfig, prior_reference
from detectors.verdict import DailySummary, Run
from streams.control.records import ControlRecord, control_record, encode_reference, read_control
from streams.kafka.records import OutgoingRecord
from streams.state.envelope import StateKeys
from streams.state.positions import OffsetGapError
from streams.worker.reference_agent import DayCount
from tests.builders import KafkaRecord
from tests.desks import KEYS, OnePartitionGroup, ReferenceDesk

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


DAYS = [summary(name, day) for day in (100, 101) for name in ("north", "south", "west")]


LAST = encode_reference(
    msgspec.structs.replace(prior_reference(ReferenceConfig()), version="day-102", day=102)
)


def last_of(keys: StateKeys) -> KafkaRecord:
    """Return the last reference as it lies on its topic, signed by `keys`."""
    signed = control_record(
        "reference", LAST, topic="t.reference", partition=0, key=b"all", keys=keys
    )
    return KafkaRecord(0, signed.value, headers=signed.headers)


def test_a_day_closed_by_two_gives_a_reference_to_every_partition() -> None:
    """Recorded once, then said in each partition of the events under its header."""
    # The first of the two days gave none: it was closed before a third institution was known.
    recorded, *controls = posted_for(*DAYS)
    assert recorded.topic == "t.reference"
    reference = msgspec.json.decode(recorded.value or b"", type=Reference)
    assert (reference.day, reference.version) == (102, "day-102")
    assert [record.partition for record in controls] == list(range(PARTITIONS))
    assert {record.value for record in controls} == {recorded.value}
    read = [
        read_control(
            KafkaRecord(0, record.value, headers=record.headers),
            topic=record.topic,
            partition=partition,
            keys=KEYS,
        )
        for partition, record in enumerate(controls)
    ]
    assert read == [ControlRecord(kind="reference", value=recorded.value or b"")] * PARTITIONS


def test_the_last_reference_is_said_again_and_not_built_again() -> None:
    """After a crash between recording and saying, every partition gets it."""
    posted = posted_for(*DAYS, recorded=last_of(KEYS))
    assert [(record.topic, record.value) for record in posted] == [
        ("t.access-events", LAST)
    ] * PARTITIONS


def test_a_last_reference_that_is_not_ours_is_not_said_again() -> None:
    """Our signature would make it true; it is built anew from the summaries."""
    forged = posted_for(*DAYS, recorded=last_of(StateKeys("somebody else's key")))
    assert forged == posted_for(*DAYS)


def test_one_institution_alone_begins_no_day() -> None:
    """A wrong clock moves nobody else."""
    assert posted_for(*(summary("north", day) for day in range(100, 200))) == []


def test_a_record_that_is_no_summary_is_passed_over() -> None:
    """It is somebody else's; the reference does not depend on it."""
    assert posted_for(b"{", *DAYS) == posted_for(*DAYS)


def test_dropped_summaries_are_a_hole() -> None:
    """A reference from a part of the summaries would be wrong in silence."""
    with pytest.raises(OffsetGapError, match=r"records 0 to 4 of t\.summaries\[0\]"):
        posted_for(*DAYS, first=5)


def test_days_are_closed_in_order_and_once() -> None:
    """Days that everybody skipped are closed with the next one."""
    days = DayCount()
    closed = [
        list(days.closed(name, day)) for name, day in (("a", 1), ("b", 1), ("a", 4), ("b", 4))
    ]
    assert closed == [[], [1], [], [2, 3, 4]]
