"""Steps 1 to 7 of 7: one batch of a partition, between decoding and what follows from it."""

from collections import Counter, defaultdict
from itertools import chain
from typing import Annotated

from msgspec import Meta, Struct, field

from detectors.config import CoreConfig
from detectors.config_schedule import NEVER_MS, Schedule
from detectors.event import AccessEvent, time_ms
from detectors.instructions import succeeded
from detectors.pipeline import Profile, follow_references
from detectors.verdict import Effect
from streams.control.addressing import Addressing
from streams.control.partition_context import PartitionContext
from streams.control.partition_time import PartitionTime
from streams.control.reference_log import PartitionReferences
from streams.ingest.adapters.mapping import UNRESOLVED
from streams.ingest.rejects import Rejected
from streams.kafka.records import Batch, OutgoingRecord, Record
from streams.state.partition_state import PartitionState
from streams.state.profile_core import show_as

DecodedRecord = tuple[Record, AccessEvent | Rejected]
# What came of a record: effects, a reject, or the record that takes a stray home.
JudgedRecord = tuple[Record, Rejected | OutgoingRecord | tuple[Effect, ...]]


class Counts(Struct, kw_only=True):
    """What a batch came to, for the metrics."""

    judged: int = 0
    late: int = 0
    unresolved: int = 0
    repeated: int = 0
    # How often each thing in events judged in part was mended.
    repairs: Counter[str] = field(default_factory=Counter)
    # Sent on to the partition of their institution.
    strays: int = 0
    # Aliases that have a judge of their own in this partition, away from their institution's.
    judges_apart: int = 0
    saved: int = 0
    configs_accepted: int = 0
    configs_refused: int = 0
    # The newest that a judge has come under, where it is news.
    config: CoreConfig | None = None


class ClosingDays(Struct, kw_only=True):
    """Days that are being closed: who is still to come, the last one first."""

    record: Annotated[Record, Meta(description="the one that ends them")]
    applied_offset: Annotated[int, Meta(description="up to which the judges have come")]
    institutions: list[str]


class InstitutionRun:
    """One institution's part of a batch: its profile, and what that had counted before."""

    __slots__ = (
        "applied_offset",
        "awaits_config",
        "institution",
        "judged_count",
        "late_before",
        "profile",
        "rejected_count",
        "repairs_before",
        "repeats_before",
    )

    def __init__(
        self, institution: str, profile: Profile, *, applied_offset: int, schedule: Schedule
    ) -> None:
        """Begin after the last event in the profile; `schedule` is what was pushed so far."""
        self.institution = institution
        self.profile = profile
        # Mostly nothing was pushed, and no event need be asked whether its time has come.
        cursor = profile.config_cursor
        self.awaits_config = cursor.schedule is not schedule or cursor.due_ms != NEVER_MS
        # The last record that is in the profile; whatever lies at or before it is not judged again.
        self.applied_offset = applied_offset
        self.judged_count = 0
        # Records that could not be judged, and are counted in the profile.
        self.rejected_count = 0
        self.repeats_before = profile.state.repeats_count
        self.late_before = profile.state.late_count
        self.repairs_before = Counter(profile.state.repairs)


class BatchRun:
    """One batch on its way: what it came to, and what waits for its judge."""

    __slots__ = (
        "batch",
        "closed_day",
        "closing",
        "context",
        "counts",
        "institution_runs",
        "is_over",
        "next_index",
        "outcomes",
        "partition_state",
        "references",
        "time",
        "waiting",
    )

    def __init__(
        self,
        batch: Batch,
        partition_state: PartitionState[Profile],
        *,
        context: PartitionContext,
        time: PartitionTime,
        references: PartitionReferences,
    ) -> None:
        """Begin with nothing read, under what holds by then."""
        self.batch = batch
        self.next_index = 0
        # Whether all of it is judged.
        self.is_over = False
        self.partition_state = partition_state
        self.context = context
        self.time = time
        self.references = references
        self.references.day = time.clock.day
        self.closed_day = time.clock.last_closed_day
        # While there is any, nothing is read.
        self.closing: ClosingDays | None = None
        self.counts = Counts()
        # By key, each in the order of the log.
        self.waiting: defaultdict[bytes | None, list[DecodedRecord]] = defaultdict(list)
        self.institution_runs: dict[str, InstitutionRun] = {}
        self.outcomes: list[JudgedRecord] = []

    def by_judge(self) -> list[list[DecodedRecord]]:
        """Return what waits, in the order of the log for all keys that may have the same judge."""
        directory = self.context.directory
        groups: dict[str, list[list[DecodedRecord]]] = {}
        for key, records in self.waiting.items():
            group = directory.group_of((key or b"").decode(errors="replace"))
            groups.setdefault(group, []).append(records)
        return [
            lists[0] if len(lists) == 1 else sorted(chain(*lists), key=_by_offset)
            for lists in groups.values()
        ]

    def institution_run(self, institution: str, *, name: str) -> InstitutionRun:
        """Return a judge, who judges by what holds now; `name` is how it is spelt here."""
        institution_run = self.institution_runs.get(institution)
        if institution_run is not None:
            return institution_run
        loaded = self.partition_state.loaded(institution)
        show_as(loaded, name)
        follow_references(loaded.profile, self.references)
        self.partition_state.awake.add(institution)
        institution_run = InstitutionRun(
            institution,
            loaded.profile,
            applied_offset=loaded.applied_offset,
            schedule=self.context.schedule,
        )
        self.institution_runs[institution] = institution_run
        return institution_run

    def judge_of(
        self, event: AccessEvent, record: Record, *, addressing: Addressing
    ) -> InstitutionRun | None:
        """Return who judges an event here; None where it was sent to where it belongs."""
        partition, directory = self.partition_state.partition, self.context.directory
        judge = addressing.judge_of(
            event,
            record,
            partition=partition,
            directory=directory,
            knows=self.partition_state.knows,
        )
        if isinstance(judge, str):
            institution_run = self.institution_run(judge, name=event.institution)
            for former in directory.former_names(judge, time_ms(event)):
                if record.offset > institution_run.applied_offset:
                    self.inherit(institution_run, former, offset=record.offset)
            return institution_run
        stray = addressing.placed(event, record, partition=partition, offset=record.offset)
        place = (partition, record.offset)
        self.outcomes.append((record, addressing.forwarded(stray, judge, origin=place)))
        self.counts.strays += 1
        return None

    def inherit(self, institution_run: InstitutionRun, former: str, *, offset: int) -> None:
        """Let a judge know what was known here under a former name, once."""
        state, profile = self.partition_state, institution_run.profile
        if former in profile.state.former_names or not state.knows(former):
            return
        before = state.loaded(former)
        institution_run.profile = succeeded(profile, before.profile, name=former)
        state.loaded(institution_run.institution).profile = institution_run.profile
        state.applied(former, max(offset, before.applied_offset))

    def switch_context(self, context: PartitionContext) -> None:
        """Let another context hold from here on, and be saved with the partition."""
        self.context = context
        self.partition_state.context = context.raw

    def finish(self) -> None:
        """Note up to where each judge has come, and count what they made of the events."""
        counts = self.counts
        for institution_run in self.institution_runs.values():
            state, judged = institution_run.profile.state, institution_run.judged_count
            if not judged and not institution_run.rejected_count:
                continue
            self.partition_state.applied(
                institution_run.institution, institution_run.applied_offset
            )
            counts.judged += judged
            counts.repeated += state.repeats_count - institution_run.repeats_before
            counts.repairs += Counter(state.repairs) - institution_run.repairs_before
            counts.late += state.late_count - institution_run.late_before
            counts.unresolved += judged if institution_run.institution == UNRESOLVED else 0
        self.institution_runs.clear()

    def in_order(self) -> list[JudgedRecord]:
        """Return what the batch came to so far, in the order of the log."""
        return sorted(self.outcomes, key=_by_offset)


def offset_of(record: Record) -> int:
    """Return where a record lies, to sort and to seek by."""
    return record.offset


def _by_offset(dealt: JudgedRecord | DecodedRecord) -> int:
    return offset_of(dealt[0])
