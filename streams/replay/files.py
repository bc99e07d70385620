"""Step 1 of 7: files -> their events as one sequence, and what there is to say of each file."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from streams.ingest.readers import FileSource
from streams.replay.inputs import Reached, Rejects, bridged_line, csv_events, file_events, read_line
from streams.replay.reading import Reading
from streams.replay.time_order import FileEvent, FileOrder, by_time, late_note, merged

# A longer line is cut, and then no event any more. Lists of a shorter one are at least counted.
LINE_BYTES_MAX: Final = 64 * 2**20


class FileInputs:
    """The files of a replay, read once each."""

    __slots__ = ("_reading", "_rejects", "orders")

    def __init__(self, reading: Reading, rejects: Rejects) -> None:
        """Open nothing yet."""
        self._reading = reading
        self._rejects = rejects
        self.orders: list[FileOrder] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what to do about files whose order is none; nothing where they were sorted."""
        if self._reading.sorts_files:
            return ()
        return tuple(late_note(order) for order in self.orders if order.is_none)

    def merged(
        self, names: Sequence[str], opened: ExitStack, *, reached: Callable[[int, float], None]
    ) -> Iterator[FileEvent]:
        """Return the events of all these files in the order of their times.

        The files are closed by `opened`; `reached` hears which of them was read how far.
        """
        return merged(
            [
                self._in_order(opened.enter_context(FileSource(name)), partial(reached, index))
                for index, name in enumerate(names)
            ]
        )

    def _in_order(self, source: FileSource, reached: Reached) -> Iterator[FileEvent]:
        order = FileOrder(source.name)
        self.orders.append(order)
        events = order.counted(self.events(source, reached))
        return by_time(events) if self._reading.sorts_files else events

    def events(self, source: FileSource, reached: Reached) -> Iterator[FileEvent]:
        """Return the events of one file in its own order."""
        limits = self._reading.limits
        lines = self._read(source, reached)
        if self._reading.mapping is None or limits.bridge is None:
            return lines
        return (bridged_line(line, limits) for line in lines)

    def _read(self, source: FileSource, reached: Reached) -> Iterator[FileEvent]:
        limits, mapping = self._reading.limits, self._reading.mapping
        if mapping is not None and mapping.config.format == "csv":
            return csv_events(
                source,
                mapping,
                line_bytes_max=LINE_BYTES_MAX,
                rejects=self._rejects,
                reached=reached,
            )
        return file_events(
            source,
            read=partial(read_line, limits=limits) if mapping is None else mapping.row,
            line_bytes_max=LINE_BYTES_MAX,
            rejects=self._rejects,
            reached=reached,
        )
