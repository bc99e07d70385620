"""Step 1 of 7: the lines of a CSV log -> rows of cells, whatever its quotes are like.

A quoted cell may hold line ends, so a row is not always a line. But a quote that nothing closes, as
a client may bring in that calls itself `"x`, must not swallow the rows that follow: it is read as a
letter of its own line. And what looks like rows within a quoted cell is no event, for whoever can
write a text could accuse others; it is rejected by its line, so that nothing is gone in silence.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from streams.ingest.readers import CutLine

# A text of more lines in one cell is none.
_ROW_LINES_MAX: Final = 1_000
_ROW_BYTES_MAX: Final = 16 * 2**20
# The module's own limit is 131,072 characters: a list of people is longer.
_CELL_LENGTH_MAX: Final = 2**31 - 1
_QUOTE: Final = b'"'


class CsvRow(Struct, frozen=True, kw_only=True, gc=False):
    """One row: its cells, or what is wrong with it; and the bytes of its lines."""

    cells: list[str]
    raw: bytes
    # Of its first line, from 1.
    number: int
    problem: str | None = None
    # How many texts in it could not be read as they were written.
    texts_unreadable: int = 0
    quotes_unpaired: int = 0


class CsvRows:
    """Splits the lines of one format into rows."""

    __slots__ = ("_columns_count", "_delimiter", "_is_row", "_separator")

    def __init__(
        self, *, delimiter: str, columns_count: int, is_row: Callable[[list[str]], bool]
    ) -> None:
        """Split at `delimiter`; `is_row` tells whether cells could be a row of the log."""
        csv.field_size_limit(_CELL_LENGTH_MAX)
        self._delimiter = delimiter
        self._columns_count = columns_count
        self._is_row = is_row

    def rows(self, lines: Iterator[bytes]) -> Iterator[CsvRow]:
        """Yield the rows of a file's lines, which have no ends; empty lines are passed over."""
        pending: deque[bytes] = deque()
        number = 0

        def following() -> Iterator[bytes]:
            while True:
                line = pending.popleft() if pending else next(lines, None)
                if line is None:
                    return
                yield line

        for line in following():
            number += 1
            if _QUOTE not in line or isinstance(line, CutLine):
                if line and line != b"\r":
                    yield self._plain(line, number)
                continue
            taken = [line]
            cells = self._spanning(taken, following())
            if cells is None:
                # What was looked at beyond the line is read by itself.
                pending.extendleft(reversed(taken[1:]))
                yield self._mended(line, number)
                continue
            yield self._row(cells, b"\n".join(taken), number)
            yield from self._rows_within(taken, number)
            number += len(taken) - 1

    def record(self, raw: bytes) -> CsvRow:
        """Return the one row of a record of a topic."""
        line = raw.rstrip(b"\r\n")
        if _QUOTE not in line:
            return self._plain(line, 1)
        cells = self._spanning([], iter(line.split(b"\n")), is_whole=True)
        return self._mended(line, 1) if cells is None else self._row(cells, line, 1)

    def _plain(self, line: bytes, number: int) -> CsvRow:
        if isinstance(line, CutLine):
            problem = line.rejected().detail
            return CsvRow(cells=[], raw=bytes(line), number=number, problem=problem)
        text, unreadable = _decoded(line)
        if "\n" in text or "\r" in text:
            problem = "expected one row, got a line end outside of quotes"
            return CsvRow(cells=[], raw=line, number=number, problem=problem)
        cells = text.split(self._delimiter)
        return CsvRow(cells=cells, raw=line, number=number, texts_unreadable=unreadable)

    def _row(self, cells: list[str], raw: bytes, number: int) -> CsvRow:
        return CsvRow(cells=cells, raw=raw, number=number, texts_unreadable=_decoded(raw)[1])

    def _spanning(
        self, taken: list[bytes], lines: Iterator[bytes], *, is_whole: bool = False
    ) -> list[str] | None:
        """Return the cells of a row that begins with `taken`, and note there which lines it took.

        None where no reading of quotes gives as many cells as there are columns. With `is_whole`
        the row must be all of `lines`.
        """

        def texts() -> Iterator[str]:
            size_bytes = 0
            for line in taken:
                size_bytes += len(line)
                yield _decoded(line)[0] + "\n"
            for line in lines:
                taken.append(line)
                size_bytes += len(line)
                yield _decoded(line)[0] + "\n"
                if len(taken) >= _ROW_LINES_MAX or size_bytes > _ROW_BYTES_MAX:
                    return

        try:
            cells = next(csv.reader(texts(), delimiter=self._delimiter, strict=True))
        except (csv.Error, StopIteration):
            return None
        if len(cells) != self._columns_count or (is_whole and next(lines, None) is not None):
            return None
        return cells

    def _mended(self, line: bytes, number: int) -> CsvRow:
        """Return the row of a line whose quotes are no pairs."""
        text, unreadable = _decoded(line)
        cells = self._whole_cells(text)
        if 0 < len(cells) < self._columns_count:
            # Its quotes are pairs: it ends too early.
            return CsvRow(cells=cells, raw=line, number=number, texts_unreadable=unreadable)
        try:
            cells = next(csv.reader([text], delimiter=self._delimiter), [])
        except csv.Error:
            cells = []
        if len(cells) != self._columns_count:
            cells = [_without_quotes(cell) for cell in text.split(self._delimiter)]
        if "\n" in text or "\r" in text or len(cells) != self._columns_count:
            problem = f"expected {self._columns_count} cells, got {len(cells)}, and odd quotes"
            return CsvRow(cells=[], raw=line, number=number, problem=problem)
        return CsvRow(
            cells=cells, raw=line, number=number, texts_unreadable=unreadable, quotes_unpaired=1
        )

    def _whole_cells(self, text: str) -> list[str]:
        """Return the cells of one line whose quotes are pairs; none where they are not."""
        if "\n" in text or "\r" in text:
            return []
        try:
            return next(csv.reader([text], delimiter=self._delimiter, strict=True), [])
        except csv.Error:
            return []

    def _rows_within(self, taken: list[bytes], number: int) -> Iterator[CsvRow]:
        """Yield what could be rows of their own within a cell of the row that took these lines."""
        for place, line in enumerate(taken[1:], number + 1):
            if self._is_row(_decoded(line)[0].split(self._delimiter)):
                problem = f"what may be a row lies within a quoted cell of line {number}"
                yield CsvRow(cells=[], raw=line, number=place, problem=problem)


def _decoded(line: bytes) -> tuple[str, int]:
    """Return a line as text without its end, and 1 where it is no UTF-8."""
    line = line.removesuffix(b"\r")
    try:
        return line.decode(), 0
    except UnicodeDecodeError:
        # Each byte stays another: two names must not become one.
        return line.decode("utf-8", "backslashreplace"), 1


def _without_quotes(cell: str) -> str:
    """Return a cell without the quotes around it, if there are both.

    >>> _without_quotes('"a"'), _without_quotes('"a')
    ('a', '"a')
    """
    paired = len(cell) > 1 and cell.startswith('"') and cell.endswith('"')
    return cell[1:-1] if paired else cell
