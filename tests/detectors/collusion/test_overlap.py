"""How two institutions overlap: against independent work, block by block, in fresh people only."""

from math import log, pi, sqrt
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64
from scipy.stats import norm

from detectors.models.collusion.blocks import BLOCK_PARTICIPANTS, Blocks
from detectors.models.collusion.overlap import log_tail, overlap_of
from tests.detectors.collusion.worlds import BLOCKS, COHORT_SIZE, DAY, parts, recent, sample

positions = st.integers(0, COHORT_SIZE - 1)


@given(st.sets(positions, max_size=300))
def test_a_set_is_counted_block_by_block(people: set[int]) -> None:
    """What is read off the bitmap is what NumPy makes of the list of ids."""
    expected = np.bincount(
        np.array([each // BLOCK_PARTICIPANTS for each in sorted(people)], np.int64), minlength=391
    )
    assert BLOCKS.counts(BitMap64(people)).tolist() == expected.tolist()
    assert BLOCKS.sizes.sum() == COHORT_SIZE


@pytest.mark.parametrize("bits", [64, 63, 53])
def test_hashes_fall_into_all_blocks_alike(bits: int) -> None:
    """Also where a producer cut them: nobody is lost, and no block is left empty or crowded."""
    blocks = Blocks(cohort_size=COHORT_SIZE, hashed=True)
    random = Random(bits)
    people = BitMap64(random.getrandbits(bits) for _ in range(50_000))
    counts = blocks.counts(people)
    assert counts.sum() == 50_000
    assert blocks.sizes.sum() == pytest.approx(COHORT_SIZE)
    assert 50 < counts.min() <= counts.max() < 150


def test_a_cohort_of_one_block_is_counted_whole() -> None:
    """Of hashes and of positions."""
    people = BitMap64([1, 5, 200])
    for hashed in (False, True):
        assert Blocks(cohort_size=250, hashed=hashed).counts(people).tolist() == [3]


def test_whoever_is_beyond_the_cohort_counts_in_its_last_block() -> None:
    """A broken id neither ends the judge nor makes a block of its own."""
    assert BLOCKS.counts(BitMap64([COHORT_SIZE, 2**64 - 1])).tolist()[-1] == 2


@given(st.floats(-36.9, 5.0))
def test_the_tail_is_that_of_the_normal_distribution(z: float) -> None:
    """To what a double can say."""
    assert log_tail(z) == pytest.approx(float(norm.logcdf(z)), rel=1e-9)


@pytest.mark.parametrize("z", [-37.0, -40.0, -300.0])
def test_far_out_the_tail_goes_on(z: float) -> None:
    """Where erfc is zero, its expansion is exact to a thousandth."""
    assert log_tail(z) == pytest.approx(float(norm.logcdf(z)), rel=1e-3)


def test_the_expansion_begins_where_it_is_better() -> None:
    """At 37 deviations it is the expansion already."""
    assert log_tail(-37.0) == pytest.approx(-684.5 - log(37.0 * sqrt(2.0 * pi)), rel=1e-9)


def test_the_only_person_is_all_of_a_days_work() -> None:
    """What was taken on each day is a share of all."""
    assert recent(BitMap64([5])).days == {DAY: 1.0}


def test_parts_of_one_list_share_too_little() -> None:
    """Two parts of a scattered list: 4,000 and 4,000 of 100,000 would share 160."""
    first, other, _ = parts(3)
    overlap = overlap_of(recent(first), recent(other), BLOCKS)
    assert overlap.shared == 0
    assert overlap.expected == pytest.approx(160.0, rel=0.05)
    assert overlap.z < -8.0


@pytest.mark.parametrize("seed", range(5))
def test_independent_work_is_unremarkable(seed: int) -> None:
    """Samples by chance share about what chance would."""
    overlap = overlap_of(
        recent(sample(4_000, seed=seed)), recent(sample(6_000, seed=100 + seed)), BLOCKS
    )
    assert abs(overlap.z) < 4.0


@pytest.mark.parametrize("gap", [0, 10_000], ids=["side by side", "apart"])
def test_regions_that_never_meet_prove_nothing(gap: int) -> None:
    """Whoever works in one place shares nobody with who works in another."""
    first = BitMap64(range(20_000))
    other = BitMap64(range(20_000 + gap, 40_000 + gap))
    assert abs(overlap_of(recent(first), recent(other), BLOCKS).z) < 2.0


def test_who_took_them_long_ago_does_not_take_them_as_new() -> None:
    """What one had before cannot be shared as new, and proves nothing by its absence."""
    held = sample(50_000, seed=1)
    mine = BitMap64(sorted(set(range(COHORT_SIZE)) - set(held))[::10])
    yours = BitMap64(list(held)[::10])
    blind = overlap_of(recent(mine), recent(yours), BLOCKS)
    knowing = overlap_of(recent(mine, before=held), recent(yours), BLOCKS)
    assert blind.z < -8.0
    assert abs(knowing.z) < 2.0


def test_clumps_are_bounded_by_their_own_residuals() -> None:
    """Pages of 500 share whole pages or none: a model of single people would call it a crime."""
    first = BitMap64(at for page in range(0, 200, 5) for at in range(page * 500, page * 500 + 500))
    other = BitMap64(at for page in range(1, 200, 5) for at in range(page * 500, page * 500 + 500))
    overlap = overlap_of(recent(first), recent(other), BLOCKS)
    assert abs(overlap.z) <= sqrt(len(BLOCKS.sizes))
    assert overlap.z > -9.0


@given(st.sets(positions, max_size=400), st.sets(positions, max_size=400))
def test_it_does_not_matter_who_is_named_first(first: set[int], other: set[int]) -> None:
    """The comparison has no direction, to the bit."""
    mine, yours = recent(BitMap64(first)), recent(BitMap64(other))
    assert overlap_of(mine, yours, BLOCKS) == overlap_of(yours, mine, BLOCKS)
