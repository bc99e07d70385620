"""Step 7 of 7: what a replay could not see, in words: an empty report is no quiet one.

A log of which nothing can be read, or in which nobody is named, raises no alert, and says nothing
about the institutions in it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from detectors.pipeline import Profile
from streams.replay.inputs import Rejects
from streams.replay.time_order import FileOrder

# From here on, what was rejected may well hold what matters.
REJECTED_RATIO_MAX: Final = 0.5
# How files begin that are no lines of text, and what they are.
_MAGIC: Final = {
    b"BZh": "this is bzip2: unpack it first",
    b"\xfd7zXZ": "this is xz: unpack it first",
    b"(\xb5/\xfd": "this is zstd: unpack it first",
    b"PK\x03\x04": "this is zip: unpack it first",
    b"PAR1": "this is Parquet: write it out as lines",
    b"[": "this is one JSON array, not one object a line",
}


def blindness(
    rejects: Rejects, *, events_count: int, taken_participants: int, has_mapping: bool
) -> Iterator[str]:
    """Yield what kept a replay from seeing; nothing where it saw."""
    rejected_count = sum(rejects.counts.values())
    if not events_count:
        yield "nothing was judged: no event could be read"
    elif rejected_count > REJECTED_RATIO_MAX * (rejected_count + events_count):
        yield f"most was not judged: {rejected_count:,} rejected, {events_count:,} judged"
    elif not taken_participants:
        yield "nobody was seen: no event says whose data left, how many people, or how many rows"
    else:
        return
    example = rejects.example
    if example is not None:
        why = f"{example.rejected.reason.value}, {example.rejected.detail}"
        yield f"the first that was rejected: {example.place}: {why}; it begins {example.begins!r}"
        yield from _hints(example.begins, has_mapping=has_mapping)


def unread_files(orders: Sequence[FileOrder], rejects: Rejects) -> Iterator[str]:
    """Yield which of several files could not be read: others beside it must not hide that."""
    for order in orders if len(orders) > 1 else ():
        rejected_count = rejects.of(order.name)
        if rejected_count > REJECTED_RATIO_MAX * (rejected_count + order.events_count):
            judged = f"{rejected_count:,} rejected, {order.events_count:,} read"
            yield f"most of {order.name} was not judged: {judged}"


def taken_by(profile: Profile) -> int:
    """Return how many people an institution holds, those who were only counted among them."""
    ledger = profile.ledger.state
    counted = (holding.counted_participants for holding in ledger.holdings.values())
    return ledger.held_participants + sum(counted)


def _hints(begins: bytes, *, has_mapping: bool) -> Iterator[str]:
    for magic, hint in _MAGIC.items():
        if begins.startswith(magic):
            yield hint
            return
    if not has_mapping:
        yield "if these are not Headgate's own events, declare their format: [mapping] in --config"
    yield "all of them, with their reasons: --dead-letters FILE"
