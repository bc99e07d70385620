"""Topics filled as fast as this machine can, so that millions of events are a matter of seconds."""

from collections.abc import Iterable, Iterator
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks.speed.workload import START_MS, STEP_MS, typical_events
from streams.ingest.codec import encode

_BATCH_BYTES: Final = 262_144
_TEMPLATES_COUNT: Final = 50_000

Record = tuple[bytes, bytes]


async def fill(bootstrap: str, topic: str, records: Iterable[Record]) -> None:
    """Produce records, each to the partition of its key, in order.

    They are packed here: the producer spends ten times as long on each that it is given singly.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=_BATCH_BYTES)
    await producer.start()
    partitions = sorted(await producer.partitions_for(topic))
    partition_of: dict[bytes, int] = {}
    choose = DefaultPartitioner()
    batches: dict[int, BatchBuilder] = {}
    for key, value in records:
        partition = partition_of.get(key)
        if partition is None:
            partition = partition_of[key] = choose(key, partitions, partitions)
        batch = batches.get(partition)
        if batch is None:
            batch = batches[partition] = producer.create_batch()
        if batch.append(key=key, value=value, timestamp=None) is None:
            await producer.send_batch(batch, topic, partition=partition)
            batch = batches[partition] = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    for partition, batch in batches.items():
        await producer.send_batch(batch, topic, partition=partition)
    await producer.stop()


def many(count: int) -> Iterator[Record]:
    """Yield typical events as they lie on Kafka: a few encoded once, with ids and times anew."""
    templates = []
    for event in typical_events(min(count, _TEMPLATES_COUNT)):
        fields = encode(event).split(b",", 2)
        if not (fields[0].startswith(b'{"id":') and fields[1].startswith(b'"time":')):
            message = "an event begins with its id and its time"
            raise AssertionError(message)
        templates.append((event.institution.encode(), fields[2]))
    for number in range(count):
        key, rest = templates[number % len(templates)]
        at_ms = START_MS + number * STEP_MS
        yield key, b'{"id":"event-%d","time":%d,%b' % (number, at_ms, rest)
