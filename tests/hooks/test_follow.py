"""The deliverer and the topic: what is fetched, what is waited for, who takes over, what fails."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from detectors.errors import ConfigError
from detectors.response.suspension import Suspension
from streams.cli.hook import command
from streams.demo.child import Child
from streams.hooks import follow
from streams.hooks.config import HookConfig
from streams.hooks.delivery import Delivery, PostOutcome
from streams.hooks.follow import SuspensionConsumer
from streams.hooks.watch import HookWatch
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.topics import SUSPENSIONS
from streams.texts.config import TextsConfig
from streams.texts.letter import Letters
from tests.waiting import until

HEADGATE = "from streams.cli import main; main()"
SECRET = "whsec_" + base64.b64encode(b"f" * 32).decode()
Make = Callable[..., Suspension]
Value = Callable[[Suspension], bytes]
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 1
session_timeout_seconds = 6
[hook]
url = "{url}"
metrics_port = 0
backoff_seconds_min = 0.01
backoff_seconds_max = 0.1
"""


@pytest.fixture
def records(suspension: Make, record_value: Value) -> list[bytes]:
    """Return the records of thirty institutions, one each."""
    return [
        record_value(suspension(suspension_id=f"s{number}", institution=f"i{number}"))
        for number in range(30)
    ]


async def send(bootstrap: str, topic: str, values: list[bytes]) -> None:
    """Put records on the topic."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for value in values:
        await producer.send(topic, value=value, key=b"k")
    await producer.stop()


@pytest.mark.kafka
def test_a_dead_receiver_fills_no_memory_and_a_living_one_gets_the_rest(
    kafka: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, records: list[bytes]
) -> None:
    """Beyond a bound nothing is fetched; what is not fetched lies safely in the topic."""
    monkeypatch.setattr(follow, "WAITING_MAX", 5)
    topic = SUSPENSIONS.full_name(topic_prefix)
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=1)

    async def run() -> tuple[int, list[str]]:
        await send(kafka, topic, records)
        alive, stopping, full = asyncio.Event(), asyncio.Event(), asyncio.Event()
        delivered: list[str] = []

        class Watch(HookWatch):
            most = steps_full = 0

            def looked(self, *, waiting_count: int, tried_seconds: float) -> None:
                super().looked(waiting_count=waiting_count, tried_seconds=tried_seconds)
                self.most = max(self.most, waiting_count)
                self.steps_full += waiting_count >= 5
                if self.steps_full > 8:
                    full.set()

        async def post(delivery: Delivery) -> PostOutcome:
            if not alive.is_set():
                return PostOutcome.UNREACHABLE
            delivered.append(delivery.id)
            if len(delivered) == len(records):
                stopping.set()
            return PostOutcome.ACKNOWLEDGED

        watch = Watch(CollectorRegistry(), dead_after_seconds=300)
        async with AIOKafkaConsumer(
            bootstrap_servers=kafka,
            group_id=topic_prefix,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        ) as consumer:
            suspension_consumer = SuspensionConsumer(
                consumer,
                post,
                letters=Letters(TextsConfig()),
                config=HookConfig(backoff_seconds_min=0.01, backoff_seconds_max=0.02),
                watch=watch,
            )
            following = asyncio.create_task(suspension_consumer.follow(topic, stopping=stopping))
            async with asyncio.timeout(60):
                await full.wait()
                most = watch.most
                alive.set()
                await following
        return most, delivered

    most, delivered = asyncio.run(run())
    # A step may bring as many again as may wait.
    assert 5 <= most <= 10
    assert sorted(delivered) == sorted(f"s{number}.1" for number in range(30))


@pytest.mark.kafka
def test_a_second_hook_stands_by_and_takes_over_from_the_first(
    kafka: str,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    served: Callable[..., Any],
    records: list[bytes],
) -> None:
    """One delivers at a time; when it is killed, the other goes on where it was."""
    monkeypatch.setenv("HEADGATE_HOOK_SECRETS", SECRET)
    topic = SUSPENSIONS.full_name(topic_prefix)
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=1)
    config = tmp_path / "headgate.toml"
    logs = [tmp_path / name / "log" for name in ("one", "two")]
    for log in logs:
        log.parent.mkdir()

    async def run() -> list[str]:
        got: list[str] = []

        async def receive(request: web.Request) -> web.Response:
            got.append(request.headers["webhook-id"])
            return web.Response()

        async with served(receive) as url:
            config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix, url=url))
            arguments = ["hook", "--config", str(config)]
            with Child(arguments, log_path=logs[0]) as first:
                await until(lambda: "partitions=[0]" in logs[0].read_text())
                with Child(arguments, log_path=logs[1]):
                    await until(lambda: "partitions=[]" in _both(logs))
                    await send(kafka, topic, records[:10])
                    await until(lambda: len(set(got)) == 10)
                    alone = list(got)
                    os.kill(first.pid or 0, signal.SIGKILL)
                    await send(kafka, topic, records[10:])
                    await until(lambda: len(set(got)) == len(records))
        assert sorted(alone) == sorted(set(alone))
        return got

    assert set(asyncio.run(run())) == {f"s{number}.1" for number in range(30)}


def _both(logs: list[Path]) -> str:
    return "".join(log.read_text() for log in logs)


def hook(config: Path, text: str) -> BaseException | None:
    """Run the command under a configuration and return what it failed with."""
    config.write_text(text)
    return CliRunner().invoke(command, ["--config", str(config)]).exception


def test_what_is_missing_is_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL, then the secrets, then those that can sign."""
    config = tmp_path / "headgate.toml"
    url = '[hook]\nurl = "https://platform.example/"\n'
    errors = [hook(config, ""), hook(config, url)]
    monkeypatch.setenv("HEADGATE_HOOK_SECRETS", "short")
    errors.append(hook(config, url))
    assert all(isinstance(error, ConfigError) for error in errors)
    assert [getattr(error, "path", None) for error in errors] == [
        "hook.url",
        "HEADGATE_HOOK_SECRETS",
        "HEADGATE_HOOK_SECRETS",
    ]


def ended(config: Path, text: str, *options: str) -> tuple[int, str]:
    """Run the program under a configuration; return its exit code and its last line."""
    config.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", HEADGATE, "hook", "--config", str(config), *options],
        env=os.environ | {"HEADGATE_HOOK_SECRETS": SECRET},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr.splitlines()[-1]


def test_without_kafka_it_ends_and_says_so(tmp_path: Path) -> None:
    """Whoever supervises it starts it again."""
    text = CONFIG.format(bootstrap="127.0.0.1:1", prefix="headgate", url="http://127.0.0.1:1/")
    code, line = ended(tmp_path / "headgate.toml", text)
    assert (code, 'The command failed. detail="no Kafka at 127.0.0.1:1: ' in line) == (1, True)


def test_what_ends_it_can_be_read_by_a_machine(tmp_path: Path) -> None:
    """The last line is of the same form as all before."""
    text = CONFIG.format(bootstrap="127.0.0.1:1", prefix="headgate", url="http://127.0.0.1:1/")
    code, line = ended(tmp_path / "headgate.toml", text, "--log-format", "json")
    event = json.loads(line)
    assert (code, event["exit_code"], event["level"]) == (1, 1, "critical")
    assert event["detail"].startswith("no Kafka at 127.0.0.1:1: ")


@pytest.mark.kafka
def test_a_topic_that_is_not_there_is_not_made(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """It would be made with other settings than the table's."""
    text = CONFIG.format(bootstrap=kafka, prefix=topic_prefix, url="http://127.0.0.1:1/")
    sentence = f"no topic {topic_prefix}.suspensions on {kafka}; a worker makes it"
    for _ in range(2):
        code, line = ended(tmp_path / "headgate.toml", text)
        assert (code, f'detail="{sentence}" exit_code=1' in line) == (1, True)
