"""Which pairs are compared anew, how much of a sign a pair bears, and who makes a group."""

from collections.abc import Sequence
from itertools import combinations
from math import fsum, log

import pytest
from msgspec.structs import replace
from pyroaring import BitMap64

from detectors.models.collusion.blocks import Blocks
from detectors.models.collusion.junctions import Borders
from detectors.models.collusion.overlap import log_tail
from detectors.models.collusion.recent import Recent
from detectors.models.collusion.signs import Pairs, RingGroup, Signs
from tests.detectors.collusion.worlds import BLOCKS, parts, recent, sample


def test_a_pair_is_compared_again_once_one_has_changed_or_was_forgotten() -> None:
    """In whichever order the two are named; what is known of others stays."""
    pairs = Pairs(BLOCKS)
    first, other, third = (
        recent(part, institution=name)
        for name, part in zip(("east", "north", "south"), parts(3), strict=True)
    )
    apart = pairs.overlap(first, other)
    assert apart.z < -8.0
    alike = replace(first, new=other.new, counts=other.counts)
    assert pairs.overlap(other, alike) == apart
    assert pairs.overlap(alike, third) == pairs.overlap(first, third)
    pairs.forget("south")
    assert pairs.overlap(alike, other) == apart
    pairs.forget("north")
    assert pairs.overlap(alike, other).z > 8.0
    assert pairs.overlap(first, other).z > 8.0
    assert pairs.overlap(replace(first, version=first.version + 1), other) == apart


@pytest.mark.parametrize(
    ("shared", "is_sign"), [(49, False), (50, True), (450, True), (451, False)]
)
def test_to_share_is_a_sign_from_a_twentieth_to_nearly_half(shared: int, *, is_sign: bool) -> None:
    """Of the smaller one's people: who shares more studies the same, who shares less risks it."""
    pairs = Pairs(BLOCKS)
    signs = Signs(BLOCKS, pairs, Borders())
    first = recent(BitMap64(range(0, 100_000, 100)))
    own = range(50, 100_000, 50)
    people = BitMap64([*range(0, 100 * shared, 100), *[each for each in own if each % 100]])
    other = recent(people, institution="south")
    log_p = signs._log_p_together(first, other)
    assert log_p == (log_tail(-pairs.overlap(first, other).z) if is_sign else 0.0)
    assert is_sign == (log_p < 0.0)


def groups_of(*members: Recent) -> list[RingGroup]:
    """Return the groups around the first of some institutions."""
    borders = Borders()
    for member in members:
        borders.add(member.institution, member.new)
    signs = Signs(BLOCKS, Pairs(BLOCKS), borders)
    return signs.groups_of(members[0], sorted(members[1:], key=lambda each: each.institution))


def test_the_chance_of_a_group_counts_the_groups_that_one_could_have_chosen() -> None:
    """Of six institutions there are ten groups of three around the first."""
    ring = [recent(part, institution=name) for name, part in zip("abc", parts(3), strict=True)]
    honest = [recent(sample(4_000, seed=seed), institution=f"z{seed}") for seed in range(3)]
    (group,) = groups_of(*ring, *honest)
    assert (group.sign, group.names) == ("apart", {"a", "b", "c"})
    pairs = Pairs(BLOCKS)
    chances = [log_tail(pairs.overlap(*two).z) for two in combinations(ring, 2)]
    assert group.log_p == pytest.approx(fsum(chances) + log(10))


@pytest.mark.parametrize(("count", "log_p"), [(3, -40.0), (4, -60.0)])
def test_each_junction_makes_a_chain_less_likely(count: int, log_p: float) -> None:
    """It is one more place at which nobody else ever stopped."""
    runs = [
        recent(BitMap64(range(place * 1_000, place * 1_000 + 1_000)), institution=f"i{place}")
        for place in range(1, count + 1)
    ]
    (chain,) = groups_of(*runs)
    assert (chain.sign, chain.log_p) == ("junctions", log_p)
    assert [member.institution for member in chain.members] == [f"i{n + 1}" for n in range(count)]


@pytest.mark.parametrize(
    ("bearing", "explained", "clique"),
    [
        pytest.param("ma mb mc ab ac bc", {}, "mabc", id="every two bear the sign"),
        pytest.param("ma mb mc ab ac", {}, "mab", id="who bears it with some is left out"),
        pytest.param("ma mb", {}, "ma", id="no group"),
        pytest.param("ma mb mc ab ac bc", {"ab": "w"}, "mac", id="two are explained"),
        pytest.param("ma mb ab", {"ab": "w"}, "ma", id="two of three are explained"),
        pytest.param("ma mb mc ab ac bc", {"ab": "c"}, "mabc", id="by one of them"),
        pytest.param(
            "ma mb mc md ab bc cd", {"ma": "w", "mb": "a"}, "mcd", id="one after the other"
        ),
    ],
)
def test_a_group_is_of_those_whom_nobody_explains(
    bearing: str, explained: dict[str, str], clique: str
) -> None:
    """The strongest sign first; two who are explained are in no group together from then on."""
    everybody = {name: recent(BitMap64(), institution=name) for name in "mabcdw"}

    def log_p_of(first: Recent, other: Recent) -> float:
        return -10.0 if pair_of(first, other) in bearing.split() else 0.0

    def explains(
        first: Recent, other: Recent, witnesses: Sequence[Recent], _: Blocks
    ) -> str | None:
        witness = explained.get(pair_of(first, other))
        return witness if witness in {each.institution for each in witnesses} else None

    def pair_of(first: Recent, other: Recent) -> str:
        names = {first.institution, other.institution}
        return "".join(name for name in "mabcdw" if name in names)

    signs = Signs(BLOCKS, Pairs(BLOCKS), Borders())
    others = [everybody[name] for name in "abcdw"]
    members = signs._clique(everybody["m"], others, log_p_of, explains, -5.0)
    assert "".join(member.institution for member in members) == clique
