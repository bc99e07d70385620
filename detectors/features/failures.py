"""Step 3 of 7: a request that failed -> what left all the same, and how many carry bytes.

What left counts, however the request ended. Of a request that failed (`denied`, `error`) and
delivered no rows, the people are those asked for, and the bytes may be those of an error's page;
beyond the size of a page it was a transfer that broke off. Who lets transfers break off on purpose
has a large share of errors that carry bytes: a log of web requests, where each error has a page,
has that from the start, and only its bytes say more.
"""

from typing import Final

from msgspec import Struct, field

from detectors.event import AccessEvent
from detectors.features.windows import AMOUNT_MAX, WEEK_DAYS
from detectors.verdict import FailedRequests

FAILED: Final = frozenset({"denied", "error"})
# Pages of errors of common servers and frameworks have below a hundred bytes to some thousand.
ERROR_PAGE_BYTES_MAX: Final = 16_384


class FailuresState(Struct, kw_only=True, omit_defaults=True):
    """By day since the epoch: requests that failed, those of them with bytes, and their bytes."""

    days: dict[int, tuple[int, int, int]] = field(default_factory=dict)


def broke_off(event: AccessEvent) -> bool:
    """Tell whether a request that failed delivered something, as far as the event alone says.

    >>> event = AccessEvent(id="e", time=0, institution="i", dataset="d", outcome="error")
    >>> from msgspec.structs import replace
    >>> [broke_off(replace(event, bytes=size)) for size in (0, 500, 16_385)]
    [False, False, True]
    """
    return event.rows > 0 or event.bytes > ERROR_PAGE_BYTES_MAX


def note_failed(state: FailuresState, event: AccessEvent, *, day: int, open_day: int) -> None:
    """Count a request of `day` that failed, unless 7 days that end with `open_day` lack it."""
    days = state.days
    for old in [each for each in days if each <= open_day - WEEK_DAYS]:
        del days[old]
    if day <= open_day - WEEK_DAYS:
        return
    count, with_bytes_count, total = days.get(day, (0, 0, 0))
    days[day] = (
        count + 1,
        with_bytes_count + (event.bytes > 0),
        min(AMOUNT_MAX, total + event.bytes),
    )


def failures_of(state: FailuresState, open_day: int) -> FailedRequests:
    """Return the requests that failed in the 7 days that end with `open_day`."""
    inside = [amounts for day, amounts in state.days.items() if day > open_day - WEEK_DAYS]
    count, with_bytes_count, total = map(sum, zip(*inside, strict=True)) if inside else (0, 0, 0)
    return FailedRequests(
        count=count, with_bytes_count=with_bytes_count, bytes=min(AMOUNT_MAX, total)
    )
