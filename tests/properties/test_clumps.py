from math import exp, factorial, log

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyroaring import BitMap64

from detectors.models.collusion import _Recent as Work
from detectors.models.collusion import clump_size, log_p_of_overlap, log_poisson_cdf

BLOCKS = 4_096
COHORT_SIZE = 500_000
ids = st.one_of(st.integers(0, 499_999), st.integers(0, 2**64 - 1))


# Neighbours at both ends of ids that fill their blocks to the last one, and to the last but one.
@example({0, 1, 4_094, 4_095}, 1)
@example({0, 1, 4_093, 4_094}, 1)
@given(st.sets(ids, min_size=1, max_size=300), st.integers(1, 2_000_000))
def test_the_size_of_clumps_is_variance_over_mean_of_4096_blocks(
    people: set[int], cohort_size: int
) -> None:
    """Counted block by block in the bitmap, it is what NumPy makes of the list of ids."""
    width = max(cohort_size, max(people) + 1) // BLOCKS + 1
    counts = np.bincount([participant // width for participant in people], minlength=BLOCKS)
    expected = max(1.0, float(counts.var() / counts.mean()))
    assert clump_size(BitMap64(people), cohort_size=cohort_size) == pytest.approx(expected)


def work(first: int, *, clump: float, count: int = 10_000) -> Work:
    """Return what one institution took: `count` people from `first` on, in clumps."""
    people = BitMap64(range(first, first + count))
    return Work(institution=str(first), participants=people, count=count, clump=clump)


@pytest.mark.parametrize(
    ("shared", "meetings"), [(0, 0), (4, 0), (5, 1), (14, 1), (15, 2), (100, 10), (199, 20)]
)
def test_clumps_meet_as_one(shared: int, meetings: int) -> None:
    """Two times 500 clumps of 20 would meet 19.5 times; each meeting shares half a clump."""
    mine, yours = work(0, clump=20.0), work(10_000 - shared, clump=20.0)
    log_p = log_p_of_overlap(mine, yours, cohort_size=COHORT_SIZE)
    expected = 0.0 if meetings > 19.5 else log_poisson_cdf(meetings, mean=19.5)
    assert log_p == pytest.approx(expected)


def test_people_taken_one_by_one_meet_one_by_one() -> None:
    """As many people prove more where each was chosen alone."""
    mine, yours = work(0, clump=1.0), work(9_990, clump=1.0)
    log_p = log_p_of_overlap(mine, yours, cohort_size=COHORT_SIZE)
    assert log_p == pytest.approx(log_poisson_cdf(10, mean=200.0))
    clumped = log_p_of_overlap(
        work(0, clump=20.0), work(9_990, clump=20.0), cohort_size=COHORT_SIZE
    )
    assert log_p < clumped < 0.0


def test_a_meeting_shares_half_the_smaller_clump() -> None:
    """And at least one participant, where the smaller clump is hardly one."""
    mine, yours = work(0, clump=40.0), work(9_985, clump=10.0)
    mean = 250.0 * 1_000.0 * 49.0 / COHORT_SIZE
    log_p = log_p_of_overlap(mine, yours, cohort_size=COHORT_SIZE)
    assert log_p == pytest.approx(log_poisson_cdf(3, mean=mean))
    single = work(9_985, clump=1.5)
    mean = 250.0 * (10_000 / 1.5) * 40.5 / COHORT_SIZE
    log_p = log_p_of_overlap(mine, single, cohort_size=COHORT_SIZE)
    assert log_p == pytest.approx(log_poisson_cdf(15, mean=mean))


@pytest.mark.parametrize(
    ("count", "shared", "proves"),
    [
        pytest.param(10_000, 199, True, id="one less than chance would share"),
        pytest.param(10_000, 200, False, id="as many as chance would share"),
        pytest.param(20_000, 400, True, id="half of what chance would share"),
        pytest.param(20_000, 401, False, id="more than are ever counted"),
    ],
)
def test_only_an_overlap_below_chance_proves_anything(
    count: int, shared: int, *, proves: bool
) -> None:
    """Of half a million, ten thousand twice share 200 by chance, twenty thousand twice 800."""
    mine, yours = work(0, clump=1.0, count=count), work(count - shared, clump=1.0, count=count)
    assert (log_p_of_overlap(mine, yours, cohort_size=COHORT_SIZE) < 0.0) == proves


@pytest.mark.parametrize("mean", [0.1, 1.0, 7.5, 30.0])
@pytest.mark.parametrize("count", [0, 1, 5, 20])
def test_the_chance_is_the_sum_of_poisson(count: int, mean: float) -> None:
    """Added up without logarithms, where the numbers allow it; and never above one."""
    chance = exp(-mean) * sum(mean**number / factorial(number) for number in range(count + 1))
    assert log_poisson_cdf(count, mean=mean) == pytest.approx(log(chance), abs=1e-12)
    assert log_poisson_cdf(count, mean=mean) <= 0.0
