"""How far a partition has been read: each batch of a partition begins where the one before ended.

Faust drops records that were fetched around a rebalance, and its commit then passes over them.
Positions tell; offsets would not, since compaction and transaction markers make honest gaps.
"""

from detectors.errors import HeadgateError
from streams.kafka.records import FetchSpan


class OffsetGapError(HeadgateError):
    """Records of the input were passed over; only a restart from the checkpoint can heal it."""


class PositionTracker:
    """How far one partition has been dealt with, without a gap.

    >>> positions = PositionTracker("raw[0]", 40)
    >>> positions.new_from(FetchSpan(start=38, end=45))
    40
    >>> positions.advance(45)
    >>> positions.position
    45
    """

    __slots__ = ("moved", "name", "position")

    def __init__(self, name: str, position: int) -> None:
        """Begin at `position`, the first offset not yet dealt with."""
        self.name = name
        self.position = position
        self.moved = False

    def new_from(self, span: FetchSpan) -> int:
        """Return the offset from which the batch's records are new.

        Raises:
            OffsetGapError: the batch does not begin where the one before ended.
        """
        if span.start > self.position:
            message = (
                f"records {self.position} to {span.start - 1} of {self.name} were passed over: "
                f"a batch begins at {span.start}, but {self.position} is next"
            )
            raise OffsetGapError(message)
        return self.position

    def advance(self, end: int) -> None:
        """Note that everything before `end` has been dealt with; repeats move nothing back."""
        if end > self.position:
            self.position = end
            self.moved = True
