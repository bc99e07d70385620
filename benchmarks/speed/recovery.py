"""How long a start takes with saved states, beside a start without and a bare read of them."""

import asyncio
import time
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

from benchmarks.speed.filling import fill
from benchmarks.speed.growth import spread
from benchmarks.speed.running import PARTITIONS, judged_count, worker
from streams.ingest.codec import encode
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected

# What nobody can do without, twice, and time for a process to start and a group to form.
BARE_READS_ALLOWED: Final = 2
SECONDS_ALLOWED: Final = 5.0
_LOOK_SECONDS: Final = 0.2


class Recovery(Struct, frozen=True, kw_only=True):
    """From the start of the process until it is ready to judge."""

    institutions_count: int
    state_bytes: int
    bare_read_seconds: float
    start_seconds: float
    start_without_states_seconds: float
    allowed_seconds: float

    def __str__(self) -> str:
        """Return it as one reads it."""
        return f"recovery: {self.start_seconds:.1f} s of allowed {self.allowed_seconds:.1f} s"


def recovery(bootstrap: str, home: Path, *, institutions: int) -> Recovery:
    """Save so many states, and return how long it takes to read them back."""
    prefix = f"recovery-{institutions}"
    ensure_topics(unprotected(bootstrap), prefix=prefix, partitions=PARTITIONS)
    without_seconds = _start_seconds(bootstrap, prefix, home)
    events = spread(2 * institutions, institutions=institutions)
    records = [(event.institution.encode(), encode(event)) for event in events]
    asyncio.run(fill(bootstrap, f"{prefix}.access-events", records))
    with worker(bootstrap, prefix, home) as running:
        while judged_count(running.metrics) < len(records):
            time.sleep(_LOOK_SECONDS)
    state_bytes, bare_seconds = asyncio.run(_bare_read(bootstrap, f"{prefix}.state"))
    return Recovery(
        institutions_count=institutions,
        state_bytes=state_bytes,
        bare_read_seconds=bare_seconds,
        start_seconds=_start_seconds(bootstrap, prefix, home),
        start_without_states_seconds=without_seconds,
        allowed_seconds=BARE_READS_ALLOWED * bare_seconds + SECONDS_ALLOWED,
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
    for position in places:
        while await consumer.position(position) < ends[position]:
            for batch in (await consumer.getmany(timeout_ms=1_000)).values():
                size_bytes += sum(len(record.value or b"") for record in batch)
    seconds = time.perf_counter() - began
    await consumer.stop()
    return size_bytes, seconds
