"""Step 1 of 7: whose data left, as far as it can be read -> participants within the cohort.

What lies beyond the cohort is left out and counted, and no way of writing it hides the rest. Of
several ways the one with the most people counts, for a producer that contradicts itself must not
make a taking smaller.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from pyroaring import BitMap

from detectors.event import Participants
from streams.ingest.limits import DecodeLimits
from streams.ingest.partial_numbers import whole_number
from streams.ingest.repairs import RepairReason, Repairs
from streams.ingest.repeated import values_of

_BITMAP_END: Final = 2**32


def readable_participants(
    values: Sequence[object], limits: DecodeLimits, repairs: Repairs
) -> Participants | None:
    """Return the participants that decoded JSON values name, and note in `repairs` what not.

    There are several values where the key was given several times: the one with the most people
    counts. None where nobody can be read: rows or bytes are then all that is known.
    """
    ways = [way for value in values if value is not None for way in _ways(value, limits, repairs)]
    return max(ways, key=_people_count, default=None)


def _ways(value: object, limits: DecodeLimits, repairs: Repairs) -> list[Participants]:
    """Return whose data left, in each way that one value says so."""
    if isinstance(value, list):
        # The people themselves, without the word that says so.
        repairs[RepairReason.PARTICIPANTS_AMBIGUOUS] += 1
        value = {"ids": value}
    if not isinstance(value, dict):
        repairs[RepairReason.PARTICIPANTS_UNREADABLE] += 1
        return []
    given = [
        (read, each)
        for name, read in _READERS.items()
        for each in values_of(value.get(name))
        if each is not None
    ]
    ways = [way for read, each in given if (way := read(each, limits, repairs)) is not None]
    if value and not ways:
        repairs[RepairReason.PARTICIPANTS_UNREADABLE] += 1
    if len(given) > 1:
        repairs[RepairReason.PARTICIPANTS_AMBIGUOUS] += 1
    return ways


def _people_count(people: Participants) -> int:
    if people.count is not None:
        return people.count
    if people.bitmap is not None:
        return len(BitMap.deserialize(people.bitmap))
    return len(people.ids or ()) + sum(last - first + 1 for first, last in people.ranges or ())


def _ids(value: object, limits: DecodeLimits, repairs: Repairs) -> Participants | None:
    if isinstance(value, int):
        # How many there were in a message too large to decode: an upper bound.
        repairs[RepairReason.LISTS_COUNTED] += 1
        return _count(value, limits, repairs)
    if not isinstance(value, list):
        return None
    first, end = limits.id_first, limits.id_end
    # Nearly all are as they should be, and there may be a million of them.
    ids = {number for number in value if type(number) is int and first <= number < end}
    unreadable = 0
    for written in (each for each in value if type(each) is not int or not first <= each < end):
        number = whole_number(written)
        if number is None or number < 0:
            unreadable += 1
        elif not first <= number < end:
            repairs[RepairReason.BEYOND_COHORT] += 1
        else:
            ids.add(number)
    repairs[RepairReason.PARTICIPANTS_UNREADABLE] += unreadable
    if unreadable > len(ids):
        # Names that are few among many unreadable ones would hide these: a count hides nobody.
        return Participants(count=min(len(ids) + unreadable, limits.cohort_size))
    return Participants(ids=sorted(ids))


def _ranges(value: object, limits: DecodeLimits, repairs: Repairs) -> Participants | None:
    if not isinstance(value, list) or limits.hashed:
        return None
    ranges = []
    for written in value:
        ends = [whole_number(end) for end in written] if isinstance(written, list) else []
        numbers = sorted(end for end in ends if end is not None and end >= 0)
        if len(numbers) != len(ends) or not 1 <= len(numbers) <= 2:  # noqa: PLR2004 - two ends.
            repairs[RepairReason.PARTICIPANTS_UNREADABLE] += 1
            continue
        first, last = numbers[0], numbers[-1]
        within = (max(first, limits.id_first), min(last, limits.id_end - 1))
        inside = max(0, within[1] - within[0] + 1)
        repairs[RepairReason.BEYOND_COHORT] += min(last - first + 1 - inside, _BITMAP_END)
        if inside:
            ranges.append(within)
    disjoint = _disjoint(ranges)
    if not limits.sparse:
        return Participants(ranges=disjoint)
    repairs[RepairReason.RANGES_COUNTED] += len(disjoint)
    named = sum(last - first + 1 for first, last in disjoint)
    return Participants(count=min(named, limits.cohort_size))


def _disjoint(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same people in ranges that neither overlap nor touch.

    >>> _disjoint([(5, 9), (1, 3), (4, 4), (8, 12)])
    [(1, 12)]
    """
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _bitmap(value: object, limits: DecodeLimits, repairs: Repairs) -> Participants | None:
    if not isinstance(value, str) or limits.hashed:
        return None
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Not before: it loads NumPy, and most commands read no bitmap.
    from streams.ingest.roaring import bitmap_problem  # noqa: PLC0415 - as above

    if bitmap_problem(raw, end=_BITMAP_END) is not None:
        return None
    people = BitMap.deserialize(raw)
    first, end = limits.id_first, min(limits.id_end, _BITMAP_END)
    beyond = len(people) - people.range_cardinality(first, end)
    if beyond:
        repairs[RepairReason.BEYOND_COHORT] += beyond
        people.remove_range(0, first)
        people.remove_range(end, _BITMAP_END)
    return Participants(bitmap=people.serialize())


def _count(value: object, limits: DecodeLimits, repairs: Repairs) -> Participants | None:
    number = whole_number(value)
    if number is None or number < 0:
        return None
    if number > limits.cohort_size:
        repairs[RepairReason.BEYOND_COHORT] += min(number - limits.cohort_size, _BITMAP_END)
    return Participants(count=min(number, limits.cohort_size))


_READERS: Final = {"ids": _ids, "ranges": _ranges, "bitmap": _bitmap, "count": _count}
