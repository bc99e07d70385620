"""Step 7 of 7: a deliverer until it is told to stop: connected, watched, ended within seconds."""

import asyncio
import logging
import signal
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from msgspec import Struct

from detectors.errors import SinkError
from detectors.instants import SECOND_MS
from streams.hooks.config import HookConfig
from streams.hooks.follow import SuspensionConsumer
from streams.hooks.post import WebhookPoster
from streams.hooks.signature import Signer
from streams.hooks.watch import HookWatch
from streams.kafka import bootstrap_patch, bounded_batches
from streams.kafka.cluster import Cluster
from streams.kafka.config import KafkaConfig
from streams.kafka.topics import SUSPENSIONS
from streams.texts.letter import Letters

logger = logging.getLogger("headgate.hook")

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Hook(Struct, frozen=True, kw_only=True):
    """One receiver, by what right it believes us, and in which words its researchers are told."""

    url: str
    config: HookConfig
    signer: Signer
    letters: Letters


def hook_group(config: HookConfig, *, prefix: str) -> str:
    """Return the consumer group whose committed offsets are how far deliveries got."""
    return f"{prefix}-{config.name}"


async def run(hook: Hook, *, kafka: KafkaConfig, cluster: Cluster, watch: HookWatch) -> None:
    """Deliver until SIGTERM or SIGINT.

    Raises:
        SinkError: there is no Kafka.
    """
    bootstrap_patch.install()
    bounded_batches.install()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    consumer = AIOKafkaConsumer(
        **cluster.client_options(),
        group_id=hook_group(hook.config, prefix=kafka.topic_prefix),
        session_timeout_ms=int(kafka.session_timeout_seconds * SECOND_MS),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # What was never committed to the record never happened.
        isolation_level="read_committed",
    )
    topic = SUSPENSIONS.full_name(kafka.topic_prefix)
    try:
        await _start(consumer, topic, cluster=cluster)
        async with WebhookPoster(hook.url, config=hook.config, signer=hook.signer) as poster:
            suspension_consumer = SuspensionConsumer(
                consumer, poster.post, letters=hook.letters, config=hook.config, watch=watch
            )
            logger.info("Ready.")
            await suspension_consumer.follow(topic, stopping=stopping)
    except KafkaError as error:
        message = f"no Kafka at {cluster.bootstrap}: {error}"
        raise SinkError(message) from error
    finally:
        await consumer.stop()


async def _start(consumer: AIOKafkaConsumer, topic: str, *, cluster: Cluster) -> None:
    await consumer.start()
    # Looked for, because to subscribe to it would make it, with other settings than ours.
    if topic not in await consumer.topics():
        message = f"no topic {topic} on {cluster.bootstrap}; a worker makes it"
        raise SinkError(message)
