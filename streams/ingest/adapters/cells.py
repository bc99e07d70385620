"""Step 1 of 7: a row -> one value. Columns, paths, constants and translations, compiled once."""

from collections.abc import Callable, Sequence
from operator import itemgetter

from detectors.errors import ConfigError
from streams.ingest.adapters.config import CellSource

Row = Sequence[str] | dict[str, object]
Cell = str | int | list[str]
Getter = Callable[[Row], Cell]


def source_of(choice: str | CellSource) -> CellSource:
    """Return the long form of a choice: a bare name is a column."""
    return CellSource(column=choice) if isinstance(choice, str) else choice


def getter(choice: str | CellSource, *, key: str, columns: Sequence[str] | None) -> Getter:
    """Return what reads one key's value; `columns` is None for JSON, where a column is a path.

    >>> status = CellSource(column="status", values={"2*": "success"}, otherwise="error")
    >>> read = getter(status, key="outcome", columns=["time", "status"])
    >>> read(["noon", "206"]), read(["noon", "500"])
    ('success', 'error')

    Raises:
        ConfigError: the mapping names no column, or one that the format does not have.
    """
    source = source_of(choice)
    if (source.column is None) == (source.constant is None):
        problem = "expected either a column or a constant"
        raise ConfigError(path=f"mapping.event.{key}", problem=problem)
    if source.constant is not None:
        return _constant(source.constant)
    column = source.column or ""
    read = _path(column) if columns is None else _place(column, key=key, columns=columns)
    if not source.values and source.otherwise is None:
        return read
    return _translated(read, source)


def _constant(value: str | int) -> Getter:
    return lambda _row: value


def _place(column: str, *, key: str, columns: Sequence[str]) -> Getter:
    if column not in columns:
        problem = f"expected one of mapping.columns, got {column!r}"
        raise ConfigError(path=f"mapping.event.{key}", problem=problem)
    return itemgetter(columns.index(column))


def _path(column: str) -> Getter:
    names = column.split(".")

    def read(row: Row) -> Cell:
        value: object = row
        for name in names:
            if not isinstance(value, dict):
                return ""
            value = value.get(name)
        return [_text(inner) for inner in value] if isinstance(value, list) else _text(value)

    return read


def _text(value: object) -> str:
    """Return a JSON value as a CSV cell would hold it; what is no single value is absent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def _translated(read: Getter, source: CellSource) -> Getter:
    exact = {name: value for name, value in source.values.items() if not name.endswith("*")}
    starts = [(name[:-1], value) for name, value in source.values.items() if name.endswith("*")]

    def translate(cell: str) -> str:
        translation = exact.get(cell)
        if translation is None and cell:
            translation = next((value for start, value in starts if cell.startswith(start)), None)
        if translation is not None:
            return translation
        return cell if source.otherwise is None else source.otherwise

    def read_translated(row: Row) -> Cell:
        cell = read(row)
        return (
            [translate(text) for text in cell] if isinstance(cell, list) else translate(str(cell))
        )

    return read_translated
