"""Step 4 of 7: participants of an event -> one form for a set and for its complement.

What is said of all but a set is said of the set, once the whole is known. So of a set and the rest
of the cohort the smaller is compared; of one that has about half, both are.
"""

from collections.abc import Iterator

from msgspec import Struct
from pyroaring import BitMap64

from detectors.features.participant_sets import ParticipantSet, as_bitmap


class ResultSet(Struct, kw_only=True, gc=False):
    """Some people, and how many; `bitmap` is made when somebody asks.

    `named_count` is how many the event named, of whom these may be the complement.
    """

    people: ParticipantSet
    count: int
    named_count: int = 0
    converted: BitMap64 | None = None

    @property
    def bitmap(self) -> BitMap64:
        """Return the people as a bitmap."""
        if self.converted is None:
            self.converted = as_bitmap(self.people)
        return self.converted


def plain(people: ParticipantSet) -> ResultSet:
    """Return people as they are."""
    count = len(people)
    return ResultSet(people=people, count=count, named_count=count)


def span_of(result_set: ResultSet) -> tuple[int, int, BitMap64 | None]:
    """Return where neighbours begin and end; of scattered people 0, 0 and the bitmap."""
    people = result_set.people
    if isinstance(people, range):
        return people.start, people.stop, None
    return 0, 0, result_set.bitmap


def forms_of(people: ParticipantSet, *, cohort: range, reach: int) -> tuple[ResultSet, ...]:
    """Return the forms in which a set is compared; the first is the one that is kept.

    `cohort` are the ids of everybody; empty where they are not known. Sets up to `reach` people
    apart have a form in common.

    >>> [form.count for form in forms_of(range(90), cohort=range(100), reach=5)]
    [10]
    """
    given = plain(people)
    count = given.count
    half = len(cohort) // 2
    if not cohort or count < half - reach:
        return (given,)
    rest = as_bitmap(people).flip(cohort.start, cohort.stop)
    complement = ResultSet(people=rest, count=len(rest), named_count=count)
    if count > half + reach:
        return (complement,)
    return (given, complement) if count <= half else (complement, given)


def told_apart(apart: frozenset[int], result_set: ResultSet) -> frozenset[int]:
    """Return whom two sets that differ by `apart` tell apart; nobody, if they only slide.

    Windows and pages of one list differ at both ends, by whoever stands there. `result_set` is one
    of the two.

    >>> window = ResultSet(people=range(5, 105), count=100)
    >>> told_apart(frozenset({3, 4, 104}), window), told_apart(frozenset({3, 50, 104}), window)
    (frozenset(), frozenset({50}))
    """
    bitmap = result_set.bitmap
    first = next((person for person in bitmap if person not in apart), None)
    if first is None:
        return apart
    last = next(person for person in _downwards(bitmap) if person not in apart)
    inside = frozenset(person for person in apart if first < person < last)
    if inside or (min(apart) < first and max(apart) > last):
        return inside
    return apart


def _downwards(people: BitMap64) -> Iterator[int]:
    for place in range(len(people) - 1, -1, -1):
        yield people[place]
