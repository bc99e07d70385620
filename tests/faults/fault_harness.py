"""Where workers are struck: a broker behind a proxy, topics of one's own, and what came out."""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from kafka import KafkaAdminClient
from msgspec import Struct

from streams.exits import ExitCode
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader
from streams.kafka.records import TopicRecord
from streams.kafka.topics import wanted_topics
from streams.local_broker.broker import LocalBroker
from streams.local_broker.ports import free_ports
from streams.worker.dependencies import group_name
from tests.faults.audit import audit_differences, is_recorded
from tests.faults.broken import WHOLE
from tests.faults.fork_server import ForkServer
from tests.faults.oracle import Sent, expected_states, oracle_over, received, saved_states
from tests.faults.proxy import Proxy
from tests.faults.references import reference_differences
from tests.faults.source import Source
from tests.faults.workers import Worker, workers

PARTITIONS = 3
WORKERS = 2
SETTLE_SECONDS_MAX = 120.0
LOOK_SECONDS = 0.2
SHOWN_MAX = 5
# All that the judges, and the judge of rings, say.
OUTPUTS = ("alerts", "dead-letters", "holdings", "summaries")
EVENTS_PER_SECOND = 200
# Ends that only a defect of ours can bring about.
DEFECTS = (ExitCode.BUG, ExitCode.STATE_REFUSED, ExitCode.TOO_MANY_DEAD_LETTERS)
BEHIND_PROXY = """\
log.cleaner.backoff.ms=200
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:{{port}},BEHIND://127.0.0.1:{behind},\
CONTROLLER://127.0.0.1:{{controller_port}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},BEHIND://127.0.0.1:{proxy}
"""
CONFIG = """\
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = {partitions}
[detectors.collusion]
mode = "on"
[checkpoint]
interval_seconds = 0.5
timeout_seconds = 5
[metrics]
port = 0
"""


class Ground(Struct, frozen=True, kw_only=True):
    """A broker that workers reach through a proxy, others directly; and their fork server."""

    broker: LocalBroker
    proxy: Proxy
    fork_server: ForkServer


class FaultHarness(Struct, frozen=True, kw_only=True):
    """One run: whom it strikes, and with what names."""

    ground: Ground
    prefix: str
    workers: list[Worker]
    source: Source

    @property
    def bootstrap(self) -> str:
        """The broker, past the proxy."""
        return self.ground.broker.bootstrap

    def wait_until(
        self, is_so: Callable[[], bool], *, seconds_max: float = SETTLE_SECONDS_MAX
    ) -> None:
        """Look at the world until it is so, restarting workers meanwhile."""
        end = time.monotonic() + seconds_max
        while not is_so():
            ended = [worker.ended for worker in self.workers]
            assert time.monotonic() < end, f"{is_so}: not in {seconds_max} s; ended: {ended}"
            self.tend()
            time.sleep(LOOK_SECONDS)

    def pass_time(self, seconds: float, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, restarting workers meanwhile; less of it where something is so earlier."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not unless():
            self.tend()
            time.sleep(min(left, LOOK_SECONDS))

    def tend(self) -> None:
        """Restart what has ended."""
        for worker in self.workers:
            worker.tend()

    def are_ready(self) -> bool:
        """Return whether every worker says so."""
        return all(worker.is_ready() for worker in self.workers)

    def settle(self) -> None:
        """Return once everything sent is judged, committed and recorded, and nobody is starting."""
        self.wait_until(partial(self._is_done, "access-events"))
        self.wait_until(partial(self._is_done, "holdings"))
        self.wait_until(partial(is_recorded, self.bootstrap, self.prefix))
        self.wait_until(self.are_ready)

    def _is_done(self, name: str) -> bool:
        return lag(self.bootstrap, self.prefix, name=name) == 0

    def send_more(self, count: int) -> None:
        """Send about so many events after those of the source."""
        source = self.source.after()
        with source:
            self.wait_until(lambda: source.has_sent(source.first + count))
        self.source.sent_count = source.sent_count

    def compared(self, *, removed: Sequence[TopicRecord] = ()) -> "Outcome":
        """Settle, stop, and compare what came out with what must have.

        `removed` are records that were judged, and are not on the topic any more.
        """
        try:
            self.settle()
        except AssertionError as error:
            return Outcome(differences=[f"stuck: {error}"])
        leaving = [worker for worker in self.workers if worker.process]
        for worker in leaving:
            worker.ask_to_leave()
        return outcome(self, [worker.leaves() for worker in leaving], removed=removed)


@contextlib.contextmanager
def battle(
    ground: Ground,
    home: Path,
    *,
    name: str,
    seed: int = 7,
    hot_ratio: float = 0.0,
    per_second: int = EVENTS_PER_SECOND,
    workers_count: int = WORKERS,
    addresses: str | None = None,
    broken: str = WHOLE,
) -> Iterator[FaultHarness]:
    """Make topics, start workers, prepare a source, and leave nothing of them behind.

    The workers go through the proxy, or by `addresses` where these are given, and keep to all
    rules but the one that is `broken`.
    """
    prefix = f"faults-{name}-{uuid.uuid4().hex[:6]}"
    bootstrap = ground.broker.bootstrap
    through = addresses or f"127.0.0.1:{ground.proxy.port}"
    config = config_file(home, bootstrap=through, prefix=prefix)
    source = Source(
        addresses or bootstrap,
        f"{prefix}.access-events",
        partitions=PARTITIONS,
        seed=seed,
        per_second=per_second,
        hot_ratio=hot_ratio,
    )
    log = home / f"{prefix}.log"
    with (
        topics(bootstrap, prefix),
        workers(
            config,
            log,
            fork_server=ground.fork_server,
            count=workers_count,
            places=WORKERS + 1,
            broken=broken,
        ) as running_workers,
    ):
        yield FaultHarness(ground=ground, prefix=prefix, workers=running_workers, source=source)


@contextlib.contextmanager
def ground(home: Path) -> Iterator[Ground]:
    """Start a broker, whose data outlive its restarts, and the proxy before it."""
    proxy = Proxy()
    (behind,) = free_ports(1)
    properties = BEHIND_PROXY.format(behind=behind, proxy=proxy.port)
    proxy.start(behind)
    try:
        with (
            ForkServer() as fork_server,
            LocalBroker(data_dir=home / "kafka", properties=properties) as broker,
        ):
            yield Ground(broker=broker, proxy=proxy, fork_server=fork_server)
    finally:
        proxy.close()


def config_file(home: Path, *, bootstrap: str, prefix: str) -> Path:
    """Write the workers' configuration and return its path."""
    path = home / "headgate.toml"
    path.write_text(CONFIG.format(bootstrap=bootstrap, prefix=prefix, partitions=PARTITIONS))
    return path


@contextlib.contextmanager
def topics(bootstrap: str, prefix: str) -> Iterator[None]:
    """Make topics of one's own; remove them, so that many runs do not wear the broker out."""
    ensure_topics(unprotected(bootstrap), prefix=prefix, partitions=PARTITIONS)
    yield
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        admin.delete_topics([topic.full_name(prefix) for topic in wanted_topics()])


def lag(bootstrap: str, prefix: str, *, name: str = "access-events") -> int:
    """Return how many records of an input are not committed."""
    topic = f"{prefix}.{name}"
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        offsets = admin.list_group_offsets([group_name(prefix)])[group_name(prefix)]
    with TopicReader(topic, cluster=unprotected(bootstrap)) as reader:
        ends = sum(reader.end(partition) for partition in reader.partitions)
    committed = [position.offset for tp, position in offsets.items() if tp.topic == topic]
    return int(ends - sum(committed))


class Outcome(Struct, frozen=True, kw_only=True):
    """What one run came to."""

    differences: list[str]
    sent_count: int = 0
    outputs_count: int = 0
    repeats_count: int = 0
    restarts_count: int = 0
    points_count: int = 0


def outcome(
    harness: FaultHarness, stopped: Sequence[tuple[int, float]], *, removed: Sequence[TopicRecord]
) -> Outcome:
    """Compare what came out with an undisturbed oracle over what went in."""
    bootstrap, prefix = harness.bootstrap, harness.prefix
    oracle = oracle_over(bootstrap, prefix, removed=removed)
    sent = [
        (name, record.key, record.value)
        for name in (f"{prefix}.{output}" for output in OUTPUTS)
        for record in received(bootstrap, name)
    ]
    expected = expected_states(oracle)
    saved = saved_states(bootstrap, prefix, partitions=PARTITIONS)
    codes = [code for worker in harness.workers for code in worker.ended]
    differences = [
        *_said("missing", oracle.sent - set(sent)),
        *_said("invented", set(sent) - oracle.sent),
        *(f"state of {owner} differs" for owner in expected if saved.get(owner) != expected[owner]),
        *(f"state of {owner} is nobody's" for owner in saved.keys() - expected.keys()),
        *(f"a worker ended with {ExitCode(code).name}" for code in codes if code in DEFECTS),
        *(f"a worker ended with {code} when told to stop" for code, _ in stopped if code != 0),
        *(f"a worker took {took:.1f} s to stop" for _, took in stopped if took >= 10),
        *audit_differences(bootstrap, prefix),
        *reference_differences(bootstrap, prefix, partitions=PARTITIONS),
    ]
    return Outcome(
        differences=differences,
        sent_count=harness.source.sent_count,
        outputs_count=len(oracle.sent),
        repeats_count=len(sent) - len(set(sent)),
        restarts_count=len(codes),
        points_count=sum(worker.points_count for worker in harness.workers),
    )


def _said(what: str, records: set[Sent]) -> list[str]:
    """Return records as text that a failure can show whole; the rest is counted."""
    lines = sorted(f"{what}: {topic} {key!r} {value!r}" for topic, key, value in records)
    more = [f"{what}: {len(lines) - SHOWN_MAX} more"] if len(lines) > SHOWN_MAX else []
    return lines[:SHOWN_MAX] + more
