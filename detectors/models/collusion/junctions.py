"""Second stage: where one institution's run of ids ends and another's begins, to the id.

A contiguous list cut in parts leaves no mark in overlaps, but its parts meet exactly, in the same
days, at places where nobody else ever stopped.
"""

from bisect import bisect_left, bisect_right
from typing import Final

import numpy as np
from pyroaring import BitMap64

from detectors.models.collusion.blocks import ids_of

# A run goes on over gaps of up to 32 ids, has 300 people, and most of its span.
_GAP: Final = 32
_RUN_MIN: Final = 300
_DENSE_RATIO: Final = 0.5
# An end and a beginning within 4 ids meet.
_NEAR: Final = 4
_CELL: Final = 8


def edges_of(participants: BitMap64) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return where long dense runs begin, and where they end: the id after the last.

    >>> edges_of(BitMap64(range(1_000, 2_000)))
    ((1000,), (2000,))
    >>> edges_of(BitMap64(range(0, 100_000, 40)))
    ((), ())
    """
    ids = ids_of(participants)
    if not len(ids):
        return (), ()
    cuts = np.flatnonzero(np.diff(ids) > _GAP)
    starts = np.concatenate(([0], cuts + 1))
    ends = np.concatenate((cuts, [len(ids) - 1]))
    lengths = ends - starts
    spans = ids[ends] - ids[starts]
    dense = (lengths > _RUN_MIN) & (lengths > _DENSE_RATIO * spans)
    first, last = ids[starts[dense]].tolist(), ids[ends[dense]].tolist()
    return tuple(first), tuple(each + 1 for each in last)


class Borders:
    """Where runs of each institution have ever begun or ended.

    >>> borders = Borders()
    >>> borders.add("a", BitMap64(range(1_000, 2_000)))
    >>> borders.add("b", BitMap64(range(2_000, 3_000)))
    >>> borders.fresh_junctions("a", "b")
    (2000,)
    >>> borders.add("c", BitMap64(range(2_003, 3_500)))
    >>> borders.fresh_junctions("a", "b")
    ()
    """

    __slots__ = ("_edges", "_known")

    def __init__(self) -> None:
        """Know no border."""
        self._edges: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self._known: dict[int, set[str]] = {}

    def add(self, institution: str, new: BitMap64) -> None:
        """Look where the runs of what was taken within the window begin and end."""
        edges = self._edges[institution] = edges_of(new)
        for edge in (*edges[0], *edges[1]):
            self._known.setdefault(edge // _CELL, set()).add(institution)

    def fresh_junctions(self, first: str, other: str) -> tuple[int, ...]:
        """Return the ids at which the two meet and no third ever began or ended."""
        starts, ends = self._edges.get(first, ((), ()))
        other_starts, other_ends = self._edges.get(other, ((), ()))
        meetings = [*_meetings(ends, other_starts), *_meetings(other_ends, starts)]
        return tuple(edge for edge in sorted(meetings) if not self._third(edge, first, other))

    def _third(self, edge: int, first: str, other: str) -> bool:
        cells = range(edge // _CELL - 1, edge // _CELL + 2)
        known = set().union(*(self._known.get(cell, ()) for cell in cells))
        return bool(known - {first, other})


def _meetings(ends: tuple[int, ...], starts: tuple[int, ...]) -> list[int]:
    """Return the ends near which something begins; both ascend."""
    return [
        end for end in ends if bisect_left(starts, end - _NEAR) < bisect_right(starts, end + _NEAR)
    ]
