"""The worker as people run it, on a real Kafka: raw rows in, alerts out, a clean end."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from detectors.register import Register
from detectors.verdict import RaiseAlert
from streams.ingest.rejects import Rejected
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader
from streams.kafka.records import TopicRecord
from streams.replay.replay import Replay
from streams.settings.settings import load_settings
from streams.sinks import alerts
from tests.waiting import wait_until

MAIN = "from streams.cli import main; main()"
PARTITIONS = 3
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 3
session_timeout_seconds = 6
[checkpoint]
interval_seconds = 0.5
[metrics]
port = 0
[mapping]
name = "log"
format = "csv"
columns = ["at", "who", "taken"]
participant_separator = " "
[mapping.event]
# So that the same row of a file and of a topic has one id.
id = "digest"
time = "at"
institution = "who"
dataset = {{ constant = "imaging" }}
participants = "taken"
"""


def rows() -> list[tuple[bytes, bytes]]:
    """Return one day of rows: everybody takes a little, one takes everything."""
    records = []
    for number in range(3_000):
        who = "thief" if number % 10 == 0 else f"honest-{number % 7}"
        taken = range(number * 160, number * 160 + 400) if who == "thief" else [number % 50]
        at = f"2026-04-01T{number // 150:02}:{number % 60:02}:00Z"
        records.append((who.encode(), f"{at},{who},{' '.join(map(str, taken))}".encode()))
    return records


async def _send(bootstrap: str, topic: str, records: list[tuple[bytes, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, partitioner=DefaultPartitioner())
    await producer.start()
    for key, value in records:
        await producer.send(topic, value, key=key)
    await producer.stop()


@contextmanager
def worker(config: Path, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker, and end it whatever happens."""
    command = [sys.executable, "-c", MAIN, "worker", "--config", str(config)]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stderr=output)
    try:
        wait_until(lambda: f"pid={process.pid} Ready." in log.read_text())
        yield process
    finally:
        process.kill()
        process.wait()


def received(bootstrap: str, topic: str) -> list[TopicRecord]:
    """Return every record of a topic."""
    with TopicReader(topic, cluster=unprotected(bootstrap)) as reader:
        return [r for p in reader.partitions for batch in reader.records(p) for r in batch]


def expected_alerts(config: Path) -> set[bytes | None]:
    """Return the alerts of a replay of the same rows as a file."""
    settings = load_settings(config)
    mapping = settings.row_mapping()
    assert mapping is not None
    lines = [b"at,who,taken", *(value for _, value in rows())]
    results = [row.result for row in mapping.rows(lines, source="rows.csv")]
    events = [event for event in results if not isinstance(event, Rejected)]
    effects = Replay(settings.core, register=Register()).effects(events)
    records = [alerts.record(e, topic_prefix="t") for e in effects if isinstance(e, RaiseAlert)]
    return {record.value for record in records}


@pytest.mark.kafka
def test_rows_through_kafka_alert_as_the_same_file_does(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Re-keyed, judged, saved and ended; a second worker goes on without a repeat."""
    config, log = tmp_path / "headgate.toml", tmp_path / "worker.log"
    config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix))
    expected = expected_alerts(config)
    assert expected
    topic = f"{topic_prefix}.alerts"
    with worker(config, log) as process:
        asyncio.run(_send(kafka, f"{topic_prefix}.raw.log", rows()))
        wait_until(lambda: {record.value for record in received(kafka, topic)} >= expected)
        wait_until(lambda: len(received(kafka, f"{topic_prefix}.access-events")) >= 3_000)
        began_seconds = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert time.monotonic() - began_seconds < 10
    with worker(config, log) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    values = [record.value for record in received(kafka, topic)]
    assert (len(values), set(values)) == (len(expected), expected)


@pytest.mark.kafka
def test_every_line_of_a_worker_can_be_read_by_a_machine(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """From its start to its end, and also what Faust and the Kafka client say."""
    config, log = tmp_path / "headgate.toml", tmp_path / "worker.log"
    config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix))
    arguments = ["--config", str(config), "--log-format", "json", "--verbose"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "worker", *arguments], stderr=output
        )
    try:
        wait_until(lambda: '"event": "Ready."' in log.read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(
        line.keys() >= {"time", "level", "logger", "pid", "event"} and line["pid"] == process.pid
        for line in lines
    )
    speakers = {line["logger"].partition(".")[0] for line in lines}
    assert speakers >= {"headgate", "aiokafka"}
    judging = next(line for line in lines if line["event"] == "Judging begins.")
    assert judging["partitions"] == sorted(judging["partitions"]) != []
    assert lines[-1]["event"] == "Ended; everything judged is saved."


def test_a_worker_without_a_broker_ends_and_says_so(tmp_path: Path) -> None:
    """No hanging, no traceback: it fails before anything is judged, with one sentence."""
    config = tmp_path / "headgate.toml"
    config.write_text('[kafka]\nbootstrap = "127.0.0.1:9"\n[metrics]\nport = 0\n')
    command = [sys.executable, "-c", MAIN, "worker", "--config", str(config), "--no-create-topics"]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 1
    last_line = ended.stderr.decode().splitlines()[-1]
    assert "detail=\"can't look at the topics on 127.0.0.1:9: " in last_line
