"""Step 3 of 7: event -> who took how many bytes of the open hour, and with which requests.

The hour is that of the clock, as everything about bytes has it. Exact for up to 64 users an hour;
of more the heavy hitters are kept, each with a lower bound. The three largest requests are kept of
each of up to 16 users: of more, of those who took most by the time when another one came.
"""

from bisect import insort
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from detectors.event import AccessEvent
from detectors.features.samples import SAMPLES_PER_TAKER
from detectors.features.takers import count_bounded

# The user of events that name none; no user is called so.
UNNAMED: Final = ""
_USERS_MAX: Final = 64
_SAMPLED_USERS_MAX: Final = 16


class HourTakers(Struct, kw_only=True):
    """The open hour, by user."""

    users: Annotated[dict[str, int], Meta(description="bytes by user")] = field(
        default_factory=dict
    )
    samples: Annotated[
        dict[str, list[tuple[int, str]]],
        Meta(description="by user: bytes and id of the largest requests, the largest first"),
    ] = field(default_factory=dict)

    def largest(self) -> list[tuple[str, str]]:
        """Return user and id of the largest requests that are kept, the largest first."""
        requests = [(each, user) for user, own in self.samples.items() for each in own]
        requests.sort(key=lambda request: -request[0][0])
        return [(user, event_id) for (_, event_id), user in requests]


def note_bytes(takers: HourTakers, event: AccessEvent) -> None:
    """Add the bytes of an event to those of whoever took them."""
    users, user, amount = takers.users, event.user or UNNAMED, event.bytes
    if user in users:
        users[user] += amount
    else:
        count_bounded(users, user, amount, takers_max=_USERS_MAX)
    own = takers.samples.get(user)
    if own is None:
        takers.samples[user] = [(amount, event.id)]
        if len(takers.samples) > _SAMPLED_USERS_MAX:
            del takers.samples[min(takers.samples, key=lambda each: (users.get(each, 0), each))]
    elif len(own) < SAMPLES_PER_TAKER or amount > own[-1][0]:
        insort(own, (amount, event.id), key=_by_size)
        del own[SAMPLES_PER_TAKER:]


def _by_size(sample: tuple[int, str]) -> int:
    return -sample[0]
