"""Step 3 of 7: event -> who took how many bytes of the open hour, and with which requests.

The hour is that of the clock, as everything about bytes has it. Exact for up to 64 users an hour;
of more the heavy hitters are kept, each with a lower bound.
"""

from bisect import insort
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from detectors.event import AccessEvent
from detectors.features.takers import SAMPLES_PER_TAKER, count_bounded

# The user of events that name none; no user is called so.
UNNAMED: Final = ""
_USERS_MAX: Final = 64


class HourTakers(Struct, kw_only=True):
    """The open hour, by user."""

    users: Annotated[dict[str, int], Meta(description="bytes by user")] = field(
        default_factory=dict
    )
    samples: Annotated[
        list[tuple[int, str, str]],
        Meta(description="bytes, user and id of the largest requests, the largest first"),
    ] = field(default_factory=list)


def note_bytes(takers: HourTakers, event: AccessEvent) -> None:
    """Add the bytes of an event to those of whoever took them."""
    users, user, amount = takers.users, event.user or UNNAMED, event.bytes
    if user in users:
        users[user] += amount
    else:
        count_bounded(users, user, amount, takers_max=_USERS_MAX)
    samples = takers.samples
    if len(samples) < SAMPLES_PER_TAKER or amount > samples[-1][0]:
        insort(samples, (amount, user, event.id), key=_by_size)
        del samples[SAMPLES_PER_TAKER:]


def _by_size(sample: tuple[int, str, str]) -> int:
    return -sample[0]
