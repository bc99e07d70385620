"""What really happened in a world: the thefts, and the honest episodes that look like one."""

from bisect import bisect_right

from msgspec import Struct


class Theft(Struct, frozen=True, kw_only=True):
    """One theft: who, when, and how much was gone at each moment."""

    scenario: str
    institutions: tuple[str, ...]
    users: tuple[str, ...]
    started_ms: int
    ended_ms: int
    haul_ratio: float
    reasons: tuple[str, ...]
    taken_at_ms: tuple[int, ...]
    taken_ratio: tuple[float, ...]

    def gone_ratio(self, at_ms: int) -> float:
        """Return the share of the cohort that was gone at `at_ms`, that moment included."""
        index = bisect_right(self.taken_at_ms, at_ms)
        return self.taken_ratio[index - 1] if index else 0.0


class HonestEpisode(Struct, frozen=True, kw_only=True):
    """One honest episode of one institution, such as a deadline or an approved export."""

    institution: str
    kind: str
    started_ms: int
    ended_ms: int


class Labels(Struct, frozen=True, kw_only=True):
    """Everything a benchmark may know and a detector may not."""

    thefts: tuple[Theft, ...]
    spans: tuple[HonestEpisode, ...]
    kinds: dict[str, str]

    def kinds_at(self, institution: str, at_ms: int) -> tuple[str, ...]:
        """Return the institution's kind and the episodes it was in at `at_ms`."""
        inside = [
            span.kind
            for span in self.spans
            if span.institution == institution and span.started_ms <= at_ms < span.ended_ms
        ]
        return (self.kinds[institution], *inside)
