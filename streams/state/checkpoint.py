"""The checkpoint on real Kafka: phase by phase, each awaited, and only then our own commit.

Faust's own commit passes over unacknowledged records, and its flush before it gives up after a
tenth of a second; so nothing here is left to it. Whatever fails ends the process, which begins
again from the last checkpoint.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic

from msgspec import Struct

from detectors.errors import HeadgateError
from streams.clock import monotonic_seconds
from streams.kafka.producer import Durable, Outbox
from streams.state.config import CheckpointConfig
from streams.state.lease import Lease
from streams.state.partition_state import ProfileT
from streams.state.phases import Checkpoint, Phase
from streams.state.protocol import StateStore
from streams.state.records import StateTopic

_HOUR_SECONDS: Final = 3_600
# Some milliseconds of packing.
_SEALED_IN_ONE_GO: Final = 50

Commit = Callable[[Mapping[int, int]], Awaitable[bool]]


class CheckpointError(HeadgateError):
    """A checkpoint could not be made durable."""


class Done(Struct, frozen=True, kw_only=True):
    """What one checkpoint came to, for the metrics."""

    seconds: float
    states_count: int
    state_bytes: int
    committed: bool


class Checkpointer(Generic[ProfileT]):
    """Carries out the checkpoints of one state store, one at a time."""

    __slots__ = (
        "_commit",
        "_config",
        "_due",
        "_judged_count",
        "_lease",
        "_lock",
        "_outbox",
        "_rewrite_due",
        "_rewritten_seconds",
        "_state",
        "_state_store",
    )

    def __init__(
        self,
        state_store: StateStore[ProfileT, Durable],
        *,
        state: StateTopic,
        outbox: Outbox,
        lease: Lease,
        commit: Commit,
        config: CheckpointConfig,
    ) -> None:
        """Keep what a checkpoint needs."""
        self._state_store = state_store
        self._state = state
        self._outbox = outbox
        self._lease = lease
        self._commit = commit
        self._config = config
        self._lock = asyncio.Lock()
        self._due = asyncio.Event()
        self._judged_count = 0
        self._rewrite_due = 0.0
        self._rewritten_seconds = monotonic_seconds()

    def note(self, judged_count: int) -> None:
        """Count what was judged; enough of it makes the next checkpoint due early."""
        self._judged_count += judged_count
        if self._judged_count >= self._config.events_max:
            self._due.set()

    async def wait_until_due(self) -> None:
        """Return after the interval, or when somebody is in a hurry."""
        try:
            async with asyncio.timeout(self._config.interval_seconds):
                await self._due.wait()
        except TimeoutError:
            pass
        self._due.clear()

    async def carry_out(self) -> Done | None:
        """Make all progress so far durable; None where there was none.

        Raises:
            CheckpointError: something did not become durable, and nobody may go on.
            LeaseLostError: we slept, and may have been replaced.
        """
        async with self._lock:
            started_seconds = monotonic_seconds()
            self._lease.check()
            self._judged_count = 0
            checkpoint = self._state_store.begin_checkpoint(
                rewrite_count=self._rewrite_count(started_seconds)
            )
            if not checkpoint:
                return None
            committed = True
            for phase in self._state_store.order:
                # After a rebalance others own the partitions: what is written is harmless, but
                # neither the commit nor the tombstones are ours to make.
                if not self._state_store.holds(checkpoint):
                    committed = False
                    break
                self._lease.check()
                await self._carry_out(phase, checkpoint)
            return _done(checkpoint, monotonic_seconds() - started_seconds, committed=committed)

    async def _carry_out(self, phase: Phase, checkpoint: Checkpoint[Durable]) -> None:
        try:
            if phase is Phase.COMMIT:
                await self._commit_offsets(checkpoint)
            else:
                await self._outbox.durable(await self._sent(phase, checkpoint))
        except Exception as error:
            message = f"the {phase.value} of a checkpoint did not become durable: {error!r}"
            raise CheckpointError(message) from error
        if self._state_store.holds(checkpoint):
            self._state_store.saved(checkpoint.writes[phase])

    async def _sent(self, phase: Phase, checkpoint: Checkpoint[Durable]) -> list[Durable]:
        if phase is Phase.OUTPUTS:
            return checkpoint.outputs
        sent = []
        for number, write in enumerate(checkpoint.writes[phase]):
            if number % _SEALED_IN_ONE_GO == 0:
                # Packing takes longer than taking the snapshot did; judges need not wait for it.
                await asyncio.sleep(0)
            sent.append(self._outbox.post(self._state.record(write)))
        return sent

    async def _commit_offsets(self, checkpoint: Checkpoint[Durable]) -> None:
        if not checkpoint.commits:
            return
        async with asyncio.timeout(self._config.timeout_seconds):
            done = await self._commit(checkpoint.commits)
        if not done and self._state_store.holds(checkpoint):
            # The group is about to rebalance, or not: we may not wait for the next event to see.
            for partition in checkpoint.commits:
                self._state_store.partition(partition).commit_again()

    def _rewrite_count(self, now_seconds: float) -> int:
        """Return how many states of each partition it is time to write again."""
        stores = [state_store.store for state_store in self._state_store.partitions.values()]
        states_count = max((len(store.mains) for store in stores), default=0)
        passed_seconds = now_seconds - self._rewritten_seconds
        self._rewritten_seconds = now_seconds
        period_seconds = self._config.rewrite_hours * _HOUR_SECONDS
        self._rewrite_due += states_count * passed_seconds / period_seconds
        whole = math.floor(self._rewrite_due)
        self._rewrite_due -= whole
        return whole


def _done(checkpoint: Checkpoint[Durable], seconds: float, *, committed: bool) -> Done:
    writes = [write for phase in Phase for write in checkpoint.writes[phase]]
    return Done(
        seconds=seconds,
        states_count=len(checkpoint.writes[Phase.MAINS]),
        state_bytes=sum(len(write.saved.payload) for write in writes if write.saved),
        committed=committed,
    )
