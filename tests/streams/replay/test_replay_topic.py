"""Replay of a topic on a real Kafka: what the worker would say, and what it did say."""

import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner
from pyroaring import BitMap64

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.register import Register
from detectors.synthetic import WorldConfig, build_world
from detectors.verdict import NewHoldings, RaiseAlert
from streams.cli.replay import command
from streams.demo.child import Child
from streams.demo.scrape import scrape
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import send_all
from streams.kafka.log_reader import TopicReader
from streams.kafka.topics import ACCESS_EVENTS, ALERTS, HOLDINGS, raw_topic
from streams.local_broker.ports import free_ports
from streams.replay.replay import Replay
from streams.sinks.alerts import finding
from tests.streams.worker.reference_desk import unknown_references
from tests.waiting import until

pytestmark = pytest.mark.kafka

DATA = Path(__file__).parents[3] / "../shared/data"
EXAMPLES = Path(__file__).parents[3] / "docs/examples"
PARTITIONS = 3
# Of a machine that is busy with other tests.
JUDGED_SECONDS_MAX = 240.0
RawRecord = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


@pytest.fixture(scope="module")
def events() -> list[AccessEvent]:
    """Return the events of a small world with one theft."""
    config = WorldConfig(seed=3, institutions=12, days=40, warmup_days=30)
    return list(build_world(config, thefts=("smash_and_grab_v1",)).events())


class Said(msgspec.Struct):
    """The CloudEvent around a finding, whose bytes stay as they are."""

    data: msgspec.Raw


def config_file(
    path: Path, kafka: str, topic_prefix: str, *, metrics_port: int = 0, more: str = ""
) -> Path:
    """Write a config for the broker of the tests and return its path."""
    path.write_text(
        f'[kafka]\nbootstrap = "{kafka}"\ntopic_prefix = "{topic_prefix}"\n'
        f"partitions = {PARTITIONS}\nsession_timeout_seconds = 6\n\n"
        f"[metrics]\nport = {metrics_port}\n\n"
        f"[checkpoint]\ninterval_seconds = 1\n{more}"
    )
    return path


def replay_topic(
    topic: str, config: Path, alerts: Path, *, exit_code: int = 0
) -> dict[str, object]:
    """Replay a topic and return the totals."""
    result = CliRunner().invoke(
        command, [f"kafka:{topic}", "--config", str(config), "--alerts", str(alerts), "--json"]
    )
    assert result.exit_code == exit_code, result.output
    totals: dict[str, object] = json.loads(result.stdout)
    return totals


async def send_raw(
    records: list[RawRecord],
    *,
    kafka: str,
    topic: str,
    partition: int | None = None,
) -> None:
    """Send records as they are."""
    async with AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=5) as producer:
        waiting = [
            await producer.send(topic, value=value, key=key, headers=headers, partition=partition)
            for key, value, headers in records
        ]
        for future in waiting:
            await future


def by_id(lines: list[bytes]) -> dict[str, bytes]:
    """Return findings by the id of the statement."""
    return {json.loads(line)["metadata"]["uid"]: line for line in lines}


def without_event_ids(findings: dict[str, bytes]) -> dict[str, bytes]:
    """Return findings without the ids of rows, which are places: in a file, or in a topic."""
    place = re.compile(rb'"[^"]*/[^"]*:[0-9]+"')
    return {uid: place.sub(b'"a place"', line) for uid, line in findings.items()}


def test_a_topic_gives_the_alerts_of_its_events(
    events: list[AccessEvent], kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """To the byte, and in the same order at every replay."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=PARTITIONS)
    topic = ACCESS_EVENTS.full_name(topic_prefix)
    config = config_file(tmp_path / "headgate.toml", kafka, topic_prefix)
    asyncio.run(send_all(events, cluster=unprotected(kafka), topic=topic))
    totals = replay_topic(topic, config, tmp_path / "first")
    replay_topic(topic, config, tmp_path / "second")
    judged = Replay(CoreConfig(), register=Register(), references=unknown_references()).effects(
        events
    )
    expected = [finding(each.alert) for each in judged if isinstance(each, RaiseAlert)]
    written = (tmp_path / "first").read_bytes()
    assert totals["events_count"] == len(events)
    # Who has fallen silent is closed by the time of a partition, of which a plain log has none.
    by_topic, by_file = by_id(written.splitlines()), by_id(expected)
    assert {uid: line for uid, line in by_topic.items() if uid in by_file} == by_file != {}
    assert written == (tmp_path / "second").read_bytes()


def test_holdings_on_record_are_judged_for_rings(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Three institutions that divide a list among them are told of; damaged records are counted."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=PARTITIONS)
    topic = HOLDINGS.full_name(topic_prefix)
    rings = '[detectors.collusion]\nmode = "on"\n'
    config = config_file(tmp_path / "headgate.toml", kafka, topic_prefix, more=rings)
    records: list[RawRecord] = [(b"x", b"{", [])]
    for number in range(3):
        holdings = NewHoldings(
            institution=f"i{number}",
            day=1,
            at_ms=86_400_000,
            participants=BitMap64(range(number, 150_000, 3)).serialize(),
        )
        records.append((holdings.institution.encode(), msgspec.json.encode(holdings), []))
    asyncio.run(send_raw(records, kafka=kafka, topic=topic))
    totals = replay_topic(topic, config, tmp_path / "alerts")
    findings = [json.loads(line) for line in (tmp_path / "alerts").read_text().splitlines()]
    (finding,) = findings
    assert {each["uid"] for each in finding["resources"]} == {"i0", "i1", "i2"}
    assert totals["rejects"] == {"wrong_type": 1}


def test_a_missing_topic_is_not_created_by_asking(kafka: str, tmp_path: Path) -> None:
    """A typing error must not leave a topic behind."""
    config = config_file(tmp_path / "headgate.toml", kafka, "nobody")
    result = CliRunner().invoke(command, ["kafka:nobody.access-events", "--config", str(config)])
    assert "no topic nobody.access-events" in str(result.exception)


def raw_rows(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the rows of a csv log, each with its institution as key, so that its order is kept."""
    with gzip.open(path, "rb") as file:
        next(file)
        for line in file:
            row = line.rstrip(b"\r\n")
            yield row.split(b",")[1], row


@contextmanager
def worker(config: Path, home: Path) -> Iterator[Child]:
    """Run a worker until everything has been said."""
    home.mkdir()
    with Child(["worker", "--config", str(config)], log_path=home / "worker.log") as child:
        yield child


def said_on(topic: str, kafka: str) -> list[bytes]:
    """Return the values of a topic."""
    with TopicReader(topic, cluster=unprotected(kafka)) as reader:
        return [
            record.value or b""
            for partition in reader.partitions
            for batch in reader.records(partition)
            for record in batch
        ]


async def judged(address: str, *, events_count: int, child: Child) -> None:
    """Wait until the worker has judged so many events."""

    async def are_judged() -> bool:
        numbers = await scrape(address)
        return numbers is not None and numbers.judged_count >= events_count

    await until(are_judged, check=child.check, seconds_max=JUDGED_SECONDS_MAX)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["edgar", "wikiticker"])
def test_a_real_log_through_kafka_and_a_worker_gives_the_bytes_that_its_replay_gives(
    name: str, kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Raw rows, re-keyed, judged by a worker: the alerts of `headgate replay` over the file."""
    path = DATA / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"needs {path.name} beside the project")
    example = (EXAMPLES / f"{name}.toml").read_text()
    (port,) = free_ports(1)
    config = config_file(
        tmp_path / "headgate.toml", kafka, topic_prefix, metrics_port=port, more=example
    )
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=PARTITIONS, adapters=[name])
    rows: list[RawRecord] = [(key, row, []) for key, row in raw_rows(path)]
    raw = raw_topic(name).full_name(topic_prefix)
    asyncio.run(send_raw(rows, kafka=kafka, topic=raw))
    with worker(config, tmp_path / "worker") as child:
        address = f"http://127.0.0.1:{port}/metrics"
        asyncio.run(judged(address, events_count=len(rows), child=child))
    findings = [
        bytes(msgspec.json.decode(value, type=Said).data)
        for value in said_on(ALERTS.full_name(topic_prefix), kafka)
    ]
    alerts = tmp_path / "alerts"
    arguments = [str(path), "--config", str(config), "--alerts", str(alerts)]
    assert CliRunner().invoke(command, arguments).exit_code == 0
    from_topic, from_file = by_id(findings), by_id(alerts.read_bytes().splitlines())
    assert without_event_ids(from_topic) == without_event_ids(from_file) != {}
