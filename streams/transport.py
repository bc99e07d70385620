"""A Faust transport that delivers one message per polled batch: broker URL `headgate://host`.

Faust spends about 135 µs of task switching on each message before an agent sees it. Here the
topics named in the app's `batched_topics` arrive as one message per partition and poll, whose
value is a `Batch`; every other topic arrives record by record, as it was.

A batch knows the fetch positions around it, so that its reader can prove that nothing was passed
over. Each private name of Faust and aiokafka used here has a contract test.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, Protocol

from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message

from streams.chain import Span

# The broker answers a connection's requests one after the other. With Faust's 1.5 s every question
# of a rebalance (where does a partition begin, where does it end) waited for an idle fetch to end.
FETCH_WAIT_MS: Final = 100


class Record(Protocol):
    """What is read of a Kafka record."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> int:
        """When Kafka received it, in ms since the epoch."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its value; none is a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Its headers."""


class Batch:
    """The records of one partition in one poll, and the fetch positions around them.

    It may hold no record: transaction markers and compacted records move positions too.
    """

    __slots__ = ("__weakref__", "records", "span")

    def __init__(self, records: Sequence[Record], span: Span) -> None:
        """Keep records and positions."""
        self.records = records
        self.span = span


class _Batching(Protocol):
    batched_topics: frozenset[str]


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Drains the fetcher in one step, so that positions before and after belong to the batch."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:  # noqa: ANN401 - as Faust.
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - Faust has no setting for it.
        return consumer

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature.
        max_records: int | None = None,
    ) -> dict[TP, Any]:
        found = await self._drain(consumer, active_partitions, max_records)
        if found or not timeout or not self.consumer.flow_active:
            return found
        # Waiting happens outside of the drain: whoever seeks meanwhile is seen by the next one.
        waiter = consumer._fetcher._create_fetch_waiter()  # noqa: SLF001
        await asyncio.wait([waiter], timeout=timeout)
        if not waiter.done():
            waiter.cancel()
            return {}
        waiter.result()
        return await self._drain(consumer, active_partitions, max_records)

    async def _drain(
        self, consumer: AIOKafkaConsumer, active_partitions: set[TP], max_records: int | None
    ) -> dict[TP, Any]:
        subscription = consumer._subscription.subscription  # noqa: SLF001
        assignment = None if subscription is None else subscription.assignment
        if assignment is None:
            return {}
        before = self._positions(assignment)
        self._leave_as_read(consumer)
        records = await super()._fetch_records(consumer, active_partitions, 0, max_records)
        if subscription.assignment is not assignment:
            # Reassigned while draining: these records will be fetched again, by whoever owns them.
            return {}
        found: dict[TP, Any] = dict(records)
        for tp, end in self._positions(assignment).items():
            start = before.get(tp)
            if start is not None and end > start:
                found[tp] = Batch(records.get(tp, ()), Span(start, end))
        return found

    def _leave_as_read(self, consumer: AIOKafkaConsumer) -> None:
        """Have records handed on as they were parsed, which is all that a `Record` must be.

        To copy each into the client's own kind, and to ask for one after the other, costs more
        than to fetch and to parse them.
        """
        for tp, result in consumer._fetcher._records.items():  # noqa: SLF001
            if (
                tp.topic in self._batched_topics
                and isinstance(result, FetchResult)
                and result.has_more()
            ):
                result._partition_records._consumer_record = _as_parsed  # noqa: SLF001
                result.getall = partial(_all_at_once, result)

    def _positions(self, assignment: Any) -> dict[TP, int]:  # noqa: ANN401 - aiokafka is untyped.
        batched = self._batched_topics
        states = {tp: assignment.state_value(tp) for tp in assignment.tps if tp.topic in batched}
        return {tp: state.position for tp, state in states.items() if state.has_valid_position}

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the committed offsets, zero included: aiokafka stays where it is for a zero."""
        found: Mapping[TP, int] = await self.call_thread(self._seek_to_committed)
        return found

    async def _seek_to_committed(self) -> Mapping[Any, int | None]:
        consumer = self._ensure_consumer()
        committed: Mapping[Any, int | None] = await consumer.seek_to_committed()
        for tp, offset in committed.items():
            if offset == 0:
                consumer.seek(tp, 0)
        return committed

    @property
    def _batched_topics(self) -> frozenset[str]:
        app: _Batching = self.app  # type: ignore[assignment]
        return app.batched_topics


def _as_parsed(_: object, record: Record) -> Record:
    return record


def _all_at_once(result: FetchResult, max_records: int | None = None) -> list[Record]:
    """Return what `FetchResult.getall` does, and leave the fetch in the same state."""
    if not result.check_assignment(result._topic_partition) or not result.has_more():  # noqa: SLF001
        return []
    records = list(islice(result._partition_records._records_iterator, max_records))  # noqa: SLF001
    result._update_position()  # noqa: SLF001
    if max_records is None or len(records) < max_records:
        result._partition_records = None  # noqa: SLF001
    return records


class Consumer(driver.Consumer):
    """Yields batches of the batched topics and single records of all others."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109
        """Yield what one poll brought, until the flow stops or the group rebalances."""
        found, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if found is None or self.should_stop:
            return
        if not self.flow_active:
            # What was fetched is lost to us: go back, so that it comes again.
            await self._seek_back()
            return
        for tp, message in self._messages(found):
            if self._has_moved_on(generation):
                return
            if active is None or tp in active or tp in self._buffered_partitions:
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                yield tp, message

    def _has_moved_on(self, generation: int) -> bool:
        return not self.flow_active or self.app.consumer_generation_id != generation

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except Exception as error:  # noqa: BLE001 - as Faust: the rebalance under way seeks anew.
            self.log.warning("Could not seek while the flow was stopped: %r.", error)

    def _messages(self, found: Mapping[Any, Any]) -> "list[tuple[TP, ConsumerMessage]]":
        messages = []
        for raw, item in found.items():
            tp = TP(raw.topic, raw.partition)
            if isinstance(item, Batch):
                messages.append((tp, self._to_batch_message(tp, item)))
            else:
                messages += [(tp, self._to_message(tp, record)) for record in item]
        return messages

    def _to_batch_message(self, tp: TP, batch: Batch) -> ConsumerMessage:
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            # Faust keeps this as what it has read; it must never exceed the last position.
            offset=batch.span.end - 1,
            timestamp=0.0,
            timestamp_type=0,
            headers=None,
            key=None,
            value=batch,  # type: ignore[arg-type] # Faust hands values on as they are.
            checksum=None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # Faust would note every offset inside a batch as a gap to be acked.
        app: _Batching = self.app  # type: ignore[assignment]
        if tp.topic not in app.batched_topics:
            await super()._add_gap(tp, offset_from, offset_to)


class Transport(driver.Transport):
    """Registered as `headgate` in the entry-point group `faust.transports`."""

    Consumer = Consumer
