"""`headgate hook` as people run it: a real Kafka, a real receiver, and kill -9 in between."""

import asyncio
import base64
import os
import random
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from standardwebhooks import Webhook

from detectors.response.suspension import Suspension
from streams.demo.child import Child
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import Cluster, unprotected
from streams.kafka.topics import SUSPENSIONS
from tests.waiting import until

SECRET = "whsec_" + base64.b64encode(b"h" * 32).decode()
INSTITUTIONS, EACH = 6, 20
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 1
session_timeout_seconds = 6
[hook]
url = "{url}"
metrics_port = 0
concurrency_max = 4
backoff_seconds_min = 0.01
backoff_seconds_max = 0.1
timeout_seconds = 1
dead_after_seconds = 0.3
"""
Value = Callable[[Suspension], bytes]
Make = Callable[..., Suspension]


class Platform:
    """A receiver that believes the signature, fails now and then, and applies an id once."""

    def __init__(self, *, failing_ratio: float = 0.0) -> None:
        """Fail so often, by seeded chance."""
        self.applied: dict[str, bytes] = {}
        self.repeats_count = 0
        self.changed: list[bytes] = []
        self._failing_ratio = failing_ratio
        self._chance = random.Random(7)
        self._moved = asyncio.Event()

    async def receive(self, request: web.Request) -> web.Response:
        """Refuse by chance, before or after having understood."""
        body = await request.read()
        Webhook(SECRET).verify(body, dict(request.headers))
        if self._chance.random() < self._failing_ratio:
            return web.Response(status=503)
        name = request.headers["webhook-id"]
        self.repeats_count += name in self.applied
        if self.applied.setdefault(name, body) != body:
            self.changed.append(body)
        self._moved.set()
        # What was understood may still look like a failure to who sent it.
        status = 500 if self._chance.random() < self._failing_ratio else 204
        return web.Response(status=status)

    async def until_applied(self, count: int) -> None:
        """Wait until so many different records have been applied."""
        async with asyncio.timeout(60):
            while len(self.applied) < count:
                self._moved.clear()
                await self._moved.wait()


async def send(
    records: Sequence[tuple[str, bytes | None]], *, cluster: Cluster, topic: str
) -> None:
    """Put records on the topic in a transaction, after one that never came to be."""
    producer = AIOKafkaProducer(**cluster.client_options(), transactional_id=f"{topic}-test")
    await producer.start()
    try:
        await producer.begin_transaction()
        never = (records[0][1] or b"").replace(b'"s0', b'"never')
        await producer.send(topic, key=b"never", value=never)
        await producer.abort_transaction()
        async with producer.transaction():
            for key, value in records:
                await producer.send(topic, key=key.encode(), value=value)
    finally:
        await producer.stop()


async def committed_to_the_end(bootstrap: str, prefix: str) -> None:
    """Wait until all that lies in the topic is known to be delivered."""
    place = TopicPartition(SUSPENSIONS.full_name(prefix), 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=f"{prefix}-hook", enable_auto_commit=False
    ) as consumer:
        end = (await consumer.end_offsets([place]))[place]

        async def is_delivered() -> bool:
            # The last offset is a transaction's marker.
            return bool((await consumer.committed(place) or 0) >= end - 1)

        await until(is_delivered)


def suspensions(make: Make) -> list[Suspension]:
    """Return what happens to several institutions, mixed; each has an order of its own."""
    return [
        make(
            suspension_id=f"s{number}",
            institution=f"i{number}",
            revision=revision,
            state="active" if revision % 2 else "released",
        )
        for revision in range(1, EACH + 1)
        for number in range(INSTITUTIONS)
    ]


def hook(config: Path, log: Path) -> Child:
    """Return the process, not started."""
    log.parent.mkdir(exist_ok=True)
    return Child(["hook", "--config", str(config)], log_path=log)


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put into the environment what must not be in a file."""
    monkeypatch.setenv("HEADGATE_HOOK_SECRETS", SECRET)


@pytest.mark.kafka
def test_each_suspension_takes_effect_once_and_in_order_whenever_the_hook_is_killed(
    kafka: str,
    topic_prefix: str,
    tmp_path: Path,
    served: Callable[..., Any],
    suspension: Make,
    record_value: Value,
) -> None:
    """Four times kill -9, a receiver that fails one time in five; nothing lost or overtaken."""
    changes = suspensions(suspension)
    topic = SUSPENSIONS.full_name(topic_prefix)
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=1)

    async def run() -> Platform:
        platform = Platform(failing_ratio=0.1)
        async with served(platform.receive) as url:
            config = tmp_path / "headgate.toml"
            config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix, url=url))
            records = [(change.scope_id, record_value(change)) for change in changes]
            await send(
                [*records[:60], ("gone", None), ("odd", b"?")],
                cluster=unprotected(kafka),
                topic=topic,
            )
            for life, count in enumerate((5, 30, 70, 100)):
                with hook(config, tmp_path / f"life-{life}" / "log") as process:
                    if life == 1:
                        await send(records[60:], cluster=unprotected(kafka), topic=topic)
                    await platform.until_applied(count)
                    os.kill(process.pid or 0, signal.SIGKILL)
            with hook(config, tmp_path / "last" / "log"):
                await platform.until_applied(len(changes))
                await committed_to_the_end(kafka, topic_prefix)
        return platform

    platform = asyncio.run(run())
    assert sorted(change.record_id for change in changes) == sorted(platform.applied)
    assert platform.changed == []
    # Without a repeat the kills would have shown nothing.
    assert platform.repeats_count > 0
    for number in range(INSTITUTIONS):
        got = [name for name in platform.applied if name.startswith(f"s{number}.")]
        assert got == [f"s{number}.{revision}" for revision in range(1, EACH + 1)]


@pytest.mark.kafka
def test_a_receiver_that_was_away_gets_everything_once_it_is_back(
    kafka: str,
    topic_prefix: str,
    tmp_path: Path,
    served: Callable[..., Any],
    suspension: Make,
    record_value: Value,
) -> None:
    """The hook says that it is dead, goes on trying, and ends politely when told to."""
    topic = SUSPENSIONS.full_name(topic_prefix)
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=1)
    log = tmp_path / "hook" / "log"

    async def until_logged(words: str) -> None:
        await until(lambda: words in log.read_text(), what=words)

    async def run() -> Platform:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = tmp_path / "headgate.toml"
        url = f"http://127.0.0.1:{port}/hook"
        config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix, url=url))
        changes = suspensions(suspension)[:10]
        records = [(change.scope_id, record_value(change)) for change in changes]
        await send(records, cluster=unprotected(kafka), topic=topic)
        platform = Platform()
        with hook(config, log) as process:
            await until_logged("The hook is dead")
            async with served(platform.receive, port=port):
                await platform.until_applied(10)
                await until_logged("The hook lives again.")
                os.kill(process.pid or 0, signal.SIGTERM)
                await until_logged("Ended; ")
        return platform

    platform = asyncio.run(run())
    assert sorted(platform.applied) == sorted(
        change.record_id for change in suspensions(suspension)[:10]
    )
    letter = msgspec.json.decode(platform.applied["s0.1"])["data"]["letter"]
    assert letter["title"] == "Access to the data is paused for your account"
    assert SECRET not in log.read_text()
    assert "outcome=unreachable" in log.read_text()
