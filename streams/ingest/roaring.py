"""Step 1 of 7: hostile bytes -> a bitmap that is safe to open, or what is wrong with it.

The library behind the bitmaps is native code, and what it checks differs from version to version;
unsorted values or a false cardinality would corrupt every union afterwards. So the whole structure
is checked first, in bounded time, by the published portable format, before the library sees it:

    cookie | which containers are runs | (key, cardinality - 1)* | offsets | containers

Source: RoaringFormatSpec of the Roaring bitmap project (2014 on). Stricter than the format in one
point: what it leaves to the writer's honesty (order, cardinalities, offsets) must hold.
"""

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

_COOKIE_NO_RUNS: Final = 12_346
_COOKIE_RUNS: Final = 12_347
_CONTAINER_SPAN: Final = 1 << 16
_ARRAY_CARDINALITY_MAX: Final = 4_096
_BITSET_WORDS: Final = 1_024
# With runs, the format leaves the offsets out below this many containers.
_OFFSETS_FROM_CONTAINERS: Final = 4

_Integers = NDArray[np.int64]


class BitmapProblem(StrEnum):
    """What may be wrong with the bytes of a bitmap."""

    CUT_SHORT = "the bitmap is cut short"
    CONTAINERS_DISORDERED = "the containers of the bitmap are out of order"
    OFFSET_FALSE = "a container of the bitmap is not where its offset says"
    BYTES_AFTER_END = "the bitmap has bytes after its end"
    COOKIE_UNKNOWN = "the bitmap begins with no cookie of the format"
    CONTAINERS_TOO_MANY = "the bitmap claims more containers than 32 bits have"
    VALUES_DISORDERED = "the values of the bitmap are out of order"
    RUNS_INVALID = "the runs of the bitmap overlap, touch, or leave their container"
    CARDINALITY_FALSE = "a container of the bitmap holds another number than it says"
    UNSOUND = "the bitmap is not as the library would have written it"
    BEYOND_COHORT = "the bitmap holds participants beyond the cohort"


class _MalformedError(Exception):
    """Ends a reading; never leaves this file."""

    def __init__(self, problem: BitmapProblem) -> None:
        super().__init__(problem)
        self.problem = problem


class _Cursor:
    """Reads forward through the bytes, and never beyond them."""

    __slots__ = ("at", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def read(self, count: int, kind: str) -> _Integers:
        """Return the next `count` little-endian integers of `kind`, widened."""
        dtype = np.dtype(kind)
        end = self.at + count * dtype.itemsize
        if end > len(self.raw):
            raise _MalformedError(BitmapProblem.CUT_SHORT)
        integers = np.frombuffer(self.raw, dtype=dtype, count=count, offset=self.at)
        self.at = end
        return integers.astype(np.int64)


def bitmap_problem(raw: bytes, *, end: int) -> BitmapProblem | None:
    """Return what is wrong with a portable 32-bit bitmap whose values must lie below `end`.

    >>> from pyroaring import BitMap
    >>> bitmap_problem(BitMap([1, 2, 70_000]).serialize(), end=70_001) is None
    True
    >>> bitmap_problem(BitMap([1, 2, 70_000]).serialize(), end=70_000)
    <BitmapProblem.BEYOND_COHORT: 'the bitmap holds participants beyond the cohort'>
    >>> bitmap_problem(b"roaring", end=1)
    <BitmapProblem.COOKIE_UNKNOWN: 'the bitmap begins with no cookie of the format'>
    """
    try:
        largest = _largest(_Cursor(raw), end=end)
        # Safe to open by now; what the library itself objects to must not reach the core.
        BitMap.deserialize(raw)
    except ValueError:
        return BitmapProblem.UNSOUND
    except _MalformedError as error:
        return error.problem
    return BitmapProblem.BEYOND_COHORT if largest >= end else None


def _largest(cursor: _Cursor, *, end: int) -> int:
    """Return the largest value of a well-formed bitmap; -1 for an empty one."""
    is_run = _run_flags(cursor)
    count = len(is_run)
    described = cursor.read(2 * count, "<u2").reshape(count, 2)
    keys, cardinalities = described[:, 0], described[:, 1] + 1
    if not _ascending(keys):
        raise _MalformedError(BitmapProblem.CONTAINERS_DISORDERED)
    # Before any container is read: the cohort's size bounds the work, not the message's.
    if count and int(keys[-1]) * _CONTAINER_SPAN >= end:
        raise _MalformedError(BitmapProblem.BEYOND_COHORT)
    has_offsets = not is_run.any() or count >= _OFFSETS_FROM_CONTAINERS
    offsets = cursor.read(count, "<u4") if has_offsets else None
    largest = -1
    for place in range(count):
        if offsets is not None and offsets[place] != cursor.at:
            raise _MalformedError(BitmapProblem.OFFSET_FALSE)
        low = _container(cursor, cardinality=int(cardinalities[place]), run=bool(is_run[place]))
        largest = int(keys[place]) * _CONTAINER_SPAN + low
    if cursor.at != len(cursor.raw):
        raise _MalformedError(BitmapProblem.BYTES_AFTER_END)
    return largest


def _run_flags(cursor: _Cursor) -> NDArray[np.bool_]:
    """Return, for each container, whether it is one of runs."""
    cookie, upper = (int(half) for half in cursor.read(2, "<u2"))
    if cookie == _COOKIE_RUNS:
        count = upper + 1
        packed = cursor.read((count + 7) // 8, "<u1").astype(np.uint8)
        return np.unpackbits(packed, count=count, bitorder="little").astype(np.bool_)
    if cookie != _COOKIE_NO_RUNS or upper:
        raise _MalformedError(BitmapProblem.COOKIE_UNKNOWN)
    count = int(cursor.read(1, "<u4")[0])
    if count > _CONTAINER_SPAN:
        raise _MalformedError(BitmapProblem.CONTAINERS_TOO_MANY)
    return np.zeros(count, dtype=np.bool_)


def _container(cursor: _Cursor, *, cardinality: int, run: bool) -> int:
    """Return the largest value of the next container, once all of it has been checked."""
    if run:
        return _run_container(cursor, cardinality)
    if cardinality > _ARRAY_CARDINALITY_MAX:
        return _bitset_container(cursor, cardinality)
    values = cursor.read(cardinality, "<u2")
    if not _ascending(values):
        raise _MalformedError(BitmapProblem.VALUES_DISORDERED)
    return int(values[-1])


def _run_container(cursor: _Cursor, cardinality: int) -> int:
    count = int(cursor.read(1, "<u2")[0])
    runs = cursor.read(2 * count, "<u2").reshape(count, 2)
    first, last = runs[:, 0], runs[:, 0] + runs[:, 1]
    if not count or last[-1] >= _CONTAINER_SPAN or (first[1:] <= last[:-1] + 1).any():
        raise _MalformedError(BitmapProblem.RUNS_INVALID)
    if int((runs[:, 1] + 1).sum()) != cardinality:
        raise _MalformedError(BitmapProblem.CARDINALITY_FALSE)
    return int(last[-1])


def _bitset_container(cursor: _Cursor, cardinality: int) -> int:
    words = cursor.read(_BITSET_WORDS, "<u8").view(np.uint64)
    if int(np.bitwise_count(words).sum()) != cardinality:
        raise _MalformedError(BitmapProblem.CARDINALITY_FALSE)
    place = int(np.flatnonzero(words)[-1])
    return 64 * place + int(words[place]).bit_length() - 1


def _ascending(values: _Integers) -> bool:
    return bool((values[1:] > values[:-1]).all())
