"""Step 1 of 7: a row -> one value. Columns, paths, constants and translations, compiled once.

There are two readings of the same declaration. The quick one takes what is as it should be, and
raises for anything else; then the patient one returns what stands there, all of it, for the reader
that judges in part.
"""

import re
from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Final

from detectors.errors import ConfigError
from streams.ingest.adapters.config import CellSource
from streams.ingest.rejects import Rejected, RejectReason, rejected
from streams.ingest.repeated import values_of

Row = Sequence[str] | dict[str, object]
Cell = str | int | list[str]
Getter = Callable[[Row], Cell]
# Every value that a row has for one key: more than one where a name in it is repeated.
ValuesGetter = Callable[[Row], Sequence[object]]

# A step into a list of a JSON document: `agent[]` is each of its elements, `agent[0]` the first.
_STEP: Final = re.compile(r"(.*?)(?:\[(\d{0,6})\])?", re.DOTALL)
# The keys whose value may be several.
_LISTED: Final = frozenset({"participants", "fields"})


class RejectedError(Exception):
    """Ends the quick reading of one row; never leaves the adapters."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        """Keep the reject."""
        super().__init__(detail)
        self.rejected: Rejected = rejected(reason, detail)


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
    read = _path(column, key=key) if columns is None else _place(column, key=key, columns=columns)
    if not source.values and source.otherwise is None:
        return read
    return _translated(read, translator(source))


def values_getter(choice: str | CellSource, *, columns: Sequence[str] | None) -> ValuesGetter:
    """Return what reads every value of one key, for a choice that `getter` has taken.

    >>> read = values_getter("who[].id", columns=None)
    >>> read({"who": [{"id": "a"}, {"id": 7.5}, "b"]})
    [['a', 7.5, None]]
    """
    source = source_of(choice)
    if source.constant is not None:
        constant = [source.constant]
        return lambda _row: constant
    column = source.column or ""
    read = _every_value(column) if columns is None else _cell(columns.index(column))
    if not source.values and source.otherwise is None:
        return read
    translate = translator(source)
    return lambda row: [_translated_value(value, translate) for value in read(row)]


def cell_text(value: object) -> str:
    """Return a JSON value as a CSV cell would hold it; what is no single value is absent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def _constant(value: str | int) -> Getter:
    return lambda _row: value


def _place(column: str, *, key: str, columns: Sequence[str]) -> Getter:
    if column not in columns:
        problem = f"expected one of mapping.columns, got {column!r}"
        raise ConfigError(path=f"mapping.event.{key}", problem=problem)
    return itemgetter(columns.index(column))


def _cell(place: int) -> ValuesGetter:
    return lambda row: [row[place]]  # type: ignore[index]


def _steps(column: str) -> list[tuple[str, str | None]]:
    """Return the names of a path, each with its index: None for no list, empty for all of it."""
    matches = [_STEP.fullmatch(part) for part in column.split(".")]
    return [(match[1], match[2]) for match in matches if match is not None]


def _path(column: str, *, key: str) -> Getter:
    steps = _steps(column)
    if any(index is not None for _, index in steps):
        if key not in _LISTED and any(index == "" for _, index in steps):
            problem = f"expected one value, such as of `[0]`; {column!r} gives a list"
            raise ConfigError(path=f"mapping.event.{key}", problem=problem)
        return _first_of(_every_value(column))
    names = [name for name, _ in steps]

    def read(row: Row) -> Cell:
        value: object = row
        for name in names:
            if not isinstance(value, dict):
                return _nothing(value)
            value = value.get(name)
        if isinstance(value, list | dict):
            return _single_values(value)
        return cell_text(value)

    return read


def _first_of(read: ValuesGetter) -> Getter:
    def read_first(row: Row) -> Cell:
        value = read(row)[-1]
        return _single_values(value) if isinstance(value, list | dict) else cell_text(value)

    return read_first


def _nothing(value: object) -> Cell:
    """Return an absent cell: unless a path leads into a list, whose elements it does not name."""
    if isinstance(value, list):
        raise RejectedError(RejectReason.WRONG_TYPE, "expected an object, got a list: use `[]`")
    return ""


def _single_values(value: Sequence[object] | dict[object, object]) -> list[str]:
    if isinstance(value, dict) or any(isinstance(inner, list | dict) for inner in value):
        raise RejectedError(RejectReason.WRONG_TYPE, "expected single values, got objects or lists")
    return [cell_text(inner) for inner in value]


def _every_value(column: str) -> ValuesGetter:
    steps = _steps(column)

    def read(row: Row) -> Sequence[object]:
        reached: Sequence[object] = [row]
        for name, index in steps:
            reached = list(chain.from_iterable(_inner(value, name, index) for value in reached))
        return reached

    return read


def _inner(value: object, name: str, index: str | None) -> Sequence[object]:
    """Return what lies at one step below `value`: of a list, the list of what lies below each."""
    if isinstance(value, list):
        below = [_inner(each, name, index)[-1] for each in value]
        if index is None:
            return [below]
        return [
            [each for inner in below for each in (inner if isinstance(inner, list) else [inner])]
        ]
    if not isinstance(value, dict):
        return [None]
    values = values_of(value.get(name))
    if not index:
        return values
    place = int(index)
    return [
        each[place] if isinstance(each, list) and place < len(each) else None for each in values
    ]


def translator(source: CellSource) -> Callable[[str], str]:
    """Return what translates a text as the mapping's table says."""
    exact = {name: value for name, value in source.values.items() if not name.endswith("*")}
    starts = [(name[:-1], value) for name, value in source.values.items() if name.endswith("*")]

    def translate(cell: str) -> str:
        translation = exact.get(cell)
        if translation is None and cell:
            translation = next((value for start, value in starts if cell.startswith(start)), None)
        if translation is not None:
            return translation
        return cell if source.otherwise is None else source.otherwise

    return translate


def _translated(read: Getter, translate: Callable[[str], str]) -> Getter:
    def read_translated(row: Row) -> Cell:
        cell = read(row)
        return (
            [translate(text) for text in cell] if isinstance(cell, list) else translate(str(cell))
        )

    return read_translated


def _translated_value(value: object, translate: Callable[[str], str]) -> object:
    if isinstance(value, list):
        return [translate(cell_text(inner)) for inner in value]
    return translate(cell_text(value))
