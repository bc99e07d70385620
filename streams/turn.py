"""Steps 1 to 7 of 7: one batch of a partition, between decoding and what is told of it."""

from collections import defaultdict

from msgspec import Struct

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.pipeline import Profile
from detectors.verdict import Effect
from streams.partition_context import Context
from streams.protocol import PartitionKeeper
from streams.rejects import Rejected
from streams.transport import Record

Outcome = tuple[Record, Rejected | tuple[Effect, ...]]


class Counts(Struct, kw_only=True):
    """What a batch came to, for the metrics."""

    judged: int = 0
    late: int = 0
    unresolved: int = 0
    repeated: int = 0
    saved: int = 0
    configs_accepted: int = 0
    configs_refused: int = 0
    # The newest that a judge has come under, where it is news.
    config: CoreConfig | None = None


class Turn:
    """One batch on its way: what it came to, and what is decoded but not judged yet."""

    __slots__ = ("context", "counts", "keeper", "outcomes", "waiting")

    def __init__(self, keeper: PartitionKeeper[Profile], context: Context) -> None:
        """Begin with nothing read, under what holds by then."""
        self.keeper = keeper
        self.context = context
        self.counts = Counts()
        # By institution, each in the order of the log.
        self.waiting: defaultdict[str, list[tuple[Record, AccessEvent]]] = defaultdict(list)
        self.outcomes: list[Outcome] = []

    def add(self, record: Record, event: AccessEvent | Rejected) -> None:
        """Let an event wait for its judge; what was refused is an outcome already."""
        if isinstance(event, Rejected):
            self.outcomes.append((record, event))
        else:
            self.waiting[event.institution].append((record, event))

    def in_order(self) -> list[Outcome]:
        """Return what the batch came to so far, in the order of the log."""
        return sorted(self.outcomes, key=_by_offset)


def _by_offset(outcome: Outcome) -> int:
    return outcome[0].offset
