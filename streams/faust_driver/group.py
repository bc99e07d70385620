"""One input topic of the consumer group, as Faust holds it: what is ours, what is committed."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol, cast

import faust
from faust.types import TP

from streams.faust_driver.transport import Consumer


class Group(Protocol):
    """What the lifecycle and the agents ask of the group."""

    def assigned(self) -> set[int]:
        """Return the partitions that are ours at this moment, recovered or not."""

    def recovered(self) -> set[int] | None:
        """Return the partitions whose state was read back; None if it is being read anew."""

    async def committed(self) -> Mapping[int, int | None]:
        """Return what is committed of each of our partitions; None for nothing yet."""

    async def beginnings(self, partitions: Collection[int]) -> Mapping[int, int]:
        """Return the first offset that each partition still holds."""

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Commit; False if the partitions are no longer ours, which the broker checks."""

    def hold(self) -> None:
        """Deliver nothing until Faust has sought to the committed offsets."""


class FaustGroup:
    """The group through Faust's consumer and its recovery, of which some inner names are used.

    Whatever asks the broker raises `TimeoutError` where nobody answers; Faust would wait for ever.
    """

    __slots__ = ("_app", "topic")

    def __init__(self, app: faust.App, topic: str) -> None:
        """Look at one topic of the app's consumer."""
        self._app = app
        self.topic = topic

    def assigned(self) -> set[int]:
        """Return the partitions that are ours."""
        return {tp.partition for tp in self._app.consumer.assignment() if tp.topic == self.topic}

    def recovered(self) -> set[int] | None:
        """Return the partitions whose state was read back; None if it is being read anew.

        The assignment may be the next one already while Faust still tells us of the last recovery.
        """
        recovery = self._app.tables.recovery  # type: ignore[attr-defined]
        if recovery.signal_recovery_start.is_set():
            return None
        return {tp.partition for tp in recovery.active_tps}

    async def committed(self) -> Mapping[int, int | None]:
        """Return what is committed of each; it seeks there too, which Faust is about to do."""
        async with self._patience():
            offsets = await self._app.consumer.seek_to_committed()  # type: ignore[attr-defined]
        return {tp.partition: offset for tp, offset in offsets.items() if tp.topic == self.topic}

    async def beginnings(self, partitions: Collection[int]) -> Mapping[int, int]:
        """Return the first offset that each partition still holds."""
        wanted = [TP(self.topic, partition) for partition in partitions]
        async with self._patience():
            offsets = await self._app.consumer.earliest_offsets(*wanted)
        return {tp.partition: offset for tp, offset in offsets.items()}

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Commit our own offsets, past Faust's bookkeeping of acknowledgements."""
        by_tp = {TP(self.topic, partition): offset for partition, offset in offsets.items()}
        async with self._patience():
            done: bool = await self._app.consumer._commit_offsets(by_tp)  # type: ignore[attr-defined] # noqa: SLF001
        return done

    def ends(self) -> Mapping[int, int]:
        """Return where each partition ended when it was last fetched."""
        ends = self._app.monitor.tp_end_offsets
        return {tp.partition: end for tp, end in ends.items() if tp.topic == self.topic and end}

    def end(self, partition: int) -> int | None:
        """Return where a partition ended at its last fetch, None before the first."""
        ours = partition in self.assigned()
        return self._app.consumer.highwater(TP(self.topic, partition)) if ours else None

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch nothing more of these partitions; what was fetched still comes."""
        self._consumer.hold_partitions({TP(self.topic, number) for number in partitions})

    def resume(self, partitions: Iterable[int]) -> None:
        """Fetch these partitions again."""
        self._consumer.release_partitions({TP(self.topic, number) for number in partitions})

    def hold(self) -> None:
        """Stop the flow: what Faust fetches before it has sought would be dropped by it."""
        self._app.consumer.stop_flow()

    @property
    def _consumer(self) -> Consumer:
        return cast("Consumer", self._app.consumer)

    def _patience(self) -> asyncio.Timeout:
        return asyncio.timeout(self._app.conf.broker_request_timeout)
