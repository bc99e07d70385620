"""A topic read to its end of this moment, beside any group: whole, from an offset, or the last.

Partition by partition, because the order within one is all that anybody may rely on, and because
the same topic must give the same replay whatever the broker's timing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final, Literal, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from detectors.errors import SinkError
from streams.kafka import bounded_batches
from streams.kafka.blocking import BlockingClient
from streams.kafka.cluster import Cluster
from streams.kafka.records import TopicRecord

Isolation = Literal["read_uncommitted", "read_committed"]

_ASSIGNED_POLL_SECONDS: Final = 0.01
_POLL_MS: Final = 500
_POLLS_EMPTY_MAX: Final = 60
# Of one poll: whoever reads beside judges hands the loop back to them in between.
_RECORDS_MAX: Final = 10_000
_FETCH_BYTES: Final = 4 * 2**20


class LogReader:
    """One topic with its ends, which are those of the moment at which the block is entered.

    Raises:
        SinkError: there is no such topic.
    """

    __slots__ = ("_cluster", "_consumer", "_ends", "_isolation", "_starts", "topic")

    def __init__(
        self, topic: str, *, cluster: Cluster, isolation: Isolation = "read_uncommitted"
    ) -> None:
        """Connect to nothing yet."""
        self.topic = topic
        self._cluster = cluster
        self._isolation = isolation
        self._consumer: AIOKafkaConsumer | None = None
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}

    @property
    def partitions(self) -> list[int]:
        """Return the partitions' numbers in order."""
        return sorted(self._ends)

    @property
    def total_count(self) -> int:
        """Return how many offsets there are to read."""
        return self.count_before(len(self._ends))

    def end(self, partition: int) -> int:
        """Return the offset at which a partition ends."""
        return self._ends[partition]

    def count_before(self, partition: int) -> int:
        """Return how many offsets there are in the partitions before `partition`."""
        return sum(end - self._starts[p] for p, end in self._ends.items() if p < partition)

    async def batches(
        self, partition: int, *, end: int | None = None, last: int | None = None
    ) -> AsyncIterator[Sequence[TopicRecord]]:
        """Yield the records of one partition in order, as they are fetched, up to an offset.

        With `last`, those of at most so many offsets before it.

        Raises:
            SinkError: the partition gives nothing more before that offset.
        """
        consumer, place = self._opened, TopicPartition(self.topic, partition)
        end = self._ends[partition] if end is None else end
        position, empty_count = self._starts[partition], 0
        if last is not None:
            position = max(position, end - last)
        consumer.seek(place, position)
        while position < end:
            polled = await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=_RECORDS_MAX)
            records = polled.get(place, ())
            # Transaction markers and compacted records move the position too.
            position = await consumer.position(place)
            empty_count = 0 if records else empty_count + 1
            if empty_count > _POLLS_EMPTY_MAX:
                message = f"{self.topic}[{partition}] gives nothing more before offset {end}"
                raise SinkError(message)
            if records:
                yield [record for record in records if record.offset < end]

    async def __aenter__(self) -> Self:
        """Connect, and look where the partitions begin and end."""
        try:
            await self.open()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self.stop()

    async def open(self) -> None:
        """Connect, and look where the partitions begin and end.

        Raises:
            SinkError: there is no such topic, or the broker does not answer.
        """
        bounded_batches.install()
        consumer = self._consumer = AIOKafkaConsumer(
            **self._cluster.client_options(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level=self._isolation,
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        try:
            await consumer.start()
        except KafkaError as error:
            message = f"no Kafka at {self._cluster.bootstrap}: {error}"
            raise SinkError(message) from error
        # Asked by name, a broker may create the topic; asked for all, it never does.
        if self.topic not in await consumer.topics():
            message = f"no topic {self.topic} on {self._cluster.bootstrap}"
            raise SinkError(message)
        consumer.subscribe([self.topic])
        while not consumer.assignment():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(_ASSIGNED_POLL_SECONDS)
        places = consumer.assignment()
        starts = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        self._starts = {place.partition: start for place, start in starts.items()}
        self._ends = {place.partition: end for place, end in ends.items()}

    async def stop(self) -> None:
        """Disconnect what is connected, if anything is."""
        if self._consumer is not None:
            await self._consumer.stop()

    @property
    def _opened(self) -> AIOKafkaConsumer:
        assert self._consumer is not None  # noqa: S101 - set on entering
        return self._consumer


class TopicReader(BlockingClient):
    """A log reader for callers that wait, as a blocking context manager."""

    __slots__ = ("_log",)

    def __init__(self, topic: str, *, cluster: Cluster) -> None:
        """Connect to nothing yet."""
        super().__init__(cluster)
        self._log = LogReader(topic, cluster=cluster)

    @property
    def topic(self) -> str:
        """Return what is read."""
        return self._log.topic

    @property
    def partitions(self) -> list[int]:
        """Return the partitions' numbers in order."""
        return self._log.partitions

    @property
    def total_count(self) -> int:
        """Return how many offsets there are to read."""
        return self._log.total_count

    def end(self, partition: int) -> int:
        """Return the offset at which a partition ends."""
        return self._log.end(partition)

    def count_before(self, partition: int) -> int:
        """Return how many offsets there are in the partitions before `partition`."""
        return self._log.count_before(partition)

    def records(
        self, partition: int, *, last: int | None = None
    ) -> Iterator[Sequence[TopicRecord]]:
        """Yield the records of one partition in order, in batches as they are fetched.

        With `last`, those of at most so many offsets before its end.
        """
        batches = self._log.batches(partition, last=last)
        while records := self._runner.run(_next(batches)):
            yield records

    async def _open(self) -> None:
        await self._log.open()

    async def _stop(self) -> None:
        await self._log.stop()


def committed_records(topic: str, *, cluster: Cluster) -> AsyncIterator[TopicRecord]:
    """Yield the records of a topic of one partition, without those of aborted transactions.

    Raises:
        SinkError: there is no such topic, or it gives nothing more before its end.
    """
    return _records(LogReader(topic, cluster=cluster, isolation="read_committed"))


def records_before(end: int, *, topic: str, cluster: Cluster) -> AsyncIterator[TopicRecord]:
    """Yield the records before the offset `end` of a topic of one partition, in order.

    Faust delivers from the committed offset on; who must know what came before reads it here.

    Raises:
        SinkError: there is no such topic, or it gives nothing more before that offset.
    """
    return _records(LogReader(topic, cluster=cluster), end=end)


async def last_record(topic: str, *, cluster: Cluster) -> TopicRecord | None:
    """Return the last committed record of a topic of one partition, None if it is empty.

    Raises:
        SinkError: there is no such topic, or it gives nothing more before its end.
    """
    last = None
    async for record in committed_records(topic, cluster=cluster):
        last = record
    return last


async def last_by_key(topic: str, *, cluster: Cluster) -> dict[bytes, bytes]:
    """Return what a compacted topic of one partition says now: the last value of each key.

    Raises:
        SinkError: there is no such topic, or it gives nothing more before its end.
    """
    values: dict[bytes, bytes] = {}
    async for record in committed_records(topic, cluster=cluster):
        key = record.key or b""
        if record.value is None:
            values.pop(key, None)
        else:
            values[key] = record.value
    return values


async def _records(log: LogReader, *, end: int | None = None) -> AsyncIterator[TopicRecord]:
    async with log:
        async for records in log.batches(0, end=end):
            for record in records:
                yield record


async def _next(batches: AsyncIterator[Sequence[TopicRecord]]) -> Sequence[TopicRecord] | None:
    return await anext(batches, None)
