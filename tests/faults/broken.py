"""The protocol with one rule broken, to show that the fault tests would see it."""

from collections.abc import Callable, Mapping

from streams.protocol import Keeper, PartitionKeeper, Phase
from streams.recovered import PartitionStore, Saved

WHOLE = "none"


def _judge_again() -> None:
    profile = PartitionKeeper.profile

    def every(self: PartitionKeeper[object], institution: str, offset: int) -> object | None:
        del offset
        return profile(self, institution, 10**12)

    def nothing(self: PartitionKeeper[object], institution: str) -> int:
        del self, institution
        return -1

    PartitionKeeper.profile = every  # type: ignore[method-assign,assignment]
    PartitionKeeper.applied_offset = nothing  # type: ignore[method-assign,assignment]


def _take_the_last() -> None:
    def last(self: PartitionStore, new: Saved, old: Saved | None) -> bool:
        del self, new, old
        return True

    PartitionStore._supersedes = last  # type: ignore[method-assign]


def _begin_with(*phases: Phase) -> Callable[[], None]:
    def reorder() -> None:
        Keeper.order = phases + tuple(phase for phase in Phase if phase not in phases)

    return reorder


RULES: Mapping[str, Callable[[], None]] = {
    WHOLE: lambda: None,
    "skip-what-is-applied": _judge_again,
    "the-highest-offset-wins": _take_the_last,
    "states-before-barriers": _begin_with(Phase.OUTPUTS, Phase.BARRIERS),
    "commit-last": _begin_with(Phase.COMMIT),
}
