"""Step 3 of 7: all ledgers -> how many distinct ids there are, which cannot be more than people.

Who hashes each event's ids with another salt, or declares the wrong cohort, makes everybody look
like a thief. Positions are checked one by one; of hashes only their number tells.
"""

from collections.abc import Iterable
from math import inf
from typing import Final

from pyroaring import BitMap64

from detectors.features.ledger_state import LedgerState

# A union costs as much as all ledgers: it is made again once so much more is held.
_GROWTH_RATIO: Final = 1.1
# A bitmap of hashes is joined with another at the cost of both; adding one id costs as much as
# joining so many.
_JOINED_PER_ADDED: Final = 32


class DistinctIds:
    """Counts ids across institutions, mostly by not looking.

    >>> ids = DistinctIds(cohort_size=10)
    >>> ids.count([LedgerState()])
    0
    """

    __slots__ = ("_cohort_size", "_counted", "_held", "_together", "_uncounted")

    def __init__(self, *, cohort_size: int) -> None:
        """Begin with nobody."""
        self._cohort_size = cohort_size
        self._held = 0
        self._counted = 0
        # The count under way: who is still to be counted, and all ids of the others.
        self._uncounted: list[LedgerState] = []
        self._together = BitMap64()

    def count(self, ledgers: Iterable[LedgerState]) -> int:
        """Return how many distinct ids are held where they are more than people, else 0."""
        return self.count_on(ledgers, ids_max=inf)

    def count_on(self, ledgers: Iterable[LedgerState], *, ids_max: float) -> int:
        """Return what the last finished count came to, as `count` does, and work on the next.

        It ends after a ledger with which about `ids_max` ids are added, and goes on there.
        """
        if not self._uncounted:
            self._begin(list(ledgers))
        added = 0.0
        while self._uncounted and added < ids_max:
            for holding in self._uncounted.pop().holdings.values():
                added += _add(self._together, holding.base)
                added += _add(self._together, holding.recent)
            if not self._uncounted:
                distinct = len(self._together)
                self._counted = distinct if distinct > self._cohort_size else 0
                self._together = BitMap64()
        return self._counted

    def _begin(self, ledgers: list[LedgerState]) -> None:
        """Begin to count anew, if there may be more ids than when it was done last."""
        held = sum(ledger.held_participants for ledger in ledgers)
        if held > self._cohort_size and held >= _GROWTH_RATIO * self._held:
            self._held = held
            self._uncounted = ledgers


def _add(together: BitMap64, ids: BitMap64) -> float:
    """Add `ids` to `together` in the cheaper way; return the cost, in ids added one by one."""
    count = len(ids)
    joined = (len(together) + count) / _JOINED_PER_ADDED
    if count > joined:
        together |= ids
        return joined
    for each in ids:
        together.add(each)
    return count
