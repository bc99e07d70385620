"""Second stage: what a third institution's holdings explain about two that look like a ring.

Men's and women's studies never meet, and two studies of one disease always do: no statistic on
ids knows it, but others who worked that way before do. Only what a witness held before the window
counts, and only where it covers a part of the set: a confederate with a handful of people must not
explain a theft away.
"""

from collections.abc import Iterable
from math import sqrt
from typing import Final

import numpy as np
from pyroaring import BitMap64

from detectors.models.collusion.blocks import Blocks, exact_sum
from detectors.models.collusion.recent import Recent

_Z_MIN: Final = 4.0
_MORE: Final = 1.25
_LESS: Final = 0.75
_MORE_OF_SHARED: Final = 1.5
_COVERED_MIN: Final = 0.1
# Few people make ratios jump: both sides begin with a handful.
_HANDFUL: Final = 5.0


class _Side:
    """A set that witnesses are asked about, by block, and how many could have come into it."""

    __slots__ = ("at_risk", "before", "blocks", "counts", "participants")

    def __init__(self, participants: BitMap64, before: BitMap64, blocks: Blocks) -> None:
        self.participants = participants
        self.before = before
        self.blocks = blocks
        self.counts = blocks.counts(participants)
        self.at_risk = np.maximum(blocks.sizes - blocks.counts(before), 1.0)


class _Affinity:
    """How far a witness knew a set before: deviations, ratio to chance, share that it held."""

    __slots__ = ("covered", "ratio", "z")

    def __init__(self, side: _Side, witness: Recent) -> None:
        known = side.blocks.counts(witness.before - side.before)
        seen = side.blocks.counts(witness.before & side.participants)
        expected = side.counts * known / side.at_risk
        residuals = seen - expected
        variance = exact_sum(expected * np.maximum(1.0 - known / side.at_risk, 0.0))
        deviation = sqrt(max(variance, exact_sum(residuals * residuals), 1.0))
        seen_count = int(seen.sum())
        self.z = exact_sum(residuals) / deviation
        self.ratio = (seen_count + _HANDFUL) / (exact_sum(expected) + _HANDFUL)
        self.covered = seen_count / max(1, len(side.participants))

    @property
    def knows(self) -> bool:
        """Tell whether the witness held far more of the set than chance."""
        return self.z > _Z_MIN and self.ratio > _MORE and self.covered >= _COVERED_MIN

    @property
    def avoids(self) -> bool:
        """Tell whether the witness held far less of the set than chance."""
        return self.z < -_Z_MIN and self.ratio < _LESS


def explains_apart(
    first: Recent, other: Recent, witnesses: Iterable[Recent], blocks: Blocks
) -> str | None:
    """Return who shows that two work on classes that never meet: knows one, avoids the other."""
    first_side = _Side(first.new, first.before, blocks)
    other_side = _Side(other.new, other.before, blocks)
    for witness in witnesses:
        of_first = _Affinity(first_side, witness)
        if not (of_first.knows or of_first.avoids):
            continue
        of_other = _Affinity(other_side, witness)
        if (of_first.knows and of_other.avoids) or (of_first.avoids and of_other.knows):
            return witness.institution
    return None


def explains_together(
    first: Recent, other: Recent, witnesses: Iterable[Recent], blocks: Blocks
) -> str | None:
    """Return who held the shared people before: they are a cohort that others study too."""
    shared = _Side(first.new & other.new, BitMap64(), blocks)
    for witness in witnesses:
        affinity = _Affinity(shared, witness)
        if affinity.knows and affinity.ratio > _MORE_OF_SHARED:
            return witness.institution
    return None
