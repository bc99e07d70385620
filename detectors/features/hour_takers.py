"""Step 3 of 7: event -> who took how many bytes of the open hour, and with which requests.

The hour is that of the clock, as everything about bytes has it. Exact for up to 64 users an hour;
of more the heavy hitters are kept, each with a lower bound. The three largest requests are kept of
each of up to 32 users: when another one comes, of the half that took most by then.
"""

from operator import itemgetter
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from detectors.event import AccessEvent
from detectors.features.samples import SAMPLES_PER_TAKER
from detectors.features.takers import count_bounded

# The user of events that name none; no user is called so.
UNNAMED: Final = ""
_USERS_MAX: Final = 64
_SAMPLED_USERS_MAX: Final = 32
_amount_of: Final = itemgetter(0)


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
    try:
        users[user] += amount
    except KeyError:
        count_bounded(users, user, amount, takers_max=_USERS_MAX)
    own = takers.samples.get(user)
    if own is None:
        takers.samples[user] = [(amount, event.id)]
        if len(takers.samples) > _SAMPLED_USERS_MAX:
            _forget_small_users(takers)
    elif len(own) < SAMPLES_PER_TAKER:
        own.append((amount, event.id))
        own.sort(key=_amount_of, reverse=True)
    elif amount > own[-1][0]:
        own[-1] = (amount, event.id)
        own.sort(key=_amount_of, reverse=True)


def _forget_small_users(takers: HourTakers) -> None:
    """Keep the requests of the half that took most, so that this is seldom done."""
    users, samples = takers.users, takers.samples
    by_amount = sorted(samples, key=lambda user: (users.get(user, 0), user), reverse=True)
    for user in by_amount[_SAMPLED_USERS_MAX // 2 :]:
        del samples[user]
