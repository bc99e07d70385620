"""The oracle: what must have come out of a topic, by a plain oracle of the pure core over it."""

from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from detectors.config import CoreConfig, DetectorsConfig
from detectors.config_schedule import Schedule, Scheduled
from detectors.day_rollover import close_days
from detectors.event import time_ms
from detectors.instructions import apply_instruction, switch_config
from detectors.models.collusion.config import CollusionConfig
from detectors.pipeline import Profile, follow_references, judge, note_rejected, open_profile
from detectors.snapshot import dump, load
from detectors.verdict import NewHoldings
from streams.control.addressing import Addressing
from streams.control.day_closed import DayClosed, closed_record
from streams.control.partition_context import NOBODY
from streams.control.partition_time import PartitionTime
from streams.control.records import Instruction, control_kind, decode_control
from streams.control.reference_log import PartitionReferences, ReferenceLog, read_message
from streams.ingest.codec import DecodeConfig, DecodeLimits, decode, decode_limits
from streams.ingest.identity import identity_of
from streams.ingest.rejects import Rejected, unread_of
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader
from streams.kafka.records import OutgoingRecord, RecordPosition, TopicRecord
from streams.replay.judges import ring_judge
from streams.sinks import alerts
from streams.state.envelope import keys_from_text
from streams.state.records import StateTopic
from streams.state.store import RecoveredPartition
from streams.worker.dependencies import group_name
from streams.worker.kafka_sinks import KafkaSinks

Sent = tuple[str, bytes | None, bytes | None]
States = dict[tuple[int, str], bytes]

# As in the workers' file.
CORE = CoreConfig(detectors=DetectorsConfig(collusion=CollusionConfig(mode="on")))
FIRST_CLOSED_DAY = PartitionTime(CORE.reference).clock.last_closed_day
KEYS = keys_from_text(None)


class Oracle:
    """One oracle over all partitions."""

    def __init__(self, prefix: str, log: ReferenceLog, *, partitions: int) -> None:
        """Begin with what is on record of the references; so many partitions are homes."""
        self._prefix, self._log = prefix, log
        self._closed: dict[int, int] = {}
        self._topic = f"{prefix}.access-events"
        self._sinks = KafkaSinks(prefix)
        self._limits: DecodeLimits = decode_limits(DecodeConfig(), CORE.cohort)
        self._addressing = Addressing(topic=self._topic, partitions=partitions, keys=KEYS)
        self.sent: set[Sent] = set()
        self.profiles: dict[tuple[int, str], Profile] = {}
        # By partition and offset: whatever is no event and no control record of ours.
        self.rejected: dict[tuple[int, int], str] = {}

    def partition(self, records: Iterable[Sequence[TopicRecord]]) -> None:
        """Oracle one partition."""
        self._schedule = Schedule(CORE)
        self._time = PartitionTime(CORE.reference)
        self._references: PartitionReferences | None = None
        for record in (record for batch in records for record in batch):
            if self._references is None:
                self._references = PartitionReferences(self._log, record.partition)
            if control_kind(record.headers) is not None:
                self._apply_control(record)
            else:
                self._judge(record)

    def _apply_control(self, record: TopicRecord) -> None:
        control = decode_control(
            record, topic=self._topic, partition=record.partition, keys=KEYS, base=CORE
        )
        if isinstance(control, Rejected):
            self._note([self._sinks.dead_letter(control, record, self._position(record))])
        elif isinstance(control, Instruction):
            if not self._is_home(control.body.institution, record.partition):
                return
            profile = self._profile(record.partition, control.body.institution)
            apply_instruction(profile, control.body, sequence=control.sequence)
        elif isinstance(control, Scheduled):
            self._schedule = self._schedule.extended(control)
        elif self._time.mark(control, kafka_ms=record.timestamp):
            self._close_days(record)

    def _close_days(self, record: TopicRecord) -> None:
        """Close what is over for all institutions of the partition, and note that it is."""
        assert self._references is not None
        self._references.day = self._time.clock.day
        last_closed_day, position = self._time.clock.last_closed_day, self._position(record)
        for (partition, _), profile in self.profiles.items():
            if partition == record.partition:
                for effect in close_days(profile, last_closed_day):
                    self._note(self._sinks.effect(effect, position))
        closed = self._closed.get(record.partition, FIRST_CLOSED_DAY)
        if last_closed_day > closed:
            self._closed[record.partition] = last_closed_day
            messages = DayClosed(
                partition=record.partition, day=last_closed_day, at_ms=record.timestamp
            )
            self._note([closed_record(messages, topic=f"{self._prefix}.summaries")])

    def _judge(self, record: TopicRecord) -> None:
        position = self._position(record)
        event = decode(
            record.value,
            headers=record.headers,
            kafka_time_ms=record.timestamp,
            limits=self._limits,
        )
        if isinstance(event, Rejected):
            self._reject(event, record, position)
            return
        if time_ms(event) >= self._time.clock.due_ms and self._time.see(
            event, kafka_ms=record.timestamp
        ):
            self._close_days(record)
        if not self._addressing.is_at_home(
            event.institution, record.key, partition=record.partition, directory=NOBODY
        ):
            # It lies at home as well, for the worker has sent it there.
            return
        event = self._addressing.placed(
            event, record, partition=record.partition, offset=record.offset
        )
        profile = self._profile(record.partition, event.institution)
        switch_config(profile, self._schedule, at_ms=time_ms(event))
        for effect in judge(profile, event):
            self._note(self._sinks.effect(effect, position))

    def _reject(self, reject: Rejected, record: TopicRecord, position: RecordPosition) -> None:
        """Keep a reject, and let the judge of its institution count it where it is at home."""
        if not reject.notice_id:
            self._note([self._sinks.dead_letter(reject, record, position)])
            self.rejected[record.partition, record.offset] = reject.reason.value
        if not reject.institution or not self._addressing.is_at_home(
            reject.institution, record.key, partition=record.partition, directory=NOBODY
        ):
            return
        profile = self._profile(record.partition, reject.institution)

        for unread in unread_of(reject, received_ms=record.timestamp):
            for effect in note_rejected(profile, unread):
                self._note(self._sinks.effect(effect, position))

    def _is_home(self, name: str, partition: int) -> bool:
        return self._addressing.home_of(name, NOBODY).partition == partition

    def _profile(self, partition: int, institution: str) -> Profile:
        # Shown by its first spelling.
        owner = (partition, identity_of(institution))
        if owner not in self.profiles:
            self.profiles[owner] = open_profile(institution, config=CORE)
        if self._references is not None and self.profiles[owner].references is None:
            follow_references(self.profiles[owner], self._references)
        return self.profiles[owner]

    def _position(self, record: TopicRecord) -> RecordPosition:
        return RecordPosition(
            topic=self._topic,
            partition=record.partition,
            offset=record.offset,
            kafka_time_ms=record.timestamp,
        )

    def _note(self, records: Sequence[OutgoingRecord]) -> None:
        self.sent |= {(record.topic, record.key, record.value) for record in records}


def received(bootstrap: str, topic: str) -> list[TopicRecord]:
    """Return every record of a topic."""
    with TopicReader(topic, cluster=unprotected(bootstrap)) as reader:
        return [r for p in reader.partitions for batch in reader.records(p) for r in batch]


def recorded_references(bootstrap: str, prefix: str) -> ReferenceLog:
    """Return what is on record of the references."""
    log, topic = ReferenceLog(CORE.reference), f"{prefix}.reference"
    for record in received(bootstrap, topic):
        message = read_message(record, topic=topic, keys=KEYS)
        assert not isinstance(message, Rejected)
        log.apply(message)
    return log


def oracle_over(bootstrap: str, prefix: str, *, removed: Sequence[TopicRecord] = ()) -> Oracle:
    """Return the oracle over a whole topic, and over the holdings that it led to.

    `removed` are records that were judged, and are not on the topic any more.
    """
    with TopicReader(f"{prefix}.access-events", cluster=unprotected(bootstrap)) as reader:
        log = recorded_references(bootstrap, prefix)
        oracle = Oracle(prefix, log, partitions=len(reader.partitions))
        for partition in reader.partitions:
            before = [record for record in removed if record.partition == partition]
            oracle.partition(chain([before], reader.records(partition)))
    oracle.sent |= _told_of_rings(bootstrap, prefix)
    return oracle


def _told_of_rings(bootstrap: str, prefix: str) -> set[Sent]:
    """Return what the judge of all holdings says of those that came out, in their order."""
    second = ring_judge(CORE)
    sent = set()
    for record in received(bootstrap, f"{prefix}.holdings"):
        holdings = msgspec.json.decode(record.value or b"", type=NewHoldings)
        records = [alerts.record(effect, topic_prefix=prefix) for effect in second.add(holdings)]
        sent |= {
            (alert_record.topic, alert_record.key, alert_record.value) for alert_record in records
        }
    return sent


def saved_profiles(
    bootstrap: str, prefix: str, *, partitions: int
) -> dict[tuple[int, str], Profile]:
    """Return the profile of every saved state, as recovery reads it."""
    topic = StateTopic(f"{prefix}.state", app=group_name(prefix), keys=KEYS)
    stores = [RecoveredPartition() for _ in range(partitions)]
    for record in received(bootstrap, topic.topic):
        key = record.key or b""
        stores[record.partition].apply(key, topic.saved(record.partition, key, record.value))
    profiles = {}
    for partition, store in enumerate(stores):
        for institution, saved in store.mains.items():
            parts = {name: part.payload for name, part in store.parts.get(institution, {}).items()}
            profiles[partition, institution] = load(saved.payload, parts=parts, config=CORE)
    return profiles


def saved_states(bootstrap: str, prefix: str, *, partitions: int) -> States:
    """Return the main record of every saved state."""
    profiles = saved_profiles(bootstrap, prefix, partitions=partitions)
    return {owner: dump(profile).main for owner, profile in profiles.items()}


def expected_states(oracle: Oracle) -> States:
    """Return what must have been saved."""
    return {owner: dump(profile).main for owner, profile in oracle.profiles.items()}
