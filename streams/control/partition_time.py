"""The time of one partition: how far its log has come, by its events and by markers among them.

Worker and replay read it here from the same records, so that days end for both at the same one.
"""

from typing import Final

import msgspec
from msgspec import Struct

from detectors.event import AccessEvent, time_ms
from detectors.features.event_clock import EventClock, EventTime
from detectors.instants import DAY_MS
from detectors.peers.reference import ReferenceConfig, grace_ms
from detectors.response.decoding import json_decoder
from streams.ingest.identity import identity_of
from streams.ingest.rejects import Rejected, RejectReason, rejected

TIME: Final = "time"


class TimeMarker(Struct, frozen=True, kw_only=True):
    """What a partition says in its own log when no event does: that it is so late by now."""

    at_ms: int


class DaysClosed(Struct, frozen=True, kw_only=True):
    """A place in the log where days end: what the log has reached, and what is closed there."""

    day: int
    last_closed_day: int


_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = json_decoder(TimeMarker)


class PartitionTime:
    """The time of one partition's log.

    >>> time = PartitionTime(ReferenceConfig())
    >>> event = AccessEvent(id="e", time=40 * DAY_MS, institution="north", dataset="imaging")
    >>> time.see(event, kafka_ms=40 * DAY_MS), time.clock.day, time.is_live
    (True, 40, True)
    """

    __slots__ = ("clock", "is_live")

    def __init__(
        self, config: ReferenceConfig, time: EventTime | None = None, *, is_live: bool = False
    ) -> None:
        """Go on at `time`, by default at the beginning of the log."""
        self.clock = EventClock(grace_ms=grace_ms(config), alone_days_max=0, time=time)
        self.is_live = is_live

    def see(self, event: AccessEvent, *, kafka_ms: int) -> bool:
        """Note an event that Kafka received at `kafka_ms`; tell whether the time has moved.

        What claims to be from beyond the day on which Kafka received it needs a second witness.
        """
        at_ms, institution = time_ms(event), identity_of(event.institution)
        moved = self.clock.reach(institution, at_ms, sure=at_ms <= kafka_ms + DAY_MS)
        if moved:
            self.is_live = kafka_ms - at_ms < DAY_MS
        return moved

    @property
    def closed(self) -> DaysClosed:
        """Return what is reached and closed by now."""
        return DaysClosed(day=self.clock.day, last_closed_day=self.clock.last_closed_day)

    def mark(self, marker: TimeMarker, *, kafka_ms: int) -> bool:
        """Note a marker; whatever the clock of who wrote it said, it is no later than Kafka's."""
        return self.clock.reach("", min(marker.at_ms, kafka_ms), sure=True)


def encode_marker(marker: TimeMarker) -> bytes:
    """Return a marker as the value of a control record."""
    return _encode(marker)


def decode_marker(raw: bytes) -> TimeMarker | Rejected:
    """Return the marker in a control record, or why there is none."""
    try:
        return _decode(raw)
    except msgspec.DecodeError as error:
        return rejected(RejectReason.WRONG_TYPE, f"marker of time: {error}")
