"""Second stage: a set of people -> how many of them fall into each block of neighbouring ids.

Work comes in neighbourhoods: regions, pages, studies. Two institutions are compared block by block,
so that whoever works where nobody else does proves nothing by it.
"""

from math import fsum
from typing import Final

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap64

BLOCK_PARTICIPANTS: Final = 256
_HASH_BITS: Final = 64
# Hashes that were cut to 63 or 53 bits fill a part of the space only: multiplied, they fill it all.
# Source: Fibonacci hashing (D. E. Knuth, "The Art of Computer Programming", vol. 3, 6.4).
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)

BlockCounts = npt.NDArray[np.int64]
BlockValues = npt.NDArray[np.float64]


class Blocks:
    """The blocks of one cohort: of 256 positions each, or of about as many hashes by chance.

    >>> blocks = Blocks(cohort_size=1_000, hashed=False)
    >>> blocks.counts(BitMap64([0, 255, 256, 999])).tolist(), blocks.sizes.tolist()
    ([2, 1, 0, 1], [256.0, 256.0, 256.0, 232.0])
    """

    __slots__ = ("_shift", "ordered", "sizes")

    def __init__(self, *, cohort_size: int, hashed: bool) -> None:
        """Lay the blocks; `ordered` says whether neighbours in them mean anything."""
        number = -(-cohort_size // BLOCK_PARTICIPANTS)
        self.ordered = not hashed
        if hashed:
            bits = (number - 1).bit_length()
            self._shift = _HASH_BITS - bits
            self.sizes = np.full(1 << bits, cohort_size / (1 << bits))
        else:
            self._shift = BLOCK_PARTICIPANTS.bit_length() - 1
            self.sizes = np.full(number, float(BLOCK_PARTICIPANTS))
            self.sizes[-1] = cohort_size - BLOCK_PARTICIPANTS * (number - 1)

    def counts(self, participants: BitMap64) -> BlockCounts:
        """Return how many participants each block has; who is beyond the last counts in it."""
        number = len(self.sizes)
        if self._shift == _HASH_BITS:
            return np.full(1, len(participants))
        ids = ids_of(participants)
        blocks = (ids if self.ordered else ids * _SPREAD) >> np.uint64(self._shift)
        within = np.minimum(blocks, np.uint64(number - 1)).astype(np.int64)
        return np.bincount(within, minlength=number)


def ids_of(participants: BitMap64) -> npt.NDArray[np.uint64]:
    """Return the ids of a set, ascending."""
    return np.frombuffer(participants.to_array(), dtype=np.uint64)


def exact_sum(values: BlockValues) -> float:
    """Return a sum that does not depend on the order in which a processor adds."""
    return fsum(values.tolist())
