"""Step 1 of 7: whose data left -> sound, within the cohort and cheap to build, or rejected."""

from typing import Final

from pyroaring import BitMap

from detectors.event import Participants
from streams.ingest.limits import DecodeLimits
from streams.ingest.rejects import Rejected, RejectReason, rejected
from streams.ingest.rounded_ids import ROUNDED, are_rounded

_HASH_END: Final = 2**64
_BITMAP_END: Final = 2**32


def participants_problem(participants: Participants, limits: DecodeLimits) -> Rejected | None:
    """Return what is wrong with a way to say whose data left, before anything is built from it."""
    ids, ranges = participants.ids, participants.ranges
    bitmap, count = participants.bitmap, participants.count
    if bitmap is None and count is None:
        if ids is not None and ranges is None:
            return _ids_problem(ids, limits)
        if ranges is not None and ids is None:
            return _ranges_problem(ranges, limits)
    ways = (ids is not None) + (ranges is not None) + (bitmap is not None) + (count is not None)
    if ways != 1:
        detail = f"expected exactly one of ids, ranges, bitmap, count; got {ways}"
        return rejected(RejectReason.PARTICIPANTS_INVALID, detail)
    if bitmap is not None:
        return _bitmap_problem(bitmap, limits)
    if count is not None and count > limits.cohort_size:
        detail = f"{short(count)} people of a cohort of {limits.cohort_size}"
        return rejected(RejectReason.BEYOND_COHORT, detail)
    return None


def _bitmap_problem(bitmap: bytes, limits: DecodeLimits) -> Rejected | None:
    if limits.hashed:
        return _no_position()
    # Here, because it needs NumPy: whoever checks a mapping's configuration reads no bitmap.
    from streams.ingest.roaring import BitmapProblem, bitmap_problem  # noqa: PLC0415

    problem = bitmap_problem(bitmap, end=min(limits.id_end, _BITMAP_END))
    if problem is None:
        if not limits.id_first:
            return None
        people = BitMap.deserialize(bitmap)
        smallest = people.min() if people else limits.id_first
        return _beyond(smallest, limits) if smallest < limits.id_first else None
    beyond = problem is BitmapProblem.BEYOND_COHORT
    reason = RejectReason.BEYOND_COHORT if beyond else RejectReason.PARTICIPANTS_INVALID
    return rejected(reason, problem)


def _ids_problem(ids: list[int], limits: DecodeLimits) -> Rejected | None:
    if len(ids) > limits.cohort_size:
        return too_many("ids", len(ids), limits.cohort_size)
    if not ids:
        return None
    largest = max(ids)
    if largest >= limits.id_end:
        return _beyond(largest, limits)
    if limits.id_first and min(ids) < limits.id_first:
        return _beyond(min(ids), limits)
    if limits.hashed and are_rounded(ids):
        return rejected(RejectReason.IDS_ROUNDED, ROUNDED)
    return None


def _ranges_problem(ranges: list[tuple[int, int]], limits: DecodeLimits) -> Rejected | None:
    if limits.sparse:
        return _no_ranges(limits)
    if len(ranges) > limits.cohort_size:
        return too_many("ranges", len(ranges), limits.cohort_size)
    id_first, id_end = limits.id_first, limits.id_end
    named = 0
    for first, last in ranges:
        if first > last:
            detail = f"a range runs backwards, from {short(first)} to {short(last)}"
            return rejected(RejectReason.PARTICIPANTS_INVALID, detail)
        if last >= id_end or first < id_first:
            return _beyond(last if last >= id_end else first, limits)
        named += last - first + 1
    # So that building the set costs no more than the cohort once, however many ranges there are.
    if named > limits.cohort_size:
        detail = f"the ranges overlap: together {named}, of a cohort of {limits.cohort_size}"
        return rejected(RejectReason.PARTICIPANTS_INVALID, detail)
    return None


def _no_ranges(limits: DecodeLimits) -> Rejected:
    # Hashes are the sparsest of all.
    if limits.hashed:
        return _no_position()
    detail = "ranges of ids of which not each is a person"
    return rejected(RejectReason.PARTICIPANTS_INVALID, detail)


def _no_position() -> Rejected:
    detail = "ranges and bitmaps name positions, but this cohort's ids are hashes"
    return rejected(RejectReason.PARTICIPANTS_INVALID, detail)


def too_many(what: str, count: int, limit: int) -> Rejected:
    """Return the reject of a list that is too long."""
    return rejected(RejectReason.TOO_LARGE, f"{count} {what}, more than {limit}")


def _beyond(number: int, limits: DecodeLimits) -> Rejected:
    detail = f"participant {short(number)}, not from {limits.id_first} to {limits.id_end - 1}"
    return rejected(RejectReason.BEYOND_COHORT, detail)


def short(number: int) -> str:
    """Return a number as text, without its digits where there are too many to print."""
    return str(number) if abs(number) < _HASH_END else "of more than 64 bits"
