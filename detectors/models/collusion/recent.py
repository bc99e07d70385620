"""Second stage: what one institution holds, cut in two: before the window, and new within it."""

from math import fsum
from typing import Annotated

from msgspec import Meta, Struct
from pyroaring import BitMap64

from detectors.models.collusion.blocks import BlockCounts, Blocks


class Recent(Struct, frozen=True, kw_only=True):
    """One institution as others are compared with it."""

    institution: str
    version: Annotated[int, Meta(description="changes whenever anything else does")]
    new: Annotated[BitMap64, Meta(description="taken within the window, never held before it")]
    count: int
    counts: Annotated[BlockCounts, Meta(description="of `new`, by block")]
    before: Annotated[BitMap64, Meta(description="held before the window, none of `new`")]
    before_counts: BlockCounts
    days: Annotated[dict[int, float], Meta(description="share of `new` by day")]


class Holdings:
    """What one institution took new, by day, and everything before the window as one set.

    >>> holdings = Holdings()
    >>> holdings.take(1, BitMap64([5])), holdings.take(30, BitMap64([6, 7]))
    (None, None)
    >>> holdings.forget_days_before(20)
    >>> sorted(holdings.before), sorted(holdings.new())
    ([5], [6, 7])
    """

    __slots__ = ("before", "days", "version")

    def __init__(self) -> None:
        """Hold nobody."""
        self.before = BitMap64()
        self.days: dict[int, BitMap64] = {}
        self.version = 0

    def take(self, day: int, participants: BitMap64) -> None:
        """Set what was taken new on a day; said again, it replaces what was said before."""
        self.days[day] = participants
        self.version += 1

    def forget_days_before(self, first: int) -> None:
        """Let the days before the window's first become one set."""
        old_days = [day for day in self.days if day < first]
        for day in old_days:
            self.before |= self.days.pop(day)
        self.version += bool(old_days)

    def new(self) -> BitMap64:
        """Return who was taken within the window and not held before it."""
        new = BitMap64()
        for participants in self.days.values():
            new |= participants
        return new - self.before

    def recent(self, institution: str, new: BitMap64, blocks: Blocks) -> Recent:
        """Return it as others are compared with it; `new` is what `new()` gave."""
        sizes = {day: len(participants) for day, participants in self.days.items()}
        total = max(1, sum(sizes.values()))
        return Recent(
            institution=institution,
            version=self.version,
            new=new,
            count=len(new),
            counts=blocks.counts(new),
            before=self.before.copy(),
            before_counts=blocks.counts(self.before),
            days={day: size / total for day, size in sizes.items()},
        )


def same_days(mine: Recent, other: Recent) -> float:
    """Return which share of the two's work fell on the same days, 0 to 1."""
    return fsum(min(share, other.days.get(day, 0.0)) for day, share in mine.days.items())
