"""Event-to-alert delay while events come at their own pace, whether we keep up or not.

Every event has an intended time to be sent, drawn before: 5,000 a second on average, in bursts
whose sizes have a heavy tail. Delays count from the intended time, so that a sender who is held
up cannot hide what its events waited.
"""

import asyncio
import contextlib
import random
import time
from statistics import quantiles
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from msgspec import Struct

from benchmarks.speed.workload import START_MS, grab, typical_events
from detectors.event import AccessEvent
from streams.ingest.codec import encode

PER_SECOND: Final = 5_000
BURST_SHAPE: Final = 1.5
BURST_MAX: Final = 20_000
GRAB_EVERY: Final = 100
_WAIT_SECONDS_MAX: Final = 60.0


class OpenLoop(Struct, frozen=True, kw_only=True):
    """Delays from the intended time of sending to the alert's arrival, under load."""

    events_per_second: float
    samples_count: int
    missing_count: int
    p50_seconds: float
    p99_seconds: float
    max_seconds: float


def schedule(count: int, *, seed: int = 3) -> list[float]:
    """Return when each event is to be sent, in seconds from the beginning."""
    source = random.Random(seed)
    times: list[float] = []
    at = 0.0
    while len(times) < count:
        burst = min(BURST_MAX, int(source.paretovariate(BURST_SHAPE)))
        times += [at] * burst
        at += burst / PER_SECOND * source.uniform(0.5, 1.5)
    return times[:count]


def events(count: int) -> list[AccessEvent]:
    """Return typical events, every hundredth of which is one that trips an alert at once."""
    sent = list(typical_events(count, seed=5))
    for number in range(GRAB_EVERY - 1, count, GRAB_EVERY):
        theft = msgspec.structs.replace(grab(number), institution=f"open-{number}", time=START_MS)
        sent[number] = theft
    return sent


async def open_loop(bootstrap: str, prefix: str, *, seconds: float, partitions: int) -> OpenLoop:
    """Send for so long, and return what the alerts waited."""
    count = int(seconds * PER_SECOND)
    times, sent = schedule(count), events(count)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    places = [TopicPartition(f"{prefix}.alerts", partition) for partition in range(partitions)]
    consumer.assign(places)
    await consumer.seek_to_end(*places)
    intended: dict[bytes, float] = {}
    delays: dict[bytes, float] = {}
    began = time.perf_counter()
    wanted_count = count // GRAB_EVERY
    hearing = asyncio.create_task(_hear(consumer, intended, delays, wanted_count=wanted_count))
    await _send(bootstrap, f"{prefix}.access-events", sent, times, intended, began=began)
    sent_seconds = time.perf_counter() - began
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(hearing, _WAIT_SECONDS_MAX)
    await consumer.stop()
    cut = quantiles(delays.values(), n=100)
    return OpenLoop(
        events_per_second=count / sent_seconds,
        samples_count=len(delays),
        missing_count=wanted_count - len(delays),
        p50_seconds=cut[49],
        p99_seconds=cut[98],
        max_seconds=max(delays.values()),
    )


async def _send(
    bootstrap: str,
    topic: str,
    sent: list[AccessEvent],
    times: list[float],
    intended: dict[bytes, float],
    *,
    began: float,
) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, partitioner=DefaultPartitioner(), linger_ms=5
    )
    await producer.start()
    for event, at in zip(sent, times, strict=True):
        ahead = began + at - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        key = event.institution.encode()
        if event.institution.startswith("open-"):
            intended[key] = began + at
        await producer.send(topic, encode(event), key=key)
    await producer.stop()


async def _hear(
    consumer: AIOKafkaConsumer,
    intended: dict[bytes, float],
    delays: dict[bytes, float],
    *,
    wanted_count: int,
) -> None:
    while len(delays) < wanted_count:
        for batch in (await consumer.getmany(timeout_ms=50)).values():
            now = time.perf_counter()
            for record in batch:
                if record.key in intended:
                    delays.setdefault(record.key, now - intended[record.key])
