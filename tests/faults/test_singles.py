"""Faults that random schedules cannot draw, each on a real Kafka, each with what must follow."""

import asyncio
import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from streams.console.progress import NullProgress
from streams.exits import ExitCode
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader
from streams.state.envelope import Address, seal
from streams.state.keys import main_key
from streams.worker.dependencies import group_name
from tests.faults.fault_harness import PARTITIONS, FaultHarness, Ground, battle, ground, lag
from tests.faults.fuzz import fuzz
from tests.faults.oracle import KEYS, received, saved_states
from tests.faults.worker_under_test import CLOSING, DEAF, SESSION_SECONDS

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]

SENT_COUNT = 600
REFUSED = 1
SPOILT_COUNT = 20_000
BACKLOG_COUNT = 20_000
# Three times the longest time-out of any request.
GONE_SECONDS = 60.0


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Yield a broker behind a proxy, one for all tests."""
    with ground(tmp_path_factory.mktemp("ground")) as broker_ground:
        yield broker_ground


def judged(harness: FaultHarness) -> None:
    """Have some events judged and saved, and the worker gone."""
    with harness.source:
        harness.wait_until(harness.are_ready)
        harness.wait_until(lambda: harness.source.has_sent(SENT_COUNT))
    harness.settle()
    assert harness.workers[0].leave()[0] == 0


async def send(bootstrap: str, topic: str, *values: bytes, key: bytes, partition: int) -> None:
    """Send records as they are."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for value in values:
            await producer.send(topic, value, key=key, partition=partition)


def test_expired_records_end_the_worker_until_their_loss_is_accepted(
    field: Ground, tmp_path: Path
) -> None:
    """Nobody goes on without being told to; then, all but the lost is as if it had never been."""
    with battle(field, tmp_path, name="expired", workers_count=1) as harness:
        judged(harness)
        topic = f"{harness.prefix}.access-events"
        before = received(harness.bootstrap, topic)
        harness.send_more(SENT_COUNT)
        with TopicReader(topic, cluster=unprotected(harness.bootstrap)) as reader:
            ends = {TopicPartition(topic, p): reader.end(p) for p in reader.partitions}
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=harness.bootstrap)) as admin:
            admin.delete_records(ends)
        worker = harness.workers[0]
        worker.start()
        assert worker.ends_by_itself() == ExitCode.OFFSET_GAP
        assert (
            "removed from the topic by its retention before they were judged" in worker.log_text()
        )
        worker.start("--accept-lost-records")
        harness.wait_until(worker.is_ready)
        harness.send_more(SENT_COUNT)
        assert harness.compared(removed=before).differences == []


def test_compaction_takes_nothing_that_recovery_needs(field: Ground, tmp_path: Path) -> None:
    """The state topic is compacted down to its last records, and a killed worker goes on."""
    with battle(field, tmp_path, name="compacted", workers_count=1) as harness:
        topic = f"{harness.prefix}.state"
        at_once = {
            "min.compaction.lag.ms": "0",
            "min.cleanable.dirty.ratio": "0.0",
            "segment.ms": "100",
        }
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=harness.bootstrap)) as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, at_once)])
        with harness.source:
            harness.wait_until(harness.are_ready)
            harness.wait_until(lambda: harness.source.has_sent(4 * SENT_COUNT))
        harness.settle()

        def is_compacted() -> bool:
            with TopicReader(topic, cluster=unprotected(harness.bootstrap)) as reader:
                offsets_count = reader.total_count
            return len(received(harness.bootstrap, topic)) < offsets_count

        harness.wait_until(is_compacted, seconds_max=60)
        harness.workers[0].kill()
        harness.send_more(SENT_COUNT)
        assert harness.compared().differences == []


def is_forgotten(harness: FaultHarness) -> bool:
    """Delete the group; tell whether that could be done, for it must be empty."""
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=harness.bootstrap)) as admin:
        done = dict(admin.delete_groups([group_name(harness.prefix)]))
    return done == {group_name(harness.prefix): "OK"}


def damaged(harness: FaultHarness, kind: str) -> bytes:
    """Return a record of the state topic that nobody may take."""
    if kind == "rubbish":
        return b"rubbish"
    key = main_key("institution 3")
    address = Address(
        app=group_name(harness.prefix), topic=f"{harness.prefix}.state", partition=0, key=key
    )
    sealed = seal(b"of the future", address=address, applied_offset=10**6, keys=KEYS)
    # The byte after the magic is the schema.
    return sealed[:4] + b"\x02" + sealed[5:]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("rubbish", "is not a Headgate state"), ("future", "has schema 2, expected 1")],
)
def test_a_damaged_state_is_refused_and_can_be_rebuilt(
    kind: str, sentence: str, field: Ground, tmp_path: Path
) -> None:
    """Never taken as empty; without the topic and the group, all is judged anew, to the byte."""
    with battle(field, tmp_path, name=kind, workers_count=1) as harness:
        judged(harness)
        topic, worker = f"{harness.prefix}.state", harness.workers[0]
        key = main_key("institution 3")
        asyncio.run(send(harness.bootstrap, topic, damaged(harness, kind), key=key, partition=0))
        worker.start()
        assert worker.ends_by_itself() == ExitCode.STATE_REFUSED
        assert sentence in worker.log_text()
        harness.wait_until(partial(is_forgotten, harness))
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=harness.bootstrap)) as admin:
            admin.delete_topics([topic])
        ensure_topics(unprotected(harness.bootstrap), prefix=harness.prefix, partitions=PARTITIONS)
        worker.start()
        harness.wait_until(worker.is_ready)
        outcome = harness.compared()
        assert (outcome.differences, outcome.repeats_count > 0) == ([], True)


def test_a_broker_that_is_gone_for_longer_than_every_timeout_loses_nothing(
    field: Ground, tmp_path: Path
) -> None:
    """Workers end and are started again and again, until it is back."""
    with battle(field, tmp_path, name="gone") as harness:
        with harness.source:
            harness.wait_until(harness.are_ready)
            harness.wait_until(lambda: harness.source.has_sent(SENT_COUNT))
            field.broker.kill()
            harness.pass_time(GONE_SECONDS)
            field.broker.restart()
        ended = [code for worker in harness.workers for code in worker.ended]
        assert set(ended) <= {ExitCode.CONNECTION_LOST, ExitCode.CHECKPOINT_FAILED, REFUSED}
        assert harness.compared().differences == []


def test_a_worker_that_went_deaf_is_ended_by_its_own_watch(field: Ground, tmp_path: Path) -> None:
    """Its heartbeats keep its partitions from the other, who judges nothing of them."""
    with battle(field, tmp_path, name="deaf", workers_count=1) as harness:
        harness.workers[1].start(point=DEAF, count=20)
        with harness.source:
            harness.wait_until(harness.are_ready)
            harness.wait_until(lambda: ExitCode.STALLED in harness.workers[1].ended)
        assert "(most recent call last):" in harness.workers[1].log_text()
        assert harness.compared().differences == []


def test_a_death_among_the_days_that_are_closed_loses_and_invents_nothing(
    field: Ground, tmp_path: Path
) -> None:
    """A checkpoint has saved some institutions of the partition, and not the others."""
    with battle(field, tmp_path, name="closing", workers_count=0, per_second=600) as harness:
        with harness.source:
            harness.wait_until(lambda: harness.source.has_sent(BACKLOG_COUNT // 4))
        worker = harness.workers[0]
        worker.start(point=CLOSING, count=2)
        harness.wait_until(lambda: worker.points_count == 1)
        assert harness.compared().differences == []


def test_workers_come_and_go_while_a_backlog_is_worked(field: Ground, tmp_path: Path) -> None:
    """Each rebalance finds batches fetched, queued and half saved."""
    with battle(field, tmp_path, name="backlog", workers_count=0, per_second=5_000) as harness:
        with harness.source:
            harness.wait_until(lambda: harness.source.has_sent(BACKLOG_COUNT))
        first, second, third = harness.workers
        for worker in (first, second, third):
            worker.start()
            harness.wait_until(worker.is_ready)
        assert lag(harness.bootstrap, harness.prefix) > 0
        assert third.leave()[0] == 0
        second.kill()
        harness.tend()
        assert harness.compared().differences == []


def test_one_institution_that_sends_nearly_everything_delays_but_changes_nothing(
    field: Ground, tmp_path: Path
) -> None:
    """A hot partition under kills, as any other."""
    with battle(field, tmp_path, name="hot", hot_ratio=0.9) as harness:
        with harness.source:
            harness.wait_until(harness.are_ready)
            for worker in harness.workers:
                harness.pass_time(2.0)
                worker.kill()
                harness.tend()
        assert harness.compared().differences == []


def test_a_producer_of_rubbish_alone_stops_nobody(field: Ground, tmp_path: Path) -> None:
    """Every record of it is a dead letter, and honest events beside it are judged."""
    with battle(field, tmp_path, name="rubbish", workers_count=1) as harness:
        topic = f"{harness.prefix}.access-events"
        rubbish = [b"\xff\x00 %d" % number for number in range(5_000)]
        for partition in range(PARTITIONS):
            asyncio.run(send(harness.bootstrap, topic, *rubbish, key=b"north", partition=partition))
        with harness.source:
            harness.wait_until(lambda: harness.source.has_sent(SENT_COUNT))
        outcome = harness.compared()
        letters = received(harness.bootstrap, f"{harness.prefix}.dead-letters")
        assert (outcome.differences, outcome.restarts_count) == ([], 0)
        assert len([letter for letter in letters if letter.key == b"north"]) == 15_000


def test_every_spoilt_message_is_judged_or_a_dead_letter(field: Ground, tmp_path: Path) -> None:
    """As the oracle over them says, message by message; and nobody is stopped by any."""
    with NullProgress() as progress:
        account = fuzz(field, tmp_path, messages=SPOILT_COUNT, seed=13, progress=progress)
    assert (account.differences, account.unaccounted_count) == ([], 0)
    assert account.judged_count + account.rejected_count == account.messages_count == SPOILT_COUNT
    assert SPOILT_COUNT * 0.3 < account.rejected_count < SPOILT_COUNT


async def send_in_transactions(bootstrap: str, topic: str, *, count: int) -> None:
    """Send records, each in a transaction of its own, whose marker comes a little later."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
    await producer.start()
    for number in range(count):
        async with producer.transaction():
            await producer.send_and_wait(topic, b"%d" % number, key=b"north", partition=0)
    await producer.stop()


def test_markers_of_transactions_are_no_records_that_nobody_judges(
    field: Ground, tmp_path: Path
) -> None:
    """They are passed and committed, and an idle worker is not taken for one that is stuck."""
    with battle(field, tmp_path, name="markers", workers_count=1) as harness:
        harness.wait_until(harness.are_ready)
        topic = f"{harness.prefix}.access-events"
        asyncio.run(send_in_transactions(harness.bootstrap, topic, count=3))
        harness.settle()
        harness.pass_time(4 * SESSION_SECONDS)
        assert harness.workers[0].ended == []


def test_another_number_of_partitions_is_refused(field: Ground, tmp_path: Path) -> None:
    """Institutions would move between judges; so nobody starts, and the sentence says why."""
    with battle(field, tmp_path, name="more", workers_count=1) as harness:
        judged(harness)
        states = saved_states(harness.bootstrap, harness.prefix, partitions=PARTITIONS)
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=harness.bootstrap)) as admin:
            admin.create_partitions({f"{harness.prefix}.access-events": PARTITIONS + 1})
        worker = harness.workers[0]
        worker.start()
        assert worker.ends_by_itself() == REFUSED
        assert f"has {PARTITIONS + 1} partitions, {PARTITIONS} are configured" in worker.log_text()
        assert lag(harness.bootstrap, harness.prefix) == 0
        assert saved_states(harness.bootstrap, harness.prefix, partitions=PARTITIONS) == states
