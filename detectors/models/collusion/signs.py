"""Second stage: three signs that institutions share one theft, and the groups that bear them.

Parts of one list share too little; parts taken twice on purpose share too much; parts of a
contiguous list meet at their ends. Each sign is weak for a pair and strong for a group, whose
chance is multiplied by the number of groups that one could have chosen.

Source of the group's multiplicity: the union bound (C. E. Bonferroni 1936).
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from math import fsum, lgamma, log
from typing import Final, Literal

from msgspec import Struct

from detectors.models.collusion.blocks import Blocks
from detectors.models.collusion.junctions import Borders
from detectors.models.collusion.overlap import Overlap, log_tail, overlap_of
from detectors.models.collusion.recent import Recent, same_days
from detectors.models.collusion.witnesses import explains_apart, explains_together

Sign = Literal["apart", "together", "junctions"]
MEMBERS_MIN: Final = 3
# Below these chances, as logarithms: of a pair, and of a group after its multiplicity.
_APART: Final = (log(0.05), log(1e-9))
_TOGETHER: Final = (log(1e-6), log(1e-20))
# A junction that nobody ever showed counts as e^-20; a chain of three is beyond 1e-12.
_JUNCTION_LOG_P: Final = -20.0
_SAME_DAYS_MIN: Final = 0.3
# Who shares more than half studies the same people; a thief's overlap is what it costs him.
_SHARED_SHARE: Final = (0.05, 0.45)


class RingGroup(Struct, frozen=True, kw_only=True):
    """Institutions that bear one sign together."""

    sign: Sign
    members: tuple[Recent, ...]
    log_p: float

    @property
    def names(self) -> set[str]:
        """Return who they are."""
        return {member.institution for member in self.members}


class Pairs:
    """What any two institutions share now: each pair is compared once, until one has changed."""

    __slots__ = ("_blocks", "_overlaps")

    def __init__(self, blocks: Blocks) -> None:
        """Compare nobody yet."""
        self._blocks = blocks
        self._overlaps: dict[tuple[str, str], tuple[int, int, Overlap]] = {}

    def overlap(self, first: Recent, other: Recent) -> Overlap:
        """Return how two overlap, in whichever order they are named."""
        if first.institution > other.institution:
            first, other = other, first
        key = (first.institution, other.institution)
        known = self._overlaps.get(key)
        if known is None or known[:2] != (first.version, other.version):
            overlap = overlap_of(first, other, self._blocks)
            known = self._overlaps[key] = (first.version, other.version, overlap)
        return known[2]

    def forget(self, institution: str) -> None:
        """Drop what was compared with an institution that has nothing new any more."""
        for key in [key for key in self._overlaps if institution in key]:
            del self._overlaps[key]


class Signs:
    """Looks for a group around one institution."""

    __slots__ = ("_blocks", "_borders", "_pairs")

    def __init__(self, blocks: Blocks, pairs: Pairs, borders: Borders) -> None:
        """Keep what compares two."""
        self._blocks = blocks
        self._pairs = pairs
        self._borders = borders

    def groups_of(self, mine: Recent, others: Sequence[Recent]) -> list[RingGroup]:
        """Return the groups that `mine` belongs to, at most one of each sign.

        `others` are all that took enough to be looked at, in the order of their names.
        """
        cliques: tuple[tuple[Sign, tuple[float, float], LogP, Explains], ...] = (
            ("apart", _APART, self._log_p_apart, explains_apart),
            ("together", _TOGETHER, self._log_p_together, explains_together),
        )
        groups = []
        for sign, (pair_max, group_max), log_p_of, explains in cliques:
            clique = self._clique(mine, others, log_p_of, explains, pair_max)
            log_p = _group_log_p(clique, log_p_of, eligible_count=len(others) + 1)
            if len(clique) >= MEMBERS_MIN and log_p <= group_max:
                groups.append(RingGroup(sign=sign, members=tuple(clique), log_p=log_p))
        chain = self._chain(mine, others) if self._blocks.ordered else [mine]
        if len(chain) >= MEMBERS_MIN:
            log_p = _JUNCTION_LOG_P * (len(chain) - 1)
            groups.append(RingGroup(sign="junctions", members=tuple(chain), log_p=log_p))
        return groups

    def _log_p_apart(self, first: Recent, other: Recent) -> float:
        return log_tail(self._pairs.overlap(first, other).z)

    def _log_p_together(self, first: Recent, other: Recent) -> float:
        overlap = self._pairs.overlap(first, other)
        least, most = (share * min(first.count, other.count) for share in _SHARED_SHARE)
        return log_tail(-overlap.z) if least <= overlap.shared <= most else 0.0

    def _clique(
        self,
        mine: Recent,
        others: Sequence[Recent],
        log_p_of: "LogP",
        explains: "Explains",
        pair_max: float,
    ) -> list[Recent]:
        """Grow a group in which every two bear the sign and no third institution explains it."""
        evidence = [(log_p_of(mine, other), other) for other in others]
        near = sorted(
            ((log_p, other) for log_p, other in evidence if log_p <= pair_max),
            key=lambda pair: (pair[0], pair[1].institution),
        )
        explained: set[frozenset[str]] = set()
        while True:
            members = [mine]
            for _, other in near:
                if all(
                    frozenset((member.institution, other.institution)) not in explained
                    and log_p_of(member, other) <= pair_max
                    for member in members
                ):
                    members.append(other)
            if len(members) < MEMBERS_MIN:
                return members
            witnesses = [other for other in others if other not in members]
            newly = {
                frozenset((first.institution, other.institution))
                for first, other in combinations(members, 2)
                if explains(first, other, witnesses, self._blocks) is not None
            }
            if not newly:
                return members
            explained |= newly

    def _chain(self, mine: Recent, others: Sequence[Recent]) -> list[Recent]:
        members, waiting = [mine], list(others)
        for member in members:
            joined = [
                other
                for other in waiting
                if self._borders.fresh_junctions(member.institution, other.institution)
                and same_days(member, other) >= _SAME_DAYS_MIN
            ]
            members += joined
            waiting = [other for other in waiting if other not in joined]
        return members


LogP = Callable[[Recent, Recent], float]
Explains = Callable[[Recent, Recent, Sequence[Recent], Blocks], str | None]


def _group_log_p(members: Sequence[Recent], log_p_of: LogP, *, eligible_count: int) -> float:
    size = len(members)
    choices = lgamma(eligible_count) - lgamma(size) - lgamma(eligible_count - size + 1)
    return fsum(log_p_of(first, other) for first, other in combinations(members, 2)) + choices
