"""Access events copied to another topic by key, so that it may have another number of partitions.

What is there already is compared, not trusted: a copy that broke off goes on where it ended, and a
topic with other events is refused before anything is sent. At the end everything is read again.
Per key, because the events of one institution keep their order and nothing depends on any other.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from itertools import chain
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from detectors.errors import SinkError
from streams.console.progress import Progress
from streams.control.records import control_kind
from streams.kafka.admin_client import AdminClient, AdminError
from streams.kafka.blocking import BlockingClient
from streams.kafka.cluster import Cluster
from streams.kafka.log_reader import TopicReader
from streams.kafka.producer import REQUEST_BYTES_MAX, sent_headers
from streams.kafka.records import TopicRecord
from streams.state.envelope import framed

_LINGER_MS: Final = 5
_BATCH_BYTES: Final = 256 * 1024
_DIGEST_BYTES: Final = 16
_TIMES: Final = "message.timestamp.type"
_THEIRS: Final = "CreateTime"
_ARRIVAL: Final = "LogAppendTime"

# A progress for a step of that name, with so many records to go through.
Shown = Callable[[str, int], Progress]
KeyDigest = tuple[int, bytes]


class Copied(Struct, frozen=True, kw_only=True):
    """What a migration came to: `events_count` are in both topics now, compared one by one."""

    source: str
    target: str
    source_partitions: int
    target_partitions: int
    events_count: int
    copied_count: int
    left_behind_count: int


class Trace:
    """How many events each key has, with a digest of them in their order."""

    __slots__ = ("digests", "left_behind_count")

    def __init__(self) -> None:
        """Begin with none."""
        self.digests: dict[bytes | None, KeyDigest] = {}
        self.left_behind_count = 0

    @property
    def events_count(self) -> int:
        """How many events there are in all."""
        return sum(count for count, _ in self.digests.values())

    def add(self, record: TopicRecord) -> KeyDigest | None:
        """Note a record, and return its key's digest then; None for a control record."""
        if control_kind(record.headers) is not None:
            # Signed for its place, and obeyed nowhere else.
            self.left_behind_count += 1
            return None
        count, before = self.digests.get(record.key, (0, b""))
        after = self.digests[record.key] = (count + 1, _digest(before, record))
        return after


def migrate(cluster: Cluster, *, source: str, target: str, shown: Shown) -> Copied:
    """Copy what `target` does not have yet of the events of `source`, and prove the copy.

    Both topics exist. Keys, values, headers and times stay; control records are left behind.

    Raises:
        SinkError: the target holds events that are not the source's, or the copy is not whole.
    """
    present = _traced(cluster, target, shown, step="look")
    if present.digests:
        _refuse_others(cluster, source, target, present, shown)
    trace = Trace()
    with (
        TopicReader(source, cluster=cluster) as reader,
        _original_times(cluster, target),
        _Copier(target, cluster=cluster) as copier,
    ):
        for records in _read(reader, shown, step="copy"):
            copier.send(
                [record for record in records if _is_new(trace.add(record), record, present)]
            )
        partitions = (len(reader.partitions), len(copier.partitions))
    arrived = _traced(cluster, target, shown, step="verify")
    if arrived.digests != trace.digests:
        message = (
            f"{target} holds {arrived.events_count} events after the copy, {source} "
            f"{trace.events_count}, and they are not the same"
        )
        raise SinkError(message)
    return Copied(
        source=source,
        target=target,
        source_partitions=partitions[0],
        target_partitions=partitions[1],
        events_count=trace.events_count,
        copied_count=trace.events_count - present.events_count,
        left_behind_count=trace.left_behind_count,
    )


def _is_new(digest: KeyDigest | None, record: TopicRecord, present: Trace) -> bool:
    return digest is not None and digest[0] > present.digests.get(record.key, (0, b""))[0]


def _refuse_others(
    cluster: Cluster, source: str, target: str, present: Trace, shown: Shown
) -> None:
    """Refuse a target that holds anything but the first events of each key of the source."""
    trace, missed = Trace(), dict(present.digests)
    with TopicReader(source, cluster=cluster) as reader:
        for record in chain.from_iterable(_read(reader, shown, step="compare")):
            digest = trace.add(record)
            if digest is not None and digest == missed.get(record.key):
                del missed[record.key]
    if missed:
        key = min(missed, key=lambda key: key or b"")
        message = (
            f"{target} holds events that are not a beginning of those of {source}, of the key "
            f"{key!r} for one; delete the topics of the new prefix, or choose another"
        )
        raise SinkError(message)


def _traced(cluster: Cluster, topic: str, shown: Shown, *, step: str) -> Trace:
    trace = Trace()
    with TopicReader(topic, cluster=cluster) as reader:
        for records in _read(reader, shown, step=step):
            for record in records:
                trace.add(record)
    return trace


def _read(reader: TopicReader, shown: Shown, *, step: str) -> Iterator[Sequence[TopicRecord]]:
    """Yield all records, partition by partition, and show how far it is."""
    done_count = 0
    with shown(step, reader.total_count) as progress:
        for partition in reader.partitions:
            for records in reader.records(partition):
                yield records
                done_count += len(records)
                progress.reach(events_count=done_count, done=done_count)


def _digest(before: bytes, record: TopicRecord) -> bytes:
    headers = (piece for name, value in record.headers for piece in (name.encode(), value or b""))
    content = framed(before, b"%d" % record.timestamp, record.value or b"", *headers)
    # A tombstone is not an empty event.
    return blake2b(
        content, digest_size=_DIGEST_BYTES, key=b"" if record.value is None else b"v"
    ).digest()


@contextmanager
def _original_times(cluster: Cluster, topic: str) -> Iterator[None]:
    """Have the broker keep the times that records come with, as long as the block lasts.

    By them their retention counts, and an event is held against its future.
    """
    _set_times(cluster, topic, _THEIRS)
    try:
        yield
    finally:
        _set_times(cluster, topic, _ARRIVAL)


def _set_times(cluster: Cluster, topic: str, kind: str) -> None:
    try:
        with AdminClient(cluster) as admin:
            admin.alter_topic(topic, {_TIMES: kind})
    except AdminError as error:
        message = f"can't set {_TIMES}={kind} of {topic}: {error}"
        raise SinkError(message) from error


class _Copier(BlockingClient):
    """Sends records to one topic, in order."""

    __slots__ = ("_producer", "_topic", "partitions")

    def __init__(self, topic: str, *, cluster: Cluster) -> None:
        """Connect to nothing yet."""
        super().__init__(cluster)
        self._topic = topic
        self._producer: AIOKafkaProducer | None = None
        self.partitions: tuple[int, ...] = ()

    def send(self, records: list[TopicRecord]) -> None:
        """Send records, and return once the broker has them.

        Raises:
            SinkError: the broker refuses one, or does not answer.
        """
        try:
            self._runner.run(self._send(records))
        except KafkaError as error:
            message = f"{self._topic} on {self._cluster.bootstrap}: {error}"
            raise SinkError(message) from error

    async def _send(self, records: list[TopicRecord]) -> None:
        producer = self._producer
        assert producer is not None  # noqa: S101 - set on entering
        sent = [
            await producer.send(
                self._topic,
                value=record.value,
                key=record.key,
                # Without a key it is a dead letter wherever it lies.
                partition=None if record.key is not None else self.partitions[0],
                timestamp_ms=record.timestamp if record.timestamp >= 0 else None,
                headers=sent_headers(record.headers),
            )
            for record in records
        ]
        for arrival in sent:
            await arrival

    async def _open(self) -> None:
        # Its default partitioner is that of all Kafka clients.
        self._producer = AIOKafkaProducer(
            **self._cluster.client_options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
            max_request_size=REQUEST_BYTES_MAX,
        )
        await self._producer.start()
        self.partitions = tuple(sorted(await self._producer.partitions_for(self._topic)))

    async def _stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
