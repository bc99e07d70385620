"""The past of a topic of one partition: all that lies before an offset, in order.

Faust delivers from the committed offset on. Who must know what came before reads it here, beside
the group, and leaves the loop free between two polls.
"""

from collections.abc import AsyncIterator
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from detectors.errors import SinkError
from streams.kafka.cluster import Cluster
from streams.kafka.records import Record

_POLL_MS: Final = 1_000
_POLLS_EMPTY_MAX: Final = 30
_FETCH_BYTES: Final = 4 * 2**20


async def records_before(end: int, *, topic: str, cluster: Cluster) -> AsyncIterator[Record]:
    """Yield the topic's records before the offset `end`, from the first that it still holds.

    Raises:
        SinkError: the topic gives nothing more before its end.
    """
    consumer = AIOKafkaConsumer(
        **cluster.client_options(),
        enable_auto_commit=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await consumer.start()
    try:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
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
