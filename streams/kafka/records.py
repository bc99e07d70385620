"""Steps 1 to 7 of 7: what lies on a topic, as its readers see it: records, batches, positions.

No client and no framework: whoever reads or writes Kafka shares these.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from streams.ingest.headers import Headers

# A topic and the number of one of its partitions.
Partition = tuple[str, int]
# By partition: the offset before which all has been dealt with, or where it ends.
Offsets = Mapping[Partition, int]
Positions = Callable[[], Offsets]


class RecordContent(Protocol):
    """What somebody sent, wherever it lies."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its value; none is a tombstone."""

    @property
    def headers(self) -> Headers:
        """Its headers."""


class Record(RecordContent, Protocol):
    """What is read of a Kafka record."""

    @property
    def offset(self) -> int:
        """Its position in the partition."""

    @property
    def timestamp(self) -> int:
        """When Kafka received it, in ms since the epoch."""


class TopicRecord(Record, Protocol):
    """What is read of a record where several partitions are read."""

    @property
    def partition(self) -> int:
        """The number of its partition."""


class OutgoingRecord(Struct, frozen=True, kw_only=True, gc=False):
    """One record to be sent; the partitioner of Kafka's own clients where no partition is given."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers = ()


class FetchSpan(NamedTuple):
    """The fetch positions before and after a batch."""

    start: int
    end: int


class Batch:
    """The records of one partition in one poll, and the fetch positions around them.

    It may hold no record: transaction markers and compacted records move positions too. Records
    are unpacked when somebody first asks for them. The thread that fetches runs on another core,
    and what it had unpacked would have to come from that core's cache.
    """

    __slots__ = ("__weakref__", "_records", "span")

    def __init__(self, records: Iterable[Record], span: FetchSpan) -> None:
        """Keep positions, and records or what they come from."""
        self._records = records
        self.span = span

    @property
    def records(self) -> Sequence[Record]:
        """The records, in the order of their offsets."""
        if not isinstance(self._records, Sequence):
            self._records = list(self._records)
        return self._records


class RecordPosition(Struct, frozen=True, kw_only=True, gc=False):
    """Where on Kafka a record lies, and when Kafka received it."""

    topic: str
    partition: int
    offset: int
    kafka_time_ms: int


def position_of(record: Record, *, topic: str, partition: int) -> RecordPosition:
    """Return where a record of a partition lies."""
    return RecordPosition(
        topic=topic, partition=partition, offset=record.offset, kafka_time_ms=record.timestamp
    )
