"""What stands around an agent in a test: a group, an outbox and a watcher that lie open."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from detectors.config import CoreConfig
from detectors.models.collusion.config import CollusionConfig
from detectors.pipeline import Profile
from detectors.register import Register
from detectors.verdict import Effect
from streams.control.reference_log import DayReference, ReferenceLog
from streams.ingest.adapters.config import EventMapping, MappingConfig
from streams.ingest.adapters.mapping import RowMapping
from streams.ingest.codec import DecodeConfig, decode_limits
from streams.ingest.rejects import Rejected
from streams.kafka.cluster import unprotected
from streams.kafka.producer import Durable, Outbox
from streams.kafka.records import (
    Batch,
    FetchSpan,
    OutgoingRecord,
    Record,
    RecordPosition,
)
from streams.state.envelope import StateKeys
from streams.state.keys import PARTITION_RECORD_KEY
from streams.state.phases import Phase, Write
from streams.state.profile_core import ProfileCore
from streams.state.protocol import StateStore
from streams.state.store import SavedRecord
from streams.worker.batch_run import BatchRun, Counts
from streams.worker.collusion_agent import CollusionAgent, judge_opener
from streams.worker.committed_reader import CommittedReader
from streams.worker.effect_sender import EffectSender
from streams.worker.judge_agent import JudgeAgent
from streams.worker.kafka_sinks import KafkaSinks
from streams.worker.partition_days import JudgeDependencies
from streams.worker.rekey_agent import RekeyAgent
from streams.worker.wiring import RebalanceListener
from tests.builders import KafkaRecord

KEYS = StateKeys("sixteen characters")
ROW_MAPPING = RowMapping(
    MappingConfig(
        name="log",
        format="csv",
        columns=("at", "who", "what"),
        event=EventMapping(time="at", institution="who", dataset="what"),
    ),
    limits=decode_limits(DecodeConfig(), CoreConfig().cohort),
)


class TopicAgent(RebalanceListener, Protocol):
    """An agent that follows a topic."""

    async def handle(self, partition: int, batch: Batch) -> None:
        """Deal with a batch."""


def batch_of(records: Sequence[Record]) -> Batch:
    """Return consecutive records as one batch."""
    return Batch(records, FetchSpan(records[0].offset, records[-1].offset + 1))


class OnePartitionGroup:
    """A group that owns partition 0, whose first offset is `beginning`."""

    def __init__(self, *, committed: int | None, beginning: int = 0) -> None:
        """Own the partition, committed as given; None is nothing yet."""
        self.offset, self.beginning, self.ours = committed, beginning, True
        self.commits: list[Mapping[int, int]] = []

    def assigned(self) -> set[int]:
        """Return the partition while it is ours."""
        return {0} if self.ours else set()

    def recovered(self) -> set[int] | None:
        """Return nothing: followers have no state to read back."""
        return set()

    async def committed(self) -> Mapping[int, int | None]:
        """Return what was committed at the start, or since."""
        return {0: self.offset}

    async def beginnings(self, partitions: Collection[int]) -> Mapping[int, int]:
        """Return where the topic begins."""
        return dict.fromkeys(partitions, self.beginning)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Keep the commit."""
        self.commits.append(dict(offsets))
        self.offset = offsets[0]
        return True

    def hold(self) -> None:
        """Hold nothing."""


class OpenOutbox(Outbox):
    """An outbox whose records lie open, durable at once."""

    def __init__(self) -> None:
        """Connect to nothing."""
        super().__init__(cluster=unprotected(""), timeout_seconds=1.0)
        self.posted: list[OutgoingRecord] = []

    def post(self, record: OutgoingRecord) -> Durable:
        """Keep the record."""
        self.posted.append(record)
        durable: Durable = asyncio.get_running_loop().create_future()
        durable.set_result(None)
        return durable

    def values(self, topic: str) -> list[bytes | None]:
        """Return the values of all records for a topic."""
        return [record.value for record in self.posted if record.topic == topic]


class OpenWatcher:
    """Who counts: reasons of rejects, kinds of effects, and what concerns configurations."""

    def __init__(self) -> None:
        """Have counted nothing."""
        self.rejects: list[Rejected] = []
        self.effects: list[Effect] = []
        self.topics: set[str] = set()
        self.ring_judges: list[tuple[bool | None, int]] = []
        self.counts = Counts()

    @property
    def reasons(self) -> list[str]:
        """Return why records were rejected, in order."""
        return [reject.reason.value for reject in self.rejects]

    def judged(self, position: RecordPosition, counts: Counts) -> None:
        """Add up what concerns configurations."""
        del position
        self.counts.configs_accepted += counts.configs_accepted
        self.counts.configs_refused += counts.configs_refused
        self.counts.strays += counts.strays
        self.counts.judges_apart |= counts.judges_apart
        self.counts.config = counts.config or self.counts.config

    def rejected(self, reject: Rejected, durable: Durable) -> None:
        """Keep the reject."""
        assert durable.done()
        self.rejects.append(reject)

    def happened(self, effect: Effect, position: RecordPosition, durable: Durable) -> None:
        """Keep the effect, and whence it came."""
        assert durable.done()
        self.effects.append(effect)
        self.topics.add(position.topic)

    def rings(self, speaks: bool | None, ring_days: int) -> None:  # noqa: FBT001 - what is shown.
        """Keep how the judge of rings stands."""
        self.ring_judges.append((speaks, ring_days))


class AgentDesk:
    """Group, outbox and watcher of an agent that follows a topic."""

    agent: TopicAgent

    def __init__(self, group: OnePartitionGroup) -> None:
        """Surround the agent that a subclass makes."""
        self.group = group
        self.outbox = OpenOutbox()
        self.watcher = OpenWatcher()
        self.effects = EffectSender(KafkaSinks("t"), sender=self.outbox, watcher=self.watcher)

    async def give(self, *values: bytes | None, first: int = 0, key: bytes = b"key") -> None:
        """Hand over the values of consecutive records as one batch."""
        records = [KafkaRecord(first + index, value, key) for index, value in enumerate(values)]
        await self.agent.handle(0, batch_of(records))


class RekeyDesk(AgentDesk):
    """The desk of the agent of a raw topic, whose rows are `ROW_MAPPING`'s."""

    def __init__(self, group: OnePartitionGroup) -> None:
        """Make the agent."""
        super().__init__(group)
        self.agent = RekeyAgent(
            CommittedReader(group, topic="t.raw.log", start_at="committed"),
            events_topic="t.access-events",
            read_row=ROW_MAPPING.row,
            outbox=self.outbox,
            effects=self.effects,
        )


class CollusionDesk(AgentDesk):
    """The desk of the judge of all holdings; `past` lies on the topic already."""

    def __init__(self, group: OnePartitionGroup, *past: bytes | None) -> None:
        """Make the agent."""
        super().__init__(group)
        self.past = [KafkaRecord(offset, value) for offset, value in enumerate(past)]
        self.agent = CollusionAgent(
            CommittedReader(group, topic="t.holdings", start_at="committed"),
            open_judge=judge_opener(
                CollusionConfig(mode="on"), cohort_size=500_000, hashed=False, config_hash="c"
            ),
            past=self.before,
            outbox=self.outbox,
            effects=self.effects,
            watcher=self.watcher,
        )

    async def before(self, end: int) -> AsyncIterator[Record]:
        """Yield the past."""
        for record in self.past[:end]:
            yield record


class _Durable:
    """A future that is done, where no loop runs."""

    def done(self) -> bool:
        """Say that it is."""
        return True


class JudgeDesk:
    """The judges of partition 0; a restart leaves what was saved and what was posted."""

    def __init__(
        self, file: CoreConfig | None = None, *, keys: StateKeys = KEYS, partitions: int = 1
    ) -> None:
        """Begin at offset 0 of each partition under the file's configuration."""
        self.file = file or CoreConfig()
        self.partitions, self.keys = partitions, keys
        self.register = Register()
        self.watcher = OpenWatcher()
        self.posted: list[OutgoingRecord] = []
        # Nobody has to wait: of every day it is known that nothing is known.
        self.reference_log = ReferenceLog(self.file.reference)
        self.reference_log.apply(DayReference(day=10**6, reference=None))
        first = SavedRecord(0, b"")
        self._saved = [Write(number, PARTITION_RECORD_KEY, first) for number in range(partitions)]
        self.start()

    def start(self) -> None:
        """Begin anew from what is saved."""
        self.state_store: StateStore[Profile, Durable] = StateStore(
            ProfileCore(self.file, register=self.register)
        )
        self.state_store.saved(self._saved)
        dependencies = JudgeDependencies(
            topic="events",
            summaries_topic="t.summaries",
            limits=decode_limits(DecodeConfig(), self.file.cohort),
            keys=self.keys,
            base=self.file,
            reference_log=self.reference_log,
            effects=EffectSender(KafkaSinks("t"), sender=self, watcher=self.watcher),
            watcher=self.watcher,
            dead_letter_ratio_max=0.01,
            partitions=self.partitions,
            register=self.register,
        )
        self.agent = JudgeAgent(self.state_store, dependencies)

    def save(self) -> None:
        """Carry out a checkpoint."""
        checkpoint = self.state_store.begin_checkpoint(rewrite_count=0)
        for phase in Phase:
            self._saved += checkpoint.writes[phase]
            self.state_store.saved(checkpoint.writes[phase])

    def take(self, records: Sequence[Record], *, partition: int = 0) -> int:
        """Judge consecutive records as one batch; return how many events were judged."""
        batch_run = self.agent.begin(partition, batch_of(records))
        assert self.proceed(batch_run) is None
        return batch_run.counts.judged

    def proceed(self, batch_run: BatchRun) -> int | None:
        """Judge on, in as many steps as it takes, to the end or a day that is waited for."""
        while (day := self.agent.proceed(batch_run)) is None and not batch_run.is_over:
            pass
        return day

    def profile(self, institution: str = "north") -> Profile:
        """Return a live profile."""
        profile = self.state_store.partition(0).profile(institution, 10**9)
        assert profile is not None
        return profile

    def post(self, record: OutgoingRecord) -> Durable:
        """Keep the record."""
        self.posted.append(record)
        return _Durable()  # type: ignore[return-value] # a future needs a loop, and nobody waits.

    def values(self, topic: str) -> list[bytes | None]:
        """Return the values of all records for a topic."""
        return [record.value for record in self.posted if record.topic == topic]
