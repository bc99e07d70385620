"""Step 3 of 7: a repeated event -> no effect, within a bounded window.

A repeat is an id that returns with what left before, whatever its time. With anything else it is
another event: of two producers that number theirs from 1, neither hides the other's.

Producers retry; a retry storm must not look like a theft. The window is bounded in number, so
that state stays small: a repeat that comes after `events_max` other events counts again, but it
brings no new participants, for those are held by then.
"""

from collections import deque
from struct import Struct as Layout
from typing import Annotated, Final

from msgspec import Meta, Struct
from xxhash import xxh3_64_digest, xxh3_64_intdigest

from detectors.event import AccessEvent, Participants

# 64 bits: among the last 4,096 ids a false repeat has probability below 2.3e-16 an event. A
# cryptographic hash would cost several times as much and protect nothing: whoever can choose an id
# that collides could as well choose one that was seen.
_DIGEST_BYTES: Final = 8
# What left: amounts, and what tells people apart cheaply: how many, the first, the last of a range.
_CONTENT: Final = Layout("<QQQqQQ").pack


class DedupeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far back a repeat is recognised."""

    events_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="ids remembered per institution")
    ] = 1_024


class DedupeState(Struct, kw_only=True):
    """The digests of the last ids, oldest first, eight bytes each."""

    digests: bytes = b""


class Dedupe:
    """Remembers the last events of one institution.

    >>> dedupe = Dedupe(DedupeConfig(events_max=2), DedupeState())
    >>> events = [
    ...     AccessEvent(id=name, time=0, institution="i", dataset="d", rows=rows)
    ...     for name, rows in (("a", 1), ("b", 1), ("a", 1), ("a", 2), ("b", 1), ("a", 1))
    ... ]
    >>> [dedupe.admit(event) for event in events]
    [True, True, False, True, False, True]
    """

    __slots__ = ("_events_max", "_order", "_seen")

    def __init__(self, config: DedupeConfig, state: DedupeState) -> None:
        """Restore the order of arrival."""
        self._events_max = config.events_max
        raw = state.digests
        # For a look-up only; a dict lies closer together than a set, and memory is what this costs.
        self._seen = dict.fromkeys(
            raw[at : at + _DIGEST_BYTES] for at in range(0, len(raw), _DIGEST_BYTES)
        )
        self._order = deque(self._seen)

    @property
    def state(self) -> DedupeState:
        """Return what must survive a restart."""
        return DedupeState(digests=b"".join(self._order))

    def admit(self, event: AccessEvent) -> bool:
        """Return False for a repeat; remember the event otherwise."""
        people = event.participants
        if people is None:
            count = first = last = 0
        elif ids := people.ids:
            count, first, last = len(ids), ids[0], 0
        elif ranges := people.ranges:
            # Less than nothing, so that no list of ids is alike.
            count, first, last = -len(ranges), ranges[0][0], ranges[-1][1]
        else:
            count, first, last = 0, _unlisted(people), 0
        content = _CONTENT(event.bytes, event.rows, event.files, count, first, last)
        digest = xxh3_64_digest(f"{event.id}\0{event.dataset}".encode() + content)
        seen, order = self._seen, self._order
        if digest in seen:
            return False
        seen[digest] = None
        order.append(digest)
        if len(order) > self._events_max:
            del seen[order.popleft()]
        return True


def _unlisted(people: Participants) -> int:
    """Return a number for people who are given neither as ids nor as ranges."""
    return people.count or 0 if people.bitmap is None else xxh3_64_intdigest(people.bitmap)
