"""The protocol with one rule broken, to show that the fault tests would see it."""

from collections.abc import Callable, Mapping

from streams.state.protocol import Keeper, Live, PartitionKeeper, Phase
from streams.state.store import PartitionStore, Saved

WHOLE = "none"


def _judge_again() -> None:
    live = PartitionKeeper.live

    def nothing_applied(self: PartitionKeeper[object], institution: str) -> Live[object]:
        return Live(live(self, institution).profile, -1)

    PartitionKeeper.live = nothing_applied  # type: ignore[method-assign,assignment]


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
