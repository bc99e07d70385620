"""Steps 1 to 7 of 7: one batch of a partition, between decoding and what is told of it."""

from collections import defaultdict

from msgspec import Struct

from detectors.config import CoreConfig
from detectors.config_schedule import NEVER_MS, Schedule
from detectors.pipeline import Profile, adopt_reference
from detectors.verdict import Effect
from streams.control.partition_context import Context
from streams.ingest.adapters.mapping import UNRESOLVED
from streams.ingest.rejects import Rejected
from streams.kafka.records import Record
from streams.state.protocol import PartitionKeeper

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


class Sitting:
    """One judge's part in a turn: who it is, and what it had counted before."""

    __slots__ = (
        "applied_offset",
        "awaits_config",
        "institution",
        "judged_count",
        "late_before",
        "profile",
        "repeats_before",
    )

    def __init__(
        self, institution: str, profile: Profile, *, applied_offset: int, schedule: Schedule
    ) -> None:
        """Begin where the judge stands; `schedule` is what was pushed so far."""
        self.institution = institution
        self.profile = profile
        # Mostly nothing was pushed, and no event need be asked whether its time has come.
        self.awaits_config = profile.schedule is not schedule or profile.config_due_ms != NEVER_MS
        # The last record that is in the profile; whatever lies at or before it is not judged again.
        self.applied_offset = applied_offset
        self.judged_count = 0
        self.repeats_before = profile.state.repeats_count
        self.late_before = profile.state.late_count


class Turn:
    """One batch on its way: what it came to, and what waits for its judge."""

    __slots__ = ("context", "counts", "keeper", "outcomes", "sittings", "waiting")

    def __init__(self, keeper: PartitionKeeper[Profile], context: Context) -> None:
        """Begin with nothing read, under what holds by then."""
        self.keeper = keeper
        self.context = context
        self.counts = Counts()
        # By key, each in the order of the log.
        self.waiting: defaultdict[bytes | None, list[Record]] = defaultdict(list)
        self.sittings: list[Sitting] = []
        self.outcomes: list[Outcome] = []

    def sitting(self, institution: str) -> Sitting:
        """Return the institution's judge, who judges by what holds now."""
        live = self.keeper.live(institution)
        if live.profile.reference is not self.context.reference:
            adopt_reference(live.profile, self.context.reference)
        sitting = Sitting(
            institution,
            live.profile,
            applied_offset=live.applied_offset,
            schedule=self.context.schedule,
        )
        self.sittings.append(sitting)
        return sitting

    def close_sittings(self) -> None:
        """Note up to where each judge has come, and count what they made of the events."""
        counts = self.counts
        for sitting in self.sittings:
            state, judged = sitting.profile.state, sitting.judged_count
            if not judged:
                continue
            self.keeper.applied(sitting.institution, sitting.applied_offset)
            counts.judged += judged
            counts.repeated += state.repeats_count - sitting.repeats_before
            counts.late += state.late_count - sitting.late_before
            counts.unresolved += judged if sitting.institution == UNRESOLVED else 0
        self.sittings.clear()

    def in_order(self) -> list[Outcome]:
        """Return what the batch came to so far, in the order of the log."""
        return sorted(self.outcomes, key=_by_offset)


def offset_of(record: Record) -> int:
    """Return where a record lies, to sort and to seek by."""
    return record.offset


def _by_offset(outcome: Outcome) -> int:
    return offset_of(outcome[0])
