"""Step 1 of 7: a foreign row that is no clean event -> JSON values under the event's own keys.

What a canonical event would say, so that one reader judges both in part. A cell is a text, whatever
its column means: digits are the number, an empty cell is an absent value, and a number in a column
of names is its digits. Anything else stays as it stands there, and is mended, or left out, as in a
canonical event.
"""

from collections.abc import Callable, Sequence
from typing import Final

from streams.ingest.adapters.cells import Row, ValuesGetter, cell_text, values_getter
from streams.ingest.adapters.config import DIGEST_ID, EventMapping, MappingConfig
from streams.ingest.adapters.values import participant_hash
from streams.ingest.repeated import Repeated

# Of more characters, people are only counted: as in a message too large to decode.
_PEOPLE_LENGTH_MAX: Final = 16 * 2**20
# More than any count or id: what is longer is read as any other text.
_DIGITS_MAX: Final = 40
_AMOUNTS: Final = frozenset({"bytes", "rows", "files"})

Meaning = Callable[[object], object]


class PartialRow:
    """Reads what a row says under each key, however it is written."""

    __slots__ = ("_plan",)

    def __init__(self, config: MappingConfig, *, hashed: bool) -> None:
        """Compile a mapping that is known to work."""
        columns = list(config.columns) or None
        meanings: dict[str, Meaning] = {
            "participants": lambda value: _people(value, config.participant_separator, hashed),
            "participants_count": _counted,
            "fields": lambda value: _names(value, config.field_separator),
            **dict.fromkeys(_AMOUNTS, _number),
        }
        self._plan: list[tuple[str, ValuesGetter, Meaning]] = []
        for key in EventMapping.__struct_fields__:
            choice = getattr(config.event, key)
            if choice is None or key == "time" or (key == "id" and choice == DIGEST_ID):
                continue
            target = "participants" if key == "participants_count" else key
            read = values_getter(choice, columns=columns)
            self._plan.append((target, read, meanings.get(key, _text)))

    def given(self, row: Row) -> dict[str, object]:
        """Return the values of each key; of a key given more than once, all of them."""
        return {
            key: _merged([meant(value) for value in read(row)]) for key, read, meant in self._plan
        }


def _merged(values: Sequence[object]) -> object:
    first, *others = values
    if not others:
        return first
    repeated = Repeated(first)
    repeated.values.extend(others)
    return repeated


def _text(value: object) -> object:
    """Return a text; a list or an object stays one, and is unreadable."""
    if value is None or value == "":
        return None
    return cell_text(value) if isinstance(value, str | int | float) else value


def _number(value: object) -> object:
    """Return a count as JSON would have it; what is no number stays as it is.

    >>> [_number(value) for value in ("12", "12.0", 7, "", None)]
    [12, '12.0', 7, None, None]
    """
    if not isinstance(value, str):
        return value
    is_number = value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX
    return int(value) if is_number else value or None


def _counted(value: object) -> object:
    number = _number(value)
    return None if number is None else {"count": number}


def _names(value: object, separator: str | None) -> object:
    """Return a list of names; what is neither a list nor a text stays as it is."""
    if isinstance(value, str):
        value = value.split(separator) if separator else [value]
    if not isinstance(value, list):
        return value
    return [name for name in value if name not in ("", None)] or None


def _people(value: object, separator: str | None, hashed: bool) -> object:  # noqa: FBT001 - bound.
    """Return whose data left in the event's own words; an object already speaks them."""
    if isinstance(value, str) and len(value) > _PEOPLE_LENGTH_MAX:
        return {"ids": value.count(separator) + 1 if separator else 1}
    if value is None or isinstance(value, dict):
        return value
    people = _names(value if isinstance(value, str | list) else [value], separator)
    if not isinstance(people, list):
        return people
    return {"ids": [_person(each, hashed=hashed) for each in people]}


def _person(value: object, *, hashed: bool) -> object:
    if not isinstance(value, str | int | float):
        return value
    return participant_hash(cell_text(value)) if hashed else _number(value)
