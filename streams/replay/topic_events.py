"""Step 2 of 7: a topic of access events -> what each partition's own judges judge, strays apart.

As the worker does it: what lies in another partition than its institution's own is judged at home.
Where a worker has sent it on, it lies at home as well, and says whence it comes. Strays that no
worker has met yet are judged at last, in the order of their times.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from pyroaring import BitMap64

from detectors.event import AccessEvent, UnreadEvent, time_ms
from detectors.register import UNKNOWN
from detectors.verdict import Effect
from streams.control.addressing import Addressing, Destination
from streams.control.partition_time import DaysClosed, PartitionTime, TimeMarker
from streams.control.records import OnRecord
from streams.control.rekeyed import origin_of
from streams.ingest.rejects import Rejected, unread_of
from streams.kafka.log_reader import TopicReader
from streams.kafka.placement import partition_of
from streams.kafka.records import TopicRecord
from streams.replay.inputs import TOPIC_PREFIX, Reached, Rejects
from streams.replay.replay import Replay

ReadRecord = Callable[[TopicRecord], OnRecord | Rejected]

# Nobody's name: of the last event nothing is known that would hold for the next.
_NOTHING: Final = ("", None)


class TopicEvents:
    """The events of one topic, partition by partition."""

    __slots__ = ("_addressing", "_arrived", "_read", "_reader", "_rejects", "_strays")

    def __init__(
        self,
        reader: TopicReader,
        *,
        read: ReadRecord,
        addressing: Addressing,
        rejects: Rejects,
    ) -> None:
        """Have met no stray."""
        self._reader = reader
        self._read = read
        self._addressing = addressing
        self._rejects = rejects
        # By partition, the offsets of strays, and of those that were judged at home.
        self._strays = {partition: BitMap64() for partition in reader.partitions}
        self._arrived = {partition: BitMap64() for partition in reader.partitions}

    def effects(
        self, replays: Mapping[int, Replay], *, institution: str | None, reached: Reached
    ) -> Iterator[Effect]:
        """Judge the partitions one by one, and what strays are left then.

        With a name only what the judge of that institution may meet.
        """
        for partition, replay in replays.items():
            events = self.of_partition(partition, replay, reached=reached)
            yield from replay.effects(met_by(institution, events, replay))
        for partition, strays in groupby(self.left_behind(replays), key=itemgetter(0)):
            replay = replays[partition]
            yield from replay.effects(met_by(institution, (event for _, event in strays), replay))

    def of_partition(
        self, partition: int, replay: Replay, *, reached: Reached
    ) -> Iterator[OnRecord | DaysClosed]:
        """Yield what `replay` is to judge, who has judged all that was yielded before.

        The ends of days stand before the records that bring them about, strays too.
        """
        time = PartitionTime(replay.config.reference)
        read_count = self._reader.count_before(partition)
        for records in self._reader.records(partition):
            yield from self._at_home(records, partition, replay, time)
            read_count += len(records)
            reached(read_count / max(1, self._reader.total_count))

    def _at_home(
        self, records: Sequence[TopicRecord], partition: int, replay: Replay, time: PartitionTime
    ) -> Iterator[OnRecord | DaysClosed]:
        # The last name and key that lead to a judge whatever else a record says.
        lasting: tuple[str, bytes | None] = _NOTHING
        for record in records:
            event = self._read(record)
            if isinstance(event, Rejected):
                yield from self._unread(event, record, replay)
                continue
            if moves(time, event, kafka_ms=record.timestamp):
                yield time.closed
            if not isinstance(event, AccessEvent):
                lasting = _NOTHING
            elif (event.institution, record.key) != lasting or record.headers:
                lasting = self._addressing.lasting(
                    event, record, partition=partition, directory=replay.directory
                )
                if self._is_stray(event, record, replay):
                    continue
            yield event

    def _unread(self, reject: Rejected, record: TopicRecord, replay: Replay) -> Iterator[OnRecord]:
        """Note a reject, and yield what its institution's judge counts, if that is here."""
        partition = record.partition
        source = f"{TOPIC_PREFIX}{self._reader.topic}/{partition}"
        if not reject.notice_id:
            self._rejects.add(reject, record.value, source=source, number=record.offset)
        if self._addressing.is_at_home(
            reject.institution, record.key, partition=partition, directory=replay.directory
        ):
            yield from unread_of(reject, received_ms=record.timestamp)

    def _is_stray(self, event: AccessEvent, record: TopicRecord, replay: Replay) -> bool:
        addressing, partition = self._addressing, record.partition
        origin = origin_of(
            record, topic=self._reader.topic, partition=partition, keys=addressing.keys
        )
        if origin is not None and origin[0] in self._arrived:
            self._arrived[origin[0]].add(origin[1])
        judge = addressing.judge_of(
            event,
            record,
            partition=partition,
            directory=replay.directory,
            knows=replay.profiles.__contains__,
        )
        if isinstance(judge, Destination):
            self._strays[partition].add(record.offset)
            return True
        return False

    def left_behind(self, replays: Mapping[int, Replay]) -> Iterator[tuple[int, AccessEvent]]:
        """Yield the strays that no worker has sent on, in the order of their times.

        Each comes with the number of the partition in which it is at home.
        """
        left = {
            partition: strays - self._arrived[partition]
            for partition, strays in self._strays.items()
        }
        strays = [self._at(partition, offsets) for partition, offsets in left.items() if offsets]
        for event in heapq.merge(*strays, key=time_ms):
            yield self._home_of(event, replays), event

    def _at(self, partition: int, offsets: BitMap64) -> Iterator[AccessEvent]:
        for records in self._reader.records(partition):
            for record in records:
                event = self._read(record) if record.offset in offsets else None
                if isinstance(event, AccessEvent):
                    yield event

    def _home_of(self, event: AccessEvent, replays: Mapping[int, Replay]) -> int:
        partitions = self._addressing.partitions
        directory = replays[min(replays)].directory
        home = self._addressing.home_of(event.institution, directory)
        replay = replays[home.partition]
        judge = replay.directory.judge_of(event.institution, time_ms(event))
        if judge == UNKNOWN and home.key not in replay.profiles:
            return partition_of(UNKNOWN, partitions=partitions)
        return home.partition


def moves(time: PartitionTime, message: OnRecord, *, kafka_ms: int) -> bool:
    """Let the time pass up to a record, and tell whether it has moved by that."""
    if isinstance(message, AccessEvent):
        return time_ms(message) >= time.clock.due_ms and time.see(message, kafka_ms=kafka_ms)
    return isinstance(message, TimeMarker) and time.mark(message, kafka_ms=kafka_ms)


def met_by(
    institution: str | None, events: Iterable[OnRecord | DaysClosed], replay: Replay
) -> Iterator[OnRecord | DaysClosed]:
    """Yield what the judge of an institution may meet, and what is no event; all without a name."""
    for event in events:
        group_of = replay.directory.group_of
        if (
            institution is None
            or not isinstance(event, AccessEvent | UnreadEvent)
            or group_of(event.institution) == group_of(institution)
        ):
            yield event
