"""Keys of the state topic: one institution's main record, its parts, a partition's own record.

Names come from events and may hold any character, so NUL is escaped in them and what follows
a bare NUL is ours: no institution can be named so that it reads as another's part.

    main      institution
    part      institution NUL 2 part
    partition record   NUL 3
"""

from typing import Final

from msgspec import Struct

from detectors.errors import StateError

PARTITION_RECORD_KEY: Final = b"\x00\x03"
_PART_MARK: Final = b"\x00\x02"
_ESCAPED_NUL: Final = b"\x00\x01"


class StateKey(Struct, frozen=True, kw_only=True):
    """Whose record it is; no part means the main record, no institution the partition_record."""

    institution: str | None = None
    part: str | None = None


def main_key(institution: str) -> bytes:
    """Return the key of an institution's main record."""
    return _escaped(institution)


def part_key(institution: str, part: str) -> bytes:
    """Return the key of one part of an institution's state."""
    return _escaped(institution) + _PART_MARK + _escaped(part)


def parse_key(raw: bytes) -> StateKey:
    r"""Return whose record `raw` names.

    >>> parse_key(part_key("a\0b", "imaging@3"))
    StateKey(institution='a\x00b', part='imaging@3')

    Raises:
        StateError: it is no key of ours.
    """
    if raw == PARTITION_RECORD_KEY:
        return StateKey()
    institution, mark, part = raw.partition(_PART_MARK)
    if not mark:
        return StateKey(institution=_plain(institution))
    return StateKey(institution=_plain(institution), part=_plain(part))


def _escaped(name: str) -> bytes:
    return name.encode().replace(b"\x00", _ESCAPED_NUL)


def _plain(raw: bytes) -> str:
    try:
        return raw.replace(_ESCAPED_NUL, b"\x00").decode()
    except UnicodeDecodeError as error:
        message = f"the state topic holds a key that is not ours: {raw!r}"
        raise StateError(message) from error
