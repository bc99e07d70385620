"""A broker in its last moment: it answers once more, names no broker, and is gone."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionResponse_v0
from aiokafka.protocol.metadata import MetadataResponse_v1

import streams.hooks.run
import streams.worker.run
from detectors.errors import SinkError
from streams.exits import ExitCode
from streams.hooks.config import HookConfig
from streams.kafka.bootstrap_patch import bootstrap_or_fail
from streams.kafka.cluster import unprotected
from streams.kafka.config import KafkaConfig

METADATA, API_VERSIONS = 3, 18
ANSWERS = {
    API_VERSIONS: ApiVersionResponse_v0(
        error_code=0, api_versions=[(METADATA, 0, 1), (API_VERSIONS, 0, 0)]
    ),
    METADATA: MetadataResponse_v1(brokers=[], controller_id=-1, topics=[]),
}
SECONDS_MAX = 20.0


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a start does to every client of the process."""
    monkeypatch.setattr(AIOKafkaClient, "bootstrap", AIOKafkaClient.bootstrap)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what a first contact asks, and end the connection after the brokers."""
    kind = None
    while kind != METADATA:
        size, kind, _, correlation = struct.unpack(">ihhi", await reader.readexactly(12))
        await reader.readexactly(size - 8)
        body = struct.pack(">i", correlation) + ANSWERS[kind].encode()
        writer.write(struct.pack(">i", len(body)) + body)
    await writer.drain()
    writer.close()


@asynccontextmanager
async def stopping_broker() -> AsyncIterator[str]:
    """Yield the address of a broker that knows of none."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _finds_a_broker_later() -> bool:
    async with stopping_broker() as address:
        client = AIOKafkaClient(bootstrap_servers=address)
        try:
            await client.bootstrap()
            while client._conns:
                # It notices the end of a connection when it asks.
                await client.force_metadata_update()
            return bool(await client.force_metadata_update())
        finally:
            await client.close()


def test_defect_who_meets_a_broker_that_is_being_stopped_meets_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client looks among no brokers for one, for ever; ours fails, and who began it knows."""
    assert not asyncio.run(asyncio.wait_for(_finds_a_broker_later(), SECONDS_MAX))
    monkeypatch.setattr(AIOKafkaClient, "bootstrap", bootstrap_or_fail)
    with pytest.raises(KafkaConnectionError, match="names no broker"):
        asyncio.run(asyncio.wait_for(_finds_a_broker_later(), SECONDS_MAX))


async def _run_hook() -> None:
    async with stopping_broker() as address:
        hook = SimpleNamespace(config=HookConfig())
        kafka = KafkaConfig(bootstrap=address)
        await streams.hooks.run.run(
            cast("Any", hook), kafka=kafka, cluster=unprotected(address), watch=cast("Any", None)
        )


def test_the_hook_says_that_there_is_no_kafka() -> None:
    """It would have waited for ever."""
    with pytest.raises(SinkError, match="names no broker"):
        asyncio.run(asyncio.wait_for(_run_hook(), SECONDS_MAX))


class _App:
    """An app that begins as Faust does, by meeting the cluster, and lives until it has crashed."""

    crash_reason = None

    def __init__(self, address: str) -> None:
        """Begin nothing yet."""
        self._address = address

    async def start(self) -> None:
        """Meet the cluster."""
        consumer = AIOKafkaConsumer("events", bootstrap_servers=self._address)
        try:
            await consumer.start()
        finally:
            await consumer.stop()

    async def wait_until_stopped(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


class _EndedError(Exception):
    """The process would have ended by now."""


async def _run_worker() -> None:
    async with stopping_broker() as address:
        await streams.worker.run.run(cast("Any", SimpleNamespace(app=_App(address))))


def test_a_worker_ends_to_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its supervisor will find the next broker."""

    def ended(code: ExitCode, sentence: str) -> NoReturn:
        assert code is ExitCode.CONNECTION_LOST
        raise _EndedError(sentence)

    monkeypatch.setattr(streams.worker.run, "fail_stop", ended)
    with pytest.raises(_EndedError, match="names no broker"):
        asyncio.run(asyncio.wait_for(_run_worker(), SECONDS_MAX))
