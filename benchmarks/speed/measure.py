"""Each measurement, against one broker: the limit, replay, the worker, the naive build."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import harmonic_mean, mean, median
from threading import Timer

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from msgspec import Struct

from benchmarks.speed.running import PARTITIONS, Running, judged_count
from benchmarks.speed.workload import grab
from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.register import Register
from streams.ingest.codec import DecodeConfig, decode, decode_limits, encode
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader
from streams.replay.replay import Replay
from streams.state.envelope import DEVELOPMENT_SECRET, StateKeys
from streams.state.keys import parse_key
from streams.state.records import StateTopic
from streams.worker.dependencies import group_name

Records = list[tuple[bytes, bytes]]
_LOOK_SECONDS = 0.1
# The worker answers, and that is counted as well: look seldom, and oftener only towards the end.
_LOOK_SECONDS_MAX = 2.0
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_TOLD_SECONDS_MAX = 180.0
# An environment of their own: their dependencies do not go together with ours.
PEERS = Path(".venv-peers/bin/python")


class Rate(Struct, frozen=True, kw_only=True):
    """Events by the clock, and by the processor time they took: others may share the machine."""

    per_second: float
    per_cpu_second: float


def mean_rate(rates: Sequence[Rate]) -> Rate:
    """Return the rate of several measurements of the same work taken together."""
    return Rate(
        per_second=harmonic_mean([rate.per_second for rate in rates]),
        per_cpu_second=harmonic_mean([rate.per_cpu_second for rate in rates]),
    )


class Delay(Struct, frozen=True, kw_only=True):
    """Seconds from an event's produce to its alert."""

    median_seconds: float
    max_seconds: float


class StateSize(Struct, frozen=True, kw_only=True):
    """Bytes of state per institution, as they lie on the state topic."""

    main_bytes: float
    main_plain_bytes: float
    parts_bytes: float
    institutions_count: int


class Stopwatch:
    """Measures by the clock and by the processor time of a process, this one by default."""

    def __init__(self, process_id: int | None = None) -> None:
        """Begin."""
        self._stat = Path(f"/proc/{process_id or os.getpid()}/stat")
        self._began = (time.perf_counter(), self._cpu_seconds())

    @property
    def seconds(self) -> float:
        """Return how long it has been."""
        return time.perf_counter() - self._began[0]

    def rate(self, count: float) -> Rate:
        """Return what `count` events came to since the beginning."""
        seconds = self.seconds
        cpu_seconds = self._cpu_seconds() - self._began[1]
        return Rate(
            per_second=count / max(_TICK_SECONDS, seconds),
            per_cpu_second=count / max(_TICK_SECONDS, cpu_seconds),
        )

    def _cpu_seconds(self) -> float:
        # The name, in brackets, may hold spaces; times are the 12th and 13th field behind it.
        fields = self._stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK_SECONDS


async def limit_rate(bootstrap: str, topic: str, count: int) -> Rate:
    """Return events/s of bare aiokafka and msgspec: nothing built on them can be faster."""
    decoder = msgspec.json.Decoder(AccessEvent)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=4 * 2**20)
    await consumer.start()
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    consumer.assign(places)
    await consumer.seek_to_beginning(*places)
    read_count = 0
    watch = Stopwatch()
    while read_count < count:
        polled = await consumer.getmany(timeout_ms=1_000, max_records=4_000)
        for batch in polled.values():
            for record in batch:
                decoder.decode(record.value)
            read_count += len(batch)
    rate = watch.rate(count)
    await consumer.stop()
    return rate


def replay_rate(records: Records) -> Rate:
    """Return events/s of the replay of a file: decoded, checked, judged."""
    config = CoreConfig()
    limits = decode_limits(DecodeConfig(), config.cohort)
    replay = Replay(config, register=Register())

    def events() -> Iterator[AccessEvent]:
        for _, value in records:
            event = decode(value, limits=limits)
            assert isinstance(event, AccessEvent)  # noqa: S101 - the workload is well formed.
            yield event

    watch = Stopwatch()
    for _ in replay.effects(events()):
        pass
    return watch.rate(len(records))


def worker_rate(running: Running, count: int) -> Rate:
    """Return events/s while a backlog of `count` is judged, checkpoints included."""
    while not (before := judged_count(running.metrics)):
        time.sleep(_LOOK_SECONDS)
    watch = Stopwatch(running.process_id)
    while (judged := judged_count(running.metrics)) < count:
        left_seconds = watch.seconds * (count - judged) / max(1, judged - before)
        time.sleep(min(max(_LOOK_SECONDS, left_seconds / 2), _LOOK_SECONDS_MAX))
    return watch.rate(judged - before)


async def alert_delay(bootstrap: str, prefix: str, samples_count: int) -> Delay:
    """Return how long a grab waits for its alert while the worker is idle."""
    topic = f"{prefix}.alerts"
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    consumer.assign(places)
    await consumer.seek_to_end(*places)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, partitioner=DefaultPartitioner())
    await producer.start()
    delays = []
    for number in range(samples_count):
        event = grab(number)
        key = event.institution.encode()
        started_seconds = time.perf_counter()
        await producer.send(f"{prefix}.access-events", encode(event), key=key)
        while (await consumer.getone()).key != key:
            pass
        delays.append(time.perf_counter() - started_seconds)
    await producer.stop()
    await consumer.stop()
    return Delay(median_seconds=median(delays), max_seconds=max(delays))


def state_size(bootstrap: str, prefix: str, *, belongs: str) -> StateSize:
    """Return the bytes of the states of institutions whose name begins with `belongs`."""
    keys = StateKeys(DEVELOPMENT_SECRET)
    topic = StateTopic(f"{prefix}.state", app=group_name(prefix), keys=keys)
    mains: dict[str, int] = {}
    plains: dict[str, int] = {}
    parts: dict[bytes, int] = {}
    with TopicReader(topic.topic, cluster=unprotected(bootstrap)) as reader:
        for partition in reader.partitions:
            for record in (record for batch in reader.records(partition) for record in batch):
                raw_key, value = record.key or b"", record.value
                owner = parse_key(raw_key)
                if owner.institution is None or not owner.institution.startswith(belongs):
                    continue
                if owner.part is not None:
                    parts[raw_key] = len(value or b"")
                elif value is not None:
                    saved = topic.saved(partition, raw_key, value)
                    mains[owner.institution] = len(value)
                    plains[owner.institution] = len(saved.payload) if saved else 0
    return StateSize(
        main_bytes=mean(mains.values()),
        main_plain_bytes=mean(plains.values()),
        parts_bytes=sum(parts.values()) / len(mains),
        institutions_count=len(mains),
    )


def naive_rate(bootstrap: str, topic: str, *, count: int, home: Path) -> Rate:
    """Return events/s of the naive build on the same topic."""
    home_of = str(home / "naive")
    arguments = [bootstrap, topic, str(PARTITIONS), str(count), home_of]
    return _told_rate([sys.executable, "-m", "benchmarks.speed.naive", *arguments])


def peer_rate(name: str, bootstrap: str, topic: str, *, count: int) -> Rate | None:
    """Return events/s of our judge on another framework; None where that is not installed."""
    if not PEERS.exists():
        return None
    module = f"benchmarks.speed.peer_{name}"
    return _told_rate([str(PEERS), "-m", module, bootstrap, topic, str(count)])


def _told_rate(command: list[str]) -> Rate:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    end = Timer(_TOLD_SECONDS_MAX, process.kill)
    end.start()
    try:
        for line in process.stdout or ():
            if line.startswith(b"RATE "):
                _, per_second, per_cpu_second = line.split()
                return Rate(per_second=float(per_second), per_cpu_second=float(per_cpu_second))
    finally:
        end.cancel()
        process.kill()
        process.wait()
    message = f"{command[2]} ended without a rate"
    raise RuntimeError(message)
