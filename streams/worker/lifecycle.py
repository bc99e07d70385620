"""Rebalances, recovery, the checkpoint's beat and the end: the life of one worker's state store.

A rebalance is a restart: what is not saved is dropped, and judged again by whoever owns it. A
worker that cannot be sure of itself ends, with an exit code and a sentence that say why.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, Generic

from aiokafka.errors import IllegalStateError, KafkaError
from msgspec import Struct

from detectors.errors import CoreError, HeadgateError, SinkError, StateError
from streams.console.stacks import all_stacks
from streams.exits import ExitCode, fail_stop
from streams.faust_driver.group import Group
from streams.kafka.producer import Durable, Outbox
from streams.state.checkpoint import Checkpointer, CheckpointError, Done
from streams.state.keys import PARTITION_RECORD_KEY
from streams.state.lease import Lease, LeaseLostError
from streams.state.partition_state import ProfileT
from streams.state.phases import Write
from streams.state.positions import OffsetGapError
from streams.state.protocol import StateStore
from streams.state.records import StateTopic
from streams.state.store import SavedRecord
from streams.worker.watchdog import StalledError

logger = logging.getLogger("headgate.worker")

_CODES: Final[Mapping[type[HeadgateError], ExitCode]] = {
    OffsetGapError: ExitCode.OFFSET_GAP,
    StateError: ExitCode.STATE_REFUSED,
    LeaseLostError: ExitCode.LEASE_LOST,
    CheckpointError: ExitCode.CHECKPOINT_FAILED,
    CoreError: ExitCode.TOO_MANY_DEAD_LETTERS,
    StalledError: ExitCode.STALLED,
    # Of a topic that is read beside the group, while the broker is gone.
    SinkError: ExitCode.CONNECTION_LOST,
}


def stop_for(error: Exception) -> None:
    """End the process for a failure after which nobody may go on."""
    if isinstance(error, StalledError):
        # What it stands on is known to nobody once the process is gone.
        logger.critical("Nothing moves any more.", extra={"stacks": all_stacks()})
    if isinstance(error, HeadgateError):
        fail_stop(_CODES.get(type(error), ExitCode.BUG), f"{error}.")
    if isinstance(error, TimeoutError) or (isinstance(error, KafkaError) and error.retriable):
        fail_stop(ExitCode.CONNECTION_LOST, f"The connection to Kafka broke down: {error!r}.")
    logger.error("An error that should not exist.", exc_info=error)
    fail_stop(ExitCode.BUG, repr(error))


class LifecycleDependencies(Struct, Generic[ProfileT], frozen=True, kw_only=True):
    """What the life of a worker is connected to; `on_done` is called after each checkpoint."""

    group: Group
    checkpointer: Checkpointer[ProfileT]
    lease: Lease
    outbox: Outbox
    state: StateTopic
    on_done: Callable[[Done | None], None]
    accept_lost_records: bool
    stop: Callable[[Exception], None] = stop_for


class WorkerLifecycle(Generic[ProfileT]):
    """Looks after one state store: what Faust's signals mean to it, and when it is saved."""

    __slots__ = ("_dependencies", "_ready_epoch", "_recovered_count", "_stamping", "_state_store")

    def __init__(
        self,
        state_store: StateStore[ProfileT, Durable],
        dependencies: LifecycleDependencies[ProfileT],
    ) -> None:
        """Keep what is looked after."""
        self._state_store = state_store
        self._dependencies = dependencies
        self._stamping: asyncio.Task[None] | None = None
        self._recovered_count = 0
        self._ready_epoch = -1

    @property
    def epoch(self) -> int:
        """How many rebalances there were."""
        return self._state_store.epoch

    def recovery_progress(self) -> int | None:
        """Return how many records were read back so far; None once everybody may go on."""
        is_ready = self._state_store.settled and self._ready_epoch == self.epoch
        return None if is_ready else self._recovered_count

    async def opened(self) -> None:
        """Connect, and begin to stamp the lease, before any partition is ours."""
        await self._dependencies.outbox.start()
        self._stamping = asyncio.create_task(self._keep_lease(), name="lease")

    async def closed(self) -> None:
        """Disconnect, after the last checkpoint."""
        if self._stamping is not None:
            self._stamping.cancel()
        await self._dependencies.outbox.stop()

    def recovered(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take in one record of the state topic; Faust would swallow an error of ours here."""
        self._recovered_count += 1
        try:
            saved = self._dependencies.state.saved(partition, key, value)
            self._state_store.partition(partition).store.apply(key, saved)
        except Exception as error:  # noqa: BLE001 - every failure ends the process.
            self._dependencies.stop(error)

    def revoked(self) -> None:
        """Drop what is not saved, and write nothing: another may own it already."""
        self._state_store.drop()

    async def recovery_complete(self) -> None:
        """Prepare the partitions that are ours now, before the first batch of any arrives."""
        self._dependencies.group.hold()
        try:
            self._state_store.drop()
            epoch = self._state_store.epoch
            recovered = self._dependencies.group.recovered()
            # None: the group has moved on, and Faust calls us again. What is kept meanwhile must be
            # what Faust believes to have read: it goes on from there, not from the beginning.
            if recovered is not None:
                self._state_store.retain(recovered)
                await self._begin(recovered)
                self._state_store.settled = self._state_store.epoch == epoch
        except IllegalStateError:
            # The assignment is the next one already: Faust begins anew on it, and calls us again.
            raise
        except Exception as error:  # noqa: BLE001 - every failure ends the process.
            self._dependencies.stop(error)

    def listeners_ready(self, epoch: int) -> None:
        """Note that after the rebalance of that number all listeners may go on."""
        self._ready_epoch = epoch

    async def keep_saving(self) -> None:
        """Carry out checkpoints for as long as the worker lives."""
        while True:
            await self._dependencies.checkpointer.wait_until_due()
            await self.save()

    async def save(self) -> None:
        """Carry out one checkpoint."""
        try:
            self._dependencies.on_done(await self._dependencies.checkpointer.carry_out())
        except Exception as error:  # noqa: BLE001 - every failure ends the process.
            self._dependencies.stop(error)

    async def _keep_lease(self) -> None:
        try:
            await self._dependencies.lease.keep()
        except LeaseLostError as error:
            self._dependencies.stop(error)

    async def _begin(self, recovered: set[int]) -> None:
        """Make sure that each of our partitions has its record, and the events that follow it."""
        if not recovered:
            return
        epoch = self._state_store.epoch
        beginnings = await self._dependencies.group.beginnings(recovered)
        stores = {p: self._state_store.partition(p).store for p in recovered}
        new = [p for p, store in stores.items() if store.partition_record is None]
        committed = await self._dependencies.group.committed() if new else {}
        if self._state_store.epoch != epoch:
            # Revoked meanwhile: another may have begun, and what it committed is no loss of ours.
            return
        self._refuse_lost_state(new, committed)
        gone = {
            p: (store.partition_record, beginnings[p])
            for p, store in stores.items()
            if store.partition_record is not None
            and store.partition_record.offset < beginnings.get(p, 0)
        }
        for partition, (partition_record, begin) in gone.items():
            self._lose(partition, partition_record.offset, begin)
        partition_records = {p: SavedRecord(beginnings[p], b"") for p in new}
        partition_records |= {
            p: SavedRecord(begin, partition_record.payload)
            for p, (partition_record, begin) in gone.items()
        }
        await self._write_partition_records(partition_records)

    def _refuse_lost_state(
        self, without_partition_record: list[int], committed: Mapping[int, int | None]
    ) -> None:
        """Refuse partitions that were judged before, but of which no state is left.

        A partition gets its first record here before its first commit: this is certain.
        """
        lost = [p for p in without_partition_record if committed.get(p) is not None]
        if lost:
            topic = self._dependencies.state.topic
            message = (
                f"partitions {lost} have committed offsets, but the state topic {topic} holds "
                "nothing of them: it was deleted or is another one. Restore it, or reset the "
                "group's offsets to judge everything anew"
            )
            raise StateError(message)

    def _lose(self, partition: int, expected: int, begin: int) -> None:
        if not self._dependencies.accept_lost_records:
            message = (
                f"records {expected} to {begin - 1} of partition {partition} were removed from the "
                "topic by its retention before they were judged; --accept-lost-records goes on "
                "without them"
            )
            raise OffsetGapError(message)
        logger.error(
            "Retention removed records before they were judged; going on without them, as told.",
            extra={"partition": partition, "offset": expected, "offset_last": begin - 1},
        )

    async def _write_partition_records(self, partition_records: Mapping[int, SavedRecord]) -> None:
        if not partition_records:
            return
        writes = [
            Write(p, PARTITION_RECORD_KEY, saved) for p, saved in sorted(partition_records.items())
        ]
        outbox, state = self._dependencies.outbox, self._dependencies.state
        self._dependencies.lease.check()
        await outbox.durable([outbox.post(state.record(write)) for write in writes])
        self._state_store.saved(writes)
        commits = {p: saved.offset for p, saved in partition_records.items()}
        await self._dependencies.group.commit(commits)
        logger.info("Judging begins.", extra={"partitions": sorted(partition_records)})
