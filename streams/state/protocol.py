"""The checkpoint protocol, pure: nothing lost, nothing doubled, whatever dies when.

No Kafka, no Faust, no clock: the worker and the model test drive the same object. Its rules:

- each state carries the offset of the last event it contains; an event at or below is skipped;
- the fetch positions of a partition chain (`streams.state.positions`); a gap ends the
  process, for an event once passed over could never be noticed again;
- a checkpoint is carried out phase by phase, in the order of `Phase`, each durable before the
  next. Dying between any two leaves something that recovery reads correctly;
- recovery keeps, per key, the record with the highest offset (`streams.state.store`);
- a part's bytes are a function of its name, so writing one twice changes nothing. It may go as
  soon as a main record that no longer names it is durable.
"""

from collections.abc import Iterable
from typing import ClassVar, Generic

from streams.state.partition_state import Core, PartitionState, ProfileT
from streams.state.phases import Checkpoint, OutputT, Phase, Write


class StateStore(Generic[ProfileT, OutputT]):
    """All partitions of one worker, the outputs on their way, and the checkpoint over them."""

    order: ClassVar[tuple[Phase, ...]] = tuple(Phase)

    __slots__ = ("_core", "_outputs", "epoch", "partitions", "settled")

    def __init__(self, core: Core[ProfileT]) -> None:
        """Start with no partition."""
        self.epoch = 0
        # Whether everything of our partitions has been read back: only then may states be opened.
        self.settled = False
        self.partitions: dict[int, PartitionState[ProfileT]] = {}
        self._core = core
        self._outputs: list[OutputT] = []

    def partition(self, partition: int) -> PartitionState[ProfileT]:
        """Return the state of a partition."""
        partition_state = self.partitions.get(partition)
        if partition_state is None:
            partition_state = self.partitions[partition] = self._new_partition(partition)
        return partition_state

    def _new_partition(self, partition: int) -> PartitionState[ProfileT]:
        return PartitionState(partition, self._core)

    def sent(self, output: OutputT) -> None:
        """Note an alert or dead letter on its way; the next checkpoint awaits it first."""
        self._outputs.append(output)

    def begin_checkpoint(self, *, rewrite_count: int) -> Checkpoint[OutputT]:
        """Return what must become durable now, taken in one go; `rewrite_count` per partition."""
        checkpoint: Checkpoint[OutputT] = Checkpoint(self.epoch)
        for partition_state in self.partitions.values():
            partition_state.add_to(checkpoint, rewrite_count=rewrite_count)
        checkpoint.outputs, self._outputs = self._outputs, []
        return checkpoint

    def holds(self, checkpoint: Checkpoint[OutputT]) -> bool:
        """Return whether no rebalance came between; only then may the rest be carried out."""
        return checkpoint.epoch == self.epoch

    def saved(self, writes: Iterable[Write]) -> None:
        """Note that these records are durable."""
        for write in writes:
            self.partition(write.partition).store.apply(write.key, write.saved)

    def drop(self) -> None:
        """Forget all that is not saved: a rebalance is a restart."""
        self.epoch += 1
        self.settled = False
        self._outputs.clear()
        for partition_state in self.partitions.values():
            partition_state.drop()

    def retain(self, partitions: Iterable[int]) -> None:
        """Forget the partitions that now belong to others."""
        ours = set(partitions)
        self.partitions = {
            p: partition_state for p, partition_state in self.partitions.items() if p in ours
        }
