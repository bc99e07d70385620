"""Step 3 of 7: participants as exact sets, and the ledger of who holds whom.

Roaring bitmaps of 64-bit ids: positions in the cohort stay as small as in the 32-bit form, and
hashed string ids fit too (Lemire et al., 2018, "Roaring Bitmaps: Implementation of an Optimized
Software Library", Software: Practice and Experience 48). A range costs a microsecond.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import Struct
from pyroaring import BitMap64

from detectors.event import Participants

# A fold rewrites the base part; below this many it is not worth its own record.
FOLD_PARTICIPANTS_MIN: Final = 4_096
# Folding at a quarter of the base keeps the total rewritten within a factor of the final size.
FOLD_BASE_RATIO: Final = 0.25
# Up to here, asking and adding one by one beats the algebra of bitmaps.
_SMALL_PARTICIPANTS_MAX: Final = 64

_ONE_HIGH_KEY_OF_ZERO: Final = struct.pack("<QI", 1, 0)

# Whose data left, by name: few people as a plain set and neighbours as a range, since a bitmap
# costs more to make than either costs to ask about.
ParticipantSet = BitMap64 | set[int] | range
NO_PARTICIPANTS: Final = range(0)


def participants_of(participants: Participants) -> ParticipantSet | None:
    """Return whose data left, or None where only a count is known.

    >>> participants_of(Participants(ids=[5, 3, 5])), participants_of(Participants(ranges=[(3, 5)]))
    ({3, 5}, range(3, 6))
    """
    ids = participants.ids
    if ids is not None and len(ids) <= _SMALL_PARTICIPANTS_MAX:
        return set(ids)
    ranges = participants.ranges
    if ranges is not None and len(ranges) == 1:
        first, last = ranges[0]
        return range(first, last + 1)
    return bitmap_of(participants)


def as_bitmap(people: ParticipantSet) -> BitMap64:
    """Return people as a bitmap.

    >>> as_bitmap(range(3, 6)) == as_bitmap({3, 4, 5})
    True
    """
    return people if isinstance(people, BitMap64) else BitMap64(people)


def ends_of(people: ParticipantSet) -> tuple[int, int]:
    """Return the first and the last of some people.

    >>> ends_of({3, 9, 4}), ends_of(range(3, 6)), ends_of(BitMap64([7]))
    ((3, 9), (3, 5), (7, 7))
    """
    if isinstance(people, range):
        return people[0], people[-1]
    if isinstance(people, set):
        return min(people), max(people)
    return people.min(), people.max()


def bitmap_of(participants: Participants) -> BitMap64 | None:
    """Return whose data left as a set, or None where only a count is known.

    >>> sorted(bitmap_of(Participants(ranges=[(3, 5), (9, 9)])))
    [3, 4, 5, 9]
    >>> bitmap_of(Participants(count=7)) is None
    True
    """
    if participants.ids is not None:
        return BitMap64(participants.ids)
    if participants.ranges is not None:
        bitmap = BitMap64()
        for first, last in participants.ranges:
            bitmap.add_range(first, last + 1)
        return bitmap
    if participants.bitmap is not None:
        # The 64-bit form is a list of (high 32 bits, 32-bit form): one high key, zero.
        return BitMap64.deserialize(_ONE_HIGH_KEY_OF_ZERO + participants.bitmap)
    return None


class Holding(Struct, kw_only=True):
    """What one institution holds of one dataset: `base` changes rarely, `recent` always.

    Two levels, so that a checkpoint rewrites the recent part only. `base_version` names the
    base's content: it is the number of folds so far, and folds depend on the events alone.
    The counts, in participants, are kept, for counting a sparse bitmap costs its whole size:
    `base_count` and `recent_count` are those of the two sets, `counted_participants` an upper
    bound on those of whom only the number is known.
    """

    base: BitMap64
    recent: BitMap64
    base_count: int = 0
    recent_count: int = 0
    base_version: int = 0
    counted_participants: int = 0

    @property
    def held_participants(self) -> int:
        """Return how many distinct participants are held by name."""
        return self.base_count + self.recent_count


def empty_holding() -> Holding:
    """Return a holding of nobody."""
    return Holding(base=BitMap64(), recent=BitMap64())


def unheld(people: ParticipantSet, holding: Holding) -> ParticipantSet:
    """Return those of `people` whom the holding has not, at the cost of the smaller set.

    >>> holding = empty_holding()
    >>> take(holding, {2})
    {2}
    >>> unheld({1, 2}, holding), sorted(unheld(BitMap64([1, 2, 3]), holding))
    ({1}, [1, 3])
    """
    return _UNHELD[type(people)](people, holding)


def _unheld_many(people: BitMap64, holding: Holding) -> ParticipantSet:
    if holding.base_count:
        people = _without(people, holding.base)
    return _without(people, holding.recent) if holding.recent_count else people


def _unheld_few(people: set[int] | range, holding: Holding) -> ParticipantSet:
    recent, base = holding.recent, holding.base if holding.base_count else ()
    for person in people:
        if person not in recent and person not in base:
            return {other for other in people if other not in recent and other not in base}
    # Mostly all are held, and no set need be made.
    return NO_PARTICIPANTS


def _unheld_neighbours(people: range, holding: Holding) -> ParticipantSet:
    # Mostly all are held, or none: counting tells, and makes no set.
    held = holding.recent.range_cardinality(people.start, people.stop)
    if holding.base_count:
        held += holding.base.range_cardinality(people.start, people.stop)
    if not held:
        return people
    if held == len(people):
        return NO_PARTICIPANTS
    if len(people) <= _SMALL_PARTICIPANTS_MAX:
        return _unheld_few(people, holding)
    return _unheld_many(as_bitmap(people), holding)


# By what people are given as: to look it up costs less than to ask one after the other.
_UNHELD: Final[dict[type, Callable[[Any, Holding], ParticipantSet]]] = {
    range: _unheld_neighbours,
    set: _unheld_few,
    BitMap64: _unheld_many,
}


def _without(people: BitMap64, held: BitMap64) -> BitMap64:
    # As among neighbours. The plain difference would cost the larger set, where ids are hashes and
    # nothing is dense.
    common = people.intersection_cardinality(held)
    if not common:
        return people
    if common == len(people):
        return BitMap64()
    return people - (people & held)


def absorb(into: BitMap64, new: ParticipantSet, *, count: int) -> None:
    """Add `new`, of `count` participants, to `into`; a small set at the cost of its own size.

    >>> held = BitMap64([1])
    >>> absorb(held, {2, 3}, count=2)
    >>> sorted(held)
    [1, 2, 3]
    """
    if isinstance(new, range):
        into.add_range(new.start, new.stop)
    elif count <= _SMALL_PARTICIPANTS_MAX:
        for participant in new:
            into.add(participant)
    else:
        into |= as_bitmap(new)


def take(holding: Holding, people: ParticipantSet) -> ParticipantSet:
    """Add `people` to the holding and return those never held before."""
    # As `unheld` does, which would be one call more for every event.
    new = _UNHELD[type(people)](people, holding)
    count = len(new)
    if count:
        absorb(holding.recent, new, count=count)
        holding.recent_count += count
        if holding.recent_count > FOLD_PARTICIPANTS_MIN + FOLD_BASE_RATIO * holding.base_count:
            _fold(holding)
    return new


def held_together(holdings: Iterable[Holding]) -> int:
    """Return how many distinct participants some holdings have by name, at the cost of all."""
    together = BitMap64()
    for holding in holdings:
        together |= holding.base
        together |= holding.recent
    return len(together)


def _fold(holding: Holding) -> None:
    holding.base = holding.base | holding.recent
    holding.base_count += holding.recent_count
    holding.base_version += 1
    holding.recent = BitMap64()
    holding.recent_count = 0
