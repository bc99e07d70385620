"""Step 1 of 7: whose data left, as far as it can be read -> participants within the cohort.

What lies beyond the cohort is left out and counted, and no way of writing it hides the rest. Of
several ways the one with the most people counts, for a producer that contradicts itself must not
make a taking smaller.
"""

import base64
import binascii
from typing import Final

from pyroaring import BitMap, BitMap64

from detectors.event import Participants
from streams.ingest.limits import DecodeLimits
from streams.ingest.partial_numbers import whole_number
from streams.ingest.repairs import RepairReason, Repairs
from streams.ingest.roaring import bitmap_problem

_HASH_END: Final = 2**64
_BITMAP_END: Final = 2**32


def readable_participants(
    value: object, limits: DecodeLimits, repairs: Repairs
) -> Participants | None:
    """Return the participants that a decoded JSON value names, and note in `repairs` what not.

    None where nobody can be read: rows or bytes are then all that is known.
    """
    if isinstance(value, list):
        # The people themselves, without the word that says so.
        repairs[RepairReason.PARTICIPANTS_AMBIGUOUS] += 1
        value = {"ids": value}
    if not isinstance(value, dict):
        repairs[RepairReason.PARTICIPANTS_UNREADABLE] += 1
        return None
    ways = [
        people
        for name, read in _READERS.items()
        if value.get(name) is not None
        and (people := read(value[name], limits, repairs)) is not None
    ]
    if not ways:
        if value:
            repairs[RepairReason.PARTICIPANTS_UNREADABLE] += 1
        return None
    if len(ways) > 1:
        repairs[RepairReason.PARTICIPANTS_AMBIGUOUS] += 1
    return max(ways, key=_people_count)


def _people_count(people: Participants) -> int:
    if people.count is not None:
        return people.count
    if people.bitmap is not None:
        return len(BitMap.deserialize(people.bitmap))
    return len(people.ids or ())


def _ids(value: object, limits: DecodeLimits, repairs: Repairs) -> Participants | None:
    if isinstance(value, int):
        # How many there were in a message too large to decode: an upper bound.
        repairs[RepairReason.LISTS_COUNTED] += 1
        return _count(value, limits, repairs)
    if not isinstance(value, list):
        return None
    end = _HASH_END if limits.hashed else limits.cohort_size
    # Nearly all are as they should be, and there may be a million of them.
    ids = {number for number in value if type(number) is int and 0 <= number < end}
    for written in (each for each in value if type(each) is not int or not 0 <= each < end):
        number = whole_number(written)
        if number is None or number < 0:
            repairs[RepairReason.PARTICIPANTS_UNREADABLE] += 1
        elif number >= end:
            repairs[RepairReason.BEYOND_COHORT] += 1
        else:
            ids.add(number)
    return Participants(ids=sorted(ids))


def _ranges(value: object, limits: DecodeLimits, repairs: Repairs) -> Participants | None:
    if not isinstance(value, list) or limits.hashed:
        return None
    people = BitMap64()
    for written in value:
        ends = [whole_number(end) for end in written] if isinstance(written, list) else []
        numbers = sorted(end for end in ends if end is not None and end >= 0)
        if len(numbers) != len(ends) or not 1 <= len(numbers) <= 2:  # noqa: PLR2004 - two ends.
            repairs[RepairReason.PARTICIPANTS_UNREADABLE] += 1
            continue
        first, last = numbers[0], numbers[-1]
        beyond = last - max(first, limits.cohort_size) + 1
        if beyond > 0:
            repairs[RepairReason.BEYOND_COHORT] += min(beyond, _BITMAP_END)
        if first < limits.cohort_size:
            people.add_range(first, min(last + 1, limits.cohort_size))
    return _named(people)


def _bitmap(value: object, limits: DecodeLimits, repairs: Repairs) -> Participants | None:
    if not isinstance(value, str) or limits.hashed:
        return None
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    if bitmap_problem(raw, end=_BITMAP_END) is not None:
        return None
    people = BitMap.deserialize(raw)
    end = min(limits.cohort_size, _BITMAP_END)
    beyond = len(people) - people.range_cardinality(0, end)
    if beyond:
        repairs[RepairReason.BEYOND_COHORT] += beyond
        people.remove_range(end, _BITMAP_END)
    return Participants(bitmap=people.serialize())


def _count(value: object, limits: DecodeLimits, repairs: Repairs) -> Participants | None:
    number = whole_number(value)
    if number is None or number < 0:
        return None
    if number > limits.cohort_size:
        repairs[RepairReason.BEYOND_COHORT] += min(number - limits.cohort_size, _BITMAP_END)
    return Participants(count=min(number, limits.cohort_size))


def _named(people: BitMap64) -> Participants:
    if people and people.max() >= _BITMAP_END:
        return Participants(ids=list(people))
    return Participants(bitmap=BitMap(people).serialize())


_READERS: Final = {"ids": _ids, "ranges": _ranges, "bitmap": _bitmap, "count": _count}
