"""Step 1 of 7: the text of a cell -> a time, a count, participants.

Rejects are raised here, and become values one level up, in the mapping.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final, Literal

from detectors.errors import ConfigError
from detectors.instants import SECOND_MS, instant_ms
from streams.ingest.adapters.cells import Cell, RejectedError
from streams.ingest.rejects import RejectReason

Convert = Callable[[Cell], object]

_HASH_BYTES: Final = 8
# No written time is longer; a limit, because strptime is not linear. What is cut is no time.
_TIME_LENGTH_MAX: Final = 64
# 2**64 has twenty digits; a longer number is rejected before it is parsed.
_DIGITS_MAX: Final = 20


def participant_hash(name: str) -> int:
    """Return the 64-bit id of a participant known by a string.

    The same in every process and release: BLAKE2b of 8 bytes, big-endian. Among n participants
    the probability that any two share an id is at most n^2 / 2^65: 7e-9 for half a million.

    >>> participant_hash("c1584509")
    18002307717899490607
    """
    digest = blake2b(name.encode("utf-8", "replace"), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest, "big")


def text(cell: Cell) -> object:
    """Return one text; None for an empty cell."""
    if isinstance(cell, list):
        raise RejectedError(RejectReason.WRONG_TYPE, "expected one text, got a list")
    return str(cell) or None


def count(cell: Cell) -> int | None:
    """Return a count; None for an empty cell.

    >>> count("1234"), count("")
    (1234, None)
    """
    if isinstance(cell, int):
        return cell
    if cell == "":
        return None
    if isinstance(cell, list) or not (cell.isascii() and cell.isdigit()):
        raise RejectedError(RejectReason.WRONG_TYPE, f"expected a count, got {cell!r}")
    if len(cell) > _DIGITS_MAX:
        raise RejectedError(RejectReason.OUT_OF_RANGE, f"a count of {len(cell)} digits")
    return int(cell)


def time_reader(time_format: str, *, without_offset: Literal["reject", "utc"]) -> Convert:
    """Return what reads a time as ms since the epoch.

    >>> time_reader("iso", without_offset="reject")("2017-01-01 00:00:00.250+01:00")
    1483225200250
    >>> time_reader("seconds", without_offset="reject")("1483225200.25")
    1483225200250
    """
    read = _instant_reader(time_format, without_offset)

    def read_time(cell: Cell) -> int:
        written = str(cell)[:_TIME_LENGTH_MAX]
        try:
            return read(written)
        except (ValueError, OverflowError) as error:
            detail = f"expected {time_format}, got {written!r}"
            raise RejectedError(RejectReason.TIME_UNPARSABLE, detail) from error

    return read_time


def _instant_reader(
    time_format: str, without_offset: Literal["reject", "utc"]
) -> Callable[[str], int]:
    if time_format == "milliseconds":
        return int
    if time_format == "seconds":
        return lambda written: round(float(written) * SECOND_MS)
    parse = datetime.fromisoformat if time_format == "iso" else _pattern_reader(time_format)

    def read(written: str) -> int:
        at = parse(written)
        if at.tzinfo is None:
            if without_offset == "reject":
                raise ValueError(written)
            at = at.replace(tzinfo=UTC)
        return instant_ms(at)

    return read


def _pattern_reader(time_format: str) -> Callable[[str], datetime]:
    try:
        datetime.strptime("", time_format)  # noqa: DTZ007 - only its pattern is looked at.
    except ValueError as error:
        # That nothing does not match is as it should be; that the pattern is none is not.
        if "does not match" not in str(error):
            problem = f"expected iso, seconds, milliseconds or a pattern: {error}"
            raise ConfigError(path="mapping.time_format", problem=problem) from error
    return lambda written: datetime.strptime(written, time_format)  # noqa: DTZ007 - see `read`.


def names_reader(separator: str | None) -> Callable[[Cell], list[str]]:
    """Return what reads a cell as names: a list as it is, a text split at `separator`."""

    def read(cell: Cell) -> list[str]:
        if isinstance(cell, list):
            cells = cell
        else:
            cells = str(cell).split(separator) if separator else [str(cell)]
        return [name for name in cells if name]

    return read


def participants_reader(separator: str | None, *, hashed: bool) -> Convert:
    """Return what reads whose data left: by hash of their names, or by position.

    >>> participants_reader(";", hashed=False)("17;4")
    {'ids': [17, 4]}
    """
    names = names_reader(separator)

    def read(cell: Cell) -> object:
        cells = names(cell)
        if not cells:
            return None
        return {"ids": [participant_hash(name) if hashed else count(name) for name in cells]}

    return read
