import asyncio
import gc
import struct
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from types import SimpleNamespace
from typing import Any, cast
from weakref import ref

import pytest
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import ConsumerRecord
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.faust_driver.transport import Consumer, ConsumerThread
from streams.kafka.records import Batch, FetchSpan, Record

EVENTS = TP("events", 0)
CONTROL = 1 << 5
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


class Fetched:
    """A consumer whose fetcher holds given records and then moves given positions."""

    def __init__(self, *, records: dict[TP, Any], positions: dict[TP, tuple[int, int]]) -> None:
        """Stand at the first of each pair of positions; draining moves to the second."""
        self.records, self._positions = records, positions
        self._at = {tp: pair[0] for tp, pair in positions.items()}
        self.assignment = SimpleNamespace(tps=set(positions), state_value=self._state)
        self._subscription = SimpleNamespace(
            subscription=SimpleNamespace(assignment=self.assignment)
        )
        subscriptions = SimpleNamespace(fetch_context=_Nothing)
        self._fetcher = SimpleNamespace(
            _closed=False,
            _records={},
            _subscriptions=subscriptions,
            fetched_records=self._drain,
            _create_fetch_waiter=lambda: asyncio.get_running_loop().create_future(),
        )
        self._closed = False
        self.while_draining: Callable[[], None] = lambda: None

    def _state(self, tp: TP) -> SimpleNamespace:
        at = self._at[tp]
        return SimpleNamespace(has_valid_position=at >= 0, position=at)

    async def _drain(self, *_: object, **__: object) -> dict[TP, Any]:
        self._at = {tp: pair[1] for tp, pair in self._positions.items()}
        self.while_draining()
        return self.records


class _Nothing:
    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


def drained(fetched: Fetched, *, timeout: float = 0.0, records_max: int = 100) -> dict[Any, Any]:
    """Return what the thread makes of what was fetched."""
    thread = object.__new__(ConsumerThread)
    thread.consumer = cast("Any", SimpleNamespace(flow_active=True))
    return asyncio.run(thread._fetch_records(cast("Any", fetched), set(), timeout, records_max))


def test_a_poll_of_our_topic_is_one_batch_with_its_positions() -> None:
    """The batch spans from the position before the poll to the one after."""
    batch = drained(Fetched(records={EVENTS: ["a", "b"]}, positions={EVENTS: (5, 9)}))[EVENTS]
    assert (list(batch.records), batch.span) == (["a", "b"], FetchSpan(5, 9))


def test_a_move_without_records_is_a_batch_too() -> None:
    """Transaction markers and compacted records move the position; the chain must know."""
    batch = drained(Fetched(records={}, positions={EVENTS: (5, 7)}))[EVENTS]
    assert (list(batch.records), batch.span) == ([], FetchSpan(5, 7))


def test_what_was_drained_while_the_group_moved_on_is_left() -> None:
    """Positions of a former assignment prove nothing; the records come again."""
    fetched = Fetched(records={EVENTS: ["a"]}, positions={EVENTS: (5, 6)})

    def reassign() -> None:
        fetched._subscription.subscription.assignment = object()

    fetched.while_draining = reassign
    assert drained(fetched) == {}


def test_an_empty_poll_waits_no_longer_than_its_timeout() -> None:
    """Nothing fetched within the timeout is no batch."""
    assert drained(Fetched(records={}, positions={EVENTS: (5, 5)}), timeout=0.01) == {}


def test_a_batch_message_never_claims_more_than_was_read() -> None:
    """Faust keeps the message's offset as what was read: the last position less one."""
    consumer = object.__new__(Consumer)
    consumer.app = cast("Any", SimpleNamespace(consumer_generation_id=3))
    batch = Batch((), FetchSpan(5, 9))
    message = consumer._to_batch_message(EVENTS, batch)
    expected = (8, 3, batch)
    assert expected == (message.offset, message.generation_id, cast("object", message.value))


def record_batch(base_offset: int, count: int, *, attributes: int = 0, codec: int = 0) -> bytes:
    """Return a record batch as it comes over the wire: base offset, CRC-32C at 17, attributes."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10_000,
    )
    for number in range(count):
        value = b"%d" % (base_offset + number)
        builder.append(number, timestamp=7, key=b"key", value=value, headers=[("a", b"b")])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, base_offset)
    struct.pack_into(">h", raw, 21, attributes | codec)
    struct.pack_into(">I", raw, 17, calc_crc32c(memoryview(raw)[21:]))
    return bytes(raw)


def fetch_result(raw: bytes, *, start: int = 0) -> FetchResult:
    """Return what the fetcher keeps of one answer of the broker."""
    state = SimpleNamespace(position=start, paused=False)
    state.consumed_to = partial(setattr, state, "position")
    assignment = SimpleNamespace(active=True, state_value=lambda _: state)
    records = PartitionRecords(
        EVENTS,
        MemoryRecords(raw),
        aborted_transactions=[],
        fetch_offset=start,
        key_deserializer=None,
        value_deserializer=None,
        check_crcs=True,
        isolation_level=0,
    )
    return FetchResult(EVENTS, assignment=assignment, partition_records=records, backoff=0)


def taken(result: FetchResult, *, records_max: int = 100) -> Sequence[Record]:
    """Return what our consumer takes from the result in one poll."""
    fetched = Fetched(records={}, positions={EVENTS: (0, 1)})
    fetched._fetcher._records = {EVENTS: result}
    fetched.while_draining = lambda: fetched.records.update({EVENTS: result.getall()})
    records: Sequence[Record] = drained(fetched, records_max=records_max)[EVENTS].records
    return records


def position(result: FetchResult) -> int:
    """Return where the consumer goes on."""
    at: int = result._assignment.state_value(EVENTS).position
    return at


def test_records_are_handed_on_as_they_were_parsed() -> None:
    """They have all that a record must have, and nobody has copied them."""
    first, second = taken(fetch_result(record_batch(0, 2)))
    assert (first.offset, second.offset, second.value) == (0, 1, b"1")
    assert (first.timestamp, first.key, list(first.headers)) == (7, b"key", [("a", b"b")])
    assert not isinstance(first, ConsumerRecord)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_every_compression_that_a_producer_may_choose_is_read(codec: int) -> None:
    """The broker hands record batches on as the producer compressed them."""
    raw = record_batch(0, 50, codec=codec)
    assert len(raw) < len(record_batch(0, 50))
    values = [record.value for record in taken(fetch_result(raw))]
    assert values == [b"%d" % number for number in range(50)]


def test_records_are_unpacked_once() -> None:
    """Whoever asks again sees the same."""
    batch = Batch(iter(taken(fetch_result(record_batch(0, 2)))), FetchSpan(0, 2))
    assert len(batch.records) == 2
    assert batch.records is batch.records


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    gap=st.integers(0, 3),
    skipped=st.integers(0, 6),
    records_max=st.integers(1, 6),
)
def test_a_fetch_is_taken_as_the_client_takes_it(
    sizes: list[int], gap: int, skipped: int, records_max: int
) -> None:
    """In whole record batches: the same records and the same end, in steps of a bounded size."""
    firsts = list(accumulate((size + gap for size in sizes), initial=0))
    raw = b"".join(map(record_batch, firsts, sizes))
    start = min(skipped, sizes[0] - 1)
    theirs = fetch_result(raw, start=start)
    own = fetch_result(raw, start=start)
    offsets: list[int] = []
    while own.has_more():
        before = position(own)
        some = [record.offset for record in taken(own, records_max=records_max)]
        assert before <= some[0] <= some[-1] < position(own)
        assert len(some) < records_max + max(sizes)
        offsets += some
    assert offsets == [record.offset for record in theirs.getall()]
    assert (position(own), theirs.has_more()) == (position(theirs), False)


def test_what_is_not_meant_for_readers_is_passed_over() -> None:
    """The end of a transaction is a record batch of its own, and moves the position."""
    raw = record_batch(0, 1) + record_batch(1, 1, attributes=CONTROL) + record_batch(2, 1)
    result = fetch_result(raw)
    assert [record.offset for record in taken(result)] == [0, 2]
    assert position(result) == 3


def test_a_damaged_record_batch_moves_nothing() -> None:
    """It is fetched again, with what came before it."""
    raw = bytearray(record_batch(0, 1) + record_batch(1, 1))
    raw[-1] ^= 1
    result = fetch_result(bytes(raw))
    with pytest.raises(CorruptRecordException, match="Invalid CRC"):
        taken(result)
    assert position(result) == 0
    assert (taken(result), result.has_more()) == ((), False)


def test_what_was_taken_needs_no_collector() -> None:
    """A fetch is megabytes, and the collector of a worker seldom runs."""
    result = fetch_result(record_batch(0, 2))
    unread = ref(result._partition_records)
    gc.disable()
    try:
        assert len(taken(result)) == 2
        assert unread() is None
        assert "getall" not in vars(result)
    finally:
        gc.enable()


@pytest.mark.parametrize("change", [{"paused": True}, {"position": 7}])
def test_nothing_is_taken_from_a_partition_that_moved(change: dict[str, Any]) -> None:
    """Paused, or sought elsewhere, after the fetch: the records are dropped and fetched again."""
    result = fetch_result(record_batch(0, 1))
    vars(result._assignment.state_value(EVENTS)).update(change)
    assert (taken(result), result.has_more()) == ((), False)
