import asyncio
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.chain import Span
from streams.transport import Batch, Consumer, ConsumerThread

EVENTS, STATE = TP("events", 0), TP("state", 0)


class Fetched:
    """A consumer whose fetcher holds given records and then moves given positions."""

    def __init__(
        self, *, records: dict[TP, list[str]], positions: dict[TP, tuple[int, int]]
    ) -> None:
        """Stand at the first of each pair of positions; draining moves to the second."""
        self._records, self._positions = records, positions
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

    async def _drain(self, *_: object, **__: object) -> dict[TP, list[str]]:
        self._at = {tp: pair[1] for tp, pair in self._positions.items()}
        self.while_draining()
        return self._records


class _Nothing:
    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


def drained(fetched: Fetched, *, timeout: float = 0.0) -> dict[Any, Any]:
    """Return what the thread makes of what was fetched."""
    thread = object.__new__(ConsumerThread)
    thread.app = cast("Any", SimpleNamespace(batched_topics=frozenset({"events"})))
    thread.consumer = cast("Any", SimpleNamespace(flow_active=True))
    return asyncio.run(thread._fetch_records(cast("Any", fetched), set(), timeout, 100))


def test_a_poll_of_our_topic_is_one_batch_with_its_positions() -> None:
    """The batch spans from the position before the poll to the one after."""
    batch = drained(Fetched(records={EVENTS: ["a", "b"]}, positions={EVENTS: (5, 9)}))[EVENTS]
    assert (list(batch.records), batch.span) == (["a", "b"], Span(5, 9))


def test_a_move_without_records_is_a_batch_too() -> None:
    """Transaction markers and compacted records move the position; the chain must know."""
    batch = drained(Fetched(records={}, positions={EVENTS: (5, 7)}))[EVENTS]
    assert (list(batch.records), batch.span) == ([], Span(5, 7))


def test_another_topic_stays_record_by_record() -> None:
    """The state topic is delivered as Faust's recovery expects it."""
    found = drained(Fetched(records={STATE: ["a"]}, positions={STATE: (0, 1), EVENTS: (3, 3)}))
    assert found == {STATE: ["a"]}


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
    batch = Batch((), Span(5, 9))
    message = consumer._to_batch_message(EVENTS, batch)
    expected = (8, 3, batch)
    assert expected == (message.offset, message.generation_id, cast("object", message.value))


def parsed(*values: bytes) -> PartitionRecords:
    """Return the records of a partition as the client parses them from the wire."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10_000,
    )
    for number, value in enumerate(values):
        builder.append(number, timestamp=7, key=b"key", value=value, headers=[("a", b"b")])
    return PartitionRecords(
        EVENTS,
        MemoryRecords(bytes(builder.build())),
        aborted_transactions=[],
        fetch_offset=0,
        key_deserializer=None,
        value_deserializer=None,
        check_crcs=True,
        isolation_level=0,
    )


def fetch_result(*values: bytes) -> FetchResult:
    """Return what the fetcher keeps of one answer of the broker."""
    state = SimpleNamespace(position=0, paused=False)
    state.consumed_to = partial(setattr, state, "position")
    assignment = SimpleNamespace(active=True, state_value=lambda _: state)
    records = parsed(*values)
    return FetchResult(EVENTS, assignment=assignment, partition_records=records, backoff=0)


def prepared(result: FetchResult) -> FetchResult:
    """Return the result as our consumer leaves it to the client."""
    fetched = Fetched(records={}, positions={EVENTS: (0, 2)})
    fetched._fetcher._records = {EVENTS: result}
    drained(fetched)
    return result


def test_records_are_handed_on_as_they_were_parsed() -> None:
    """They have all that a record must have, and nobody has copied them."""
    one, two = prepared(fetch_result(b"one", b"two")).getall()
    assert (one.offset, two.offset, two.value) == (0, 1, b"two")
    assert (one.timestamp, one.key, list(one.headers)) == (7, b"key", [("a", b"b")])
    assert not isinstance(one, ConsumerRecord)


@given(count=st.integers(1, 5), wanted=st.lists(st.none() | st.integers(1, 6), max_size=8))
def test_records_are_taken_as_the_client_takes_them(count: int, wanted: list[int | None]) -> None:
    """However many are asked for at a time: the same records, positions and ends."""
    values = [b"%d" % number for number in range(count)]
    own, theirs = prepared(fetch_result(*values)), fetch_result(*values)
    for most in wanted:
        if not theirs.has_more():
            # The fetcher forgets it then, and asks no more.
            break
        taken = [record.value for record in own.getall(most)]
        assert taken == [record.value for record in theirs.getall(most)]
        assert own.has_more() == theirs.has_more()
        position = own._assignment.state_value(EVENTS).position
        assert position == theirs._assignment.state_value(EVENTS).position


@pytest.mark.parametrize("change", [{"paused": True}, {"position": 7}])
def test_nothing_is_taken_from_a_partition_that_moved(change: dict[str, Any]) -> None:
    """Paused, or sought elsewhere, after the fetch: the records are dropped and fetched again."""
    result = prepared(fetch_result(b"one"))
    vars(result._assignment.state_value(EVENTS)).update(change)
    assert (result.getall(), result.has_more()) == ([], False)
