"""Second stage: two institutions -> how much less, or more, they share than independent work would.

Only people whom neither had before the window are compared: who took somebody long ago does not
take them as new, and another may do that just now. Within a block of 256 ids, of which `u` were at
risk, two independent works of m and n share mn/u; the residuals of all blocks are added up.

Source: fixed margins within narrow blocks, as interval jitter does for spike trains
(A. Amarasingham et al. 2012, "Conditional modeling and the jitter method of spike resampling",
Journal of Neurophysiology 107, 517-531). The sum is divided by the root of its own squares where
these are larger than the hypergeometric variance: a self-normalised sum stays honest for clumps of
any size, and is bounded by the root of the number of blocks that speak.
"""

from math import erfc, log, pi, sqrt
from typing import Annotated, Final

import numpy as np
from msgspec import Meta, Struct

from detectors.models.collusion.blocks import Blocks, exact_sum
from detectors.models.collusion.recent import Recent

# Below three standard deviations of the cheap comparison nobody looks closer.
_SCREEN_SQUARED: Final = 9
_AT_RISK_MIN: Final = 2.0
# Beyond it erfc underflows, and the first term of the tail's expansion is exact enough.
_ERFC_Z_MIN: Final = -37.0


class Overlap(Struct, frozen=True, kw_only=True):
    """What two institutions share, against what independent work would."""

    z: Annotated[float, Meta(description="below 0: they share too little; 0: nothing remarkable")]
    shared: int
    expected: float
    deviation: Annotated[float, Meta(description="one standard deviation of `shared`")]


UNREMARKABLE: Final = Overlap(z=0.0, shared=0, expected=0.0, deviation=0.0)


def overlap_of(mine: Recent, other: Recent, blocks: Blocks) -> Overlap:
    """Return how two institutions' new people overlap; unremarkable where a glance says so."""
    shared = mine.new.intersection_cardinality(other.new)
    # Whole numbers: the glance is the same on every processor.
    products = int(np.dot(mine.counts, other.counts))
    scale = int(blocks.sizes[0])
    if (shared * scale - products) ** 2 <= _SCREEN_SQUARED * products * scale:
        return UNREMARKABLE
    return _compared(mine, other, blocks)


def _compared(mine: Recent, other: Recent, blocks: Blocks) -> Overlap:
    both_before = blocks.counts(mine.before & other.before)
    at_risk = blocks.sizes - mine.before_counts - other.before_counts + both_before
    at_risk = np.maximum(at_risk, _AT_RISK_MIN)
    mine_counts = blocks.counts(mine.new - other.before)
    other_counts = blocks.counts(other.new - mine.before)
    shared = blocks.counts(mine.new & other.new)
    most = np.minimum(mine_counts, other_counts)
    expected = np.minimum(mine_counts * other_counts / at_risk, most)
    room = (at_risk - mine_counts) * (at_risk - other_counts) / (at_risk * (at_risk - 1.0))
    residuals = shared - expected
    variance = max(
        exact_sum(np.maximum(expected * room, 0.0)), exact_sum(residuals * residuals), 1.0
    )
    deviation = sqrt(variance)
    return Overlap(
        z=exact_sum(residuals) / deviation,
        shared=int(shared.sum()),
        expected=exact_sum(expected),
        deviation=deviation,
    )


def log_tail(z: float) -> float:
    """Return the log of the chance that a standard normal variable lies below z.

    >>> round(log_tail(0.0), 6), round(log_tail(-40.0), 1)
    (-0.693147, -804.6)
    """
    if z > _ERFC_Z_MIN:
        return log(0.5 * erfc(-z / sqrt(2.0)))
    return -z * z / 2.0 - log(-z * sqrt(2.0 * pi))
