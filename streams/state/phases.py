"""A checkpoint, phase by phase: what must become durable, in which order."""

from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from streams.state.store import SavedRecord

# What an alert or a dead letter on its way is to whoever carries out the checkpoint.
OutputT = TypeVar("OutputT")


class Phase(StrEnum):
    """The steps of a checkpoint, in order."""

    OUTPUTS = "outputs"
    PARTS = "parts"
    MAINS = "mains"
    PARTITION_RECORDS = "partition_records"
    COMMIT = "commit"
    TOMBSTONES = "tombstones"


class Write(NamedTuple):
    """One record for the state topic; a tombstone where nothing is saved."""

    partition: int
    key: bytes
    saved: SavedRecord | None


class Checkpoint(Generic[OutputT]):
    """What must become durable, phase by phase, to make everything so far count."""

    __slots__ = ("commits", "epoch", "outputs", "writes")

    def __init__(self, epoch: int) -> None:
        """Start empty."""
        self.epoch = epoch
        self.outputs: list[OutputT] = []
        self.writes: dict[Phase, list[Write]] = {phase: [] for phase in Phase}
        self.commits: dict[int, int] = {}

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.outputs or self.commits or any(self.writes.values()))
