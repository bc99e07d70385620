"""Times: ms since the epoch, which all code reckons with, and the same as dates. Always UTC."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from msgspec import Meta

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

# Up to the year 2200: what lies beyond is a slip, and no calendar's business.
Moment = Annotated[int, Meta(ge=0, le=7_258_118_400_000, description="ms since the epoch")]
Instant = Annotated[datetime, Meta(tz=True)]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant_ms(instant: datetime) -> int:
    """Return an instant in whole ms since the epoch; what is finer is cut off.

    >>> instant_ms(datetime(2023, 11, 14, 22, 13, 20, 123_999, tzinfo=UTC))
    1700000000123
    """
    # Integer arithmetic: a float of seconds would lose the millisecond on some dates.
    since = instant - _EPOCH
    return since.days * DAY_MS + since.seconds * SECOND_MS + since.microseconds // 1_000


def instant_of(at_ms: int) -> datetime:
    """Return the instant of ms since the epoch, in UTC.

    >>> instant_of(1_775_044_800_123).isoformat()
    '2026-04-01T12:00:00.123000+00:00'
    """
    return _EPOCH + timedelta(milliseconds=at_ms)


def rfc3339(at_ms: int) -> str:
    """Return ms since the epoch as RFC 3339, in UTC.

    >>> rfc3339(1_775_044_800_123)
    '2026-04-01T12:00:00.123Z'
    """
    return instant_of(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int:
    """Return the ms since the epoch of a time in RFC 3339, which names its offset.

    >>> parse_rfc3339("2026-04-01T14:00:00.123+02:00")
    1775044800123

    Raises:
        msgspec.ValidationError: it is no such time, or not between the years 1970 and 2200.
    """
    return msgspec.convert(instant_ms(msgspec.convert(text, Instant)), Moment)
