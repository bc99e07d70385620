"""A topic of one partition as its transactions left it: all that is committed, in order."""

from collections.abc import AsyncIterator
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from detectors.errors import SinkError
from streams.kafka.cluster import Cluster
from streams.kafka.records import Record

_POLL_MS: Final = 500
_POLLS_EMPTY_MAX: Final = 60
_FETCH_BYTES: Final = 8 * 2**20


async def committed_records(topic: str, *, cluster: Cluster) -> AsyncIterator[Record]:
    """Yield the topic's records up to its end of this moment; aborted ones are left out.

    Raises:
        SinkError: there is no such topic, or it gives nothing more before its end.
    """
    consumer = AIOKafkaConsumer(
        **cluster.client_options(),
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await consumer.start()
    try:
        if topic not in await consumer.topics():
            message = f"no topic {topic} on {cluster.bootstrap}"
            raise SinkError(message, recoverable=False)
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        end = (await consumer.end_offsets([place]))[place]
        empty_count = 0
        while await consumer.position(place) < end:
            records = (await consumer.getmany(place, timeout_ms=_POLL_MS)).get(place, [])
            empty_count = 0 if records else empty_count + 1
            if empty_count > _POLLS_EMPTY_MAX:
                message = f"{topic} gives nothing more before offset {end}"
                raise SinkError(message, recoverable=True)
            for record in records:
                if record.offset < end:
                    yield record
    finally:
        await consumer.stop()


async def last_by_key(topic: str, *, cluster: Cluster) -> dict[bytes, bytes]:
    """Return what a compacted topic says now: the last value of each key."""
    found: dict[bytes, bytes] = {}
    async for record in committed_records(topic, cluster=cluster):
        key = record.key or b""
        if record.value is None:
            found.pop(key, None)
        else:
            found[key] = record.value
    return found
