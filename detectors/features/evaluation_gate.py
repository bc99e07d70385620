"""Step 3 of 7: sums -> whether it is time to judge. Mostly an event is not worth a look at all."""

from math import ceil
from typing import Final

from detectors.features.windows import Windows

# Fewer bytes an hour are nothing to look at.
_BYTES_FLOOR: Final = 1_000_000
_BYTES_GROWTH: Final = 2


class EvaluationGate:
    """How far the open sums may grow before an institution is judged again.

    Bytes: once the hour has more than it usually has, and then at each doubling. New participants:
    once a window holds enough to matter, and has grown by the set ratio since it was judged last.

    Invariant: between two changes of the closed sums only the open 5 minutes grow, so both limits
    hold until somebody says that something else has changed: `reset` after a judgement or at the
    end of an hour, `forget_new` where closed sums have changed. An event then costs a comparison.
    """

    __slots__ = (
        "_floor_participants",
        "_growth_ratio",
        "_next_evaluation_new",
        "_usual_bytes",
        "next_evaluation_bytes",
    )

    def __init__(self, *, floor_participants: float, growth_ratio: float) -> None:
        """Begin shut for small amounts; nothing is usual yet."""
        self._floor_participants = ceil(floor_participants)
        self._growth_ratio = growth_ratio
        self._usual_bytes = 0.0
        self._next_evaluation_new: int | None = None
        self.next_evaluation_bytes: float = _BYTES_FLOOR

    def begin_hour(self, *, usual_bytes: float, judged_bytes: int) -> None:
        """Measure the open hour by what it usually has, as far as learnt."""
        self._usual_bytes = usual_bytes
        self.reset(judged_bytes=judged_bytes)

    def reset(self, *, judged_bytes: int) -> None:
        """Begin anew from `judged_bytes`, the bytes of the open hour when it was judged last."""
        self.next_evaluation_bytes = max(
            _BYTES_FLOOR, self._usual_bytes, _BYTES_GROWTH * judged_bytes
        )
        self._next_evaluation_new = None

    def forget_new(self) -> None:
        """Look at the closed sums again before the next judgement."""
        self._next_evaluation_new = None

    def next_evaluation_new(self, windows: Windows, judged: list[int]) -> int:
        """Return how many new participants in the open 5 minutes make it time to judge.

        `judged` are the new participants of each learnt window when it was judged last.
        """
        due = self._next_evaluation_new
        if due is None:
            floor, growth = self._floor_participants, self._growth_ratio
            due = self._next_evaluation_new = min(
                max(floor, int(before * growth) + 1) - closed
                for before, closed in zip(judged, windows.closed_new(), strict=True)
            )
        return due
