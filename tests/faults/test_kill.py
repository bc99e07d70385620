"""Two workers, three partitions, a real Kafka, and ten faults while events come in.

Afterwards a plain walk over the topic by the pure core says what must have come out: every alert
and dead letter byte for byte, and every saved state. Repeats are allowed, but only as they were.
"""

import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from detectors.collusion import CollusionJudge
from detectors.config import CoreConfig, config_hash
from detectors.event import AccessEvent, Participants
from detectors.pipeline import Profile, adopt_reference, judge, open_profile
from detectors.reference import prior_reference
from detectors.snapshot import dump, load
from detectors.verdict import NewHoldings
from streams.app import group_name
from streams.broker import LocalBroker
from streams.codec import DecodeConfig, DecodeLimits, decode, decode_limits
from streams.control import control_kind, control_record, decode_reference, encode_reference
from streams.effects import KafkaSinks
from streams.envelope import keys_from_text
from streams.failstop import ExitCode
from streams.judge_agent import Place
from streams.outbox import Outgoing
from streams.recovered import PartitionStore
from streams.rejects import Rejected
from streams.sinks import alerts
from streams.state_topic import StateTopic
from streams.topic_admin import ensure_topics, open_admin
from streams.topic_reader import TopicReader, TopicRecord

PARTITIONS = 3
SESSION_SECONDS = 6.0
FAULTS = ("kill", "freeze") * 5
START_MS = 1_767_600_000_000
WORKER = "from streams.cli.worker import command; command()"
Sent = tuple[str, bytes | None, bytes | None]


class Source:
    """Produces seeded events until told to stop: honest, greedy, repeated, broken, control."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        """Prepare a thread of its own, so that faults do not slow it."""
        self._bootstrap, self._topic = bootstrap, topic
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._produce()))
        self.sent_count = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def has_sent(self, count: int) -> bool:
        """Return whether more than `count` events have been sent."""
        return self.sent_count > count

    async def _produce(self) -> None:
        random_source = random.Random(7)
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, partitioner=DefaultPartitioner()
        )
        await producer.start()
        while not self._stopped.is_set():
            for _ in range(20):
                await self._send(producer, random_source)
            await asyncio.sleep(0.05)
        await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, source: random.Random) -> None:
        self.sent_count += 1
        number = self.sent_count
        if number % 500 == 0:
            await self._send_reference(producer, day=number)
        institution = f"institution {source.randrange(12)}"
        key = institution.encode()
        if source.random() < 0.01:
            await producer.send(self._topic, b'{"broken": %d}' % number, key=key)
            return
        first = source.randrange(400_000)
        taken = int(source.lognormvariate(4.0, 2.0))
        event = AccessEvent(
            # One in fifty repeats the id of an earlier event.
            id=f"e{number - 50 if source.random() < 0.02 else number}",
            time=START_MS + number * 30_000 - source.randrange(60_000),
            institution=institution,
            user=f"user {source.randrange(5)}",
            dataset=source.choice(("imaging", "genomes")),
            bytes=taken * 1_000,
            participants=Participants(ranges=[(first, min(499_999, first + taken))]),
        )
        await producer.send(self._topic, msgspec.json.encode(event), key=key)

    async def _send_reference(self, producer: AIOKafkaProducer, *, day: int) -> None:
        prior = prior_reference(CoreConfig().reference)
        reference = msgspec.structs.replace(prior, version=f"day-{day}", day=day)
        for partition in range(PARTITIONS):
            made = control_record(
                "reference",
                encode_reference(reference),
                topic=self._topic,
                partition=partition,
                key=b"all",
                keys=keys_from_text(None),
            )
            await producer.send(
                self._topic, made.value, partition=partition, headers=list(made.headers)
            )


class Workers:
    """Two workers that somebody restarts whenever they end."""

    def __init__(self, config: Path, log: Path) -> None:
        """Start both."""
        self._config, self._log = config, log
        self.ended: list[int] = []
        self.processes = [self._start(), self._start()]

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", WORKER, "--config", str(self._config)]
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def tend(self) -> None:
        """Restart what has ended."""
        for place, process in enumerate(self.processes):
            code = process.poll()
            if code is not None:
                self.ended.append(code)
                self.processes[place] = self._start()

    def are_ready(self) -> bool:
        """Return whether every worker that was started and not killed says so."""
        text = self._log.read_text()
        return all(f" pid={process.pid} Ready." in text for process in self.processes)

    def stop(self) -> list[tuple[int, float]]:
        """End both by SIGTERM; return their codes and how many seconds it took."""
        found = []
        for process in self.processes:
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)
            found.append((code, time.monotonic() - began))
        return found

    def kill(self) -> None:
        """Leave nothing behind."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


class Walk:
    """What must have come out of a topic, by the pure core alone."""

    def __init__(self, prefix: str) -> None:
        """Begin with nothing."""
        self.sinks = KafkaSinks(prefix, mode="dry_run")
        self.limits: DecodeLimits = decode_limits(DecodeConfig(), CoreConfig().cohort)
        self.sent: set[Sent] = set()
        self.profiles: dict[tuple[int, str], Profile] = {}

    def partition(self, topic: str, records: Iterator[list[TopicRecord]]) -> None:
        """Walk one partition."""
        reference = prior_reference(CoreConfig().reference)
        for record in (record for batch in records for record in batch):
            if control_kind(record.headers) is not None:
                adopted = decode_reference(record.value)
                assert not isinstance(adopted, Rejected)
                reference = adopted
                continue
            place = Place(
                topic=topic,
                partition=record.partition,
                offset=record.offset,
                kafka_time_ms=record.time_ms,
            )
            event = decode(
                record.value, key=record.key, kafka_time_ms=record.time_ms, limits=self.limits
            )
            if isinstance(event, Rejected):
                self._note([self.sinks.refusal(event, Kept(record), place)])
                continue
            owner = (record.partition, event.institution)
            if owner not in self.profiles:
                self.profiles[owner] = open_profile(event.institution, config=CoreConfig())
            profile = self.profiles[owner]
            adopt_reference(profile, reference)
            for effect in judge(profile, event):
                self._note(self.sinks.effect(effect, place))

    def _note(self, records: Sequence[Outgoing]) -> None:
        self.sent |= {(record.topic, record.key, record.value) for record in records}


class Kept:
    """A record read back, as the worker saw it."""

    def __init__(self, record: TopicRecord) -> None:
        """Take over what the worker reads."""
        self.offset, self.timestamp = record.offset, record.time_ms
        self.key, self.value, self.headers = record.key, record.value, record.headers


def wait_until(true: Callable[[], bool], *, seconds_max: float, workers: Workers) -> None:
    """Look at the world until it is so, restarting workers meanwhile."""
    end = time.monotonic() + seconds_max
    while not true():
        assert time.monotonic() < end, f"not within {seconds_max} s; ended: {workers.ended}"
        workers.tend()
        time.sleep(0.2)


def lag(bootstrap: str, prefix: str, *, name: str = "access-events") -> int:
    """Return how many records of an input are not committed."""
    topic = f"{prefix}.{name}"
    with contextlib.closing(open_admin(bootstrap)) as admin:
        offsets = admin.list_group_offsets([group_name(prefix)])[group_name(prefix)]
    with TopicReader(topic, bootstrap=bootstrap) as reader:
        ends = reader.total_count
    committed = [found.offset for tp, found in offsets.items() if tp.topic == topic]
    return int(ends - sum(committed))


def received(bootstrap: str, topic: str) -> list[TopicRecord]:
    """Return every record of a topic."""
    with TopicReader(topic, bootstrap=bootstrap) as reader:
        return [r for p in reader.partitions for batch in reader.records(p) for r in batch]


def told_of_rings(bootstrap: str, prefix: str) -> set[Sent]:
    """Return what the judge of all holdings says of those that came out, in their order."""
    core = CoreConfig()
    second = CollusionJudge(
        core.detectors.collusion, cohort_size=core.cohort.size, config_hash=config_hash(core)
    )
    told = set()
    for record in received(bootstrap, f"{prefix}.holdings"):
        holdings = msgspec.json.decode(record.value or b"", type=NewHoldings)
        made = [alerts.record(effect, topic_prefix=prefix) for effect in second.add(holdings)]
        told |= {(one.topic, one.key, one.value) for one in made}
    return told


def sorted_text(sent: set[Sent]) -> list[str]:
    """Return records as text that a failure can show whole."""
    return sorted(f"{topic} {key!r} {value!r}" for topic, key, value in sent)


def states(bootstrap: str, prefix: str) -> dict[tuple[int, str], bytes]:
    """Return the main record of every saved state, as recovery reads it."""
    topic = StateTopic(f"{prefix}.state", app=group_name(prefix), keys=keys_from_text(None))
    stores = [PartitionStore() for _ in range(PARTITIONS)]
    for record in received(bootstrap, topic.topic):
        key = record.key or b""
        stores[record.partition].apply(key, topic.saved(record.partition, key, record.value))
    found = {}
    for partition, store in enumerate(stores):
        for institution, saved in store.mains.items():
            parts = {name: part.payload for name, part in store.parts.get(institution, {}).items()}
            profile = load(saved.payload, parts=parts, config=CoreConfig())
            found[partition, institution] = dump(profile).main
    return found


@contextlib.contextmanager
def two_workers(bootstrap: str, prefix: str, home: Path) -> Iterator[Workers]:
    """Run two workers, and end them whatever happens."""
    ensure_topics(bootstrap, prefix=prefix, partitions=PARTITIONS)
    config = home / "headgate.toml"
    config.write_text(
        f'[kafka]\nbootstrap = "{bootstrap}"\ntopic_prefix = "{prefix}"\n'
        f"partitions = {PARTITIONS}\nsession_timeout_seconds = {SESSION_SECONDS}\n"
        "[checkpoint]\ninterval_seconds = 1.0\n[metrics]\nport = 0\n"
    )
    found = Workers(config, home / "workers.log")
    try:
        yield found
    finally:
        found.kill()


def strike(workers: Workers, fault: str, victim: int) -> None:
    """Kill a worker at once, or freeze it until others have taken over, and wake it."""
    process = workers.processes[victim]
    if fault == "kill":
        process.kill()
        process.wait()
        return
    process.send_signal(signal.SIGSTOP)
    time.sleep(SESSION_SECONDS + 2.0)
    process.send_signal(signal.SIGCONT)
    # Whatever it held is another's by now: it must notice, and end by itself.
    assert process.wait(15) == ExitCode.LEASE_LOST


def compare(workers: Workers, source: Source, bootstrap: str, prefix: str) -> None:
    """Wait until all is judged, end the workers, and compare what came out with a plain walk."""
    topic = f"{prefix}.access-events"
    wait_until(lambda: lag(bootstrap, prefix) == 0, seconds_max=90, workers=workers)
    settled = partial(lag, bootstrap, prefix, name="holdings")
    wait_until(lambda: settled() == 0, seconds_max=90, workers=workers)
    wait_until(workers.are_ready, seconds_max=30, workers=workers)
    stopped = workers.stop()
    walk = Walk(prefix)
    with TopicReader(topic, bootstrap=bootstrap) as reader:
        for partition in reader.partitions:
            walk.partition(topic, reader.records(partition))
    walk.sent |= told_of_rings(bootstrap, prefix)
    found = [
        (name, record.key, record.value)
        for name in sorted({sent[0] for sent in walk.sent})
        for record in received(bootstrap, name)
    ]
    # Shown with -s: how hard it was, which no assertion says.
    print(  # noqa: T201
        f"{source.sent_count} events sent, workers ended with {workers.ended}, "
        f"{len(walk.sent)} outputs, {len(found) - len(set(found))} repeated; stopped {stopped}"
    )
    assert sorted_text(walk.sent - set(found)) == []
    assert sorted_text(set(found) - walk.sent) == []
    expected = {owner: dump(profile).main for owner, profile in walk.profiles.items()}
    assert expected == states(bootstrap, prefix)
    assert [code for code, _ in stopped] == [0, 0]
    assert max(seconds for _, seconds in stopped) < 10


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(420)
def test_ten_faults_lose_nothing_and_invent_nothing(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """After kills and freezes, alerts, dead letters and states equal those of a plain walk."""
    random_source = random.Random(11)
    with two_workers(kafka, topic_prefix, tmp_path) as workers:
        with Source(kafka, f"{topic_prefix}.access-events") as source:
            for fault in FAULTS:
                wait_until(workers.are_ready, seconds_max=60, workers=workers)
                moment = source.sent_count + random_source.randrange(100, 1000)
                wait_until(partial(source.has_sent, moment), seconds_max=60, workers=workers)
                strike(workers, fault, random_source.randrange(2))
                workers.tend()
        compare(workers, source, kafka, topic_prefix)


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_broker_that_crashes_and_freezes_loses_nothing(topic_prefix: str, tmp_path: Path) -> None:
    """Workers that cannot save end by themselves or wait; afterwards nothing is missing."""
    with LocalBroker() as broker:
        bootstrap = broker.bootstrap
        with two_workers(bootstrap, topic_prefix, tmp_path) as workers:
            with Source(bootstrap, f"{topic_prefix}.access-events") as source:
                wait_until(workers.are_ready, seconds_max=60, workers=workers)
                wait_until(partial(source.has_sent, 1_000), seconds_max=60, workers=workers)
                broker.kill()
                time.sleep(2.0)
                broker.restart()
                wait_until(partial(source.has_sent, 3_000), seconds_max=60, workers=workers)
                broker.pause()
                time.sleep(SESSION_SECONDS + 1.0)
                broker.resume()
                wait_until(partial(source.has_sent, 5_000), seconds_max=60, workers=workers)
            compare(workers, source, bootstrap, topic_prefix)
