"""Step 3 of 7: all ledgers -> how many distinct ids there are, which cannot be more than people.

Who hashes each event's ids with another salt, or declares the wrong cohort, makes everybody look
like a thief. Positions are checked one by one; of hashes only their number tells.
"""

from collections.abc import Iterable
from typing import Final

from detectors.features.ledger_state import LedgerState
from detectors.features.participant_sets import held_together

# A union costs as much as all ledgers: it is made again once so much more is held.
_GROWTH_RATIO: Final = 1.1


class DistinctIds:
    """Counts ids across institutions, mostly by not looking.

    >>> ids = DistinctIds(cohort_size=10)
    >>> ids.count([LedgerState()])
    0
    """

    __slots__ = ("_cohort_size", "_counted", "_held")

    def __init__(self, *, cohort_size: int) -> None:
        """Begin with nobody."""
        self._cohort_size = cohort_size
        self._held = 0
        self._counted = 0

    def count(self, ledgers: Iterable[LedgerState]) -> int:
        """Return how many distinct ids are held where they are more than people, else 0."""
        known = list(ledgers)
        held = sum(ledger.held_participants for ledger in known)
        if held <= self._cohort_size or held < _GROWTH_RATIO * self._held:
            return self._counted
        self._held = held
        distinct = held_together(
            holding for ledger in known for holding in ledger.holdings.values()
        )
        self._counted = distinct if distinct > self._cohort_size else 0
        return self._counted
