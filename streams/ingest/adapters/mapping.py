"""Step 1 of 7: a foreign row -> AccessEvent | Rejected, by the mapping of the config.

One function for a line of a file and for a record of a raw topic, so that both give the same
event, byte for byte. Rows are independent of one another: nothing is kept between them.
"""

import csv
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

import msgspec

from detectors.errors import ConfigError
from detectors.event import AccessEvent, InstitutionId, time_ms
from streams.ingest.adapters.cells import Cell, Getter, Row, getter
from streams.ingest.adapters.config import EventMapping, MappingConfig
from streams.ingest.adapters.values import (
    Convert,
    RejectedError,
    count,
    names_reader,
    participants_reader,
    text,
    time_reader,
)
from streams.ingest.codec import DecodeLimits, check, nesting_problem, reason_of
from streams.ingest.identity import with_seen_name
from streams.ingest.rejects import Rejected, RejectReason, rejected

# Who answers for an event whose institution cannot be resolved: judged and counted, never dropped.
UNRESOLVED: Final = InstitutionId("unresolved")

_ID_BYTES: Final = 16

_documents: Final = msgspec.json.Decoder(dict[str, object])
_cells_json: Final = msgspec.json.Encoder().encode


class RowMapping:
    """Reads rows of one foreign format.

    >>> from detectors.config import CohortConfig
    >>> from streams.ingest.adapters.config import EventMapping
    >>> from streams.ingest.codec import DecodeConfig, decode_limits
    >>> config = MappingConfig(
    ...     name="log",
    ...     format="csv",
    ...     columns=("at", "who", "what"),
    ...     event=EventMapping(time="at", institution="who", dataset="what"),
    ... )
    >>> mapping = RowMapping(config, limits=decode_limits(DecodeConfig(), CohortConfig()))
    >>> event = mapping.row(b"2026-04-01T12:00:00Z,oxford,imaging")
    >>> event.institution, event.dataset, event.time
    ('oxford', 'imaging', 1775044800000)
    """

    __slots__ = ("_columns", "_id", "_limits", "_plan", "config")

    def __init__(self, config: MappingConfig, *, limits: DecodeLimits) -> None:
        """Compile the mapping.

        Raises:
            ConfigError: it cannot work.
        """
        if (config.format == "csv") == (not config.columns):
            raise ConfigError(
                path="mapping.columns", problem="expected for csv, and for nothing else"
            )
        if len(set(config.columns)) != len(config.columns):
            raise ConfigError(path="mapping.columns", problem="expected every name once")
        self.config = config
        self._limits = limits
        self._columns = list(config.columns)
        self._id = self._getter("id")
        self._plan = self._compiled()

    def row(self, record: bytes | None) -> AccessEvent | Rejected:
        """Return the event of one record: a csv line, or a JSON document."""
        if not record:
            return rejected(RejectReason.EMPTY_VALUE, "expected a row, got no bytes")
        if len(record) > self._limits.event_bytes_max:
            detail = f"{len(record)} bytes, more than {self._limits.event_bytes_max}"
            return rejected(RejectReason.TOO_LARGE, detail)
        if self.config.format == "json":
            return self._document(record)
        line = record.decode("utf-8", "backslashreplace")
        try:
            rows = list(csv.reader([line], delimiter=self.config.delimiter))
        except csv.Error as error:
            return rejected(RejectReason.ROW_INVALID, str(error))
        return self._cells(rows[0]) if rows else _not_a_row(0, len(self._columns))

    def rows(self, lines: Iterable[str]) -> Iterator[AccessEvent | Rejected]:
        """Yield the events of a file's lines; a csv file begins with its header.

        Quoted cells may hold line ends, so a row is not always a line.

        Raises:
            ConfigError: the header is not as the configuration says.
        """
        if self.config.format == "json":
            return (self.row(line.encode("utf-8", "replace")) for line in lines if line.strip())
        return self._csv_rows(csv.reader(lines, delimiter=self.config.delimiter))

    def _csv_rows(self, reader: Iterator[list[str]]) -> Iterator[AccessEvent | Rejected]:
        header = next(reader, None)
        if header is not None and header != self._columns:
            problem = f"expected to equal the file's header, which is {','.join(header)[:200]!r}"
            raise ConfigError(path="mapping.columns", problem=problem)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield rejected(RejectReason.ROW_INVALID, str(error))
                continue
            if cells:
                yield self._cells(cells)

    def _cells(self, cells: list[str]) -> AccessEvent | Rejected:
        if len(cells) != len(self._columns):
            return _not_a_row(len(cells), len(self._columns))
        if cells == self._columns:
            return rejected(RejectReason.ROW_INVALID, "the header, where a row was expected")
        return self._event(cells, identity=_cells_json(cells) if self._id is None else b"")

    def _document(self, record: bytes) -> AccessEvent | Rejected:
        problem = nesting_problem(record)
        if problem is not None:
            return problem
        try:
            document = _documents.decode(record)
        except msgspec.ValidationError as error:
            return rejected(RejectReason.WRONG_TYPE, str(error))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return rejected(RejectReason.NOT_JSON, str(error))
        return self._event(document, identity=record.strip())

    def _event(self, row: Row, *, identity: bytes) -> AccessEvent | Rejected:
        document: dict[str, object] = {"institution": UNRESOLVED}
        try:
            for key, read, convert in self._plan:
                value = convert(read(row))
                if value is not None:
                    document[key] = value
            document["id"] = _digest(identity) if self._id is None else text(self._id(row))
            event = msgspec.convert(document, AccessEvent)
        except RejectedError as error:
            return error.rejected
        except msgspec.ValidationError as error:
            return rejected(reason_of(str(error)), str(error))
        problem = check(event, time_ms(event), self._limits)
        return with_seen_name(event) if problem is None else problem

    def _compiled(self) -> list[tuple[str, Getter, Convert]]:
        """Return for each key of the event where its value lies and how it is read."""
        event = self.config.event
        if event.participants is not None and event.participants_count is not None:
            raise ConfigError(
                path="mapping.event.participants_count", problem="expected without participants"
            )
        converts = _converts(self.config, hashed=self._limits.hashed)
        plan = []
        for key in EventMapping.__struct_fields__:
            read = self._getter(key)
            if read is not None and key != "id":
                target = "participants" if key == "participants_count" else key
                plan.append((target, read, converts.get(key, text)))
        return plan

    def _getter(self, key: str) -> Getter | None:
        choice = getattr(self.config.event, key)
        if choice is None:
            return None
        return getter(choice, key=key, columns=self._columns or None)


def _converts(config: MappingConfig, *, hashed: bool) -> dict[str, Convert]:
    """Return what reads the cell of each key that is more than a text."""
    names = names_reader(config.field_separator)
    return {
        "time": time_reader(config.time_format, without_offset=config.time_without_offset),
        "participants": participants_reader(config.participant_separator, hashed=hashed),
        "participants_count": _counted,
        "fields": lambda cell: names(cell) or None,
        **dict.fromkeys(("bytes", "rows", "files"), count),
    }


def _counted(cell: Cell) -> object:
    number = count(cell)
    return None if number is None else {"count": number}


def _digest(identity: bytes) -> str:
    """Return the id of a row that has none: an identical row is a repeat of it."""
    return blake2b(identity, digest_size=_ID_BYTES).hexdigest()


def _not_a_row(cells_count: int, columns_count: int) -> Rejected:
    return rejected(RejectReason.ROW_INVALID, f"expected {columns_count} cells, got {cells_count}")
