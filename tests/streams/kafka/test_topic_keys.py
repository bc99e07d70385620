"""What the topics' table says of keys is what is sent, topic by topic, by those who really send."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from detectors.config import CoreConfig
from detectors.config_schedule import Scheduled
from detectors.register import Registered
from detectors.response.entries import Released
from detectors.verdict import DailySummary, NewHoldings, RaiseAlert
from streams.control.day_closed import DayClosed
from streams.decisions.submit import decision_record
from streams.ingest.rejects import RejectReason, rejected
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import EventProducer
from streams.kafka.records import OutgoingRecord, RecordPosition
from streams.kafka.topics import TOPICS, Topic, raw_topic
from streams.response.journal import Followed
from streams.response.outputs import Outputs
from streams.response.people import People
from streams.state.keys import PARTITION_RECORD_KEY, main_key, part_key
from streams.state.phases import Write
from streams.state.records import StateTopic
from streams.worker.kafka_sinks import KafkaSinks
from tests.builders import KafkaRecord, alert, event, suspension
from tests.desks import KEYS, OnePartitionGroup
from tests.streams.worker.reference_desk import ReferenceDesk

SINKS = KafkaSinks("t")
OUTPUTS = Outputs("t", People({}), partitions=1, keys=KEYS)
POSITION = RecordPosition(topic="t.access-events", partition=0, offset=3, kafka_time_ms=0)
SUMMARY = DailySummary(
    institution="north",
    group="",
    day=20_000,
    days_count=1,
    age_days=1,
    usual=(),
    runs={},
    held_participants=0,
    trusted=True,
)
HOLDINGS = NewHoldings(institution="north", day=20_000, at_ms=0, participants=b"")

# The keys that each column of the table means, for what the senders below are given.
MEANT: Final[dict[str, set[bytes | None]]] = {
    "institution; of a control record to all of them: all": {b"north", b"all"},
    "institution": {b"north"},
    "scope: a user, a project or an institution": {suspension().scope_id.encode()},
    "name of the signer": {b"ann"},
    "day/institution": {b"20000/north"},
    "day": {b"20000", b"20001"},
    "none": {None},
    "token": {b"token-1"},
    "the original key": {b"any\xff"},
    "institution, with a part of its state; or of the partition's own record: NUL 3": {
        b"north",
        b"north\x00\x02imaging@1",
        b"\x00\x03",
    },
}


class ListedProducer(EventProducer):
    """A platform's producer whose keys lie open."""

    def __init__(self) -> None:
        """Connect to nothing."""
        super().__init__(unprotected(""), topic="t.access-events")
        self.keys: list[bytes | None] = []

    async def send_bytes(self, value: bytes | None, *, key: bytes | None) -> None:
        """Keep the key."""
        del value
        self.keys.append(key)


def keys_of(records: Sequence[OutgoingRecord]) -> set[bytes | None]:
    """Return the keys of records."""
    return {record.key for record in records}


def event_keys() -> set[bytes | None]:
    """Return the keys of an event, of an institution's instruction and of a configuration."""
    producer = ListedProducer()
    asyncio.run(producer.send(event()))
    registered = Registered(institution="north", entry=None)
    scheduled = Scheduled(sequence=1, from_ms=0, config=CoreConfig())
    followed = [Followed(sequence=0, action=action) for action in (registered, scheduled)]
    return {*producer.keys, *keys_of(OUTPUTS.controls(followed))}


def reference_keys() -> set[bytes | None]:
    """Return the keys of what the builder of the reference records, of days that have closed."""

    async def scenario() -> list[OutgoingRecord]:
        desk = ReferenceDesk(OnePartitionGroup(committed=None))
        await desk.agent.recovery_complete()
        summaries = [
            msgspec.json.encode(replace(SUMMARY, institution=name, day=day))
            for day in (20_000, 20_001, 20_002)
            for name in ("north", "south", "west")
        ]
        summaries += [
            msgspec.json.encode(DayClosed(partition=partition, day=20_000, at_ms=0))
            for partition in range(ReferenceDesk.partitions)
        ]
        await desk.give(*summaries)
        return [record for record in desk.outbox.posted if record.topic == "t.reference"]

    return keys_of(asyncio.run(scenario()))


def state_keys() -> set[bytes | None]:
    """Return the keys of an institution's state, of a part of it, and of a partition's record."""
    state = StateTopic("t.state", app="t-worker", keys=KEYS)
    keys = (main_key("north"), part_key("north", "imaging@1"), PARTITION_RECORD_KEY)
    return keys_of([state.record(Write(0, key, None)) for key in keys])


def dead_letter_keys() -> set[bytes | None]:
    """Return the key of the dead letter of a record with an odd key."""
    reject = rejected(RejectReason.NOT_JSON, "no JSON")
    return keys_of([SINKS.dead_letter(reject, KafkaRecord(3, b"", b"any\xff"), POSITION)])


def decision_keys() -> set[bytes | None]:
    """Return the key of a decision that ann has signed."""
    verb, key = Released(suspension_id="s-1"), Ed25519PrivateKey.generate()
    return keys_of([decision_record(verb, key, who="ann", note="", topic="t.decisions")])


SENDERS: Final[dict[str, Callable[[], set[bytes | None]]]] = {
    "access-events": event_keys,
    "alerts": lambda: keys_of(SINKS.effect(RaiseAlert(alert=alert()), POSITION)),
    "suspensions": lambda: keys_of(
        OUTPUTS.suspensions([Followed(sequence=0, action=suspension())])
    ),
    "decisions": decision_keys,
    "register": lambda: keys_of(
        OUTPUTS.register([Followed(sequence=0, action=Registered(institution="north", entry=None))])
    ),
    "holdings": lambda: keys_of(SINKS.effect(HOLDINGS, POSITION)),
    "summaries": lambda: keys_of(SINKS.effect(SUMMARY, POSITION)),
    "reference": reference_keys,
    "audit": lambda: keys_of(OUTPUTS.lines([b"{}"])),
    "audit-people": lambda: keys_of(OUTPUTS.people({"token-1": None})),
    "dead-letters": dead_letter_keys,
    "state": state_keys,
}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_key_in_the_table_is_the_key_that_is_sent(topic: Topic) -> None:
    """Two rows have said for months what no sender did; nobody looks there unless it matters."""
    assert SENDERS[topic.name]() == MEANT[topic.key]


def test_a_foreign_format_promises_no_key() -> None:
    """Its records are keyed when they are understood."""
    assert raw_topic("log").key == "any"
