"""A record that unpacks into more than memory should hold, before a worker on a real Kafka."""

import asyncio
import re
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from xxhash import xxh3_128_hexdigest

from detectors.event import AccessEvent
from streams.ingest.codec import encode
from tests.streams.worker.test_worker import received, worker
from tests.waiting import wait_until

MIB = 2**20
POISON_BYTES = 300 * MIB
# What a worker may take above what it takes at rest.
ABOVE_IDLE_MIB_MAX = 500
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 1
session_timeout_seconds = 45
[checkpoint]
interval_seconds = 0.5
[metrics]
port = 0
[mapping]
name = "log"
format = "json"
time_format = "milliseconds"
[mapping.event]
time = "time"
institution = "institution"
dataset = "dataset"
"""
EVENT = AccessEvent(
    id="e-1", time=1_775_044_800_000, institution="north", dataset="imaging", rows=3
)


def memory_mib(pid: int, name: str) -> float:
    """Return what a process holds, or has held at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(rf"{name}:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) / 1_024


async def send(bootstrap: str, topic: str, *values: bytes, codec: str) -> None:
    """Send packed records of one institution."""
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        partitioner=DefaultPartitioner(),
        compression_type=codec,
        max_request_size=2 * POISON_BYTES,
    ) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"north")


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize(
    ("topic", "codec"),
    [
        ("access-events", "gzip"),
        ("raw.log", "gzip"),
        ("access-events", "lz4"),
        ("access-events", "snappy"),
        ("access-events", "zstd"),
    ],
)
def test_a_poison_record_is_a_bounded_dead_letter_and_the_worker_goes_on(
    topic: str, codec: str, kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Its head, size and digest; the event after it is judged, within the same memory."""
    config, log = tmp_path / "headgate.toml", tmp_path / "worker.log"
    config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix))
    poison = bytes(POISON_BYTES)
    note = f"{POISON_BYTES:,} bytes, XXH128 {xxh3_128_hexdigest(poison)}"
    with worker(config, log) as process:
        idle_mib = memory_mib(process.pid, "VmRSS")
        sent = (poison, encode(EVENT), b"last")
        asyncio.run(send(kafka, f"{topic_prefix}.{topic}", *sent, codec=codec))
        wait_until(lambda: len(received(kafka, f"{topic_prefix}.dead-letters")) >= 2)
        above_mib = memory_mib(process.pid, "VmHWM") - idle_mib
        assert process.poll() is None
    first, last = received(kafka, f"{topic_prefix}.dead-letters")
    headers = dict(first.headers)
    assert headers["headgate-reason"] == b"too_large"
    assert headers["headgate-detail"] == f"a value of {note}".encode()
    assert (first.key, first.value) == (b"north", poison[:4_096])
    assert last.value == b"last"
    assert above_mib < ABOVE_IDLE_MIB_MAX
