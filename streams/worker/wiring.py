"""Agents and signals of the worker's Faust app: what Faust calls, and what is done then."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, cast

from aiokafka.errors import IllegalStateError
from faust.streams import Stream
from faust.types import StreamT

from detectors.pipeline import Profile
from streams.faust_driver.app import POLLS_KEPT_MAX, HeadgateApp, StateTable
from streams.kafka.records import Batch, Offsets
from streams.worker.batch_judging import BatchJudging
from streams.worker.lifecycle import WorkerLifecycle, stop_for

Handle = Callable[[int, Batch], Awaitable[None]]


class RebalanceListener(Protocol):
    """An agent besides the judges: called at each rebalance, and watched by its positions."""

    def revoked(self) -> None:
        """Forget its partitions: the group may be giving them to another."""

    async def recovery_complete(self) -> None:
        """Find out which partitions are its own now, and from which offset on."""

    def positions(self) -> Offsets:
        """Return before which offset of each partition all has been dealt with for good."""


def add_agent(app: HeadgateApp, topic: str, *, name: str, handle: Handle) -> None:
    """Give each batch of `topic` to `handle`; what it raises ends the process."""

    async def take_batches(stream: StreamT[Batch]) -> None:
        # Never acknowledged: Faust's commit would pass over what is not saved.
        async for event in cast("Stream[Batch]", stream).noack().events():
            if app.should_stop or app.rebalancing:
                continue
            try:
                await handle(event.message.partition, event.value)
            except Exception as error:  # noqa: BLE001 - every failure ends the process.
                stop_for(error)

    channel = app.topic(topic, key_type=bytes, value_type=bytes)
    app.agent(channel, name=name)(take_batches)


def add_state_table(
    app: HeadgateApp, topic: str, lifecycle: WorkerLifecycle[Profile], *, partitions: int
) -> None:
    """Have the state topic read back at every recovery."""
    changelog = app.topic(topic, key_type=bytes, value_type=bytes, partitions=partitions)
    table = StateTable(
        app,
        name="state",
        key_type=bytes,
        value_type=bytes,
        partitions=partitions,
        changelog_topic=changelog,
        recovery_buffer_size=POLLS_KEPT_MAX,
    )
    table.recovered = lifecycle.recovered
    app.tables.add(table)


def add_signals(
    app: HeadgateApp,
    lifecycle: WorkerLifecycle[Profile],
    listeners: Iterable[RebalanceListener],
    *,
    judging: BatchJudging,
) -> None:
    """Call the lifecycle, and then the listeners, at each rebalance and at the end."""
    all_listeners = tuple(listeners)

    async def on_revoked(*_: object, **__: object) -> None:
        judging.revoked()
        lifecycle.revoked()
        for listener in all_listeners:
            listener.revoked()

    async def on_recovered(*_: object, **__: object) -> None:
        judging.revoked()
        await lifecycle.recovery_complete()
        epoch = lifecycle.epoch
        try:
            for listener in all_listeners:
                await listener.recovery_complete()
            lifecycle.listeners_ready(epoch)
        except IllegalStateError:
            # Reassigned meanwhile: Faust takes it as its own, and tells all of us again.
            raise
        except Exception as error:  # noqa: BLE001 - every failure ends the process.
            stop_for(error)

    async def on_end(*_: object, **__: object) -> None:
        await lifecycle.save()

    # Faust's signals hold their receivers weakly unless told otherwise.
    app.on_partitions_revoked.connect(on_revoked, weak=False)
    app.on_rebalance_complete.connect(on_recovered, weak=False)
    app.on_before_shutdown.connect(on_end, weak=False)
    app.opened = lifecycle.opened
    app.closed = lifecycle.closed
    app.task(lifecycle.keep_saving)
