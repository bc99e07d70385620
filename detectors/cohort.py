"""Participants as exact sets, and the ledger of who holds whom.

Roaring bitmaps of 64-bit ids: positions in the cohort stay as small as in the 32-bit form, and
hashed string ids fit too (Lemire et al., 2018, "Roaring Bitmaps: Implementation of an Optimized
Software Library", Software: Practice and Experience 48). A range costs a microsecond.
"""

import struct
from typing import Final

from msgspec import Struct
from pyroaring import BitMap64

from detectors.event import Participants

# A fold rewrites the base part; below this many it is not worth its own record.
FOLD_PARTICIPANTS_MIN: Final = 4_096
# Folding at a quarter of the base keeps the total rewritten within a factor of the final size.
FOLD_BASE_RATIO: Final = 0.25

_ONE_HIGH_KEY_OF_ZERO: Final = struct.pack("<QI", 1, 0)


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
        found = BitMap64()
        for first, last in participants.ranges:
            found.add_range(first, last + 1)
        return found
    if participants.bitmap is not None:
        # The 64-bit form is a list of (high 32 bits, 32-bit form): one high key, zero.
        return BitMap64.deserialize(_ONE_HIGH_KEY_OF_ZERO + participants.bitmap)
    return None


class Holding(Struct, kw_only=True):
    """What one institution holds of one dataset: `base` changes rarely, `recent` always.

    Two levels, so that a checkpoint rewrites the recent part only. `base_version` names the
    base's content: it is the number of folds so far, and folds depend on the events alone.
    """

    base: BitMap64
    recent: BitMap64
    base_version: int = 0
    counted_participants: int = 0

    @property
    def held_participants(self) -> int:
        """Return how many distinct participants are held by name."""
        return len(self.base) + len(self.recent)


def empty_holding() -> Holding:
    """Return a holding of nobody."""
    return Holding(base=BitMap64(), recent=BitMap64())


def take(holding: Holding, participants: BitMap64) -> BitMap64:
    """Add `participants` to the holding and return those never held before."""
    new = participants - holding.base
    new -= holding.recent
    if new:
        holding.recent |= new
        recent_count = len(holding.recent)
        if recent_count > FOLD_PARTICIPANTS_MIN + FOLD_BASE_RATIO * len(holding.base):
            holding.base = holding.base | holding.recent
            holding.recent = BitMap64()
            holding.base_version += 1
    return new
