"""The reference topic as every judge reads it: one record a day, and what was decided without one.

Its one partition is an order that all share. A partition of events that cannot wait for a day any
longer says so here: if the day's record lies before that, the partition has it after all;
otherwise it goes on with the last one before, and so does whoever judges or replays it again.
"""

from bisect import bisect_left, bisect_right
from typing import Annotated, Final, cast

import msgspec
from msgspec import Meta, Struct

from detectors.peers.reference import Reference, ReferenceConfig, prior_reference
from detectors.response.decoding import json_decoder
from streams.control.records import control_record, read_control
from streams.ingest.rejects import Rejected, RejectReason, rejected
from streams.kafka.records import OutgoingRecord, Record
from streams.state.envelope import StateKeys

DAY: Final = "day"
# A few groups, windows and tails are some kilobytes; a megabyte is no reference of ours.
_REFERENCE_BYTES_MAX: Final = 1_048_576


class DayReference(Struct, frozen=True, kw_only=True, tag="reference"):
    """The record of a day: what holds on it."""

    day: int
    reference: Annotated[
        Reference | None, Meta(description="none while nothing is known of the peers")
    ]


class DayAwaited(Struct, frozen=True, kw_only=True, tag="awaited"):
    """A partition has closed a day, which all others must close before a reference rests on it."""

    day: int
    at_ms: Annotated[int, Meta(description="when Kafka received the event that closed it")]


class DayMissed(Struct, frozen=True, kw_only=True, tag="missed"):
    """A partition has waited long enough, and goes on up to a day with the last record before."""

    partition: int
    day: int


Message = DayReference | DayAwaited | DayMissed

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = json_decoder(cast("type[Message]", Message))


class ReferenceLog:
    """What the reference topic says so far, in its order.

    >>> log = ReferenceLog(ReferenceConfig())
    >>> log.apply(DayReference(day=7, reference=None))
    >>> log.apply(DayMissed(partition=0, day=9))
    >>> log.reached(0), log.reached(1)
    (9, 7)
    """

    __slots__ = ("_days", "_missed", "_prior", "_references", "awaited")

    def __init__(self, config: ReferenceConfig) -> None:
        """Begin with an empty topic."""
        self._prior = prior_reference(config)
        self._days: list[int] = []
        self._references: list[Reference] = []
        # By partition, in order: up to which day it went on, and with which day's record.
        self._missed: dict[int, list[tuple[int, int]]] = {}
        self.awaited: DayAwaited | None = None

    @property
    def newest(self) -> int:
        """Return the last day that has its record; -1 for none."""
        return self._days[-1] if self._days else -1

    def reached(self, partition: int) -> int:
        """Return the last day of which it is certain what a partition is judged by."""
        missed = self._missed.get(partition)
        return self.newest if missed is None else max(self.newest, missed[-1][0])

    def apply(self, message: Message) -> None:
        """Take in the next record; what says anew what is certain has no effect."""
        match message:
            case DayReference() if message.day > self.newest:
                self._days.append(message.day)
                self._references.append(message.reference or self._prior)
            case DayMissed() if message.day > self.reached(message.partition):
                missed = self._missed.setdefault(message.partition, [])
                missed.append((message.day, self.newest))
            case DayAwaited() if self.awaited is None or message.day > self.awaited.day:
                self.awaited = message

    def at(self, partition: int, day: int) -> Reference:
        """Return what a partition is judged by on a day."""
        missed = self._missed.get(partition, ())
        place = bisect_left(missed, (day, -1))
        if place < len(missed) and missed[place][1] < day:
            day = missed[place][1]
        return self.of(day)

    def of(self, day: int) -> Reference:
        """Return the last record up to a day, whoever went on without it."""
        place = bisect_right(self._days, day)
        return self._references[place - 1] if place else self._prior


class PartitionReferences:
    """The references of one partition, up to the day that its log has reached."""

    __slots__ = ("_log", "_partition", "day", "is_begun")

    def __init__(self, log: ReferenceLog, partition: int) -> None:
        """Begin before any day."""
        self._log = log
        self._partition = partition
        self.day = -1
        # Whether the day at which its reading began was certain once. Saved states are of it.
        self.is_begun = False

    @property
    def missing_day(self) -> int | None:
        """Return the day whose record is waited for, None for none."""
        return self.day if self._log.reached(self._partition) < self.day else None

    def at(self, day: int) -> Reference:
        """Return the reference that holds on `day`, or on the last day reached."""
        return self._log.at(self._partition, min(day, self.day))

    def recorded(self, day: int) -> Reference:
        """Return the record of `day`, under which a saved state began.

        That state may be ahead of the partition's saved time, and what was missed since is nothing
        to it.
        """
        return self._log.of(day)


def message_record(message: Message, *, topic: str, keys: StateKeys) -> OutgoingRecord:
    """Return a message as a record of the reference topic."""
    return control_record(
        DAY, _encode(message), topic=topic, partition=0, key=b"%d" % message.day, keys=keys
    )


def read_message(record: Record, *, topic: str, keys: StateKeys) -> Message | Rejected:
    """Return what a record of the reference topic says, if it is signed for its place."""
    control = read_control(record, topic=topic, partition=0, keys=keys)
    if isinstance(control, Rejected):
        return control
    if len(control.value) > _REFERENCE_BYTES_MAX:
        detail = f"a reference of {len(control.value)} bytes, more than {_REFERENCE_BYTES_MAX}"
        return rejected(RejectReason.TOO_LARGE, detail)
    return decode_message(control.value)


def decode_message(raw: bytes) -> Message | Rejected:
    """Return what a record of the reference topic says, whoever wrote it."""
    try:
        return _decode(raw)
    except msgspec.DecodeError as error:
        return rejected(RejectReason.WRONG_TYPE, f"day of the references: {error}")
