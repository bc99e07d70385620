"""Step 4 of 7: result set -> the earlier ones that it nearly equals. Bounded, and exact.

Two sets that differ by few people differ little in size, and neighbours begin at nearly the same
id: only those are compared. Sets that were never nearly equalled are forgotten first.
"""

from collections.abc import Iterable
from typing import Final

from pyroaring import BitMap64

from detectors.models.differencing.config import VARIANT_PARTICIPANTS_MAX, DifferencingConfig
from detectors.models.differencing.result_set import ResultSet
from detectors.models.differencing.state import DifferencingState, Family, Lonely, Variant

LONELY_MAX: Final = 48
FAMILIES_MAX: Final = 16
VARIANTS_MAX: Final = 12
# Between the cells of those who begin in one stretch of ids and in the next.
_ROW: Final = 2_097_143
Match = tuple[Lonely | Family, frozenset[int]]


class KeptSets:
    """The kept result sets of one institution.

    >>> stored = KeptSets(DifferencingState(), DifferencingConfig())
    >>> lonely = Lonely(0, 7, 100, 0, 100, 0, 0, 0, 0, "e-1")
    >>> stored.keep(lonely, None)
    >>> [sorted(away) for _, away in stored.near(ResultSet(people=range(1, 102), count=101), 7)]
    [[0, 100, 101]]
    """

    __slots__ = (
        "_apart_max",
        "_apart_ratio_max",
        "_bitmaps",
        "_bytes",
        "_bytes_max",
        "_cells",
        "_reach",
        "_shift",
        "state",
    )

    def __init__(self, state: DifferencingState, config: DifferencingConfig) -> None:
        """Look up the sets that were kept."""
        self.state = state
        self._apart_max = config.apart_participants_min - 1
        self._apart_ratio_max = config.apart_ratio_max
        self._reach = reach_of(config)
        self._bytes_max = config.kept_bytes_max
        self._bytes = sum(map(len, state.sets.values()))
        self._bitmaps: dict[int, BitMap64] = {}
        # Neighbours that are alone, by where they begin and end.
        self._shift = (2 * self._apart_max).bit_length()
        self._cells: dict[int, tuple[int, ...]] = {}
        # In the order in which they were kept, whatever was used since.
        for number in sorted(state.lonely):
            if state.lonely[number].beyond:
                self._into_cell(state.lonely[number])

    def near(self, result_set: ResultSet, group: int) -> list[Match]:
        """Return the kept sets within reach, each with the people by which it differs."""
        people, state = result_set.people, self.state
        if type(people) is range:
            # Neighbours with neighbours; what is left are the scattered ones.
            matches = self.near_span(people.start, people.stop, group)
            self._match(result_set, group, state.sets, matches)
            return matches
        matches = []
        self._match(result_set, group, state.lonely, matches)
        self._match(result_set, group, state.families, matches)
        return matches

    def near_span(self, start: int, stop: int, group: int) -> list[Match]:
        """Return the kept sets of neighbours within reach of those from `start` to before `stop`.

        One that is alone has no sets but itself: it is within reach if few people are apart.
        """
        state, cells, shift = self.state, self._cells, self._shift
        # Whoever is within reach is in the same cell, or in the next on the side that is nearer.
        own = (start >> shift) * _ROW + (stop >> shift)
        row = _ROW if start >> shift - 1 & 1 else -_ROW
        column = 1 if stop >> shift - 1 & 1 else -1
        matches: list[Match] = []
        for cell in (own, own + column, own + row, own + row + column):
            if cell in cells:
                apart_max = min(self._apart_max, int(self._apart_ratio_max * (stop - start)))
                alone = [state.lonely[number] for number in cells[cell]]
                _match_spans(alone, (start, stop), group, apart_max, matches)
        if state.families:
            _match_spans(state.families.values(), (start, stop), group, self._reach, matches)
        return matches

    def keep(self, lonely: Lonely, scattered: BitMap64 | None) -> None:
        """Keep a set that equals none nearly; if it is scattered too widely, do not."""
        state = self.state
        number = lonely.number = state.kept_count = state.kept_count + 1
        if scattered is None:
            self._into_cell(lonely)
        else:
            raw = _serialized(scattered)
            if len(raw) > self._bytes_max:
                return
            state.sets[number] = raw
            self._bytes += len(raw)
        state.lonely[number] = lonely
        if len(state.lonely) > LONELY_MAX:
            self._forget(state.lonely)
        while self._bytes > self._bytes_max:
            # The new one stays.
            self._forget(state.lonely if len(state.lonely) > 1 else state.families)

    def family(self, stored: Lonely | Family, variant: Variant) -> Family:
        """Return the family of a kept set; one that was alone is a family of `variant` from now."""
        state, number = self.state, stored.number
        if isinstance(stored, Family):
            state.families[number] = state.families.pop(number)
            return stored
        del state.lonely[number]
        if stored.beyond:
            self._out_of_cell(stored)
        family = state.families[number] = Family(
            number=number,
            group=stored.group,
            count=stored.count,
            first=stored.first,
            beyond=stored.beyond,
            variants=[variant],
        )
        if len(state.families) > FAMILIES_MAX:
            self._forget(state.families)
        return family

    def use(self, lonely: Lonely) -> None:
        """Let a set be the last that is forgotten."""
        lonely_sets = self.state.lonely
        lonely_sets[lonely.number] = lonely_sets.pop(lonely.number)

    def _match(
        self, result_set: ResultSet, group: int, numbers: Iterable[int], matches: list[Match]
    ) -> None:
        state, count, reach = self.state, result_set.count, self._reach
        for number in numbers:
            stored = state.lonely.get(number) or state.families[number]
            if stored.group != group or abs(stored.count - count) > reach:
                continue
            ours, theirs = result_set.bitmap, self._bitmap(stored)
            common = ours.intersection_cardinality(theirs)
            if stored.count + count - 2 * common <= reach:
                matches.append((stored, frozenset(ours ^ theirs)))

    def _bitmap(self, stored: Lonely | Family) -> BitMap64:
        number = stored.number
        if number not in self._bitmaps:
            self._bitmaps[number] = (
                BitMap64(range(stored.first, stored.beyond))
                if stored.beyond
                else BitMap64.deserialize(self.state.sets[number])
            )
        return self._bitmaps[number]

    def _forget(self, kept_sets: dict[int, Lonely] | dict[int, Family]) -> None:
        """Forget the one of some that was used least lately."""
        number = next(iter(kept_sets))
        stored = kept_sets.pop(number)
        if not stored.beyond:
            self._bytes -= len(self.state.sets.pop(number))
        elif isinstance(stored, Lonely):
            self._out_of_cell(stored)
        if self._bitmaps:
            self._bitmaps.pop(number, None)

    def _cell_of(self, first: int, beyond: int) -> int:
        return (first >> self._shift) * _ROW + (beyond >> self._shift)

    def _into_cell(self, stored: Lonely) -> None:
        cells, cell = self._cells, self._cell_of(stored.first, stored.beyond)
        cells[cell] = (*cells[cell], stored.number) if cell in cells else (stored.number,)

    def _out_of_cell(self, stored: Lonely) -> None:
        cells, cell = self._cells, self._cell_of(stored.first, stored.beyond)
        numbers = cells.pop(cell)
        if len(numbers) > 1:
            cells[cell] = tuple(each for each in numbers if each != stored.number)


def _match_spans(
    kept_sets: Iterable[Lonely | Family],
    span: tuple[int, int],
    group: int,
    reach: int,
    matches: list[Match],
) -> None:
    """Add the neighbours of some kept sets that differ from others by at most `reach` people."""
    start, stop = span
    for stored in kept_sets:
        first, beyond = stored.first, stored.beyond
        if abs(first - start) + abs(beyond - stop) <= reach and stored.group == group and beyond:
            matches.append((stored, _between((first, beyond), span)))


def variants_of(stored: Lonely | Family) -> list[Variant]:
    """Return the sets of a family, or the one that is alone."""
    if isinstance(stored, Family):
        return stored.variants
    alone = Variant(
        away=[],
        since_ms=stored.since_ms,
        last_ms=stored.last_ms,
        takers=[(stored.user, stored.project)],
        event_id=stored.event_id,
    )
    return [alone]


def extend(family: Family, variant: Variant) -> None:
    """Add a set to a family; of many, the one after the first taken least lately is forgotten."""
    variants = family.variants
    variants.append(variant)
    if len(variants) > VARIANTS_MAX:
        variants.remove(min(variants[1:], key=_last_taken))


def reach_of(config: DifferencingConfig) -> int:
    """Return how far from a family's first set another may be that one of it nearly equals."""
    return config.apart_participants_min - 1 + VARIANT_PARTICIPANTS_MAX


def _last_taken(variant: Variant) -> int:
    return variant.last_ms


def _between(span: tuple[int, int], other: tuple[int, int]) -> frozenset[int]:
    """Return who is in one of two overlapping spans only."""
    (first, beyond), (start, stop) = span, other
    at_first = range(min(first, start), max(first, start))
    at_last = range(min(beyond, stop), max(beyond, stop))
    return frozenset((*at_first, *at_last))


def _serialized(people: BitMap64) -> bytes:
    people = people.copy()
    people.run_optimize()
    return people.serialize()
