"""Step 1 of 7: files, standard input or topics -> AccessEvents in order; rejects are kept aside."""

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, TypeVar

import msgspec
from msgspec import Struct
from pyroaring import BitMap64

from detectors.config import CoreConfig
from detectors.event import AccessEvent, UnreadEvent
from detectors.response.decoding import decode_json
from detectors.verdict import NewHoldings
from streams.control.records import OnRecord, control_kind, decode_control
from streams.control.rekeyed import origin_of
from streams.ingest.adapters.mapping import RowMapping
from streams.ingest.codec import DecodeLimits, bridged, decode
from streams.ingest.cut_records import cut_problem
from streams.ingest.partial_event import placed
from streams.ingest.readers import CutLine, FileSource
from streams.ingest.rejects import Rejected, RejectReason, rejected, unread_of
from streams.kafka.log_reader import TopicReader
from streams.kafka.records import TopicRecord
from streams.state.envelope import StateKeys

_EXAMPLE_BYTES: Final = 60

TOPIC_PREFIX: Final = "kafka:"

# Reads what lies in a source at a place.
Mapped = TypeVar("Mapped")
Read = Callable[[bytes, str, int], AccessEvent | Rejected]
# How far an input has been read, from 0 to 1.
Reached = Callable[[float], None]


class RejectExample(Struct, frozen=True, kw_only=True):
    """The first reject of a replay: where it lies, why, and how its bytes begin."""

    place: str
    rejected: Rejected
    begins: bytes


class Rejects:
    """Counts what could not be judged, by reason, and keeps the original bytes where asked."""

    __slots__ = ("_by_source", "_file", "counts", "example")

    def __init__(self, file: BinaryIO | None) -> None:
        """Keep dead letters in `file`, one JSON object a line; None counts only."""
        self._file = file
        self.counts: Counter[str] = Counter()
        self._by_source: Counter[str] = Counter()
        self.example: RejectExample | None = None

    def of(self, source: str) -> int:
        """Return how many were rejected of one source."""
        return self._by_source[source]

    def add(self, rejected: Rejected, raw: bytes | None, *, source: str, number: int) -> None:
        """Note one reject; `number` is its line or offset in `source`, counted from 1 for lines."""
        self.counts[rejected.reason.value] += 1
        self._by_source[source] += 1
        if self.example is None:
            self.example = RejectExample(
                place=f"{source}:{number}", rejected=rejected, begins=(raw or b"")[:_EXAMPLE_BYTES]
            )
        if self._file is None:
            return
        letter = {
            "source": source,
            "number": number,
            "reason": rejected.reason.value,
            "detail": rejected.detail,
            **_value(raw),
        }
        self._file.write(msgspec.json.encode(letter) + b"\n")


def _value(raw: bytes | None) -> dict[str, str | None]:
    """Return the original bytes: as text where they are text, else in base64; never changed."""
    if raw is None:
        return {"value": None}
    try:
        return {"value": raw.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(raw).decode()}


def read_line(
    raw: bytes, source: str, number: int, *, limits: DecodeLimits
) -> AccessEvent | Rejected:
    """Return the canonical event of a line of a file."""
    event = decode(raw, limits)
    if isinstance(event, AccessEvent) and event.repairs is not None:
        return placed(event, source, number)
    return event


def unseen(_share: float) -> None:
    """Show no progress."""


def access_events(records: Iterator[OnRecord]) -> Iterator[AccessEvent]:
    """Return what is an event among `records`."""
    return (record for record in records if isinstance(record, AccessEvent))


def file_events(
    source: FileSource, *, read: Read, line_bytes_max: int, rejects: Rejects, reached: Reached
) -> Iterator[AccessEvent | UnreadEvent]:
    """Yield the events of a file that holds one a line; empty lines are passed over."""
    number = 0
    for lines in source.blocks(line_bytes_max=line_bytes_max):
        for line in lines:
            number += 1
            if not line or line.isspace():
                continue
            event = (
                line.rejected() if isinstance(line, CutLine) else read(line, source.name, number)
            )
            if isinstance(event, Rejected):
                rejects.add(event, line, source=source.name, number=number)
                yield from unread_of(event)
            else:
                yield event
        reached(_share(source))


def csv_events(
    source: FileSource,
    mapping: RowMapping,
    *,
    line_bytes_max: int,
    rejects: Rejects,
    reached: Reached,
) -> Iterator[AccessEvent | UnreadEvent]:
    """Yield the events of a csv file, whose rows may run over several lines."""

    def lines() -> Iterator[bytes]:
        for block in source.blocks(line_bytes_max=line_bytes_max):
            yield from block
            reached(_share(source))

    for row in mapping.rows(lines(), source=source.name):
        if isinstance(row.result, Rejected):
            rejects.add(row.result, row.raw, source=source.name, number=row.number)
            yield from unread_of(row.result)
        else:
            yield row.result


def _share(source: FileSource) -> float:
    return source.read_bytes / source.size_bytes if source.size_bytes else 0.0


def partition_events(
    reader: TopicReader,
    partition: int,
    *,
    read: Callable[[TopicRecord], OnRecord | Rejected],
    rejects: Rejects,
    reached: Reached,
) -> Iterator[OnRecord]:
    """Yield the events of one partition, and the control records among them, in their order."""
    # Of the partitions before it too, for the progress.
    read_count = reader.count_before(partition)
    for records in reader.records(partition):
        for record in records:
            event = read(record)
            if isinstance(event, Rejected):
                source = f"{TOPIC_PREFIX}{reader.topic}/{partition}"
                rejects.add(event, record.value, source=source, number=record.offset)
                yield from unread_of(event, received_ms=record.timestamp)
            else:
                yield event
        read_count += len(records)
        reached(read_count / max(1, reader.total_count))


def holdings_of(
    reader: TopicReader, partition: int, *, rejects: Rejects, reached: Reached
) -> Iterator[NewHoldings]:
    """Yield what institutions came to hold, as the judges put it on record, in its order."""
    read_count = 0
    for records in reader.records(partition):
        for record in records:
            holdings = _new_holdings(record.value)
            if isinstance(holdings, Rejected):
                source = f"{TOPIC_PREFIX}{reader.topic}/{partition}"
                rejects.add(holdings, record.value, source=source, number=record.offset)
            else:
                yield holdings
        read_count += len(records)
        reached(read_count / max(1, reader.total_count))


def _new_holdings(raw: bytes | None) -> NewHoldings | Rejected:
    try:
        holdings = decode_json(raw or b"", kind=NewHoldings)
        BitMap64.deserialize(holdings.participants)
    except (msgspec.DecodeError, ValueError, IndexError) as error:
        return rejected(RejectReason.WRONG_TYPE, str(error))
    return holdings


def read_row(
    record: TopicRecord, *, mapping: RowMapping, limits: DecodeLimits, topic: str
) -> AccessEvent | Rejected:
    """Return the event of one record of a raw topic, as the worker judges it."""
    source = f"{topic}/{record.partition}"
    row = cut_problem(record.headers) or mapping.row(record.value, source, record.offset)
    return bridged_line(row, limits)


def read_canonical(
    record: TopicRecord, *, limits: DecodeLimits, keys: StateKeys, topic: str, base: CoreConfig
) -> OnRecord | Rejected:
    """Return what one record of the topic of access events says, as the worker reads it."""
    if record.headers and control_kind(record.headers) is not None:
        return decode_control(record, topic=topic, partition=record.partition, keys=keys, base=base)
    event = decode(
        record.value, limits=limits, headers=record.headers, kafka_time_ms=record.timestamp
    )
    if isinstance(event, Rejected) or event.repairs is None:
        return event
    if origin_of(record, topic=topic, partition=record.partition, keys=keys) is not None:
        # It was given the name of its place where it lay first.
        return event
    return placed(event, f"{topic}/{record.partition}", record.offset)


def bridged_line(line: Mapped, limits: DecodeLimits) -> Mapped | AccessEvent:
    """Return a mapped row as it is judged; what is no event stays as it is."""
    return bridged(line, limits) if isinstance(line, AccessEvent) else line
