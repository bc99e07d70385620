"""The protocol with one rule broken, to show that the fault tests would see it."""

from collections.abc import Callable, Mapping

from streams.state.partition_state import LoadedProfile, PartitionState
from streams.state.phases import Phase
from streams.state.protocol import StateStore
from streams.state.store import RecoveredPartition, SavedRecord

WHOLE = "none"


def _judge_again() -> None:
    loaded = PartitionState.loaded

    def nothing_applied(self: PartitionState[object], institution: str) -> LoadedProfile[object]:
        return LoadedProfile(loaded(self, institution).profile, -1)

    PartitionState.loaded = nothing_applied  # type: ignore[method-assign,assignment]


def _take_the_last() -> None:
    def last(self: RecoveredPartition, new: SavedRecord, old: SavedRecord | None) -> bool:
        del self, new, old
        return True

    RecoveredPartition._supersedes = last  # type: ignore[method-assign]


def _begin_with(*phases: Phase) -> Callable[[], None]:
    def reorder() -> None:
        StateStore.order = phases + tuple(phase for phase in Phase if phase not in phases)

    return reorder


RULES: Mapping[str, Callable[[], None]] = {
    WHOLE: lambda: None,
    "skip-what-is-applied": _judge_again,
    "the-highest-offset-wins": _take_the_last,
    "states-before-partition-records": _begin_with(Phase.OUTPUTS, Phase.PARTITION_RECORDS),
    "commit-last": _begin_with(Phase.COMMIT),
}
