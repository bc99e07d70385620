"""A few records to a topic of one partition, from a command: sent, acknowledged, done."""

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka.errors import KafkaError

from detectors.errors import SinkError
from streams.kafka.cluster import Cluster
from streams.kafka.producer import Outbox
from streams.kafka.records import OutgoingRecord

_TIMEOUT_SECONDS: Final = 20.0


def send(records: Sequence[OutgoingRecord], *, cluster: Cluster) -> None:
    """Return once the broker has all of them.

    Raises:
        SinkError: it does not take them.
    """
    try:
        asyncio.run(_send(records, cluster))
    except (KafkaError, TimeoutError) as error:
        message = f"Kafka at {cluster.bootstrap} does not take the record: {error!r}"
        raise SinkError(message) from error


async def _send(records: Sequence[OutgoingRecord], cluster: Cluster) -> None:
    outbox = Outbox(cluster=cluster, timeout_seconds=_TIMEOUT_SECONDS)
    await outbox.start()
    try:
        await outbox.durable([outbox.post(record) for record in records])
    finally:
        await outbox.stop()
