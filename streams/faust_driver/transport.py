"""Step 1 of 7: polled bytes -> one Faust message per batch: broker URL `headgate://host`.

Faust spends about 135 µs of task switching on each message before an agent sees it. Here each
partition arrives as one message per poll, whose value is a `Batch`.

A batch knows the fetch positions around it, so that its reader can prove that nothing was passed
over. Each private name of Faust and aiokafka used here has a contract test.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from itertools import chain, dropwhile
from sys import maxsize
from typing import Any, Final, cast

from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import CorruptRecordException
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message

from streams.kafka.records import Batch, FetchSpan, Record

# The broker answers a connection's requests one after the other. With Faust's 1.5 s every question
# of a rebalance (where does a partition begin, where does it end) waited for an idle fetch to end.
FETCH_WAIT_MS: Final = 100


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
        batches = await self._drain(consumer, active_partitions, max_records)
        if batches or not timeout or not self.consumer.flow_active:
            return batches
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
        before = _positions(assignment)
        fetched = consumer._fetcher._records.values()  # noqa: SLF001
        results = [result for result in fetched if isinstance(result, FetchResult)]
        for result in results:
            result.getall = partial(_packed, result, records_max=max_records)
        # Each partition is bounded by itself: what is packed cannot be counted beforehand.
        records = await super()._fetch_records(consumer, active_partitions, 0, None)
        for result in results:
            del result.getall
        if subscription.assignment is not assignment:
            # Reassigned while draining: these records will be fetched again, by whoever owns them.
            return {}
        return {
            tp: Batch(records.get(tp, ()), FetchSpan(start, end))
            for tp, end in _positions(assignment).items()
            if (start := before.get(tp)) is not None and end > start
        }

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Say nothing: Faust takes a state topic, paused once it is read, for a stuck stream.

        Whether anything is stuck is for `streams.worker.watchdog` to see.
        """

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the committed offsets, zero included: aiokafka stays where it is for a zero."""
        committed: Mapping[TP, int] = await self.call_thread(self._seek_to_committed)
        return committed

    async def _seek_to_committed(self) -> Mapping[Any, int | None]:
        consumer = self._ensure_consumer()
        committed: Mapping[Any, int | None] = await consumer.seek_to_committed()
        for tp, offset in committed.items():
            if offset == 0:
                consumer.seek(tp, 0)
        return committed


def _positions(assignment: Any) -> dict[TP, int]:  # noqa: ANN401 - aiokafka is untyped.
    states = {tp: assignment.state_value(tp) for tp in assignment.tps}
    return {tp: state.position for tp, state in states.items() if state.has_valid_position}


def _packed(
    result: FetchResult, _: int | None = None, *, records_max: int | None
) -> Iterable[Record]:
    """Take what was fetched as `FetchResult.getall` does, but whole record batches, still packed.

    They are taken until there are `records_max` records. Aborted transactions are not looked for:
    Faust's consumer reads what is uncommitted too, unless it is to process exactly once.
    """
    if not result.check_assignment(result._topic_partition) or not result.has_more():  # noqa: SLF001
        return ()
    unread = result._partition_records  # noqa: SLF001
    memory = unread._records  # noqa: SLF001
    start, batches = unread.next_fetch_offset, []
    while memory.has_next() and unread.next_fetch_offset - start < (records_max or maxsize):
        batch = memory.next_batch()
        if not batch.validate_crc():
            message = f"Invalid CRC - {result._topic_partition}"  # noqa: SLF001
            raise CorruptRecordException(message)
        if not batch.is_control_batch:
            batches.append(batch)
        unread.next_fetch_offset = batch.next_offset
    result._update_position()  # noqa: SLF001
    if not memory.has_next():
        # Its generator, never begun, holds it in turn: memory would wait for the collector.
        unread._records_iterator = None  # noqa: SLF001
        result._partition_records = None  # noqa: SLF001
    # The broker sends whole batches, also where what is wanted begins within one.
    return dropwhile(lambda record: record.offset < start, chain.from_iterable(batches))


class Consumer(driver.Consumer):
    """Yields batches."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as Faust.
        """Hold no partition."""
        super().__init__(*args, **kwargs)
        self._held: set[TP] = set()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109
        """Yield what one poll brought, until the flow stops or the group rebalances."""
        batches, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if batches is None or self.should_stop:
            return
        if not self.flow_active:
            # What was fetched is lost to us: go back, so that it comes again.
            await self._seek_back()
            return
        for raw, batch in batches.items():
            tp = TP(raw.topic, raw.partition)
            if self._has_moved_on(generation):
                return
            if active is None or tp in active or tp in self._buffered_partitions | self._held:
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                yield tp, self._to_batch_message(tp, cast("Batch", batch))

    def hold_partitions(self, partitions: Iterable[TP]) -> None:
        """Fetch nothing more of partitions; what was fetched of them is yielded all the same.

        Faust pauses in the very set that it lets a poll on its way be compared with. What such a
        poll has of a partition that is paused meanwhile would be passed over.
        """
        held = set(partitions)
        self._held |= held
        self.pause_partitions(held)

    def release_partitions(self, partitions: Iterable[TP]) -> None:
        """Fetch partitions again."""
        released = set(partitions)
        self._held -= released
        self.resume_partitions(released)

    def _has_moved_on(self, generation: int) -> bool:
        return not self.flow_active or self.app.consumer_generation_id != generation

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except Exception as error:  # noqa: BLE001 - as Faust: the rebalance under way seeks anew.
            self.log.warning("Could not seek while the flow was stopped: %r.", error)

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
        """Note none: Faust would take every offset inside a batch for one, to be acked."""


class Transport(driver.Transport):
    """Registered as `headgate` in the entry-point group `faust.transports`."""

    Consumer = Consumer
