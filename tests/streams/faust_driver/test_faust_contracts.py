"""What we rely on in Faust and aiokafka, and the defects we work around.

Names that we use must exist with the signature that we know. A defect that vanishes fails here
as well: then its workaround may go.
"""

import asyncio
import inspect
from importlib.metadata import version
from types import SimpleNamespace
from typing import cast

import faust
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.consumer.subscription_state import Assignment, TopicPartitionState
from aiokafka.structs import TopicPartition
from faust.app.base import App
from faust.assignor import PartitionAssignor
from faust.tables import recovery
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport import by_url
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer
from faust.types import TP
from mode.utils.queues import FlowControlEvent, FlowControlQueue
from yarl import URL

from streams.faust_driver.transport import ConsumerThread, Transport

PINS = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}
USED: tuple[tuple[object, str, tuple[str, ...]], ...] = (
    (driver.AIOKafkaConsumerThread, "_fetch_records",
     ("self", "consumer", "active_partitions", "timeout", "max_records")),
    (driver.AIOKafkaConsumerThread, "_ensure_consumer", ("self",)),
    (driver.AIOKafkaConsumerThread, "seek_to_committed", ("self",)),
    (driver.Consumer, "_new_consumer_thread", ("self",)),
    (Consumer, "getmany", ("self", "timeout")),
    (Consumer, "_wait_next_records", ("self", "timeout")),
    (Consumer, "_add_gap", ("self", "tp", "offset_from", "offset_to")),
    (Consumer, "_commit_offsets", ("self", "offsets", "start_new_transaction")),
    (Consumer, "perform_seek", ("self",)),
    (Consumer, "stop_flow", ("self",)),
    (Recovery, "add_active", ("self", "table", "tp")),
    (Recovery, "_wait", ("self", "coro", "timeout")),
    (PartitionAssignor, "assign", ("self", "cluster", "member_metadata")),
    (AIOKafkaClient, "bootstrap", ("self",)),
    (Fetcher, "_create_fetch_waiter", ("self",)),
    (FetchResult, "getall", ("self", "max_records")),
    (FetchResult, "check_assignment", ("self", "tp")),
    (FetchResult, "_update_position", ("self",)),
    (Assignment, "state_value", ("self", "tp")),
    (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ("self", "transport")),
    (TableManager, "_update_channels", ("self",)),
    (faust.Table, "apply_changelog_batch", ("self", "batch")),
)  # fmt: skip


@pytest.mark.parametrize("package", PINS)
def test_the_versions_are_those_that_were_read(package: str) -> None:
    """Another version needs its source read again before the pin moves."""
    assert version(package) == PINS[package]


@pytest.mark.parametrize(("owner", "name", "parameters"), USED)
def test_a_name_that_we_use_is_there(owner: object, name: str, parameters: tuple[str, ...]) -> None:
    """Every private name and overridden method has the parameters that we know."""
    assert tuple(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_the_transport_is_found_by_its_url() -> None:
    """Faust resolves headgate:// through the entry-point group."""
    assert by_url(URL("headgate://127.0.0.1:9092")) is Transport


async def _position_after_seek() -> tuple[bool, bool, int]:
    state = TopicPartitionState(None)
    known_before = state.has_valid_position
    state.seek(7)
    return known_before, state.has_valid_position, state.position


def test_a_position_is_known_only_when_it_is_valid() -> None:
    """The state of a partition tells whether it has a position."""
    assert asyncio.run(_position_after_seek()) == (False, True, 7)


def test_draining_the_fetcher_without_a_timeout_never_suspends() -> None:
    """Positions before and after a drain belong to it, for nothing runs in between."""
    subscriptions = SimpleNamespace(reassignment_in_progress=False)
    fetcher = SimpleNamespace(_subscriptions=subscriptions, _records={})
    coroutine = Fetcher.fetched_records(cast("Fetcher", fetcher), set(), 0, None)
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    assert ended.value.value == {}


def test_defect_the_commit_passes_over_an_unacknowledged_head() -> None:
    """Committed 31 and acknowledged 32 to 34, while 31 is still open, gives 35."""
    tp = TP("t", 0)
    consumer = SimpleNamespace(
        _acked={tp: [32, 33, 34]}, _acked_index={tp: {32, 33, 34}}, _gap={tp: None},
        _committed_offset={tp: 31},
    )  # fmt: skip
    assert Consumer._new_offset(cast("Consumer", consumer), tp) == 35


async def _flushed() -> int:
    buffer = ProducerBuffer()
    buffer.app = cast("App", SimpleNamespace(conf=SimpleNamespace(producer_threaded=False)))
    buffer.pending.put_nowait(cast("faust.types.tuples.FutureMessage", object()))
    buffer._started.set()
    await buffer.flush()
    return buffer.size


def test_defect_the_flush_gives_up_while_records_are_waiting() -> None:
    """A flush returns after a tenth of a second with the record still in memory."""
    assert asyncio.run(asyncio.wait_for(_flushed(), timeout=5)) == 1


async def _kept_after_resume() -> int:
    flow = FlowControlEvent()
    queue: FlowControlQueue[str] = FlowControlQueue(
        maxsize=10, flow_control=flow, clear_on_resume=True
    )
    queue.put_nowait("fetched before the recovery ended")
    flow.suspend()
    flow.resume()
    return queue.qsize()


def test_defect_resuming_drops_what_was_fetched() -> None:
    """What arrives before recovery ends is cleared; hence the flow is held until it has sought."""
    assert asyncio.run(_kept_after_resume()) == 0


def test_recovery_tells_us_before_it_seeks_and_resumes() -> None:
    """The signal on which we hold the flow precedes the seek, and Faust resumes it after."""
    source = inspect.getsource(Recovery.on_recovery_completed)
    steps = ("on_rebalance_complete.send()", "perform_seek()", "consumer.resume_flow()")
    positions = [source.index(step) for step in steps]
    assert positions == sorted(positions)


def test_recovery_takes_a_reassignment_for_another_rebalance() -> None:
    """What asks for partitions that are no longer ours may raise: recovery begins anew."""
    source = inspect.getsource(Recovery)
    caught = source.index("except IllegalStateError as exc:")
    assert source.index("self.on_recovery_completed)(generation_id") < caught
    assert "continue" in source[caught:][:300]


def test_defect_recovery_swallows_errors() -> None:
    """An error in reading a state back is logged and passed over; hence we end by ourselves."""
    source = inspect.getsource(recovery)
    assert 'logger.warning(f"Error in recovery {ex}")' in source


def test_the_end_is_told_while_the_consumer_can_still_commit() -> None:
    """The last checkpoint runs after the streams have stopped, before the consumer does."""
    source = inspect.getsource(App.on_stop)
    assert source.index("_stop_consumer()") < source.index("on_before_shutdown.send()")


async def _sought_for(committed: int | None) -> list[int]:
    tp = TopicPartition("t", 0)
    sought: list[int] = []

    async def committed_of(_: TopicPartition) -> int | None:
        return committed

    consumer = SimpleNamespace(
        _subscription=SimpleNamespace(assigned_partitions=lambda: {tp}),
        _fetcher=SimpleNamespace(seek_to=lambda _, offset: sought.append(offset)),
        committed=committed_of,
    )
    await AIOKafkaConsumer.seek_to_committed(cast("AIOKafkaConsumer", consumer))
    return sought


def test_defect_a_committed_zero_is_not_sought() -> None:
    """Asked to go back to a committed 0, the consumer stays where it is."""
    assert asyncio.run(_sought_for(5)) == [5]
    assert asyncio.run(_sought_for(0)) == []


def test_defect_the_producer_of_faust_is_not_idempotent() -> None:
    """A retry of Faust's own producer may double a record; hence the outbox has its own."""
    producer = SimpleNamespace(app=SimpleNamespace(in_transaction=False))
    assert driver.Producer._settings_extra(cast("driver.Producer", producer)) == {}


def _complaints(thread_class: type[driver.AIOKafkaConsumerThread]) -> list[str]:
    """Return what a worker of ten minutes says of a partition paused behind its last fetch."""
    state = SimpleNamespace(highwater=9, position=8)
    subscription = SimpleNamespace(assignment=SimpleNamespace(state_value=lambda _: state))
    fetcher = SimpleNamespace(_subscriptions=SimpleNamespace(subscription=subscription))
    app = SimpleNamespace(
        monitor=SimpleNamespace(stream_inbound_time={}),
        topics=SimpleNamespace(acks_enabled_for=lambda _: True),
    )
    complaints: list[str] = []
    thread = object.__new__(thread_class)
    vars(thread).update(
        consumer=SimpleNamespace(app=app),
        time_started=0.0,
        tp_stream_timeout_secs=300.0,
        _verify_aiokafka_event_path=lambda *_: False,
        _ensure_consumer=lambda: SimpleNamespace(_fetcher=fetcher),
        _log_slow_processing_stream=lambda sentence, *_: complaints.append(sentence),
    )
    thread.verify_event_path(600.0, TP("state", 0))
    return complaints


def test_defect_a_topic_at_rest_is_taken_for_a_stream_that_stands() -> None:
    """Faust reports it as an error every few seconds, for good; we do not."""
    assert len(_complaints(driver.AIOKafkaConsumerThread)) == 1
    assert _complaints(ConsumerThread) == []
