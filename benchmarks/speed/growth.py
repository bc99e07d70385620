"""What grows with institutions and participants: time per event, state, recovery."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

from benchmarks.speed.filling import fill
from benchmarks.speed.measure import Stopwatch
from benchmarks.speed.running import PARTITIONS, judged_count, worker
from benchmarks.speed.workload import COHORT, START_MS
from detectors.config import CoreConfig
from detectors.event import AccessEvent, Participants
from detectors.register import Register
from streams.codec import encode
from streams.replay import Replay
from streams.topic_admin import ensure_topics

INSTITUTIONS: Final = (10, 100, 1_000, 10_000, 100_000)
PARTICIPANTS: Final = (1, 10, 100, 1_000, 10_000, 100_000)
_STEP_MS: Final = 1_000


class Point(Struct, frozen=True, kw_only=True):
    """Events a second of one core, at one size."""

    size: int
    per_cpu_second: float


class Recovery(Struct, frozen=True, kw_only=True):
    """How long a start takes with saved states, beside a start without and a bare read of them."""

    institutions_count: int
    state_bytes: int
    bare_read_seconds: float
    start_seconds: float
    start_without_states_seconds: float


def spread(count: int, *, institutions: int) -> Iterator[AccessEvent]:
    """Yield events of so many institutions in turn."""
    for number in range(count):
        first = number * 7 % (COHORT - 20)
        yield AccessEvent(
            id=f"e{number}",
            time=START_MS + number * _STEP_MS,
            institution=f"of-{institutions}-{number % institutions}",
            dataset="imaging",
            bytes=1_000,
            participants=Participants(ranges=[(first, first + 9)]),
        )


def wide(count: int, *, participants: int) -> Iterator[AccessEvent]:
    """Yield events of twenty institutions, each with so many scattered participants."""
    for number in range(count):
        first = number * 11 % (COHORT - 4 * participants)
        yield AccessEvent(
            id=f"e{number}",
            time=START_MS + number * _STEP_MS,
            institution=f"wide-{number % 20}",
            dataset="imaging",
            bytes=1_000,
            participants=Participants(ids=list(range(first, first + 4 * participants, 4))),
        )


def cost_by_institutions() -> list[Point]:
    """Return the rate at each number of institutions, ten events of each at least."""
    counts = {size: max(20_000, min(2 * size, 200_000)) for size in INSTITUTIONS}
    return [
        Point(size=size, per_cpu_second=_rate(list(spread(counts[size], institutions=size))))
        for size in INSTITUTIONS
    ]


def cost_by_participants() -> list[Point]:
    """Return the rate at each number of participants an event."""
    counts = {size: max(40, min(20_000, 2_000_000 // size)) for size in PARTICIPANTS}
    return [
        Point(size=size, per_cpu_second=_rate(list(wide(counts[size], participants=size))))
        for size in PARTICIPANTS
    ]


def _rate(events: list[AccessEvent]) -> float:
    replay = Replay(CoreConfig(), register=Register())
    watch = Stopwatch()
    for _ in replay.effects(events):
        pass
    return watch.rate(len(events)).per_cpu_second


def recovery(bootstrap: str, home: Path, *, institutions: int) -> Recovery:
    """Save so many states, and return how long it takes to read them back."""
    prefix = f"recovery-{institutions}"
    ensure_topics(bootstrap, prefix=prefix, partitions=PARTITIONS)
    without_seconds = _start_seconds(bootstrap, prefix, home)
    made = spread(2 * institutions, institutions=institutions)
    records = [(event.institution.encode(), encode(event)) for event in made]
    asyncio.run(fill(bootstrap, f"{prefix}.access-events", records))
    with worker(bootstrap, prefix, home) as running:
        while judged_count(running.metrics) < len(records):
            time.sleep(0.2)
    state_bytes, bare_seconds = asyncio.run(_bare_read(bootstrap, f"{prefix}.state"))
    return Recovery(
        institutions_count=institutions,
        state_bytes=state_bytes,
        bare_read_seconds=bare_seconds,
        start_seconds=_start_seconds(bootstrap, prefix, home),
        start_without_states_seconds=without_seconds,
    )


def _start_seconds(bootstrap: str, prefix: str, home: Path) -> float:
    began = time.perf_counter()
    with worker(bootstrap, prefix, home):
        return time.perf_counter() - began


async def _bare_read(bootstrap: str, topic: str) -> tuple[int, float]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=4 * 2**20)
    began = time.perf_counter()
    await consumer.start()
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    consumer.assign(places)
    await consumer.seek_to_beginning(*places)
    ends = await consumer.end_offsets(places)
    size_bytes = 0
    for place in places:
        while await consumer.position(place) < ends[place]:
            for batch in (await consumer.getmany(timeout_ms=1_000)).values():
                size_bytes += sum(len(record.value or b"") for record in batch)
    seconds = time.perf_counter() - began
    await consumer.stop()
    return size_bytes, seconds
