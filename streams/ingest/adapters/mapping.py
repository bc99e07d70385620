"""Step 1 of 7: a foreign record -> AccessEvent | Rejected, by the mapping of the config.

One function for a line of a file and for a record of a raw topic, so that both give the same
event; only the place differs that names it where it has no id. Rows are independent of one another:
nothing is kept between them.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct

from detectors.errors import ConfigError
from detectors.event import AccessEvent
from streams.ingest.adapters.cells import source_of
from streams.ingest.adapters.config import DIGEST_ID, MappingConfig
from streams.ingest.adapters.csv_rows import CsvRow, CsvRows
from streams.ingest.adapters.row_reader import UNRESOLVED, RowReader
from streams.ingest.codec import DecodeLimits
from streams.ingest.frames import unframed
from streams.ingest.lenient_json import read_object, text_under
from streams.ingest.nesting import nesting_problem
from streams.ingest.oversized import is_costly, without_lists
from streams.ingest.partial_event import place_of
from streams.ingest.rejects import Rejected, RejectReason, of_institution, rejected
from streams.ingest.repairs import RepairReason, Repairs
from streams.ingest.repeated import escapes_a_letter

__all__ = ["UNRESOLVED", "FileRow", "RowMapping"]

_ID_BYTES: Final = 16
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# Keys of which the largest of several values counts.
_AMOUNTS: Final = ("bytes", "rows", "files", "participants", "participants_count")

_documents: Final = msgspec.json.Decoder(dict[str, object])
_cells_json: Final = msgspec.json.Encoder().encode


class FileRow(Struct, frozen=True, kw_only=True, gc=False):
    """What came of one row of a file, its bytes, and the number of its first line, from 1."""

    result: AccessEvent | Rejected
    raw: bytes
    number: int


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
    >>> event = mapping.row(b"2026-04-01T12:00:00Z,oxford,imaging", "raw.log/3", 17)
    >>> event.institution, event.dataset, event.time, event.id
    ('oxford', 'imaging', 1775044800000, 'raw.log/3:17')
    """

    __slots__ = (
        "_columns",
        "_csv",
        "_digests",
        "_institution_name",
        "_limits",
        "_reader",
        "_repeatable",
        "config",
    )

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
        self._digests = config.event.id == DIGEST_ID
        self._reader = RowReader(config, limits=limits)
        self._repeatable = _repeatable_names(config)
        path = source_of(config.event.institution).column or ""
        self._institution_name = path.rpartition(".")[2].partition("[")[0]
        self._csv = CsvRows(
            delimiter=config.delimiter,
            columns_count=len(self._columns),
            is_row=self._reader.has_time,
        )

    def row(self, record: bytes | None, source: str, number: int) -> AccessEvent | Rejected:
        """Return the event of one record: a csv line, or a JSON document.

        It lies at `number`, a line or an offset, of `source`: the id of a row that has none.
        """
        if not record:
            return rejected(RejectReason.EMPTY_VALUE, "expected a row, got no bytes")
        record = unframed(record).removeprefix(_BYTE_ORDER_MARK)
        if self.config.format == "json":
            return self._document(record, place_of(source, number))
        return self._cells(self._csv.record(record), place_of(source, number))

    def rows(self, lines: Iterable[bytes], *, source: str) -> Iterator[FileRow]:
        """Yield what comes of a file's lines; a csv file begins with its header.

        Lines have no ends. Quoted cells may hold some, so a row is not always a line.

        Raises:
            ConfigError: the header is not as the configuration says.
        """
        if self.config.format == "json":
            for number, line in enumerate(lines, 1):
                if line and not line.isspace():
                    result = self.row(line, source, number)
                    yield FileRow(result=result, raw=line, number=number)
            return
        rows = self._csv.rows(iter(lines))
        header = next(rows, None)
        if header is not None and header.cells != self._columns:
            begins = header.raw[:200].decode("utf-8", "backslashreplace")
            problem = f"expected to equal the file's header, which is {begins!r}"
            raise ConfigError(path="mapping.columns", problem=problem)
        for row in rows:
            result = self._cells(row, place_of(source, row.number))
            yield FileRow(result=result, raw=row.raw, number=row.number)

    def _cells(self, row: CsvRow, place: str) -> AccessEvent | Rejected:
        cells = row.cells
        if row.problem is not None:
            return rejected(RejectReason.ROW_INVALID, row.problem)
        if len(cells) != len(self._columns):
            return self._miscounted(cells, place)
        if cells == self._columns:
            return rejected(RejectReason.ROW_INVALID, "the header, where a row was expected")
        row_id = _digest(_cells_json(cells)) if self._digests else place
        event = self._reader.event(cells, id_otherwise=row_id)
        if isinstance(event, AccessEvent) and not row.texts_unreadable | row.quotes_unpaired:
            return event
        repairs = Repairs()
        repairs[RepairReason.TEXT_UNREADABLE] += row.texts_unreadable
        repairs[RepairReason.QUOTE_UNPAIRED] += row.quotes_unpaired
        return self._in_part(cells, row_id, event, repairs)

    def _miscounted(self, cells: list[str], place: str) -> AccessEvent | Rejected:
        """Judge in part a row that ends too early, where time and institution stand before."""
        missing = len(self._columns) - len(cells)
        name = self._reader.institution_of(cells)
        detail = f"expected {len(self._columns)} cells, got {len(cells)}"
        reject = of_institution(rejected(RejectReason.ROW_INVALID, detail), name)
        if missing < 0 or not name:
            return reject
        row_id = _digest(_cells_json(cells)) if self._digests else place
        repairs = Repairs({RepairReason.CELLS_MISSING: missing})
        return self._in_part([*cells, *[""] * missing], row_id, reject, repairs)

    def _document(self, record: bytes, place: str) -> AccessEvent | Rejected:
        row_id = _digest(record.strip()) if self._digests else place
        if len(record) > self._limits.event_bytes_max:
            detail = f"{len(record)} bytes, more than {self._limits.event_bytes_max}"
            event: AccessEvent | Rejected = rejected(RejectReason.TOO_LARGE, detail)
            return self._document_in_part(without_lists(record), row_id, event)
        problem = nesting_problem(record)
        if problem is not None:
            return problem
        try:
            event = self._reader.event(_documents.decode(record), id_otherwise=row_id)
        except msgspec.ValidationError as error:
            return rejected(RejectReason.WRONG_TYPE, str(error))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            event = rejected(RejectReason.NOT_JSON, str(error))
        if isinstance(event, AccessEvent) and not self._may_repeat_a_name(record):
            return event
        return self._document_in_part(record, row_id, event)

    def _may_repeat_a_name(self, record: bytes) -> bool:
        """Tell whether an amount may be given twice: the decoder would take the last."""
        return any(record.count(name) > 1 for name in self._repeatable) or escapes_a_letter(record)

    def _document_in_part(
        self, record: bytes, row_id: str, strict: AccessEvent | Rejected
    ) -> AccessEvent | Rejected:
        if is_costly(record):
            record = without_lists(record)
        if is_costly(record) or nesting_problem(record) is not None:
            return strict
        repairs = Repairs()
        document = read_object(record, repairs)
        if document is not None:
            return self._in_part(document, row_id, strict, repairs)
        name = text_under(record, self._institution_name) if isinstance(strict, Rejected) else None
        return of_institution(strict, name) if name and isinstance(strict, Rejected) else strict

    def _in_part(
        self,
        row: list[str] | dict[str, object],
        row_id: str,
        strict: AccessEvent | Rejected,
        repairs: Repairs,
    ) -> AccessEvent | Rejected:
        return self._reader.event_in_part(row, id_otherwise=row_id, strict=strict, repairs=repairs)


def _repeatable_names(config: MappingConfig) -> tuple[bytes, ...]:
    """Return the names on the paths to amounts, as a JSON document writes them."""
    if config.format != "json":
        return ()
    choices = [choice for key in _AMOUNTS if (choice := getattr(config.event, key)) is not None]
    columns = [source_of(choice).column or "" for choice in choices]
    names = {name.partition("[")[0] for column in columns for name in column.split(".")}
    return tuple(msgspec.json.encode(name) for name in sorted(names - {""}))


def _digest(identity: bytes) -> str:
    """Return the id of a row whose content stands for it: an identical row is a repeat of it."""
    return blake2b(identity, digest_size=_ID_BYTES).hexdigest()
