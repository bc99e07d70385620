"""One replay over all its inputs: which judges an input meets, and what came of it all."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain, groupby

from detectors.config import CoreConfig, config_hash
from detectors.event import AccessEvent
from detectors.pipeline import Profile
from detectors.register import Register
from detectors.verdict import Alert, Effect, RaiseAlert
from streams.console.progress import Progress
from streams.control.addressing import Addressing, LogPlace
from streams.control.records import OnRecord
from streams.control.reference_log import PartitionReferences
from streams.ingest.readers import FileSource
from streams.ingest.rejects import Rejected
from streams.kafka.log_reader import TopicReader
from streams.kafka.records import TopicRecord
from streams.replay.blindness import blindness, taken_by, unread_files
from streams.replay.files import FileInputs
from streams.replay.id_spaces import space_notes
from streams.replay.inputs import (
    TOPIC_PREFIX,
    Reached,
    Rejects,
    access_events,
    holdings_of,
    partition_events,
    read_canonical,
    read_row,
    unseen,
)
from streams.replay.judges import ring_judge
from streams.replay.reading import Reading
from streams.replay.recorded_references import recorded_references
from streams.replay.replay import Replay
from streams.replay.response import Outcomes, outcomes_of
from streams.replay.topic_events import TopicEvents
from streams.report.builder import ReportBuilder
from streams.report.record import Report, Truth
from streams.report.repeats import repeats_notes
from streams.report.unnamed import HasState, unnamed_notes, unnamed_totals
from streams.response.control_messages import merge_by_time
from streams.response.journal import configured_by


class ReplayRun:
    """Replays inputs one after the other and remembers what a summary and a report need."""

    __slots__ = (
        "_alerts",
        "_control_messages",
        "_files",
        "_holdings_count",
        "_inputs",
        "_reading",
        "_register",
        "_replays",
        "config",
        "recorder",
        "rejects",
    )

    def __init__(
        self, config: CoreConfig, *, register: Register, reading: Reading, rejects: Rejects
    ) -> None:
        """Prepare; nothing is opened yet."""
        self.config = config
        self.recorder = ReportBuilder()
        self.rejects = rejects
        self._reading = reading
        self._register = register
        self._replays: list[Replay] = []
        # Access events have their instructions on record; files have not.
        self._inputs = FileInputs(reading, rejects)
        self._holdings_count = 0
        self._control_messages = deque(reading.audit.control_messages)
        self._alerts: list[Alert] = []
        # All files, and all partitions of a raw topic, tell of one world: they share its judges.
        self._files = self._replay(None)

    def effects(
        self, names: Sequence[str], *, progress: Progress, institution: str | None = None
    ) -> Iterator[Effect]:
        """Judge every input and yield what should happen.

        Files are merged by the times of their events; topics are judged in the order given. Of a
        topic that has its references on record, `institution` alone may be judged: it does
        not depend on what others did.
        """
        for effect in self._judged(names, progress=progress, institution=institution):
            if isinstance(effect, RaiseAlert):
                self._alerts.append(effect.alert)
            yield effect

    def _judged(
        self, names: Sequence[str], *, progress: Progress, institution: str | None
    ) -> Iterator[Effect]:
        before = 0
        for is_topic, group in groupby(names, key=lambda name: name.startswith(TOPIC_PREFIX)):
            inputs = list(group)
            reached = partial(self._reached, progress, before, [0.0] * len(inputs))
            if is_topic:
                for index, name in enumerate(inputs):
                    topic = name.removeprefix(TOPIC_PREFIX)
                    yield from self._topic_effects(
                        topic, partial(reached, index), institution=institution
                    )
            else:
                with ExitStack() as opened:
                    events = self._inputs.merged(inputs, opened, reached=reached)
                    yield from self._files.effects(merge_by_time(self._control_messages, events))
            before += len(inputs)

    def events(self, names: Sequence[str]) -> Iterator[AccessEvent]:
        """Yield the events of every input in the order given, unjudged; holdings have none."""
        for name in names:
            topic = name.removeprefix(TOPIC_PREFIX)
            if topic == name:
                with FileSource(name) as source:
                    yield from access_events(self._inputs.events(source, unseen))
            elif topic != self._reading.holdings_topic:
                with TopicReader(topic, cluster=self._reading.cluster) as reader:
                    for records in self._partitions(reader, unseen):
                        yield from access_events(records)

    def _topic_effects(
        self, topic: str, reached: Reached, *, institution: str | None
    ) -> Iterator[Effect]:
        if topic == self._reading.holdings_topic:
            yield from self._ring_effects(topic, reached)
            return
        with TopicReader(topic, cluster=self._reading.cluster) as reader:
            if topic == self._reading.raw_topic:
                for events in self._partitions(reader, reached):
                    yield from self._files.effects(events)
            else:
                yield from self._canonical_effects(reader, reached, institution=institution)

    def _canonical_effects(
        self, reader: TopicReader, reached: Reached, *, institution: str | None
    ) -> Iterator[Effect]:
        addressing = Addressing(
            topic=reader.topic, partitions=len(reader.partitions), keys=self._reading.keys
        )
        read, rejects = self._topic_read(reader.topic), self.rejects
        topic_events = TopicEvents(reader, read=read, addressing=addressing, rejects=rejects)
        log = recorded_references(self._reading, self.config.reference)
        replays = {
            number: self._replay(PartitionReferences(log, number), LogPlace(addressing, number))
            for number in reader.partitions
        }
        yield from topic_events.effects(replays, institution=institution, reached=reached)

    def _partitions(self, reader: TopicReader, reached: Reached) -> Iterator[Iterator[OnRecord]]:
        read = self._topic_read(reader.topic)
        for partition in reader.partitions:
            yield partition_events(
                reader, partition, read=read, rejects=self.rejects, reached=reached
            )

    def _ring_effects(self, topic: str, reached: Reached) -> Iterator[Effect]:
        """Judge the holdings of all institutions, in the order in which the worker had them."""
        judge = ring_judge(self.config)
        with TopicReader(topic, cluster=self._reading.cluster) as reader:
            for partition in reader.partitions:
                records = holdings_of(reader, partition, rejects=self.rejects, reached=reached)
                for holdings in records:
                    self._holdings_count += 1
                    for effect in judge.add(holdings):
                        self.recorder.note(effect)
                        yield effect

    def _topic_read(self, topic: str) -> Callable[[TopicRecord], OnRecord | Rejected]:
        mapping = self._reading.mapping
        if mapping is not None and topic == self._reading.raw_topic:
            return partial(read_row, mapping=mapping, limits=self._reading.limits, topic=topic)
        return partial(
            read_canonical,
            limits=self._reading.limits,
            keys=self._reading.keys,
            topic=topic,
            base=self.config,
        )

    def _replay(
        self, references: PartitionReferences | None, place: LogPlace | None = None
    ) -> Replay:
        replay = Replay(
            self.config,
            register=self._register,
            recorder=self.recorder,
            references=references,
            follows_pushes=self._reading.follows_pushes,
            place=place,
        )
        self._replays.append(replay)
        return replay

    def _reached(
        self, progress: Progress, before: int, shares: list[float], index: int, share: float
    ) -> None:
        """Show that the input at `index` was read so far; `before` inputs were read whole."""
        shares[index] = share
        progress.reach(events_count=self.events_count, done=before + sum(shares))

    @property
    def events_count(self) -> int:
        """Return how many events have been judged."""
        return sum(replay.events_count for replay in self._replays)

    @property
    def config_hashes(self) -> frozenset[str]:
        """Return the configurations that held or were pushed, by the names that alerts quote."""
        entries = (entry for replay in self._replays for entry in replay.schedule.entries)
        return frozenset(config_hash(entry.config) for entry in entries)

    @property
    def profiles(self) -> Iterator[Profile]:
        """Iterate over all profiles, those of the first input first."""
        return chain.from_iterable(replay.profiles.values() for replay in self._replays)

    def _states(self) -> Iterator[HasState]:
        return chain.from_iterable(replay.profiles.states() for replay in self._replays)

    @property
    def outcomes(self) -> Outcomes:
        """Return what would follow from the alerts so far, up to the last event."""
        return outcomes_of(
            self._alerts,
            configured=configured_by(self.config, self._reading.response),
            decisions=self._reading.audit.decisions,
            until_ms=self._last_ms,
        )

    @property
    def _last_ms(self) -> int:
        return max((replay.last_ms for replay in self._replays), default=0)

    @property
    def blindness(self) -> tuple[str, ...]:
        """Return what kept this replay from seeing, in words; nothing where it saw."""
        if self._holdings_count:
            # Rings are judged from the topic of holdings, which has no events.
            return ()
        seen = tuple(
            blindness(
                self.rejects,
                events_count=self.events_count,
                taken_participants=next(filter(None, map(taken_by, self.profiles)), 0),
                has_mapping=self._reading.mapping is not None,
            )
        )
        return seen + tuple(unread_files(self._inputs.orders, self.rejects))

    def report(
        self,
        *,
        sources: Sequence[str],
        truths: dict[str, Truth] | None = None,
        notes: tuple[str, ...] = (),
    ) -> Report:
        """Return the report of everything judged so far."""
        # Who was registered and has sent nothing has a judge, but no time.
        replays = [replay for replay in self._replays if replay.events_count]
        outcomes, unnamed = self.outcomes, unnamed_totals(self._states())
        size = self.config.cohort.size
        return Report(
            title="Headgate report",
            sources=tuple(sources),
            first_ms=min((replay.first_ms for replay in replays), default=0),
            last_ms=self._last_ms,
            events_count=self.events_count,
            rejects=dict(self.rejects.counts),
            institutions_count=sum(len(replay.profiles) for replay in self._replays),
            flagged=self.recorder.flagged(cohort_size=size, truths=truths or {}),
            measures=outcomes.measures,
            withheld=outcomes.withheld,
            quiet=self.recorder.quiet(self._states(), cohort_size=size),
            config_hash=config_hash(self.config),
            repairs={
                profile.state.institution: dict(profile.state.repairs)
                for profile in self._states()
                if profile.state.repairs
            },
            unnamed=unnamed,
            notes=(
                *self.blindness,
                *unnamed_notes(unnamed),
                *repeats_notes(self._states()),
                *space_notes(self.config.cohort, self.profiles),
                *notes,
                *self._inputs.notes,
            ),
        )
