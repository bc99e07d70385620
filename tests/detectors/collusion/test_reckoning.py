"""Arithmetic over blocks against the same in loops, person by person: overlaps, and witnesses."""

from math import sqrt
from random import Random

import pytest
from pyroaring import BitMap64

from detectors.models.collusion.blocks import BLOCK_PARTICIPANTS, Blocks
from detectors.models.collusion.overlap import UNREMARKABLE, _compared, overlap_of
from detectors.models.collusion.recent import Holdings, Recent
from detectors.models.collusion.witnesses import _Affinity, _Side

# Three blocks, of which the last has a few people only.
COHORT_SIZE = 530
SIZES = (256, 256, 18)
BLOCKS = Blocks(cohort_size=COHORT_SIZE, hashed=False)


def worked(new: set[int], before: set[int], blocks: Blocks = BLOCKS) -> Recent:
    """Return an institution that took `before` long ago, and `new` on one day."""
    holdings = Holdings()
    holdings.take(0, BitMap64(before))
    holdings.take(30, BitMap64(new))
    holdings.forget_days_before(20)
    return holdings.recent("north", holdings.new(), blocks)


def in_block(block: int, people: set[int]) -> int:
    """Return how many of some people are in a block."""
    return sum(person // BLOCK_PARTICIPANTS == block for person in people)


def some(seed: int, ratio: float, *, of: set[int] | None = None) -> set[int]:
    """Return a share of the cohort, or of some of it, chosen by chance."""
    chosen = of if of is not None else set(range(COHORT_SIZE))
    return set(Random(seed).sample(sorted(chosen), round(ratio * len(chosen))))


def reckoned_overlap(new: list[set[int]], before: list[set[int]]) -> tuple[float, ...]:
    """Return z, shared, expected and deviation of two, by block and by hand."""
    fresh = [new[0] - before[0], new[1] - before[1]]
    shared = expected = variance = squares = 0.0
    for block, size in enumerate(SIZES):
        at_risk = max(size - in_block(block, before[0] | before[1]), 2.0)
        mine, other = in_block(block, fresh[0] - before[1]), in_block(block, fresh[1] - before[0])
        both = in_block(block, fresh[0] & fresh[1])
        chance = min(mine * other / at_risk, mine, other)
        room = (at_risk - mine) * (at_risk - other) / (at_risk * (at_risk - 1.0))
        shared, expected = shared + both, expected + chance
        variance += max(chance * room, 0.0)
        squares += (both - chance) ** 2
    deviation = sqrt(max(variance, squares, 1.0))
    return (shared - expected) / deviation, shared, expected, deviation


def others(people: set[int]) -> set[int]:
    """Return all but some people, and a few of these."""
    return (set(range(COHORT_SIZE)) - people) | some(8, 0.02)


MINE = some(1, 0.4)
HELD = [some(3, 0.3), some(4, 0.2)]


@pytest.mark.parametrize(
    ("new", "before"),
    [
        pytest.param([MINE, others(MINE)], [set(), set()], id="apart"),
        pytest.param([MINE, others(MINE)], HELD, id="apart, who held some before"),
        pytest.param([MINE, MINE], HELD, id="alike"),
        pytest.param([MINE, some(9, 0.5)], [set(), set()], id="by chance"),
        pytest.param([set(range(0, 256, 9))] * 2, [set(), set()], id="alike in one block"),
        pytest.param([{1, 2, 3}] * 2, [set(), set()], id="three people"),
        pytest.param([set(range(512, 530))] * 2, HELD, id="all of the small block"),
        pytest.param([{0}, {0}], [set(range(1, 256)), set()], id="nobody else at risk"),
        pytest.param([set(range(250)), set(range(256))], [set(), set()], id="all of a block"),
        pytest.param([set(), {5}], HELD, id="nobody"),
    ],
)
def test_an_overlap_is_what_one_reckons_by_hand(
    new: list[set[int]], before: list[set[int]]
) -> None:
    """Of those at risk in each block; what strays further than by chance counts by itself."""
    first, other = (worked(*pair) for pair in zip(new, before, strict=True))
    overlap = _compared(first, other, BLOCKS)
    seen = (overlap.z, overlap.shared, overlap.expected, overlap.deviation)
    assert seen == pytest.approx(reckoned_overlap(new, before))


@pytest.mark.parametrize(
    ("sizes", "shared", "is_looked_at"),
    [
        pytest.param((80, 40), 1, True, id="far below 12.5"),
        pytest.param((80, 40), 2, False, id="below"),
        pytest.param((80, 40), 23, False, id="above"),
        pytest.param((80, 40), 24, True, id="far above"),
        pytest.param((48, 48), 18, False, id="three deviations to the dot"),
        pytest.param((48, 48), 19, True, id="one more"),
    ],
)
def test_what_is_within_three_deviations_is_not_looked_at(
    sizes: tuple[int, int], shared: int, *, is_looked_at: bool
) -> None:
    """Of what two share by chance in blocks as large as the first."""
    first = worked(set(range(sizes[0])), set())
    other = worked(set(range(sizes[0] - shared, sum(sizes) - shared)), set())
    closer = _compared(first, other, BLOCKS)
    assert overlap_of(first, other, BLOCKS) == (closer if is_looked_at else UNREMARKABLE)


def test_who_works_in_a_cohort_of_one_block_is_compared_too() -> None:
    """Of a hundred people fifty and fifty share five, where 25 were to be expected."""
    blocks = Blocks(cohort_size=100, hashed=False)
    mine, yours = set(range(50)), set(range(45, 95))
    overlap = overlap_of(worked(mine, set(), blocks), worked(yours, set(), blocks), blocks)
    assert (overlap.shared, overlap.expected) == (5, 25.0)


def reckoned_affinity(people: set[int], before: set[int], held: set[int]) -> tuple[float, ...]:
    """Return z, ratio to chance and share held, by block and by hand."""
    seen = expected = variance = squares = 0.0
    for block, size in enumerate(SIZES):
        at_risk = max(size - in_block(block, before), 1.0)
        known, met = in_block(block, held - before), in_block(block, held & people)
        chance = in_block(block, people) * known / at_risk
        seen, expected = seen + met, expected + chance
        variance += chance * max(1.0 - known / at_risk, 0.0)
        squares += (met - chance) ** 2
    z = (seen - expected) / sqrt(max(variance, squares, 1.0))
    return z, (seen + 5.0) / (expected + 5.0), seen / max(1, len(people))


@pytest.mark.parametrize(
    ("people", "before", "held"),
    [
        pytest.param(some(1, 0.3), set(), some(2, 0.5), id="by chance"),
        pytest.param(some(1, 0.3), set(), some(1, 0.2), id="known"),
        pytest.param(some(1, 0.3), some(5, 0.5), some(2, 0.5), id="some held before"),
        pytest.param({3, 600}, set(range(256)), {3, 4}, id="a block that was held"),
        pytest.param({3}, set(range(1, 256)), {0, 3}, id="one who is left"),
        pytest.param({3}, set(), {3}, id="one who is known"),
        pytest.param(set(), set(), {3}, id="nobody"),
        pytest.param(
            {*range(20), *range(256, 276)},
            set(),
            {*range(9, 137), *range(265, 393)},
            id="one more than by chance in each block",
        ),
        pytest.param(set(range(20)), set(), set(range(256)), id="all of a block"),
    ],
)
def test_a_witness_knows_what_one_reckons_by_hand(
    people: set[int], before: set[int], held: set[int]
) -> None:
    """How far beyond chance, how many times chance, and how much of the set."""
    side = _Side(BitMap64(people), BitMap64(before), BLOCKS)
    affinity = _Affinity(side, worked(set(), held))
    seen = (affinity.z, affinity.ratio, affinity.covered)
    assert seen == pytest.approx(reckoned_affinity(people, before, held))
