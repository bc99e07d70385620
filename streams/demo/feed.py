"""The world's events on their way to Kafka: two months as fast as they are judged, then live."""

import asyncio
from collections.abc import Callable
from typing import Final

from detectors.event import time_ms
from detectors.instants import DAY_MS
from detectors.peers.reference import ReferenceConfig
from streams.clock import monotonic_seconds
from streams.demo.script import Script
from streams.kafka.event_producer import EventProducer

# The worker is never this far behind, so that the screen shows history as it happens.
_AHEAD_EVENTS_MAX: Final = 5_000
_LOOK_EVERY_EVENTS: Final = 250
_LOOK_SECONDS: Final = 0.05
_STEP_SECONDS: Final = 0.05
# A day's reference is built when the next day has begun; one more may be on its way.
_REFERENCE_LAG_DAYS: Final = 2
_REFERENCE_SECONDS_MAX: Final = 1.0


class Feed:
    """Sends a script; its attributes say how far it has come."""

    __slots__ = (
        "_live_seconds",
        "_referred_from_day",
        "_script",
        "event_ms",
        "phase",
        "sent_count",
    )

    def __init__(self, script: Script, *, live_seconds: float, reference: ReferenceConfig) -> None:
        """Stand at the beginning."""
        self._script = script
        # The first days of all institutions say nothing of later ones, so none is built of them.
        settled_days = reference.settling_days + reference.lag_days + _REFERENCE_LAG_DAYS
        self._referred_from_day = script.first_day + settled_days
        self._live_seconds = live_seconds
        self.phase = "history"
        self.sent_count = 0
        self.event_ms = 0

    async def run(
        self,
        producer: EventProducer,
        *,
        judged_count: Callable[[], int],
        reference_day: Callable[[], int],
    ) -> None:
        """Send everything; the callables tell how far the worker has come."""
        script = self._script
        day = script.first_day
        live_ms = max(1, script.ends_ms - script.live_from_ms)
        live_began = 0.0
        for event in script.world.events():
            at_ms = time_ms(event)
            if at_ms >= script.live_from_ms and self.phase == "history":
                await self._drained(producer, judged_count, ahead_events_max=0)
                self.phase = "live"
                live_began = monotonic_seconds()
            if at_ms // DAY_MS > day and self.phase == "history":
                day = at_ms // DAY_MS
                await self._referred(producer, reference_day, day=day)
            if self.phase == "live":
                due = live_began + self._live_seconds * (at_ms - script.live_from_ms) / live_ms
                await self._until(due)
            elif self.sent_count % _LOOK_EVERY_EVENTS == 0:
                await self._drained(producer, judged_count, ahead_events_max=_AHEAD_EVENTS_MAX)
            await producer.send(event)
            self.sent_count += 1
            self.event_ms = max(self.event_ms, at_ms)
        await self._drained(producer, judged_count, ahead_events_max=0)
        self.phase = "done"

    async def _until(self, due_seconds: float) -> None:
        left_seconds = due_seconds - monotonic_seconds()
        if left_seconds > _STEP_SECONDS:
            await asyncio.sleep(left_seconds)

    async def _referred(
        self, producer: EventProducer, reference_day: Callable[[], int], *, day: int
    ) -> None:
        """Wait a moment for the peer reference: real days are longer than ours."""
        if day < self._referred_from_day:
            return
        await producer.flush()
        deadline = monotonic_seconds() + _REFERENCE_SECONDS_MAX
        behind = day - _REFERENCE_LAG_DAYS
        while reference_day() < behind and monotonic_seconds() < deadline:  # noqa: ASYNC110 - a topic is heard
            await asyncio.sleep(_STEP_SECONDS)

    async def _drained(
        self, producer: EventProducer, judged_count: Callable[[], int], *, ahead_events_max: int
    ) -> None:
        """Wait until the worker is at most so many events behind."""
        if self.sent_count - judged_count() <= ahead_events_max:
            return
        await producer.flush()
        while self.sent_count - judged_count() > ahead_events_max:  # noqa: ASYNC110 - metrics are polled
            await asyncio.sleep(_LOOK_SECONDS)
