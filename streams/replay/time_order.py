"""Step 1 of 7: the events of several files -> one sequence, as their platform saw them happen.

The files of two front ends tell of one world: read one after the other, each event of the second
would come months late. Files are merged by their events' times; each keeps its own order, for what
comes a little late in a log came late to the worker too. A file that is in no order at all can be
sorted first, in runs on disk, so that memory stays bounded.
"""

import heapq
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import BinaryIO, Final

import msgspec
from msgspec.structs import replace

from detectors.event import AccessEvent, UnreadEvent, time_ms
from detectors.pipeline import LATE_MS
from detectors.policy.explain import percent

# Of a file with more late events than this, the order is no order.
LATE_RATIO_MAX: Final = 0.1
# A run is what is sorted in memory at once: some hundred megabytes of the largest usual events.
RUN_EVENTS: Final = 100_000
_LENGTH_BYTES: Final = 4

# What a line of a file comes to, as far as a judge counts it.
FileEvent = AccessEvent | UnreadEvent

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(AccessEvent).decode
_decode_unread: Final = msgspec.msgpack.Decoder(UnreadEvent).decode
# The first byte of a written line: which of the two it is.
_EVENT: Final = b"e"
_UNREAD: Final = b"u"


class FileOrder:
    """Counts how many events of a file came late, each against the newest before it.

    >>> order = FileOrder("a.ndjson")
    >>> event = AccessEvent(id="e", time=0, institution="i", dataset="d")
    >>> later = AccessEvent(id="f", time=9_000_000, institution="i", dataset="d")
    >>> len(list(order.counted(iter([event, later, event])))), order.late_count
    (3, 1)
    """

    __slots__ = ("events_count", "late_count", "name")

    def __init__(self, name: str) -> None:
        """Begin with a file of no events."""
        self.name = name
        self.events_count = 0
        self.late_count = 0

    def counted(self, events: Iterator[FileEvent]) -> Iterator[FileEvent]:
        """Yield the events as they come."""
        newest_ms = None
        for event in events:
            if isinstance(event, UnreadEvent):
                # It has no time, and counts where it stands.
                yield replace(event, time=newest_ms or 0)
                continue
            at_ms = time_ms(event)
            if newest_ms is None or at_ms > newest_ms:
                newest_ms = at_ms
            self.events_count += 1
            self.late_count += at_ms < newest_ms - LATE_MS
            yield event

    @property
    def is_none(self) -> bool:
        """Tell whether the file should be sorted before it is judged."""
        return self.late_count > LATE_RATIO_MAX * self.events_count


def late_note(order: FileOrder) -> str:
    """Return what to do about a file whose order is none."""
    late = percent(order.late_count / order.events_count)
    return (
        f"{order.name}: {late} of its {order.events_count:,} events came more than an hour after "
        "younger ones; run again with --sort to judge the file in the order of its times"
    )


def merged(files: Sequence[Iterator[FileEvent]]) -> Iterator[FileEvent]:
    """Yield the events of all files, the earliest next one first; of equal ones the first file's.

    One file alone is as it is.
    """
    if len(files) == 1:
        return files[0]
    return heapq.merge(*files, key=time_ms)


def by_time(events: Iterator[FileEvent]) -> Iterator[FileEvent]:
    """Yield events sorted by time, equal ones as they came; memory holds one run of them."""
    with tempfile.TemporaryFile(prefix="headgate-sort-") as file:
        bounds = [*_write_runs(events, file), file.tell()]
        runs = [_read_run(file, start, end) for start, end in pairwise(bounds)]
        yield from heapq.merge(*runs, key=time_ms)


def _write_runs(events: Iterator[FileEvent], file: BinaryIO) -> Iterator[int]:
    """Write sorted runs one after the other; yield where each begins."""
    while run := sorted(islice(events, RUN_EVENTS), key=time_ms):
        yield file.tell()
        for event in run:
            raw = (_EVENT if isinstance(event, AccessEvent) else _UNREAD) + _encode(event)
            file.write(len(raw).to_bytes(_LENGTH_BYTES, "big") + raw)


def _read_run(file: BinaryIO, start: int, end: int) -> Iterator[FileEvent]:
    # Runs are read in turn from one file: each remembers where it stands.
    while start < end:
        file.seek(start)
        length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
        raw = file.read(length)
        start += _LENGTH_BYTES + length
        yield _decode(raw[1:]) if raw[:1] == _EVENT else _decode_unread(raw[1:])
