"""A partition in which nothing happens -> markers of time in its log: nobody waits for it.

Only who has read everything may say how late it is. Where events come as they happen, the clock
says it; where history is being read, the others do: a day that one partition has closed, and of
which nothing more has arrived here since, is over here too.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from detectors.instants import DAY_MS, SECOND_MS
from detectors.peers.reference import ReferenceConfig, grace_ms
from detectors.pipeline import Profile
from streams.control.partition_context import PartitionContext, PartitionContexts
from streams.control.partition_time import TIME, PartitionTime, TimeMarker, encode_marker
from streams.control.records import control_record
from streams.control.reference_log import ReferenceLog
from streams.kafka.producer import Durable, Outbox
from streams.kafka.records import OutgoingRecord
from streams.state.envelope import StateKeys
from streams.state.partition_state import PartitionState
from streams.state.protocol import StateStore

_LOOK_SECONDS: Final = 0.2
# What was sent before an event that closed a day has arrived this long after it.
_ARRIVAL_MS: Final = SECOND_MS
# A marker comes back within moments; one that does not is written again.
_AGAIN_SECONDS: Final = 10.0
_MARKER_KEY: Final = b"all"


class IdleClockDependencies(Struct, frozen=True, kw_only=True):
    """What the markers depend on; `end` is where a partition ended when it was last fetched."""

    topic: str
    config: ReferenceConfig
    keys: StateKeys
    outbox: Outbox
    log: ReferenceLog
    contexts: PartitionContexts
    waits: Callable[[int], bool]
    end: Callable[[int], int | None]
    now_ms: Callable[[], int]
    now_seconds: Callable[[], float]
    stop: Callable[[Exception], None]


class IdleClock:
    """Writes the markers of this worker's partitions."""

    __slots__ = ("_dependencies", "_state_store", "_written")

    def __init__(
        self, state_store: StateStore[Profile, Durable], dependencies: IdleClockDependencies
    ) -> None:
        """Have written none."""
        self._state_store = state_store
        self._dependencies = dependencies
        # By partition: the last marker, and when it was written.
        self._written: dict[int, tuple[TimeMarker, float]] = {}

    async def keep(self) -> None:
        """Look for as long as the worker lives."""
        try:
            while True:
                await asyncio.sleep(_LOOK_SECONDS)
                await self.look()
        except Exception as error:  # noqa: BLE001 - every failure ends the process.
            self._dependencies.stop(error)

    async def look(self) -> None:
        """Write the markers that are due now."""
        if not self._state_store.settled:
            return
        sent = []
        for number, partition_state in list(self._state_store.partitions.items()):
            marker = self._due(number, partition_state)
            if marker is not None and self._is_news(number, marker):
                sent.append(self._dependencies.outbox.post(self._record(number, marker)))
        await self._dependencies.outbox.durable(sent)

    def _record(self, partition: int, marker: TimeMarker) -> OutgoingRecord:
        return control_record(
            TIME,
            encode_marker(marker),
            topic=self._dependencies.topic,
            partition=partition,
            key=_MARKER_KEY,
            keys=self._dependencies.keys,
        )

    def _is_news(self, partition: int, marker: TimeMarker) -> bool:
        now_seconds = self._dependencies.now_seconds()
        written = self._written.get(partition)
        is_same = written is not None and marker.at_ms // DAY_MS == written[0].at_ms // DAY_MS
        if written is not None and is_same and now_seconds < written[1] + _AGAIN_SECONDS:
            return False
        self._written[partition] = (marker, now_seconds)
        return True

    def _due(self, partition: int, state: PartitionState[Profile]) -> TimeMarker | None:
        """Return the marker that a partition should write now."""
        dependencies = self._dependencies
        end = dependencies.end(partition)
        if end is None or dependencies.waits(partition) or state.next_offset < end:
            return None
        context = dependencies.contexts.read(state.saved_context)
        now_ms = dependencies.now_ms()
        awaited = self._awaited(context, now_ms=now_ms)
        if awaited is not None:
            return awaited
        clock = PartitionTime(dependencies.config, context.time).clock
        is_due = context.is_live and now_ms >= clock.due_ms + _ARRIVAL_MS
        return TimeMarker(at_ms=now_ms) if is_due else None

    def _awaited(self, context: PartitionContext, *, now_ms: int) -> TimeMarker | None:
        """Return the marker that closes what another has closed and nothing can come before."""
        config, awaited = self._dependencies.config, self._dependencies.log.awaited
        if awaited is None or now_ms < awaited.at_ms + _ARRIVAL_MS:
            return None
        clock = PartitionTime(config, context.time).clock
        if clock.last_closed_day >= awaited.day:
            return None
        return TimeMarker(at_ms=(awaited.day + 1) * DAY_MS + grace_ms(config))
