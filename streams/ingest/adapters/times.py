"""Step 1 of 7: the text of a cell -> a time in ms since the epoch, whatever the machine is set to.

What is finer than a millisecond is cut, never rounded: it would move an event into the next day.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo

from detectors.errors import ConfigError
from detectors.instants import instant_ms
from streams.ingest.adapters.cells import Cell, RejectedError
from streams.ingest.adapters.config import MappingConfig
from streams.ingest.rejects import RejectReason

ReadTime = Callable[[Cell], int]
_ReadInstant = Callable[[str], int]

# No written time is longer; a limit, because strptime is not linear. What is cut is no time.
_TIME_LENGTH_MAX: Final = 64
# By how many digits each unit is moved to become milliseconds.
_UNIT_DIGITS: Final = {"seconds": 3, "milliseconds": 0, "microseconds": -3, "nanoseconds": -6}
# A number of more digits is no time, and costs memory.
_NUMBER_DIGITS_MAX: Final = 30
# strptime takes six digits of a fraction.
_LONG_FRACTION: Final = re.compile(r"([.,]\d{6})\d+")
# The name of a zone; `%%` is a percent sign.
_ZONE_NAME: Final = re.compile(r"(?<!%)(?:%%)*%Z")


def time_reader(config: MappingConfig) -> ReadTime:
    """Return what reads a time as ms since the epoch, in the first of the formats that fits.

    >>> from streams.ingest.adapters.config import EventMapping
    >>> event = EventMapping(time="at", institution="who", dataset="what")
    >>> read = time_reader(
    ...     MappingConfig(name="log", format="json", event=event, time_format=("iso", "seconds"))
    ... )
    >>> read("2017-01-01 00:00:00.2509+01:00"), read("1483225200.2509")
    (1483225200250, 1483225200250)

    Raises:
        ConfigError: a format, or the time zone, is none.
    """
    formats = (config.time_format,) if isinstance(config.time_format, str) else config.time_format
    zone = _zone(config)
    readers = [_instant_reader(time_format, zone) for time_format in formats]

    def read_time(cell: Cell) -> int:
        written = str(cell)[:_TIME_LENGTH_MAX]
        for read in readers:
            try:
                return read(written)
            except (ValueError, OverflowError):
                continue
        detail = f"expected {' or '.join(formats)}, got {written!r}"
        raise RejectedError(RejectReason.TIME_UNPARSABLE, detail)

    return read_time


def _zone(config: MappingConfig) -> tzinfo | None:
    """Return the zone of times without an offset; None where they are rejected."""
    if config.time_zone is None:
        return UTC if config.time_without_offset == "utc" else None
    if config.time_without_offset != "reject":
        raise ConfigError(path="mapping.time_zone", problem="expected without time_without_offset")
    try:
        return ZoneInfo(config.time_zone)
    except (KeyError, ValueError, OSError) as error:
        problem = f"expected a zone such as Europe/London, got {config.time_zone!r}"
        raise ConfigError(path="mapping.time_zone", problem=problem) from error


def _instant_reader(time_format: str, zone: tzinfo | None) -> _ReadInstant:
    if time_format in _UNIT_DIGITS:
        return _number_reader(_UNIT_DIGITS[time_format])
    parse = datetime.fromisoformat if time_format == "iso" else _pattern_reader(time_format)

    def read(written: str) -> int:
        at = parse(written)
        if at.tzinfo is None:
            if zone is None:
                raise ValueError(written)
            # Of an hour that a clock shows twice, the first is meant.
            at = at.replace(tzinfo=zone)
        return instant_ms(at)

    return read


def _number_reader(digits: int) -> _ReadInstant:
    def read(written: str) -> int:
        try:
            number = Decimal(written)
        except InvalidOperation as error:
            raise ValueError(written) from error
        if not number.is_finite() or number.adjusted() > _NUMBER_DIGITS_MAX:
            raise ValueError(written)
        return int(number.scaleb(digits).to_integral_value(ROUND_FLOOR))

    return read


def _pattern_reader(time_format: str) -> Callable[[str], datetime]:
    if _ZONE_NAME.search(time_format):
        problem = "expected no %Z: the name of a zone means another one on another machine"
        raise ConfigError(path="mapping.time_format", problem=f"{problem}; use %z or time_zone")
    try:
        datetime.strptime("", time_format)  # noqa: DTZ007 - only its pattern is looked at.
    except ValueError as error:
        # That nothing does not match is as it should be; that the pattern is none is not.
        if "does not match" not in str(error):
            problem = f"expected iso, {', '.join(_UNIT_DIGITS)} or a pattern: {error}"
            raise ConfigError(path="mapping.time_format", problem=problem) from error

    def parse(written: str) -> datetime:
        cut = _LONG_FRACTION.sub(r"\1", written)
        return datetime.strptime(cut, time_format)  # noqa: DTZ007 - see `read`.

    return parse
