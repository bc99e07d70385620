"""The last record of a topic of one partition: what a compacted topic says now."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.kafka.cluster import Cluster
from streams.kafka.records import Record

_TIMEOUT_MS = 5_000


async def last_record(topic: str, *, cluster: Cluster) -> Record | None:
    """Return the topic's last record, None for an empty topic."""
    consumer = AIOKafkaConsumer(**cluster.client_options(), enable_auto_commit=False)
    await consumer.start()
    try:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        begin = (await consumer.beginning_offsets([place]))[place]
        if end <= begin:
            return None
        # The last offset may be gone by compaction or be a marker: read from the beginning then.
        for start in (end - 1, begin):
            consumer.seek(place, start)
            found: Record | None = None
            while await consumer.position(place) < end:
                batch = (await consumer.getmany(place, timeout_ms=_TIMEOUT_MS)).get(place, [])
                found = batch[-1] if batch else found
                if not batch:
                    break
            if found is not None:
                return found
        return None
    finally:
        await consumer.stop()
