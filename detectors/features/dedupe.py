"""Step 3 of 7: a repeated event id -> no effect, within a bounded window.

Producers retry; a retry storm must not look like a theft. The window is bounded in number, so
that state stays small: a repeat that comes after `events_max` other events counts again, but it
brings no new participants, for those are held by then.
"""

from collections import deque
from typing import Annotated, Final

from msgspec import Meta, Struct
from xxhash import xxh3_64_digest

# 64 bits: among the last 4,096 ids a false repeat has probability below 2.3e-16 an event. A
# cryptographic hash would cost several times as much and protect nothing: whoever can choose an id
# that collides could as well choose one that was seen.
_DIGEST_BYTES: Final = 8


class DedupeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far back a repeat is recognised."""

    events_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="ids remembered per institution")
    ] = 1_024


class DedupeState(Struct, kw_only=True):
    """The digests of the last ids, oldest first, eight bytes each."""

    digests: bytes = b""


class Dedupe:
    """Remembers the last ids of one institution.

    >>> dedupe = Dedupe(DedupeConfig(events_max=2), DedupeState())
    >>> [dedupe.admit(name) for name in ("a", "b", "a", "c", "a")]
    [True, True, False, True, True]
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

    def admit(self, event_id: str) -> bool:
        """Return False for a repeat; remember the id otherwise."""
        digest = xxh3_64_digest(event_id.encode())
        seen, order = self._seen, self._order
        seen[digest] = None
        if len(seen) == len(order):
            # It was there: asking first would look it up twice.
            return False
        order.append(digest)
        if len(order) > self._events_max:
            del seen[order.popleft()]
        return True
