"""One reader of a topic, over a real Kafka: whole, before an offset, the last, by key."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from detectors.errors import SinkError
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import Cluster, unprotected
from streams.kafka.log_reader import (
    LogReader,
    TopicReader,
    committed_records,
    last_by_key,
    last_record,
    records_before,
)
from streams.kafka.records import TopicRecord

pytestmark = pytest.mark.kafka

PARTITIONS = 3


async def fill(cluster: Cluster, topic: str) -> None:
    """Write a committed, an aborted, and again a committed transaction to partition 0."""
    async with AIOKafkaProducer(**cluster.client_options(), transactional_id=topic) as producer:
        for commits, rows in (
            (True, [(b"a", b"1"), (b"b", b"2")]),
            (False, [(b"a", b"never")]),
            (True, [(b"b", None), (b"a", b"3"), (b"c", b"4")]),
        ):
            await producer.begin_transaction()
            for key, value in rows:
                await producer.send(topic, key=key, value=value, partition=0)
            if commits:
                await producer.commit_transaction()
            else:
                await producer.flush()
                await producer.abort_transaction()


async def values(records: AsyncIterator[TopicRecord]) -> list[bytes | None]:
    """Return the records' values in their order."""
    return [record.value async for record in records]


def test_what_is_committed_is_read_and_what_is_aborted_is_not(
    kafka: str, topic_prefix: str
) -> None:
    """Neither the records of an aborted transaction nor the markers count; the end is reached."""
    cluster, topic = unprotected(kafka), f"{topic_prefix}.register"
    ensure_topics(cluster, prefix=topic_prefix, partitions=1)
    assert asyncio.run(values(committed_records(topic, cluster=cluster))) == []
    assert asyncio.run(last_record(topic, cluster=cluster)) is None
    asyncio.run(fill(cluster, topic))
    assert asyncio.run(values(committed_records(topic, cluster=cluster))) == [
        *(b"1", b"2"),
        *(None, b"3", b"4"),
    ]
    last = asyncio.run(last_record(topic, cluster=cluster))
    assert last is not None
    assert (last.key, last.value, last.partition) == (b"c", b"4", 0)
    assert asyncio.run(last_by_key(topic, cluster=cluster)) == {b"a": b"3", b"c": b"4"}


def test_the_past_ends_before_the_offset_asked_for(kafka: str, topic_prefix: str) -> None:
    """As a consumer without isolation has it, and never a record at the offset or beyond."""
    cluster, topic = unprotected(kafka), f"{topic_prefix}.holdings"
    ensure_topics(cluster, prefix=topic_prefix, partitions=1)
    asyncio.run(fill(cluster, topic))
    # Offset 2 is the first transaction's marker.
    for end, expected in ((0, []), (1, [b"1"]), (3, [b"1", b"2"]), (4, [b"1", b"2", b"never"])):
        records = records_before(end, topic=topic, cluster=cluster)
        assert asyncio.run(values(records)) == expected


def test_partitions_are_read_one_after_the_other_and_again_the_same(
    kafka: str, topic_prefix: str
) -> None:
    """Each to the end that it had on entering, in order, however often it is asked for."""
    cluster, topic = unprotected(kafka), f"{topic_prefix}.access-events"
    ensure_topics(cluster, prefix=topic_prefix, partitions=PARTITIONS)

    async def send(count: int) -> None:
        async with AIOKafkaProducer(**cluster.client_options()) as producer:
            for number in range(count):
                await producer.send(topic, value=b"%d" % number, partition=number % PARTITIONS)

    asyncio.run(send(300))
    with TopicReader(topic, cluster=cluster) as reader:
        asyncio.run(send(30))
        assert (reader.partitions, reader.total_count) == ([0, 1, 2], 300)
        assert [reader.count_before(p) for p in (0, 1, 2)] == [0, 100, 200]
        for partition in (2, 0, 2):
            read = [r for batch in reader.records(partition) for r in batch]
            assert [r.value for r in read] == [b"%d" % n for n in range(partition, 300, PARTITIONS)]
            assert {r.partition for r in read} == {partition}


def test_a_topic_that_is_not_there_is_refused_and_not_made(kafka: str, topic_prefix: str) -> None:
    """A broker would create whatever a client asks for by name."""
    cluster, topic = unprotected(kafka), f"{topic_prefix}.nowhere"
    for _ in range(2):
        with (
            pytest.raises(SinkError, match=f"no topic {topic}"),
            TopicReader(topic, cluster=cluster),
        ):
            pass

    async def enter() -> None:
        async with LogReader(topic, cluster=cluster):
            pass

    with pytest.raises(SinkError, match=f"no topic {topic}"):
        asyncio.run(enter())
